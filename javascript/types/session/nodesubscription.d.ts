/**
 * A subscription at one node: what the node tells by itself, one item at a time, each with its cursor.
 *
 * A consumer may be slower than the network. Items wait for it up to a bound; then the subscription is ended at the
 * node, and made again after the last cursor once the consumer has taken what waited. The node does the same with a
 * connection that is not read. In both cases nothing is missed and nothing comes twice.
 */
/** Items that wait at most, and what they may have together, in characters of the messages that brought them. */
export declare const WAITING_MAX = 10000;
export declare const WAITING_CHARACTERS_MAX: number;
export type LogPlace = import("./told.js").LogPlace;
export type Item = import("./items.js").Item;
export type Notified = {
    told: import("./told.js").Told;
    size: number;
};
export type Begun = {
    id: string;
    cursor: LogPlace;
    early: Notified[];
};
/** @typedef {import("./told.js").LogPlace} LogPlace */
/** @typedef {import("./items.js").Item} Item */
/**
 * @typedef {{told: import("./told.js").Told, size: number}} Notified A notification, and its characters.
 * @typedef {{id: string, cursor: LogPlace, early: Notified[]}} Begun A subscription, and what was told meanwhile.
 */
export declare class NodeSubscription {
    #private;
    /** That of the last item taken, or where the subscription began. */
    cursor: import("../trust/told.js").LogPlace;
    /**
     * @param {import("./client.js").Client} client
     * @param {string} topic
     * @param {object} wanted
     * @param {Begun} begun
     */
    constructor(client: import("./client.js").Client, topic: string, wanted: object, { id, cursor, early }: Begun);
    /**
     * @param {import("./client.js").Client} client
     * @param {string} topic
     * @param {object} wanted
     * @param {LogPlace | null} after
     */
    static begin(client: import("./client.js").Client, topic: string, wanted: object, after: LogPlace | null): Promise<NodeSubscription>;
    /**
     * @returns {Promise<Item | null>} The next item; null when it was closed. Only one may wait.
     * @throws {import("./errors.js").ClientError} It ended.
     */
    next(): Promise<Item | null>;
    /** End it, at the node as well; what waits may still be taken. */
    close(): void;
}

/**
 * A subscription's items as a node tells them, whose word they are. It goes on after the last item that was taken, at
 * another node, when its node is lost, left or too far behind.
 */
export type Place = import("./directory.js").Place;
export type Item = import("./items.js").Item;
export type LogPlace = import("./told.js").LogPlace;
export type Opened = {
    place: Place;
    client: import("./client.js").Client;
    subscription: import("./nodesubscription.js").NodeSubscription;
};
/** @typedef {import("./directory.js").Place} Place */
/** @typedef {import("./items.js").Item} Item */
/** @typedef {import("./told.js").LogPlace} LogPlace */
/**
 * A subscription at one node.
 *
 * @typedef {object} Opened
 * @property {Place} place
 * @property {import("./client.js").Client} client
 * @property {import("./nodesubscription.js").NodeSubscription} subscription
 */
/** A source of a subscription, see `cloudsubscription.js`. */
export declare class ServedSource {
    #private;
    cursor: import("../trust/told.js").LogPlace | null;
    /**
     * @param {LogPlace | null} after
     * @param {object} options
     * @param {(after: LogPlace | null, signal: AbortSignal) => Promise<Opened>} options.begin Subscribes at a node
     *   after a cursor.
     * @param {(opened: Opened, item: Item) => Promise<import("./checker.js").Checked>} options.take Checks an item; fails if
     *   it is to be asked for elsewhere.
     * @param {import("./clock.js").Clock} options.clock
     */
    constructor(after: LogPlace | null, { begin, take, clock }: {
        begin: (after: LogPlace | null, signal: AbortSignal) => Promise<Opened>;
        take: (opened: Opened, item: Item) => Promise<import("./checker.js").Checked>;
        clock: import("./clock.js").Clock;
    });
    get url(): string;
    open(): Promise<void>;
    /** @returns {Promise<import("./cloudsubscription.js").CloudItem | null>} */
    next(): Promise<import("./cloudsubscription.js").CloudItem | null>;
    close(): void;
    /** Go on elsewhere if it is this place that serves it. @param {Place} place */
    leave(place: Place): void;
}

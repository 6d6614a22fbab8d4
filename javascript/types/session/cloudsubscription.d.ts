/**
 * A subscription that outlives the node which serves it: every item once and in order, from whichever node.
 *
 * It goes on after the last item that was taken, at another node, when its node is lost, left or too far behind.
 */
export type Client = import("./client.js").Client;
export type Place = import("./directory.js").Place;
export type Item = import("./nodesubscription.js").Item;
export type LogPlace = import("./told.js").LogPlace;
export type Opened = {
    place: Place;
    client: Client;
    subscription: import("./nodesubscription.js").NodeSubscription;
};
/** @typedef {import("./client.js").Client} Client */
/** @typedef {import("./directory.js").Place} Place */
/** @typedef {import("./nodesubscription.js").Item} Item */
/** @typedef {import("./told.js").LogPlace} LogPlace */
/**
 * A subscription at one node.
 *
 * @typedef {object} Opened
 * @property {Place} place
 * @property {Client} client
 * @property {import("./nodesubscription.js").NodeSubscription} subscription
 */
/**
 * Iterate over it with `for await`; it ends by an error that no node can help, or by `close`. Whoever leaves the loop
 * has closed it.
 */
export declare class CloudSubscription {
    #private;
    /** Done when a node serves it for the first time: what happens from then on is told. */
    ready: Promise<this>;
    /**
     * @param {LogPlace | null} after
     * @param {object} options
     * @param {(after: LogPlace | null, signal: AbortSignal) => Promise<Opened>} options.begin Subscribes at a node
     *   after a cursor.
     * @param {(opened: Opened, item: Item) => Promise<void>} options.take Checks an item; fails if it is to be asked for
     *   elsewhere.
     * @param {(subscription: CloudSubscription) => void} options.ended Told when it is over.
     */
    constructor(after: LogPlace | null, { begin, take, ended }: {
        begin: (after: LogPlace | null, signal: AbortSignal) => Promise<Opened>;
        take: (opened: Opened, item: Item) => Promise<void>;
        ended: (subscription: CloudSubscription) => void;
    });
    /** That of the last item taken, or where the subscription began; null as long as no node serves it. */
    get cursor(): import("../trust/told.js").LogPlace | null;
    /** The node that serves it now; empty while it looks for one. */
    get url(): string;
    [Symbol.asyncIterator](): this;
    /** @returns {Promise<IteratorResult<Item, undefined>>} */
    next(): Promise<IteratorResult<Item, undefined>>;
    /** Leaving a loop. @returns {Promise<IteratorResult<Item, undefined>>} */
    return(): Promise<IteratorResult<Item, undefined>>;
    /**
     * The next item, if it comes soon; nobody misses one by giving up.
     *
     * @param {Promise<unknown>} until Waits for the item until this is done.
     * @returns {Promise<Item | null>} Null if it did not come, or if the subscription is closed.
     */
    nextUntil(until: Promise<unknown>): Promise<Item | null>;
    /** End it, at its node as well. */
    close(): void;
    /** Go on elsewhere if it is this place that serves it. @param {Place} place */
    leave(place: Place): void;
}

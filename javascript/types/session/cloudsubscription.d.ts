/**
 * A subscription that outlives the nodes which serve it: every item once and in order, from whichever node.
 *
 * Where the items come from is its source's matter: a node that tells them, or the log that the session reads itself.
 */
export type Place = import("./directory.js").Place;
export type LogPlace = import("./told.js").LogPlace;
export type CloudItem = import("./items.js").Item & {
    checked: import("./checker.js").Checked;
};
export type Source = {
    /**
     * That of the last item taken, or where it began; null before that.
     */
    cursor: LogPlace | null;
    /**
     * The node that serves it now; empty while there is none.
     */
    url: string;
    /**
     * Begins.
     */
    open: () => Promise<void>;
    /**
     * The next item; null once it is closed. One at a time.
     */
    next: () => Promise<CloudItem | null>;
    /**
     * Ends all that is under way.
     */
    close: () => void;
    /**
     * Goes on elsewhere if it is this place that serves it.
     */
    leave: (place: Place) => void;
};
/** @typedef {import("./directory.js").Place} Place */
/** @typedef {import("./told.js").LogPlace} LogPlace */
/**
 * A change, with the members that the API documents for its topic.
 *
 * `checked`: `proof`: that it took place so, and that nothing wanted is missing before it. `partly`: that it was signed and
 * ordered so; that it had an effect is a node's word, since no state remembers it. `certificate`: a node's word, for a
 * block that is final. `none`: a node's word.
 *
 * @typedef {import("./items.js").Item & {checked: import("./checker.js").Checked}} CloudItem
 *
 * @typedef {object} Source
 * @property {LogPlace | null} cursor That of the last item taken, or where it began; null before that.
 * @property {string} url The node that serves it now; empty while there is none.
 * @property {() => Promise<void>} open Begins.
 * @property {() => Promise<CloudItem | null>} next The next item; null once it is closed. One at a time.
 * @property {() => void} close Ends all that is under way.
 * @property {(place: Place) => void} leave Goes on elsewhere if it is this place that serves it.
 */
/**
 * Iterate over it with `for await`; it ends by an error that no node can help, or by `close`. Whoever leaves the loop
 * has closed it.
 */
export declare class CloudSubscription {
    #private;
    /** Done when it has begun: what happens from then on is told. @type {Promise<CloudSubscription>} */
    ready: Promise<CloudSubscription>;
    /**
     * @param {Source} source
     * @param {(subscription: CloudSubscription) => void} ended Told when it is over.
     */
    constructor(source: Source, ended: (subscription: CloudSubscription) => void);
    /** That of the last item taken, or where the subscription began; null as long as it has not. */
    get cursor(): import("../trust/told.js").LogPlace | null;
    /** The node that serves it now, or tells when there is something to read; empty while it looks for one. */
    get url(): string;
    [Symbol.asyncIterator](): this;
    /** @returns {Promise<IteratorResult<CloudItem, undefined>>} */
    next(): Promise<IteratorResult<CloudItem, undefined>>;
    /** Leaving a loop. @returns {Promise<IteratorResult<CloudItem, undefined>>} */
    return(): Promise<IteratorResult<CloudItem, undefined>>;
    /**
     * The next item, if it comes soon; nobody misses one by giving up.
     *
     * @param {Promise<unknown>} until Waits for the item until this is done.
     * @returns {Promise<CloudItem | null>} Null if it did not come, or if the subscription is closed.
     */
    nextUntil(until: Promise<unknown>): Promise<CloudItem | null>;
    /** End it, at its node as well. */
    close(): void;
    /** Go on elsewhere if it is this place that serves it. @param {Place} place */
    leave(place: Place): void;
}

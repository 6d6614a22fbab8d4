/**
 * A subscription's items as they follow from the blocks of the log: no node can add, alter or leave out an item, and none
 * is asked which are wanted.
 */
export type LogPlace = import("./told.js").LogPlace;
/** @typedef {import("./told.js").LogPlace} LogPlace */
/** A source of a subscription, see `cloudsubscription.js`. */
export declare class ProvenSource {
    #private;
    /** @type {LogPlace | null} */
    cursor: LogPlace | null;
    /**
     * @param {import("./log.js").ProvenLog} log
     * @param {string} topic
     * @param {import("./items.js").Wanted} wanted
     * @param {(signal: AbortSignal) => Promise<LogPlace>} begin Tells the cursor after which items are told.
     * @param {(height: number) => void} saw Told the height of each item that the caller is shown.
     */
    constructor(log: import("./log.js").ProvenLog, topic: string, wanted: import("./items.js").Wanted, begin: (signal: AbortSignal) => Promise<LogPlace>, saw: (height: number) => void);
    get url(): string;
    open(): Promise<void>;
    /** @returns {Promise<import("./cloudsubscription.js").CloudItem | null>} */
    next(): Promise<import("./cloudsubscription.js").CloudItem | null>;
    close(): void;
    /** The log asks elsewhere by itself. */
    leave(): void;
}

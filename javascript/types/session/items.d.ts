/**
 * What subscribers are told, made from the log alone: the same members as a node tells, whoever makes them. Pure.
 *
 * @typedef {import("./told.js").LogPlace} LogPlace
 *
 * @typedef {object} LoggedOperation An operation in a block.
 * @property {LogPlace} cursor
 * @property {string} id In hex.
 * @property {any} written Its body as a value.
 * @property {boolean} isEffective Whether the ledger's rules accepted it.
 *
 * @typedef {object} Wanted What a subscriber wants of a topic; all that is given must hold.
 * @property {string} [account] Whose operation it is: the record's author, or who rates.
 * @property {string} [collection] The record's; for ratings, the rated record's.
 * @property {string} [ref] Records that refer to this one.
 * @property {string} [record] This record alone, or ratings of it.
 *
 * @typedef {Record<string, unknown> & {cursor: LogPlace}} Item A change; after its cursor nothing comes twice.
 *
 * @typedef {object} LoggedItem An item, and what filters look at.
 * @property {Item} item @property {Required<Wanted>} about
 */
export type LogPlace = import("./told.js").LogPlace;
export type LoggedOperation = {
    cursor: LogPlace;
    /**
     * In hex.
     */
    id: string;
    /**
     * Its body as a value.
     */
    written: any;
    /**
     * Whether the ledger's rules accepted it.
     */
    isEffective: boolean;
};
export type Wanted = {
    /**
     * Whose operation it is: the record's author, or who rates.
     */
    account?: string;
    /**
     * The record's; for ratings, the rated record's.
     */
    collection?: string;
    /**
     * Records that refer to this one.
     */
    ref?: string;
    /**
     * This record alone, or ratings of it.
     */
    record?: string;
};
export type Item = Record<string, unknown> & {
    cursor: LogPlace;
};
export type LoggedItem = {
    item: Item;
    about: Required<Wanted>;
};
/**
 * @param {string} topic
 * @param {object} wanted
 * @returns {Wanted} What is given of it.
 * @throws {RangeError} It is no filter of this topic.
 */
export declare function readFilter(topic: string, wanted: object): Wanted;
/** @param {LoggedItem} logged @param {Wanted} wanted Whether a filter lets it through. */
export declare function passes({ about }: LoggedItem, wanted: Wanted): boolean;
/**
 * A block as its subscribers are told of it.
 *
 * @param {import("./checker.js").Final} final
 * @returns {LoggedItem}
 */
export declare function blockItem({ header, hash }: import("./checker.js").Final): LoggedItem;
/**
 * @param {string} topic
 * @param {LoggedOperation} logged
 * @returns {LoggedItem | null} Null if it is of no interest to the topic's subscribers.
 */
export declare function operationItem(topic: string, { cursor, id, written, isEffective }: LoggedOperation): LoggedItem | null;

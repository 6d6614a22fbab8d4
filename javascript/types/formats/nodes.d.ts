/**
 * The state's tables as bytes: rows, leaf pages, inner nodes, and the preimage of the state root: docs/protocol.md,
 * chapter 12. A path is written as hex digits, one a nibble, so that a prefix of a path is a prefix of its text.
 */
export type Bytes = import("../bytes.js").Bytes;
/** @typedef {import("../bytes.js").Bytes} Bytes */
export declare const RECORDS = 0;
export declare const RATINGS = 1;
export declare const WINDOW = 2;
export declare const ACCOUNTS = 3;
export declare const SYSTEM = 4;
/** A prefix with at most this many rows is a leaf page. */
export declare const PAGE_ROWS = 32;
/** Of the state root's preimage. */
export declare const STATE_SIZE = 298;
export type Totals = {
    sum: bigint;
    count: bigint;
    rows: bigint;
};
export type Entry = Totals & {
    hash: Bytes;
};
export type Row = {
    key: Bytes;
    value: Bytes;
};
export type Leaf = {
    table: number;
    rows: Row[];
    totals: Totals;
};
export type Inner = {
    table: number;
    path: string;
    children: Map<string, Entry>;
    totals: Totals;
};
/**
 * @typedef {object} Totals
 * @property {bigint} sum @property {bigint} count @property {bigint} rows
 *
 * @typedef {Totals & {hash: Bytes}} Entry What a node's parent says of it.
 *
 * @typedef {object} Row @property {Bytes} key @property {Bytes} value
 *
 * @typedef {object} Leaf A leaf page, its rows in the order of their keys.
 * @property {number} table @property {Row[]} rows @property {Totals} totals
 *
 * @typedef {object} Inner An inner node: the path from the table's top, and the children by their hex digit.
 * @property {number} table @property {string} path @property {Map<string, Entry>} children @property {Totals} totals
 */
/** The entry of no rows. @type {Entry} */
export declare const NO_ROWS: Entry;
/**
 * @param {Uint8Array} raw
 * @returns {Leaf} All of whose rows are well-formed.
 * @throws {LedgerError} `node_malformed` or `row_malformed`.
 */
export declare function decodeLeaf(raw: Uint8Array): Leaf;
/**
 * @param {number} table @param {readonly Row[]} rows Well-formed.
 * @returns {Totals}
 */
export declare function leafTotals(table: number, rows: readonly Row[]): Totals;
/**
 * @param {Uint8Array} raw
 * @returns {Inner}
 * @throws {LedgerError} `node_malformed`.
 */
export declare function decodeInner(raw: Uint8Array): Inner;
/**
 * @param {Uint8Array} raw The preimage of a state root.
 * @returns {Entry[]} Of the tables, by their numbers.
 * @throws {LedgerError} `node_malformed`.
 */
export declare function decodeState(raw: Uint8Array): Entry[];
/** @param {Entry} entry @returns {Bytes} Its 56 bytes. */
export declare function encodeEntry({ hash, sum, count, rows }: Entry): Bytes;
/**
 * The entry of a table's rows, with the nodes below it: what a state root is made of. For small tries, as tests and
 * other tools need them; a node keeps its trie otherwise.
 *
 * @param {number} table
 * @param {readonly Row[]} rows In the order of their keys, each once, and well-formed.
 * @param {Bytes[]} [nodes] Takes the nodes' bytes.
 * @returns {Promise<Entry>}
 */
export declare function buildTable(table: number, rows: readonly Row[], nodes?: Bytes[]): Promise<Entry>;
/** @param {readonly Entry[]} entries Of the tables, by their numbers. @returns {Bytes} The state root's preimage. */
export declare function encodeState(entries: readonly Entry[]): Bytes;
export type RecordFields = {
    account: Uint8Array;
    collection: string;
    key: string;
    version: number;
    /**
     * The operation that made version 1.
     */
    created: Place;
    /**
     * The last one.
     */
    updated: Place;
    /**
     * The last one's, in ms.
     */
    time: number;
    /**
     * False for a tombstone.
     */
    live: boolean;
    ref: string | null;
    /**
     * Its JSON text; empty for a tombstone.
     */
    data: string;
};
export type Place = {
    height: number;
    index: number;
};
export type RatingValue = {
    stars: number;
    height: bigint;
    index: number;
};
export type WindowValue = {
    height: bigint;
    index: number;
    /**
     * Of `RESULTS`.
     */
    result: number;
};
export type AccountValue = {
    account: Bytes;
    /**
     * Zeros if nobody invited it.
     */
    inviter: Bytes;
    height: bigint;
    index: number;
};
/**
 * @typedef {object} RecordFields All that the state says of a record.
 * @property {Uint8Array} account @property {string} collection @property {string} key
 * @property {number} version
 * @property {Place} created The operation that made version 1.
 * @property {Place} updated The last one.
 * @property {number} time The last one's, in ms.
 * @property {boolean} live False for a tombstone.
 * @property {string | null} ref
 * @property {string} data Its JSON text; empty for a tombstone.
 *
 * @typedef {object} Place @property {number} height @property {number} index
 *
 * @typedef {object} RatingValue @property {number} stars @property {bigint} height @property {number} index
 * @typedef {object} WindowValue @property {bigint} height @property {number} index
 * @property {number} result Of `RESULTS`.
 * @typedef {object} AccountValue @property {Bytes} account @property {Bytes} inviter Zeros if nobody invited it.
 * @property {bigint} height @property {number} index
 */
/**
 * @param {RecordFields} record
 * @returns {Promise<Bytes>} What the state says of a record's content.
 * @throws {LocalError} A value does not fit its field.
 */
export declare function recordDigest(record: RecordFields): Promise<Bytes>;
/**
 * @param {Uint8Array} value
 * @returns {{digest: Bytes, live: boolean}}
 * @throws {LedgerError} `row_malformed`.
 */
export declare function decodeRecordValue(value: Uint8Array): {
    digest: Bytes;
    live: boolean;
};
/** @param {Uint8Array} value @returns {RatingValue} @throws {LedgerError} `row_malformed`. */
export declare function decodeRatingValue(value: Uint8Array): RatingValue;
/** @param {bigint} expiry @param {Uint8Array} id @returns {Bytes} An operation's key. */
export declare function encodeWindowKey(expiry: bigint, id: Uint8Array): Bytes;
/** @param {Uint8Array} value @returns {WindowValue} @throws {LedgerError} `row_malformed`. */
export declare function decodeWindowValue(value: Uint8Array): WindowValue;
/** @param {Uint8Array} value @returns {AccountValue} @throws {LedgerError} `row_malformed`. */
export declare function decodeAccountValue(value: Uint8Array): AccountValue;

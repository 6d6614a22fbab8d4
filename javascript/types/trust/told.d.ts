/** Reading what nodes tell, which may be anything, into what can be verified. All that is wrong with it has a name. */
export type Bytes = import("../bytes.js").Bytes;
export type Header = import("../formats/block.js").Header;
export type Finality = import("../formats/finality.js").Finality;
export type ToldAnswer = {
    /**
     * The exact JSON text of the result.
     */
    raw: string;
    /**
     * The exact text of what it says of itself; empty if it says nothing.
     */
    rawContext: string;
};
export type LogPlace = {
    height: number;
    index: number;
};
/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("../formats/block.js").Header} Header */
/** @typedef {import("../formats/finality.js").Finality} Finality */
/**
 * An answer as it came.
 *
 * @typedef {object} ToldAnswer
 * @property {string} raw The exact JSON text of the result.
 * @property {string} rawContext The exact text of what it says of itself; empty if it says nothing.
 */
/** @typedef {{height: number, index: number}} LogPlace An operation's place in the log. */
/** @param {unknown} value @returns {value is Record<string, unknown>} */
export declare function isObject(value: unknown): value is Record<string, unknown>;
/** @param {unknown} value @returns {value is number} Whether it is a height, an index or a number of something. */
export declare function isCount(value: unknown): value is number;
/** @param {unknown} value @returns {value is LogPlace} */
export declare function isPlace(value: unknown): value is LogPlace;
/**
 * @param {string} text JSON, or anything.
 * @param {string} code The error's.
 * @returns {Record<string, unknown>}
 * @throws {LedgerError} With that code: it is no object.
 */
export declare function parseObject(text: string, code: string): Record<string, unknown>;
/**
 * @param {unknown} texts
 * @returns {Bytes[]}
 * @throws {LedgerError} `finality_malformed`: it is no list of hex digits.
 */
export declare function readHexes(texts: unknown): Bytes[];
/**
 * A header with what proves it final, as `getblock`, `getepochs`, `compare` and proofs have it; nothing is verified.
 *
 * @param {unknown} told
 * @returns {{header: Header, finality: Finality}}
 * @throws {LedgerError} `finality_malformed`, `header_malformed` or `certificate_malformed`.
 */
export declare function readFinal(told: unknown): {
    header: Header;
    finality: Finality;
};
export type ToldProof = {
    height: number;
    root: Bytes;
    nodes: Bytes[];
    header: Header;
    finality: Finality;
};
/**
 * @typedef {object} ToldProof
 * @property {number} height @property {Bytes} root @property {Bytes[]} nodes
 * @property {Header} header @property {Finality} finality
 */
/**
 * A proof, as `getproof` and contexts have it; nothing is verified.
 *
 * @param {unknown} told
 * @returns {ToldProof}
 * @throws {LedgerError} `finality_malformed`, `header_malformed` or `certificate_malformed`.
 */
export declare function readProof(told: unknown): ToldProof;
export type ToldContext = {
    network: Bytes;
    height: number;
    /**
     * Of the block of that height.
     */
    hash: Bytes;
    /**
     * All of it.
     */
    told: Record<string, unknown>;
};
/**
 * @typedef {object} ToldContext What an answer says of itself.
 * @property {Bytes} network @property {number} height @property {Bytes} hash Of the block of that height.
 * @property {Record<string, unknown>} told All of it.
 */
/**
 * @param {string} rawContext
 * @returns {ToldContext}
 * @throws {LedgerError} `finality_malformed`: it says nothing, or not in the documented form.
 */
export declare function readContext(rawContext: string): ToldContext;

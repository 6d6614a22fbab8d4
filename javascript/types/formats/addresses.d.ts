/** How records and accounts are named: docs/protocol.md, chapter 5. */
export type Bytes = import("../bytes.js").Bytes;
/**
 * @param {unknown} text
 * @param {string} [code] The error's.
 * @returns {Bytes} The 32 bytes of an account, node, validator, network or id, written as 64 lower-case hex digits.
 * @throws {LedgerError} `account_invalid`, or the code given.
 */
export declare function decodeAccount(text: unknown, code?: string): Bytes;
/** @param {string} collection @throws {LedgerError} `collection_invalid`. */
export declare function checkCollection(collection: string): void;
/** @param {string} key @throws {LedgerError} `key_invalid`. */
export declare function checkKey(key: string): void;
/**
 * @param {string} address
 * @returns {{account: string, collection: string, key: string}}
 * @throws {LedgerError} `record_invalid` if there are not three parts; else the code of the part that is wrong.
 */
export declare function parseAddress(address: string): {
    account: string;
    collection: string;
    key: string;
};
/**
 * @param {string} address
 * @param {"record_invalid" | "ref_invalid"} [code] The error's, for whatever is wrong with it.
 * @throws {LedgerError} With that code.
 */
export declare function checkAddress(address: string, code?: "record_invalid" | "ref_invalid"): void;
/** @param {Uint8Array} account @param {string} collection @param {string} key @returns {string} The record's address. */
export declare function formatAddress(account: Uint8Array, collection: string, key: string): string;
/** @param {string} address @returns {Promise<Bytes>} The record's key in the trie. */
export declare function recordHash(address: string): Promise<Bytes>;
/** @param {Uint8Array} account @returns {Promise<Bytes>} The account's key in the trie. */
export declare function accountHash(account: Uint8Array): Promise<Bytes>;

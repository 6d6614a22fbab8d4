/** The genesis: what a network is, in one JSON text whose hash is the network's id: docs/protocol.md, chapter 6. */
export type Bytes = import("../bytes.js").Bytes;
export declare const VALIDATORS_MAX = 1000;
export type Admission = {
    policy: "open";
} | {
    policy: "invited";
    accounts: Bytes[];
} | {
    policy: "work";
    bits: number;
};
export type Parameters = {
    /**
     * Least time between blocks.
     */
    pace_ms: number;
    /**
     * An idle network makes an empty block this often.
     */
    heartbeat_ms: number;
    /**
     * How many heights an operation may be valid for.
     */
    window: number;
    /**
     * Of one body.
     */
    max_operation_bytes: number;
    /**
     * In one block.
     */
    max_block_operations: number;
    /**
     * All bodies of a block together.
     */
    max_block_bytes: number;
    admission: Admission;
};
export type Genesis = {
    /**
     * As it is hashed.
     */
    text: string;
    /**
     * The network's id.
     */
    network: Bytes;
    /**
     * The same in hex.
     */
    networkHex: string;
    /**
     * For people.
     */
    name: string;
    /**
     * Milliseconds since 1970, of height 0.
     */
    time: number;
    /**
     * Their keys, in the order of their indexes.
     */
    validators: Bytes[];
    parameters: Parameters;
};
/**
 * Who may take part: anyone; the accounts listed and whom members invite; or accounts with work, `bits` zero bits.
 *
 * @typedef {{policy: "open"} | {policy: "invited", accounts: Bytes[]} | {policy: "work", bits: number}} Admission
 *
 * @typedef {object} Parameters
 * @property {number} pace_ms Least time between blocks.
 * @property {number} heartbeat_ms An idle network makes an empty block this often.
 * @property {number} window How many heights an operation may be valid for.
 * @property {number} max_operation_bytes Of one body.
 * @property {number} max_block_operations In one block.
 * @property {number} max_block_bytes All bodies of a block together.
 * @property {Admission} admission
 *
 * @typedef {object} Genesis A network's beginning.
 * @property {string} text As it is hashed.
 * @property {Bytes} network The network's id.
 * @property {string} networkHex The same in hex.
 * @property {string} name For people.
 * @property {number} time Milliseconds since 1970, of height 0.
 * @property {Bytes[]} validators Their keys, in the order of their indexes.
 * @property {Parameters} parameters
 */
/** @param {Uint8Array} text @returns {Promise<Bytes>} The id of the network that a genesis text begins. */
export declare function networkId(text: Uint8Array): Promise<Bytes>;
/**
 * Read and check a genesis.
 *
 * @param {Uint8Array | string} raw Its exact text.
 * @returns {Promise<Genesis>}
 * @throws {LedgerError} A `json_` or `genesis_` code.
 */
export declare function decodeGenesis(raw: Uint8Array | string): Promise<Genesis>;
/**
 * @param {Genesis} genesis
 * @param {Uint8Array} account
 * @returns {Promise<boolean>} Whether the account has the work that is asked for; true where none is.
 */
export declare function admitsByWork(genesis: Genesis, account: Uint8Array): Promise<boolean>;

/**
 * What can be believed of an answer, knowing nothing but a state root: docs/protocol.md, chapter 13.
 *
 * A proof is a bag of trie nodes. The root is the hash of the state's preimage, which has an entry for each table, and
 * each entry is the hash of a node with its sums. From the root down, each next node is found in the bag by its hash,
 * so their order does not matter and nodes that nobody asks for are ignored. Absence is proven by the place where the
 * row would have to be. A node that is missing proves nothing.
 */
export type Bytes = import("../bytes.js").Bytes;
export type Entry = import("./nodes.js").Entry;
export type Opened = {
    leaf: import("./nodes.js").Leaf | null;
    inner: import("./nodes.js").Inner | null;
};
export type ProvenTotals = {
    height: bigint;
    root: Bytes;
    ratingsSum: bigint;
    ratingsCount: bigint;
    records: bigint;
    accounts: bigint;
};
/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("./nodes.js").Entry} Entry */
/** @typedef {{leaf: import("./nodes.js").Leaf | null, inner: import("./nodes.js").Inner | null}} Opened One of the two. */
/**
 * @typedef {object} ProvenTotals What the state root says of everything at once.
 * @property {bigint} height @property {Bytes} root
 * @property {bigint} ratingsSum @property {bigint} ratingsCount @property {bigint} records @property {bigint} accounts
 */
/**
 * Check that a header vouches for a state, and open it for questions.
 *
 * @param {import("./block.js").Header} header Final: `EpochChain.verifyHeader`.
 * @param {number | bigint} height The height that the answer holds at.
 * @param {Uint8Array} root The state root that the answer names.
 * @param {readonly Uint8Array[]} nodes The proof's nodes in any order.
 * @returns {Promise<ProvenState>}
 * @throws {LedgerError} `proof_height`, `proof_root`, `proof_node_missing` or `node_malformed`.
 */
export declare function verifyState(header: import("./block.js").Header, height: number | bigint, root: Uint8Array, nodes: readonly Uint8Array[]): Promise<ProvenState>;
/**
 * The state under one root, as far as the nodes at hand reach. Made by `verifyState`; on its own it proves nothing of
 * the root. Every question throws `LedgerError`: `proof_node_missing` where the nodes don't reach, `proof_node_wrong`
 * where they contradict each other, `node_malformed` or `row_malformed` where they aren't what they should be. Null as
 * an answer means that absence is proven.
 */
export declare class ProvenState {
    #private;
    height: bigint;
    root: import("../bytes.js").Bytes;
    /** @param {bigint} height @param {Bytes} root @param {Map<string, Uint8Array>} nodes By their hashes in hex. */
    constructor(height: bigint, root: Bytes, nodes: Map<string, Uint8Array>);
    /**
     * @param {number | bigint} height @param {Bytes} root @param {readonly Uint8Array[]} nodes In any order.
     * @returns {Promise<ProvenState>}
     * @throws {LedgerError} `proof_node_missing` or `node_malformed`.
     */
    static open(height: number | bigint, root: Bytes, nodes: readonly Uint8Array[]): Promise<ProvenState>;
    /** The sums over everything. @returns {ProvenTotals} */
    totals(): ProvenTotals;
    /**
     * @param {string} address
     * @returns {Promise<{digest: Bytes, live: boolean} | null>} A record's digest and whether it is live (false: a
     *   tombstone); null if it was never there.
     */
    record(address: string): Promise<{
        digest: Bytes;
        live: boolean;
    } | null>;
    /**
     * Check that a record stands exactly so.
     *
     * @param {import("./nodes.js").RecordFields} record
     * @throws {LedgerError} `proof_row_wrong`.
     */
    checkRecord(record: import("./nodes.js").RecordFields): Promise<void>;
    /**
     * @param {string} address
     * @returns {Promise<{sum: bigint, count: bigint}>} Of all ratings of a record, of which none can have been withheld.
     */
    ratings(address: string): Promise<{
        sum: bigint;
        count: bigint;
    }>;
    /**
     * @param {string} address @param {number} sum @param {number} count
     * @throws {LedgerError} `proof_sums_wrong`: the ratings' sum or number is another.
     */
    checkRatings(address: string, sum: number, count: number): Promise<void>;
    /**
     * @param {string} address @param {Uint8Array} account
     * @returns {Promise<import("./nodes.js").RatingValue | null>} One account's rating of a record.
     */
    rating(address: string, account: Uint8Array): Promise<import("./nodes.js").RatingValue | null>;
    /** @param {Uint8Array} account @returns {Promise<import("./nodes.js").AccountValue | null>} */
    account(account: Uint8Array): Promise<import("./nodes.js").AccountValue | null>;
    /**
     * Where in the log an operation is and its result; null if no block up to this height holds it.
     *
     * @param {Uint8Array} id
     * @param {number | bigint} expiry The operation's own, not below this state's height: later states forget its id.
     * @returns {Promise<import("./nodes.js").WindowValue | null>}
     * @throws {LedgerError} Besides, `proof_height`: the state has forgotten the id, if it ever knew it.
     */
    operation(id: Uint8Array, expiry: number | bigint): Promise<import("./nodes.js").WindowValue | null>;
    /** @param {string} name @returns {Promise<Bytes | null>} The hash of what governs the network under a name. */
    system(name: string): Promise<Bytes | null>;
}
/** @param {ProvenTotals} totals @returns {string} The exact text with which every correct node answers `getdatahash`. */
export declare function dataHashText({ height, root, ratingsSum, ratingsCount, records, accounts }: ProvenTotals): string;

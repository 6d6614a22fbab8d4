/**
 * What a session believes: what follows from the genesis, and as much of it as the caller asks for.
 *
 * The network's id is all that is trusted. The genesis with that hash names the first validators, and the epochs are
 * followed from there; any node may bring both. A proof leads from a header that the validators finalized to the answer.
 * An answer without a proof names the block that it holds at, and that block is checked to be final, once for each
 * height: so no node can make a session wait for a height that does not exist, or pass an old state off as a new one.
 */
import { EpochChain } from "../trust/epochchain.js";
export type Checked = "proof" | "partly" | "certificate" | "none";
export type NodeState = {
    /**
     * Its key in hex.
     */
    node: string;
    /**
     * Where it was asked.
     */
    url: string;
    /**
     * Of the newest state that it proved.
     */
    height: number;
};
export type State = {
    height: number;
    /**
     * In hex.
     */
    root: string;
    ratings_sum: number;
    ratings_count: number;
    records: number;
    accounts: number;
    /**
     * Those that proved a state, each its newest; the newest first.
     */
    nodes: NodeState[];
};
export type Weighed = {
    /**
     * Of the newest state that the node proves.
     */
    height: number;
    /**
     * The key that it signs with, in hex.
     */
    node: string;
    /**
     * In hex, that it signed another state than the validators; null if it did not.
     */
    evidence: string | null;
};
export type Header = import("../formats/block.js").Header;
export type Client = import("./client.js").Client;
export type Answer = import("./messages.js").Answer;
/**
 * How far an answer was checked: it follows from the state that the validators signed; parts of it do, the rest is the
 * node's word; it is the node's word, for a block that is final; not at all.
 *
 * @typedef {"proof" | "partly" | "certificate" | "none"} Checked
 *
 * @typedef {object} NodeState A node whose state was what the validators signed.
 * @property {string} node Its key in hex. @property {string} url Where it was asked.
 * @property {number} height Of the newest state that it proved.
 *
 * @typedef {object} State The newest state that was proven: what `getdatahash` answers.
 * @property {number} height @property {string} root In hex. @property {number} ratings_sum
 * @property {number} ratings_count @property {number} records @property {number} accounts
 * @property {NodeState[]} nodes Those that proved a state, each its newest; the newest first.
 *
 * @typedef {object} Weighed
 * @property {number} height Of the newest state that the node proves.
 * @property {string} node The key that it signs with, in hex.
 * @property {string | null} evidence In hex, that it signed another state than the validators; null if it did not.
 */
/** @typedef {import("../formats/block.js").Header} Header */
/** @typedef {import("./client.js").Client} Client */
/** @typedef {import("./messages.js").Answer} Answer */
/** Checks answers against one network. */
export declare class Checker {
    #private;
    genesis: import("../formats/genesis.js").Genesis;
    /** The network's id in hex. */
    network: string;
    /** The newest height that is known to be final. */
    newest: number;
    /**
     * @param {import("../formats/genesis.js").Genesis} genesis The network's beginning.
     * @param {EpochChain} chain
     * @param {(state: State) => unknown} [onState] Told of each newer state that is proven.
     */
    constructor(genesis: import("../formats/genesis.js").Genesis, chain: EpochChain, onState?: (state: State) => unknown);
    /**
     * Begin with what a node brings.
     *
     * @param {Client} client
     * @param {string | null} network The id that the genesis must have, in hex; null to trust the node in this alone.
     * @param {(state: State) => unknown} [onState]
     * @returns {Promise<Checker>}
     * @throws {ConnectionFailed} It brings no genesis with this id, or epochs that do not follow from it.
     */
    static learn(client: Client, network: string | null, onState?: (state: State) => unknown): Promise<Checker>;
    /** The newest state that was proven, and who proved one; null as long as none was. @returns {State | null} */
    get state(): State | null;
    /**
     * Check a result.
     *
     * @param {Client} client Who answered.
     * @param {string} method
     * @param {unknown} params
     * @param {Answer} answer
     * @param {{proof: boolean}} options Whether a proof was asked for.
     * @returns {Promise<Checked>}
     * @throws {LedgerError} It is not so. @throws {ClientError} The node did not bring what the check needs.
     */
    check(client: Client, method: string, params: unknown, answer: Answer, { proof }: {
        proof: boolean;
    }): Promise<Checked>;
    /**
     * Check an error that says what does not exist, for which a proof was asked.
     *
     * @param {Client} client
     * @param {string} method
     * @param {unknown} params
     * @param {import("./errors.js").RemoteError} error
     * @returns {Promise<Checked>}
     * @throws {LedgerError} It exists. @throws {ClientError} The node did not bring what the check needs.
     */
    checkDenial(client: Client, method: string, params: unknown, error: import("./errors.js").RemoteError): Promise<Checked>;
    /**
     * Have a node prove where in the log an operation is.
     *
     * @param {Client} client
     * @param {{id: string, expiry: number}} operation
     * @param {number} height At this height or above.
     * @param {{signal?: AbortSignal}} [options]
     * @returns {Promise<{height: number, index: number, result: number} | null>} With the number of its result; null if no
     *   block up to that height holds it.
     */
    proveOperation(client: Client, { id, expiry }: {
        id: string;
        expiry: number;
    }, height: number, options?: {
        signal?: AbortSignal;
    }): Promise<{
        height: number;
        index: number;
        result: number;
    } | null>;
    /**
     * Have a node sign and prove its newest state, and compare what it signed with what the validators signed.
     *
     * @param {Client} client
     * @param {{timeout?: number}} [options]
     * @returns {Promise<Weighed>}
     * @throws {LedgerError} It brings no signature, or no proof. @throws {ClientError} It does not answer.
     */
    weighState(client: Client, options?: {
        timeout?: number;
    }): Promise<Weighed>;
    /**
     * What shows that a node signed two different answers to one question.
     *
     * @param {Answer[]} answers Of one node, the newest last.
     * @param {string} method
     * @returns {Promise<{node: string, evidence: string} | null>} In hex; null if they show nothing.
     */
    contradiction(answers: Answer[], method: string): Promise<{
        node: string;
        evidence: string;
    } | null>;
    /**
     * Check a node's receipt for an operation.
     *
     * @param {{id: string, expiry: number}} operation
     * @param {unknown} told As the node answered it.
     * @throws {LedgerError} `receipt_malformed`, or `receipt_signature`: it is for something else, or not signed.
     */
    checkReceipt({ id, expiry }: {
        id: string;
        expiry: number;
    }, told: unknown): Promise<void>;
    /**
     * Check that a block is final, once for each height.
     *
     * @param {Client} client
     * @param {number} height
     * @param {string | null} [hash] What a node told of it, in hex; null if it told the height alone.
     * @throws {LedgerError} It is not, or the node brings another.
     */
    checkFinal(client: Client, height: number, hash?: string | null): Promise<void>;
    /**
     * The lowest height at which the same data stands as at one that was seen: the one before, if its block is empty. A
     * network at rest makes an empty block now and then, whose state can't be proven until the next one comes.
     *
     * @param {number} height
     */
    leastHeight(height: number): number;
}
/**
 * A network's genesis, as a node brings it.
 *
 * @param {Client} client
 * @param {string | null} network The id that it must have, in hex; null for any.
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<import("../formats/genesis.js").Genesis>}
 * @throws {LedgerError} `header_network`: it is another's; or a code of its form.
 */
export declare function fetchGenesis(client: Client, network: string | null, options?: {
    signal?: AbortSignal;
}): Promise<import("../formats/genesis.js").Genesis>;

/**
 * What a session believes: what follows from the genesis, and as much of it as the caller asks for.
 *
 * The network's id is all that is trusted. The genesis with that hash names the first validators, and the epochs are
 * followed from there; any node may bring both. A proof leads from a header that the validators finalized to the answer.
 * An answer without a proof names the block that it holds at, and that block is checked to be final, once for each
 * height: so no node can make a session wait for a height that does not exist, or pass an old state off as a new one.
 */
import { Epoch } from "../formats/epoch.js";
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
export type Final = {
    header: Header;
    hash: string;
};
export type OperationProof = {
    /**
     * With the number of its result; null if no
     * block up to the proof's height holds it.
     */
    found: {
        height: number;
        index: number;
        result: number;
    } | null;
    /**
     * Of the state that shows it.
     */
    height: number;
    shown: {
        header: Header;
        finality: import("../formats/finality.js").Finality;
        nodes: import("../bytes.js").Bytes[];
    };
};
export type Header = import("../formats/block.js").Header;
export type Client = import("./client.js").Client;
export type Answer = import("./messages.js").Answer;
/** Checks answers against one network. */
export declare class Checker {
    #private;
    genesis: import("../formats/genesis.js").Genesis;
    /** The network's id in hex. */
    network: string;
    /**
     * @param {import("../formats/genesis.js").Genesis} genesis The network's beginning.
     * @param {Epoch} trusted The epoch to begin with.
     * @param {(state: State) => unknown} [onState] Told of each newer state that is proven.
     */
    constructor(genesis: import("../formats/genesis.js").Genesis, trusted: Epoch, onState?: (state: State) => unknown);
    /**
     * Begin with what a node brings.
     *
     * @param {Client} client
     * @param {string | null} network The id that the genesis must have, in hex; null to trust the node in this alone.
     * @param {{onState?: (state: State) => unknown, saved?: import("./saved.js").SavedSession | null}} [options] `saved`: what
     *   an earlier session verified.
     * @returns {Promise<Checker>}
     * @throws {ConnectionFailed} It brings no genesis with this id, or epochs that do not follow from what is believed.
     */
    static learn(client: Client, network: string | null, { onState, saved }?: {
        onState?: (state: State) => unknown;
        saved?: import("./saved.js").SavedSession | null;
    }): Promise<Checker>;
    /** For a later session: the newest epoch, and the newest header that is known to be final. */
    save(): {
        epoch: Epoch;
        header: import("../formats/block.js").Header | null;
    };
    /** The newest height that is known to be final. */
    get newest(): number;
    /** Whether a block that was taken for one of the chain is known by now to be above its epoch's end. @param {Final} final */
    isDiscarded(final: Final): boolean;
    /** A block that is known to be final; undefined if it is not known (any more). @param {number} height */
    findFinal(height: number): Final | undefined;
    /** The newest state that was proven, and who proved one; null as long as none was. @returns {State | null} */
    get state(): State | null;
    /** It lied: what it proved before counts for nothing. @param {string} node */
    forgetNode(node: string): void;
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
     * @param {number} height At this height or above, which is not above the expiry.
     * @param {{signal?: AbortSignal}} [options]
     * @returns {Promise<OperationProof>}
     * @throws {RangeError} The height is above the expiry, where no node could prove anything.
     * @throws {LedgerError} It is not so. @throws {ClientError} The node has no proof.
     */
    proveOperation(client: Client, { id, expiry }: {
        id: string;
        expiry: number;
    }, height: number, options?: {
        signal?: AbortSignal;
    }): Promise<OperationProof>;
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
     * @returns {Promise<import("./censorship.js").Promised>}
     * @throws {LedgerError} `receipt_malformed`, or `receipt_signature`: it is for something else, or not signed.
     */
    checkReceipt({ id, expiry }: {
        id: string;
        expiry: number;
    }, told: unknown): Promise<import("./censorship.js").Promised>;
    /**
     * Check that the block at which an answer holds is final, once for each height.
     *
     * @param {Client} client
     * @param {number} height
     * @param {string} hash What a node told of it, in hex.
     * @throws {LedgerError} It is not, or the node brings another. @throws {ClientError} The node did not bring it.
     */
    checkFinal(client: Client, height: number, hash: string): Promise<void>;
    /**
     * Have a node show a block's header and that it is final.
     *
     * @param {Client} client
     * @param {number} height From 1.
     * @param {{waits?: boolean, signal?: AbortSignal}} [options] `waits`: whether the node is to wait until it has the block.
     * @returns {Promise<Final>}
     * @throws {LedgerError} It is not final. @throws {ClientError} The node does not have it, or did not answer.
     */
    learnFinal(client: Client, height: number, { waits, ...options }?: {
        waits?: boolean;
        signal?: AbortSignal;
    }): Promise<Final>;
    /**
     * The state that is proven by what came with an answer.
     *
     * @param {Client} client
     * @param {string} rawContext What the answer says of itself.
     * @returns {Promise<import("../formats/proof.js").ProvenState>}
     * @throws {LedgerError} It is not proven. @throws {ClientError} The node did not bring what the check needs.
     */
    prove(client: Client, rawContext: string): Promise<import("../formats/proof.js").ProvenState>;
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

/**
 * Noticing that a node took an operation and did not pass it on.
 *
 * A receipt is a node's signed promise: it has the operation, and the log may hold it up to the expiry. So each receipt is
 * kept until the operation is proven to be in the log, or the expiry has passed. Two things can be noticed meanwhile:
 *
 * - *overdue*: the network made several blocks that had room, and the state proves that none held the operation. It is
 *   sent to another node, which gives a receipt of its own; the first one comes after the others from now on.
 * - *expired*: the state at the expiry proves that no block held it nor ever will. Receipt and proof together are evidence
 *   of the kind `receipt`, which goes to a node that keeps it.
 *
 * Neither proves who is to blame: the node may have passed the operation on, and others left it out. The caller is told of
 * both.
 */
/** How many blocks are made, and how much time passes, before an operation that none of them holds is overdue. */
export declare const OVERDUE_HEIGHTS = 8;
export declare const OVERDUE_SECONDS = 4;
export type Place = import("./directory.js").Place;
export type SignedOperation = import("./writer.js").SignedOperation;
export type Censorship = {
    /**
     * Where it was sent.
     */
    url: string;
    /**
     * The key that signed the receipt, in hex.
     */
    node: string;
    /**
     * Its id, in hex.
     */
    operation: string;
    /**
     * No block up to this one holds it.
     */
    height: number;
    /**
     * Whether none will: its expiry has passed. Else it was sent to another node.
     */
    isExpired: boolean;
    /**
     * In hex, what any node takes by `submitevidence`, once it has expired; empty before.
     */
    evidence: string;
};
export type Promised = {
    receipt: import("../formats/receipt.js").Receipt;
    signature: import("../bytes.js").Bytes;
};
export type Kept = {
    operation: SignedOperation;
    promised: Promised;
    place: Place;
    /**
     * In seconds of the clock.
     */
    since: number;
    /**
     * From which on blocks count: the receipt's is the node's word.
     */
    height: number;
    /**
     * Whether that was told.
     */
    isOverdue: boolean;
    /**
     * Whether another node has it.
     */
    isSent: boolean;
};
/** @typedef {import("./directory.js").Place} Place */
/** @typedef {import("./writer.js").SignedOperation} SignedOperation */
/**
 * An operation that a node took and that is not in the log.
 *
 * @typedef {object} Censorship
 * @property {string} url Where it was sent.
 * @property {string} node The key that signed the receipt, in hex.
 * @property {string} operation Its id, in hex.
 * @property {number} height No block up to this one holds it.
 * @property {boolean} isExpired Whether none will: its expiry has passed. Else it was sent to another node.
 * @property {string} evidence In hex, what any node takes by `submitevidence`, once it has expired; empty before.
 *
 * @typedef {object} Promised A receipt that was verified.
 * @property {import("../formats/receipt.js").Receipt} receipt
 * @property {import("../bytes.js").Bytes} signature
 *
 * @typedef {object} Kept
 * @property {SignedOperation} operation
 * @property {Promised} promised
 * @property {Place} place
 * @property {number} since In seconds of the clock.
 * @property {number} height From which on blocks count: the receipt's is the node's word.
 * @property {boolean} isOverdue Whether that was told. @property {boolean} isSent Whether another node has it.
 */
/** The receipts that a session has of operations which are not known to be final. */
export declare class Promises {
    #private;
    /**
     * @param {import("./questions.js").Questions} questions
     * @param {import("./nodes.js").Nodes} nodes
     * @param {import("./clock.js").Clock} clock
     * @param {object} options
     * @param {(operation: SignedOperation, place: Place, signal: AbortSignal) => Promise<unknown>} options.send Sends an
     *   operation to one place for a receipt, which is kept here.
     * @param {(censorship: Censorship) => unknown} options.told Told of each operation that is overdue or expired.
     */
    constructor(questions: import("./questions.js").Questions, nodes: import("./nodes.js").Nodes, clock: import("./clock.js").Clock, { send, told }: {
        send: (operation: SignedOperation, place: Place, signal: AbortSignal) => Promise<unknown>;
        told: (censorship: Censorship) => unknown;
    });
    /** Hold a node to its receipt. @param {SignedOperation} operation @param {Promised} promised @param {Place} place */
    keep(operation: SignedOperation, promised: Promised, place: Place): void;
    /** An operation is in the log. @param {string} id */
    fulfilled(id: string): void;
    /** Look no more. */
    close(): void;
}
/**
 * Whether the log has an operation, proven by whichever node has the proof.
 *
 * @param {import("./questions.js").Questions} questions
 * @param {import("./nodes.js").Nodes} nodes
 * @param {SignedOperation} operation
 * @param {number} height At this height or above.
 * @param {number} deadline In seconds of the clock.
 * @param {AbortSignal} [until] Gives it up.
 * @returns {Promise<import("./checker.js").OperationProof>}
 * @throws {import("./errors.js").ClientError} No node brought a proof in time.
 */
export declare function findOperation(questions: import("./questions.js").Questions, nodes: import("./nodes.js").Nodes, operation: SignedOperation, height: number, deadline: number, until?: AbortSignal): Promise<import("./checker.js").OperationProof>;

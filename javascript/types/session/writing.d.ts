/** Writing: an operation is sent to as many nodes as it takes, and believed to be final when it is proven. */
export type Place = import("./directory.js").Place;
export type LogPlace = import("./told.js").LogPlace;
export type SignedOperation = import("./writer.js").SignedOperation;
export type Submitted = {
    /**
     * The operation's, in hex.
     */
    id: string;
    /**
     * Its place in the log; null as long as it is not final.
     */
    cursor: LogPlace | null;
    /**
     * What the ledger's rules made of it, `ok`; null as long as it is not final.
     */
    result: string | null;
    /**
     * The node's signed promise to pass it on, or null.
     */
    receipt: any;
    /**
     * How far its place and result were checked.
     */
    checked: import("./checker.js").Checked;
};
/** @typedef {import("./directory.js").Place} Place */
/** @typedef {import("./told.js").LogPlace} LogPlace */
/** @typedef {import("./writer.js").SignedOperation} SignedOperation */
/**
 * @typedef {object} Submitted
 * @property {string} id The operation's, in hex.
 * @property {LogPlace | null} cursor Its place in the log; null as long as it is not final.
 * @property {string | null} result What the ledger's rules made of it, `ok`; null as long as it is not final.
 * @property {any} receipt The node's signed promise to pass it on, or null.
 * @property {import("./checker.js").Checked} checked How far its place and result were checked.
 */
/** Sends operations for a session. */
export declare class Writing {
    #private;
    /**
     * @param {import("./questions.js").Questions} questions
     * @param {import("./nodes.js").Nodes} nodes
     * @param {import("./policy.js").Policy} policy
     * @param {import("./session.js").Session} session
     * @param {import("./clock.js").Clock} clock
     * @param {(censorship: import("./censorship.js").Censorship) => unknown} onCensorship
     */
    constructor(questions: import("./questions.js").Questions, nodes: import("./nodes.js").Nodes, policy: import("./policy.js").Policy, session: import("./session.js").Session, clock: import("./clock.js").Clock, onCensorship: (censorship: import("./censorship.js").Censorship) => unknown);
    /** Hold no node to its promises any more. */
    close(): void;
    /**
     * As `Cloud.submit`.
     *
     * @param {SignedOperation} operation
     * @param {"accepted" | "final"} wait
     * @param {number} seconds
     * @returns {Promise<Submitted>}
     */
    submit(operation: SignedOperation, wait: "accepted" | "final", seconds: number): Promise<Submitted>;
}

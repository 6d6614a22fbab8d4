/**
 * What can go wrong with a call, in classes that a caller treats differently, and what a session does about it.
 *
 * `RemoteError` is a node's own answer, `ConnectionFailed` means that none can come, and `TimedOut` that none came in
 * time: of the last two nobody knows whether the node acted. An operation may always be sent again, since it takes
 * effect once. All are `ClientError`; `message` is one sentence for people, `code` is what programs compare.
 */
export declare class ClientError extends Error {
    name: string;
}
/** The node answered with an error. */
export declare class RemoteError extends ClientError {
    number: number;
    code: string;
    data: Record<string, unknown>;
    rawContext: string;
    name: string;
    /**
     * @param {number} number JSON-RPC's, such as -26.
     * @param {string} code Such as `rating_own`; empty if the answer came from something that is no cloudnode.
     * @param {string} message
     * @param {Record<string, unknown>} [data] Further members of `error.data`.
     * @param {string} [rawContext] The exact JSON text of what the answer says of itself; empty if it says nothing.
     */
    constructor(number: number, code: string, message: string, data?: Record<string, unknown>, rawContext?: string);
}
/** It is proven that what was asked for does not exist. */
export declare class Denied extends RemoteError {
    checked: import("./checker.js").Checked;
    height: number;
    name: string;
    /**
     * @param {RemoteError} error
     * @param {import("./checker.js").Checked} checked As of an answer.
     * @param {number} height Where that holds.
     */
    constructor(error: RemoteError, checked: import("./checker.js").Checked, height: number);
}
/** The node can't be reached, or the connection to it broke. */
export declare class ConnectionFailed extends ClientError {
    name: string;
}
/** What came back is not the API: something else listens at that address. */
export declare class AnswerMalformed extends ConnectionFailed {
    name: string;
}
/** No answer came in time. */
export declare class TimedOut extends ClientError {
    name: string;
}
/** The network ordered an operation and its rules rejected it; `code` is the result, such as `version_mismatch`. */
export declare class Rejected extends ClientError {
    code: string;
    name: string;
    /** @param {string} code @param {string} message */
    constructor(code: string, message: string);
}
/** A node's answer is not what the validators signed; the node was left. `code` is that of the check which failed. */
export declare class AnswerFalse extends ClientError {
    code: string;
    url: string;
    name: string;
    /** @param {string} code @param {string} url @param {string} message */
    constructor(code: string, url: string, message: string);
}
/** A node answered for an older height than it was asked for. */
export declare class AnswerStale extends ClientError {
    name: string;
}
/** Fewer nodes agree than are to agree. */
export declare class NotEnoughNodes extends ClientError {
    name: string;
}
/** The caller closed the session while something was under way. */
export declare class SessionClosed extends ConnectionFailed {
    name: string;
    constructor();
}
/** A URL that names no node, or none that can be reached from here; the message says what to give. */
export declare class AddressInvalid extends ClientError {
    name: string;
}
/** What a node answers that has not come as far as others. */
export declare const BEHIND: Set<string>;
/**
 * What to do about a call's failure, besides asking another node.
 *
 * @param {unknown} error
 * @returns {"later" | "elsewhere" | "none"} `later`: any node may answer the same call later. `elsewhere`: only another
 *   node may. `none`: it is the answer.
 */
export declare function remedy(error: unknown): "later" | "elsewhere" | "none";
/** @param {unknown} error @returns {string} What went wrong, for people, whatever was thrown. */
export declare function messageOf(error: unknown): string;

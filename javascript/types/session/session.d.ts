/**
 * What one session has seen of the log, so that no later answer may be older, whichever node gives it. Pure.
 *
 * The session's height is the newest that the caller was shown: by an answer, by its own write, by an item of a
 * subscription. Each later read asks for that height at least, and a node that is not there yet waits or is left for
 * another.
 */
/** Methods that tell of the node that answers, of what never changes, or that write: no height makes them wrong. */
export declare const OF_THE_NODE: Set<string>;
export type RequestContext = {
    min_height?: number;
    at?: number;
    proof?: boolean;
    sign?: boolean;
};
/** @typedef {{min_height?: number, at?: number, proof?: boolean, sign?: boolean}} RequestContext */
/** Read your writes, and never go back. */
export declare class Session {
    /** The newest height that the caller was shown. */
    height: number;
    /** @param {number} [height] Of an earlier session that this one goes on with. */
    constructor(height?: number);
    /** @param {number} height The caller is shown something that holds there. */
    saw(height: number): void;
    /**
     * @param {string} method
     * @param {RequestContext | null} [wanted] What the caller wants of the request's context.
     * @returns {RequestContext} That, and the session's height unless the caller chose one.
     */
    context(method: string, wanted?: RequestContext | null): RequestContext;
}
/**
 * Whether an answer at a height is older than its request's context allows.
 *
 * @param {RequestContext} context
 * @param {number} height
 */
export declare function goesBack(context: RequestContext, height: number): boolean;

/**
 * What one session has seen of the log, so that no later answer may be older, whichever node gives it. Pure.
 *
 * The session's height is the newest that the caller was shown: by an answer, by its own write, by an item of a
 * subscription. Each later read asks for that height at least, and a node that is not there yet waits or is left for
 * another.
 */

/** Methods that tell of the node that answers, of what never changes, or that write: no height makes them wrong. */
export const OF_THE_NODE = new Set([
  "getnodeinfo", "getpeerinfo", "getstuninfo", "gettime", "ping", "rpc.discover", "getgenesis", "compare",
  "getevidence", "submitevidence", "submit", "requestpunch", "checkreach",
]);

/** @typedef {{min_height?: number, at?: number, proof?: boolean, sign?: boolean}} RequestContext */

/** Read your writes, and never go back. */
export class Session {
  /** @param {number} [height] Of an earlier session that this one goes on with. */
  constructor(height = 0) {
    /** The newest height that the caller was shown. */
    this.height = height;
  }

  /** @param {number} height The caller is shown something that holds there. */
  saw(height) {
    this.height = Math.max(this.height, height);
  }

  /**
   * @param {string} method
   * @param {RequestContext | null} [wanted] What the caller wants of the request's context.
   * @returns {RequestContext} That, and the session's height unless the caller chose one.
   */
  context(method, wanted) {
    const context = {...wanted};
    if (OF_THE_NODE.has(method) || context.at !== undefined) return context;
    const least = Math.max(this.height, context.min_height ?? 0);
    if (least) context.min_height = least;
    return context;
  }
}

/**
 * Whether an answer at a height is older than its request's context allows.
 *
 * @param {RequestContext} context
 * @param {number} height
 */
export function goesBack(context, height) {
  return context.at !== undefined ? height !== context.at : height < (context.min_height ?? 0);
}

/**
 * What can go wrong with a call, in classes that a caller treats differently, and what a session does about it.
 *
 * `RemoteError` is a node's own answer, `ConnectionFailed` means that none can come, and `TimedOut` that none came in
 * time: of the last two nobody knows whether the node acted. An operation may always be sent again, since it takes
 * effect once. All are `ClientError`; `message` is one sentence for people, `code` is what programs compare.
 */

export class ClientError extends Error {
  name = "ClientError";
}

/** The node answered with an error. */
export class RemoteError extends ClientError {
  name = "RemoteError";

  /**
   * @param {number} number JSON-RPC's, such as -26.
   * @param {string} code Such as `rating_own`; empty if the answer came from something that is no cloudnode.
   * @param {string} message
   * @param {Record<string, unknown>} [data] Further members of `error.data`.
   * @param {string} [rawContext] The exact JSON text of what the answer says of itself; empty if it says nothing.
   */
  constructor(number, code, message, data = {}, rawContext = "") {
    super(message);
    this.number = number;
    this.code = code;
    this.data = data;
    this.rawContext = rawContext;
  }
}

/** It is proven that what was asked for does not exist. */
export class Denied extends RemoteError {
  name = "Denied";

  /**
   * @param {RemoteError} error
   * @param {import("./checker.js").Checked} checked As of an answer.
   * @param {number} height Where that holds.
   */
  constructor(error, checked, height) {
    super(error.number, error.code, error.message, error.data, error.rawContext);
    this.checked = checked;
    this.height = height;
  }
}

/** The node can't be reached, or the connection to it broke. */
export class ConnectionFailed extends ClientError {
  name = "ConnectionFailed";
}

/** What came back is not the API: something else listens at that address. */
export class AnswerMalformed extends ConnectionFailed {
  name = "AnswerMalformed";
}

/** No answer came in time. */
export class TimedOut extends ClientError {
  name = "TimedOut";
}

/** The network ordered an operation and its rules rejected it; `code` is the result, such as `version_mismatch`. */
export class Rejected extends ClientError {
  name = "Rejected";

  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** A node's answer is not what the validators signed; the node was left. `code` is that of the check which failed. */
export class AnswerFalse extends ClientError {
  name = "AnswerFalse";

  /** @param {string} code @param {string} url @param {string} message */
  constructor(code, url, message) {
    super(message);
    this.code = code;
    this.url = url;
  }
}

/** A node answered for an older height than it was asked for. */
export class AnswerStale extends ClientError {
  name = "AnswerStale";
}

/** Fewer nodes agree than are to agree. */
export class NotEnoughNodes extends ClientError {
  name = "NotEnoughNodes";
}

/** The caller closed the session while something was under way. */
export class SessionClosed extends ConnectionFailed {
  name = "SessionClosed";

  constructor() {
    super("The session was closed.");
  }
}

/** A URL that names no node, or none that can be reached from here; the message says what to give. */
export class AddressInvalid extends ClientError {
  name = "AddressInvalid";
}

/** What a node answers that has not come as far as others. */
export const BEHIND = new Set(["height_not_reached", "height_future", "operation_future", "not_provable"]);

/** What a node answers that can't do more now. */
const BUSY = new Set(["pool_full", "too_many_outstanding", "too_many_requests", "not_final_yet", "cancelled"]);

/** What a node answers that has no data now. */
const DAMAGED = new Set(["data_corrupt", "data_diverged", "data_repairing"]);

/** What a node answers that comes or goes, or is at its limits. */
const TRANSIENT = new Set([
  "node_starting", "node_syncing", "node_stopping", "too_many_connections", "node_overloaded", "internal_error",
]);

/** What a node answers that no longer keeps what others may keep. */
const KEPT_ELSEWHERE = new Set(["height_pruned", "block_pruned", "cursor_pruned"]);

/**
 * What to do about a call's failure, besides asking another node.
 *
 * @param {unknown} error
 * @returns {"later" | "elsewhere" | "none"} `later`: any node may answer the same call later. `elsewhere`: only another
 *   node may. `none`: it is the answer.
 */
export function remedy(error) {
  if (error instanceof RemoteError) {
    if (KEPT_ELSEWHERE.has(error.code)) return "elsewhere";
    const passes = BEHIND.has(error.code) || BUSY.has(error.code) || DAMAGED.has(error.code) ||
      TRANSIENT.has(error.code) || error.number === 429 || error.number === 503;
    return passes ? "later" : "none";
  }
  const kinds = [AnswerFalse, AnswerStale, NotEnoughNodes, ConnectionFailed, TimedOut];
  return kinds.some((kind) => error instanceof kind) ? "later" : "none";
}

/** @param {unknown} error @returns {string} What went wrong, for people, whatever was thrown. */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/** Errors that nobody waits for: those of work in the background, and of functions that the caller gave. */

import {LedgerError} from "../formats/errors.js";
import {ClientError} from "./errors.js";

/** Failures of nodes are dealt with where they happen; anything else is a fault of this module's. @param {unknown} error */
export function noteBug(error) {
  if (!(error instanceof ClientError) && !(error instanceof LedgerError)) console.error("cloudnode:", error);
}

/**
 * Tell a function of the caller's, whose errors are not the session's.
 *
 * @template T
 * @param {(told: T) => unknown} callback
 * @param {T} told
 */
export function tell(callback, told) {
  try {
    callback(told);
  } catch (error) {
    console.error("cloudnode: a function given to the session failed:", error);
  }
}

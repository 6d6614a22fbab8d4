/** Reading what nodes tell, which may be anything: what is asked of it is there and of its kind, or it is an error. */

import {AnswerMalformed} from "./errors.js";

export {isCount, isObject, isPlace} from "../trust/told.js";

/** @typedef {Record<string, unknown>} Told */
/** @typedef {import("../trust/told.js").LogPlace} LogPlace A cursor: an operation of a block; the same on every node. */

/** @param {LogPlace} one @param {LogPlace} other Whether the first is after the other in the log. */
export function isAfter(one, other) {
  return one.height > other.height || (one.height === other.height && one.index > other.index);
}

/** @param {unknown} value @returns {value is string} */
export function isText(value) {
  return typeof value === "string";
}

/**
 * @template T
 * @param {unknown} value
 * @param {(value: unknown) => value is T} is
 * @param {string} what The value's name, for the message.
 * @returns {T}
 * @throws {AnswerMalformed} It is something else.
 */
export function take(value, is, what) {
  if (!is(value)) throw new AnswerMalformed(`The node's answer is not of the documented form: ${what}.`);
  return value;
}

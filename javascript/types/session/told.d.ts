/** Reading what nodes tell, which may be anything: what is asked of it is there and of its kind, or it is an error. */
export { isCount, isObject, isPlace } from "../trust/told.js";
export type Told = Record<string, unknown>;
export type LogPlace = import("../trust/told.js").LogPlace;
/** @typedef {Record<string, unknown>} Told */
/** @typedef {import("../trust/told.js").LogPlace} LogPlace A cursor: an operation of a block; the same on every node. */
/** @param {LogPlace} one @param {LogPlace} other Whether the first is after the other in the log. */
export declare function isAfter(one: LogPlace, other: LogPlace): boolean;
/** @param {unknown} value @returns {value is string} */
export declare function isText(value: unknown): value is string;
/**
 * @template T
 * @param {unknown} value
 * @param {(value: unknown) => value is T} is
 * @param {string} what The value's name, for the message.
 * @returns {T}
 * @throws {AnswerMalformed} It is something else.
 */
export declare function take<T>(value: unknown, is: (value: unknown) => value is T, what: string): T;

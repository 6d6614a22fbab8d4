/**
 * JSON that every implementation reads alike, and the one text of a value that is hashed: docs/protocol.md, chapters 3
 * and 4. The language's own parser does the work; what it is lax about is looked for in the text, without recursion.
 */
export type Bytes = import("../bytes.js").Bytes;
export type Json = null | boolean | number | string | Json[] | {
    [name: string]: Json;
};
/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {null | boolean | number | string | Json[] | {[name: string]: Json}} Json */
/** How many arrays and objects may be open at once. */
export declare const DEPTH_MAX = 32;
/**
 * Decode a text by the rules of chapter 3.
 *
 * @param {Uint8Array | string} raw
 * @returns {any} As `JSON.parse` gives it.
 * @throws {LedgerError} One of the `json_` codes.
 */
export declare function decodeStrict(raw: Uint8Array | string): any;
/**
 * The exact text of each member of an object, which a parsed value no longer has: signatures and hashes are over it.
 *
 * @param {string} text An object, which `JSON.parse` takes.
 * @returns {Map<string, string>} By name, without white space around; of members with one name the last, as
 *   `JSON.parse` takes them.
 */
export declare function memberTexts(text: string): Map<string, string>;
/**
 * The exact text of each item of an array.
 *
 * @param {string} text An array, which `JSON.parse` takes.
 * @returns {string[]} Without white space around.
 */
export declare function itemTexts(text: string): string[];
/**
 * The canonical text of a value (RFC 8785), in UTF-8.
 *
 * @param {unknown} value Of null, booleans, integers within ±(2^53-1), strings, arrays and plain objects.
 * @returns {Bytes}
 * @throws {LocalError} Something else is in it, a lone surrogate, or it is nested too deep.
 */
export declare function canonical(value: unknown): Bytes;

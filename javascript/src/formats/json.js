/**
 * JSON that every implementation reads alike, and the one text of a value that is hashed: docs/protocol.md, chapters 3
 * and 4. The language's own parser does the work; what it is lax about is looked for in the text, without recursion.
 */

import {fromUtf8, hasLoneSurrogate, utf8} from "../bytes.js";
import {LedgerError, LocalError} from "./errors.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */

/** @typedef {null | boolean | number | string | Json[] | {[name: string]: Json}} Json */

/** How many arrays and objects may be open at once. */
export const DEPTH_MAX = 32;

/** Of -(2^53-1): what is longer is refused unread. */
const DIGITS_MAX = 17;

// Of a text that is JSON: a number, a sign, or where a string begins; words and white space are passed over.
const TOKEN = /-?\d[\d.eE+-]*|[{}[\]:,"]/g;

/**
 * Decode a text by the rules of chapter 3.
 *
 * @param {Uint8Array | string} raw
 * @returns {any} As `JSON.parse` gives it.
 * @throws {LedgerError} One of the `json_` codes.
 */
export function decodeStrict(raw) {
  const text = typeof raw === "string" ? raw : fromUtf8(raw);
  if (text === null) throw new LedgerError("json_malformed", "The text is not UTF-8.");
  if (typeof raw === "string" && hasLoneSurrogate(text)) {
    throw new LedgerError("json_malformed", "The text has a surrogate code point.");
  }
  checkDepth(text);
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new LedgerError("json_malformed");
  }
  checkTokens(text);
  return value;
}

/** @param {string} text Refused if it nests too deep, before a parser sees it; it need not be JSON. */
function checkDepth(text) {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x22:
        at = endOfString(text, at);
        break;
      case 0x5b:
      case 0x7b:
        depth += 1;
        if (depth > DEPTH_MAX) throw new LedgerError("json_too_deep");
        break;
      case 0x5d:
      case 0x7d:
        depth -= 1;
    }
  }
}

/**
 * @param {string} text
 * @param {number} begin Where a string begins.
 * @returns {number} Where its closing quote is; the text's length if it has none.
 */
function endOfString(text, begin) {
  for (let end = text.indexOf('"', begin + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === "\\") backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

/**
 * The tokens of a text that is JSON, and where each begins.
 *
 * @param {string} text
 * @returns {Generator<[string, number]>} Strings with their quotes, numbers, and signs.
 */
function* tokens(text) {
  const pattern = new RegExp(TOKEN);
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    if (found[0] === '"') pattern.lastIndex = endOfString(text, found.index) + 1;
    yield [text.slice(found.index, pattern.lastIndex), found.index];
  }
}

/** @param {string} text JSON. Refused for its numbers, names and surrogates. */
function checkTokens(text) {
  /** The names of each object that is open, null for an array. @type {(Set<string> | null)[]} */
  const open = [];
  let isName = false;
  for (const [token] of tokens(text)) {
    const names = open.at(-1);
    switch (token[0]) {
      case "{":
        open.push(new Set());
        isName = true;
        break;
      case "[":
        open.push(null);
        isName = false;
        break;
      case "}":
      case "]":
        open.pop();
        isName = false;
        break;
      case ",":
        isName = Boolean(names);
        break;
      case ":":
        isName = false;
        break;
      case '"': {
        const string = token.includes("\\") ? JSON.parse(token) : token.slice(1, -1);
        if (token.includes("\\u") && hasLoneSurrogate(string)) throw new LedgerError("json_lone_surrogate");
        if (isName && names) {
          if (names.has(string)) throw new LedgerError("json_duplicate_key");
          names.add(string);
        }
        break;
      }
      default:
        if (token.length > DIGITS_MAX || /[.eE]|^-0$/.test(token) || !Number.isSafeInteger(Number(token))) {
          throw new LedgerError("json_number");
        }
    }
  }
}

/**
 * The exact text of each member of an object, which a parsed value no longer has: signatures and hashes are over it.
 *
 * @param {string} text An object, which `JSON.parse` takes.
 * @returns {Map<string, string>} By name, without white space around; of members with one name the last, as
 *   `JSON.parse` takes them.
 */
export function memberTexts(text) {
  /** @type {Map<string, string>} */
  const members = new Map();
  let depth = 0;
  let name = "";
  let begin = -1; // of the value; -1 while a name is to come
  for (const [token, index] of tokens(text)) {
    if (depth === 1) {
      if (token === ":") begin = index + 1;
      else if (begin < 0 && token[0] === '"') name = JSON.parse(token);
      else if (begin >= 0 && (token === "," || token === "}")) {
        members.set(name, text.slice(begin, index).trim());
        begin = -1;
      }
    }
    if (token === "{" || token === "[") depth += 1;
    else if (token === "}" || token === "]") depth -= 1;
  }
  return members;
}

/**
 * The exact text of each item of an array.
 *
 * @param {string} text An array, which `JSON.parse` takes.
 * @returns {string[]} Without white space around.
 */
export function itemTexts(text) {
  const items = [];
  let depth = 0;
  let begin = 0;
  for (const [token, index] of tokens(text)) {
    if (token === "{" || token === "[") {
      depth += 1;
      if (depth === 1) begin = index + 1;
    } else if (token === "}" || token === "]") {
      depth -= 1;
    }
    if ((depth === 1 && token === ",") || depth === 0) {
      const item = text.slice(begin, index).trim();
      if (item) items.push(item);
      begin = index + 1;
    }
  }
  return items;
}

/**
 * The canonical text of a value (RFC 8785), in UTF-8.
 *
 * @param {unknown} value Of null, booleans, integers within ±(2^53-1), strings, arrays and plain objects.
 * @returns {Bytes}
 * @throws {LocalError} Something else is in it, a lone surrogate, or it is nested too deep.
 */
export function canonical(value) {
  /** @type {string[]} */
  const parts = [];
  try {
    write(value, parts);
  } catch (error) {
    if (error instanceof LocalError) throw error;
    throw new LocalError("the value is nested too deep");
  }
  return utf8(parts.join(""));
}

/** @param {unknown} value @param {string[]} parts */
function write(value, parts) {
  if (value === null || typeof value === "boolean") {
    parts.push(String(value));
  } else if (typeof value === "string") {
    parts.push(quote(value));
  } else if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new LocalError("a number is no integer within +-(2^53-1)");
    parts.push(String(value)); // of -0 it is "0"
  } else if (Array.isArray(value)) {
    parts.push("[");
    value.forEach((item, at) => {
      if (at) parts.push(",");
      write(item, parts);
    });
    parts.push("]");
  } else if (typeof value === "object" && isPlain(value)) {
    const members = /** @type {Record<string, unknown>} */ (value);
    parts.push("{");
    Object.keys(members).sort().forEach((name, at) => {
      parts.push(at ? "," : "", quote(name), ":");
      write(members[name], parts);
    });
    parts.push("}");
  } else {
    throw new LocalError(`${typeof value} has no canonical JSON`);
  }
}

/** @param {object} value */
function isPlain(value) {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** @param {string} text */
function quote(text) {
  if (hasLoneSurrogate(text)) throw new LocalError("a string has a lone surrogate");
  return JSON.stringify(text);
}

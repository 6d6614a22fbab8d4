/** Reading what nodes tell, which may be anything, into what can be verified. All that is wrong with it has a name. */

import {fromHex} from "../bytes.js";
import {decodeHeader} from "../formats/block.js";
import {LedgerError} from "../formats/errors.js";
import {readFinality} from "../formats/finality.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("../formats/block.js").Header} Header */
/** @typedef {import("../formats/finality.js").Finality} Finality */

/**
 * An answer as it came.
 *
 * @typedef {object} ToldAnswer
 * @property {string} raw The exact JSON text of the result.
 * @property {string} rawContext The exact text of what it says of itself; empty if it says nothing.
 */

/** @typedef {{height: number, index: number}} LogPlace An operation's place in the log. */

/** @param {unknown} value @returns {value is Record<string, unknown>} */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {unknown} value @returns {value is number} Whether it is a height, an index or a number of something. */
export function isCount(value) {
  return Number.isSafeInteger(value) && /** @type {number} */ (value) >= 0;
}

/** @param {unknown} value @returns {value is LogPlace} */
export function isPlace(value) {
  return isObject(value) && isCount(value.height) && isCount(value.index);
}

/**
 * @param {string} text JSON, or anything.
 * @param {string} code The error's.
 * @returns {Record<string, unknown>}
 * @throws {LedgerError} With that code: it is no object.
 */
export function parseObject(text, code) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (!isObject(value)) throw new LedgerError(code);
  return value;
}

/**
 * @param {unknown} texts
 * @returns {Bytes[]}
 * @throws {LedgerError} `finality_malformed`: it is no list of hex digits.
 */
export function readHexes(texts) {
  if (!Array.isArray(texts)) throw new LedgerError("finality_malformed");
  return texts.map((text) => fromHex(text, "finality_malformed"));
}

/**
 * A header with what proves it final, as `getblock`, `getepochs`, `compare` and proofs have it; nothing is verified.
 *
 * @param {unknown} told
 * @returns {{header: Header, finality: Finality}}
 * @throws {LedgerError} `finality_malformed`, `header_malformed` or `certificate_malformed`.
 */
export function readFinal(told) {
  if (!isObject(told)) throw new LedgerError("finality_malformed");
  const header = decodeHeader(fromHex(told.header, "finality_malformed"));
  const certificate = fromHex(told.certificate, "finality_malformed");
  return {header, finality: readFinality(certificate, readHexes(told.descendants))};
}

/**
 * @typedef {object} ToldProof
 * @property {number} height @property {Bytes} root @property {Bytes[]} nodes
 * @property {Header} header @property {Finality} finality
 */

/**
 * A proof, as `getproof` and contexts have it; nothing is verified.
 *
 * @param {unknown} told
 * @returns {ToldProof}
 * @throws {LedgerError} `finality_malformed`, `header_malformed` or `certificate_malformed`.
 */
export function readProof(told) {
  if (!isObject(told) || !isCount(told.height)) {
    throw new LedgerError("finality_malformed", "The node brought no proof of the documented form.");
  }
  const root = fromHex(told.root, "finality_malformed");
  return {height: told.height, root, nodes: readHexes(told.nodes), ...readFinal(told)};
}

/**
 * @typedef {object} ToldContext What an answer says of itself.
 * @property {Bytes} network @property {number} height @property {Bytes} hash Of the block of that height.
 * @property {Record<string, unknown>} told All of it.
 */

/**
 * @param {string} rawContext
 * @returns {ToldContext}
 * @throws {LedgerError} `finality_malformed`: it says nothing, or not in the documented form.
 */
export function readContext(rawContext) {
  const told = parseObject(rawContext, "finality_malformed");
  if (!isCount(told.height)) {
    throw new LedgerError("finality_malformed", "The answer does not say at which height it holds.");
  }
  const network = fromHex(told.network, "finality_malformed");
  return {network, height: told.height, hash: fromHex(told.hash, "finality_malformed"), told};
}

/** What a node signs with its own key: receipts for operations that it took, and answers: chapters 14 and 15. */

import {Reader, concat, equal, u32, u64, u8, utf8} from "../bytes.js";
import {sha256} from "../crypto.js";
import {LedgerError, LocalError} from "./errors.js";
import {ANSWER, RECEIPT, verify} from "./keys.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */

/** The protocol version that signed answers name. */
export const PROTOCOL = 1;

export const RECEIPT_SIZE = 112;
const METHOD_BYTES_MAX = 64;

/**
 * @typedef {object} ReceiptFields A node's word that it took an operation.
 * @property {Bytes} network
 * @property {Bytes} id The operation's.
 * @property {Bytes} node The node's key.
 * @property {bigint} height The newest that the node had seen.
 * @property {bigint} expiry The operation's.
 *
 * @typedef {ReceiptFields & {raw: Bytes}} Receipt
 *
 * @typedef {object} SignedFields What a node answered.
 * @property {Bytes} network
 * @property {Bytes} node The node's key.
 * @property {number} protocol
 * @property {bigint} height Where the answer holds.
 * @property {Bytes} root The state root there.
 * @property {Bytes} paramsHash Of the parameters by name in canonical JSON, with all that were left out filled in.
 * @property {Bytes} answerHash Of the text of `result`, or of `error`, exactly as answered.
 * @property {string} method
 *
 * @typedef {SignedFields & {raw: Bytes}} SignedForm
 */

/** @param {ReceiptFields} fields @returns {Receipt} With the bytes that are signed behind the tag. */
export function makeReceipt(fields) {
  const {network, id, node, height, expiry} = fields;
  return {...fields, raw: concat(network, id, node, u64(height), u64(expiry))};
}

/** @param {Uint8Array} raw @returns {Receipt} @throws {LedgerError} `receipt_malformed`. */
export function decodeReceipt(raw) {
  const reader = new Reader(raw, "receipt_malformed");
  const [network, id, node] = [reader.take(32), reader.take(32), reader.take(32)];
  const [height, expiry] = [reader.u64(), reader.u64()];
  reader.end();
  return {network, id, node, height, expiry, raw: /** @type {Bytes} */ (raw)};
}

/** @param {Receipt} receipt @param {Uint8Array} signature @throws {LedgerError} `receipt_signature`. */
export async function verifyReceipt(receipt, signature) {
  if (!(await verify(receipt.node, RECEIPT, receipt.raw, signature))) throw new LedgerError("receipt_signature");
}

/**
 * @param {SignedFields} fields
 * @returns {SignedForm} With the bytes that are signed behind the tag.
 * @throws {LocalError} The method's name is not 1 to 64 ASCII characters.
 */
export function makeSignedForm(fields) {
  const {network, node, protocol, height, root, paramsHash, answerHash} = fields;
  const method = utf8(fields.method);
  if (!isMethod(method)) throw new LocalError("a method's name is 1 to 64 ASCII characters");
  const head = concat(network, node, u32(protocol), u64(height), root, paramsHash, answerHash);
  return {...fields, raw: concat(head, u8(method.length), method)};
}

/** @param {Uint8Array} raw @returns {SignedForm} @throws {LedgerError} `answer_malformed`. */
export function decodeSignedForm(raw) {
  const reader = new Reader(raw, "answer_malformed");
  const fields = {
    network: reader.take(32),
    node: reader.take(32),
    protocol: reader.u32(),
    height: reader.u64(),
    root: reader.take(32),
    paramsHash: reader.take(32),
    answerHash: reader.take(32),
  };
  const method = reader.take(reader.u8());
  reader.end();
  if (!isMethod(method)) throw new LedgerError("answer_malformed");
  return {...fields, method: String.fromCharCode(...method), raw: /** @type {Bytes} */ (raw)};
}

/** @param {Uint8Array} method */
function isMethod(method) {
  return method.length >= 1 && method.length <= METHOD_BYTES_MAX && method.every((byte) => byte < 128);
}

/**
 * Check that the node named in an answer signed it, and that it is the answer at hand.
 *
 * @param {SignedForm} form
 * @param {Uint8Array} signature
 * @param {string} [text] The exact text of `result` (or `error`), if it is at hand.
 * @throws {LedgerError} `answer_signature` or `answer_other`.
 */
export async function verifySignedForm(form, signature, text) {
  if (!(await verify(form.node, ANSWER, form.raw, signature))) throw new LedgerError("answer_signature");
  if (text !== undefined && !equal(await sha256(utf8(text)), form.answerHash)) throw new LedgerError("answer_other");
}

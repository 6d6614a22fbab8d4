/**
 * Verifying answers by what follows from the genesis alone. Each function takes what a node told and an `EpochChain`;
 * where it throws `header_epoch`, the chain may have to `follow` first.
 */

import {equal, fromHex, hasLoneSurrogate, toHex, utf8} from "../bytes.js";
import {sha256} from "../crypto.js";
import {makeYardstick, weigh} from "../formats/comparing.js";
import {LedgerError} from "../formats/errors.js";
import {encodeEvidence} from "../formats/evidence.js";
import {verifyState} from "../formats/proof.js";
import {PROTOCOL, makeReceipt, makeSignedForm, verifyReceipt, verifySignedForm} from "../formats/receipt.js";
import {byName, checkAbsence, checkResult} from "./proving.js";
import {isCount, isObject, parseObject, readContext, readProof} from "./told.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("../formats/block.js").Header} Header */
/** @typedef {import("../formats/evidence.js").SignedAnswer} SignedAnswer */
/** @typedef {import("../formats/proof.js").ProvenState} ProvenState */
/** @typedef {import("./epochchain.js").EpochChain} EpochChain */
/** @typedef {import("./told.js").ToldAnswer} ToldAnswer */

/**
 * @typedef {object} Verified
 * @property {import("./proving.js").Proven} checked Whether all of the answer is proven, or parts of it.
 * @property {number} height Where it holds.
 * @property {Header} header The final header that vouches for it.
 */

/**
 * Verify a result that came with a proof.
 *
 * @param {EpochChain} chain @param {string} method @param {unknown} params @param {ToldAnswer} answer
 * @returns {Promise<Verified>}
 * @throws {LedgerError} It is not so, or not proven.
 */
export async function verifyAnswer(chain, method, params, {raw, rawContext}) {
  const {state, header} = await verifyContext(chain, rawContext);
  const checked = await checkResult(state, method, byName(method, params), raw);
  return {checked, header, height: Number(state.height)};
}

/**
 * Verify an error that says what does not exist, which came with a proof.
 *
 * @param {EpochChain} chain @param {string} method @param {unknown} params
 * @param {{code: string, rawContext: string}} error
 * @returns {Promise<Verified>}
 * @throws {LedgerError} It exists, or that it does not is not proven.
 */
export async function verifyDenial(chain, method, params, {code, rawContext}) {
  const {state, header} = await verifyContext(chain, rawContext);
  const checked = await checkAbsence(state, method, byName(method, params), code);
  return {checked, header, height: Number(state.height)};
}

/**
 * Verify what a context says of the height that an answer holds at.
 *
 * @param {EpochChain} chain @param {string} rawContext With a proof.
 * @returns {Promise<{state: ProvenState, header: Header}>}
 * @throws {LedgerError}
 */
async function verifyContext(chain, rawContext) {
  const context = readContext(rawContext);
  const proven = await verifyProof(chain, context.told.proof);
  if (Number(proven.state.height) !== context.height) throw new LedgerError("proof_height");
  return proven;
}

/**
 * Verify that a proof's header is final and vouches for its root, and open the state.
 *
 * @param {EpochChain} chain
 * @param {unknown} told As `getproof` and contexts have it.
 * @returns {Promise<{state: ProvenState, header: Header}>}
 * @throws {LedgerError} As `EpochChain.verify` and `verifyState`.
 */
export async function verifyProof(chain, told) {
  const {header, finality, height, root, nodes} = readProof(told);
  await chain.verify(header, finality);
  return {header, state: await verifyState(header, height, root, nodes)};
}

/**
 * Verify where in the log an operation is, from the result of `getproof` of an operation.
 *
 * @param {EpochChain} chain @param {unknown} told @param {Uint8Array} id @param {number} expiry
 * @returns {Promise<{height: number, header: Header, found: {height: number, index: number, result: number} | null}>}
 *   `found` is null if no block up to that height holds it; its `result` is a number of `RESULTS`.
 * @throws {LedgerError}
 */
export async function verifyOperationProof(chain, told, id, expiry) {
  const {state, header} = await verifyProof(chain, told);
  const value = await state.operation(id, expiry);
  const found = value && {height: Number(value.height), index: value.index, result: value.result};
  return {height: Number(state.height), header, found};
}

// What nodes sign

/**
 * What a node signed, of an answer that was asked for with `context.sign`.
 *
 * @param {ToldAnswer} answer
 * @param {string} method The one that was called. Whether parameters, network, height and node are those that were asked
 *   for is for the caller to compare.
 * @returns {Promise<SignedAnswer>}
 * @throws {LedgerError} `answer_malformed`: there is no signature of the documented form. `answer_signature`: it is not
 *   the node's over this very text.
 */
export async function readSigned({raw, rawContext}, method) {
  const code = "answer_malformed";
  const {network, height, signature: told} = parseObject(rawContext, code);
  if (!isCount(height) || !isObject(told) || typeof told.params !== "string") throw new LedgerError(code);
  if (hasLoneSurrogate(told.params) || hasLoneSurrogate(raw)) throw new LedgerError(code);
  const signature = fromHex(told.signature, code);
  const fields = {
    network: take32(network, code),
    node: take32(told.node, code),
    protocol: PROTOCOL,
    height: BigInt(height),
    root: take32(told.root, code),
    paramsHash: await sha256(utf8(told.params)),
    answerHash: await sha256(utf8(raw)),
    method,
  };
  const form = makeSignedForm(fields);
  await verifySignedForm(form, signature);
  return {form, signature};
}

/** @param {unknown} text @param {string} code */
function take32(text, code) {
  const bytes = fromHex(text, code);
  if (bytes.length !== 32) throw new LedgerError(code);
  return bytes;
}

/**
 * @typedef {object} Weighed A node's state.
 * @property {number} height Of the newest state which it proves.
 * @property {string} root The state root that the validators signed there, in hex.
 * @property {import("../formats/proof.js").ProvenTotals | null} totals What that root stands for.
 * @property {string} node The key that it signs with, in hex.
 * @property {Header} header
 * @property {string | null} evidence That it signed another state than the validators, in hex; null if it did not.
 */

/**
 * Compare what a node signed with what the validators signed, from its answer to `getdatahash` that was asked for with
 * `context.sign` and `context.proof`.
 *
 * @param {EpochChain} chain @param {ToldAnswer} answer
 * @returns {Promise<Weighed>}
 * @throws {LedgerError} It brings no signature, or no proof.
 */
export async function weighState(chain, answer) {
  const signed = await readSigned(answer, "getdatahash");
  const {header, finality, height, root, nodes} = readProof(readContext(answer.rawContext).told.proof);
  await chain.verify(header, finality);
  if (height !== Number(header.rootHeight)) throw new LedgerError("proof_height");
  if (!equal(root, header.root)) throw new LedgerError("proof_root");
  const yardstick = await makeYardstick(header, finality, nodes);
  const evidence = await weigh(yardstick, signed.form.node, signed, answer.raw);
  const state = yardstick.state.length ? await verifyState(header, height, root, [yardstick.state]) : null;
  return {
    height,
    root: toHex(root),
    totals: state && state.totals(),
    node: toHex(signed.form.node),
    header,
    evidence: evidence && toHex(encodeEvidence(evidence)),
  };
}

/**
 * Check a node's receipt for an operation.
 *
 * @param {Uint8Array} network @param {Uint8Array} id The operation's. @param {number} expiry The operation's.
 * @param {unknown} told As the node answered it.
 * @returns {Promise<import("../formats/receipt.js").Receipt>}
 * @throws {LedgerError} `receipt_malformed`, or `receipt_signature`: it is for something else, or not signed.
 */
export async function verifyToldReceipt(network, id, expiry, told) {
  const code = "receipt_malformed";
  if (!isObject(told) || !isCount(told.height) || !isCount(told.expiry)) throw new LedgerError(code);
  const fields = {
    network: take32(told.network, code),
    id: take32(told.id, code),
    node: take32(told.node, code),
    height: BigInt(told.height),
    expiry: BigInt(told.expiry),
  };
  const signature = fromHex(told.signature, code);
  const receipt = makeReceipt(fields);
  if (!equal(fields.network, network) || !equal(fields.id, id) || told.expiry !== expiry) {
    throw new LedgerError("receipt_signature", "The receipt is for another operation.");
  }
  await verifyReceipt(receipt, signature);
  return receipt;
}

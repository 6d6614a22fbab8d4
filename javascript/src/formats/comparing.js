/**
 * Comparing what nodes signed with what the validators signed. The yardstick is a final header that carries the state
 * root of a height: a node that signed another root there, or the same root with other sums, lies or is damaged.
 */

import {equal, utf8} from "../bytes.js";
import {sha256} from "../crypto.js";
import {LedgerError} from "./errors.js";
import {ProvenState, dataHashText} from "./proof.js";
import {PROTOCOL, verifySignedForm} from "./receipt.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */

/**
 * @typedef {object} Yardstick
 * @property {import("./block.js").Header} header Final.
 * @property {import("./finality.js").Finality} finality
 * @property {Bytes} state The root's preimage; empty if it is not at hand, then roots alone are compared.
 */

/**
 * @param {import("./block.js").Header} header @param {import("./finality.js").Finality} finality
 * @param {readonly Uint8Array[]} nodes
 * @returns {Promise<Yardstick>} With the preimage if it is among some nodes.
 */
export async function makeYardstick(header, finality, nodes) {
  const hashes = await Promise.all(nodes.map((node) => sha256(node)));
  const state = nodes[hashes.findIndex((hash) => equal(hash, header.root))] ?? new Uint8Array(0);
  return {header, finality, state: /** @type {Bytes} */ (state)};
}

/**
 * Compare a node's signed answer to `getdatahash` with a yardstick.
 *
 * @param {Yardstick} yardstick
 * @param {Uint8Array} node The key of the node that was asked.
 * @param {import("./evidence.js").SignedAnswer} signed
 * @param {string} text The exact text of the result.
 * @returns {Promise<import("./evidence.js").AnswerEvidence | null>} Evidence if they contradict each other.
 * @throws {LedgerError} `answer_other`: it is not an answer to this question. `answer_signature`.
 */
export async function weigh({header, finality, state}, node, signed, text) {
  const {form, signature} = signed;
  const isAsked =
    form.method === "getdatahash" &&
    form.protocol === PROTOCOL &&
    form.height === header.rootHeight &&
    equal(form.network, header.network) &&
    equal(form.node, node) &&
    equal(form.paramsHash, await sha256(utf8("{}")));
  if (!isAsked) throw new LedgerError("answer_other", "The signed answer is not one to the question that was asked.");
  await verifySignedForm(form, signature, text);
  const none = new Uint8Array(0);
  if (!equal(form.root, header.root)) return {kind: "answer", signed, header, finality, state: none};
  if (!state.length) return null;
  const totals = (await ProvenState.open(header.rootHeight, header.root, [state])).totals();
  return text === dataHashText(totals) ? null : {kind: "answer", signed, header, finality, state};
}

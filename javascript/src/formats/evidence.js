/**
 * Evidence: what shows anyone who knows the genesis that a validator or a node did what no correct one does:
 * docs/protocol.md, chapter 17. It says what was signed, not why: a damaged disk may have been the reason.
 */

import {Reader, compare, concat, equal, toHex, u16, u8, utf8} from "../bytes.js";
import {sha256} from "../crypto.js";
import {HEADER_SIZE, VOTE_SIZE, contradict, decodeHeader, decodeVote, verifyVote} from "./block.js";
import {LedgerError} from "./errors.js";
import {decodeFinality, encodeFinality} from "./finality.js";
import {SIGNATURE_SIZE} from "./keys.js";
import {STATE_SIZE} from "./nodes.js";
import {ProvenState, dataHashText} from "./proof.js";
import {RECEIPT_SIZE, decodeReceipt, decodeSignedForm, verifyReceipt, verifySignedForm} from "./receipt.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("./block.js").Header} Header */
/** @typedef {import("./block.js").Vote} Vote */
/** @typedef {import("./epoch.js").Epoch} Epoch */
/** @typedef {import("./finality.js").Finality} Finality */
/** @typedef {import("./receipt.js").Receipt} Receipt */
/** @typedef {import("./receipt.js").SignedForm} SignedForm */

export const EVIDENCE_BYTES_MAX = 65_536;

/** Methods whose answers follow from the state at their height alone. */
const COMPARABLE = new Set(["getrecord", "listrecords", "getratings", "getaccount", "getdatahash"]);

const NODES_MAX = 256;
const KINDS = /** @type {const} */ (["votes", "answers", "answer", "receipt"]);

/**
 * @typedef {object} SignedAnswer An answer with the signature of the node that it names.
 * @property {SignedForm} form @property {Bytes} signature
 *
 * @typedef {object} VotesEvidence Two votes of one validator. @property {"votes"} kind @property {Bytes} network
 * @property {Vote} first @property {Vote} second
 *
 * @typedef {object} AnswersEvidence Two answers of one node. @property {"answers"} kind
 * @property {SignedAnswer} first @property {SignedAnswer} second
 *
 * @typedef {object} AnswerEvidence An answer, and a final header of another state root, or of the same root whose
 *   preimage shows other sums. @property {"answer"} kind @property {SignedAnswer} signed
 * @property {Header} header Carries the state root of the answer's height. @property {Finality} finality
 * @property {Bytes} state The root's preimage where the answer has the same root, else empty.
 *
 * @typedef {object} ReceiptEvidence A receipt, and a proof that the state at the operation's expiry does not know the
 *   operation. @property {"receipt"} kind @property {Receipt} receipt @property {Bytes} signature
 * @property {Header} header @property {Finality} finality @property {Bytes[]} nodes
 *
 * @typedef {VotesEvidence | AnswersEvidence | AnswerEvidence | ReceiptEvidence} Evidence
 *
 * @typedef {object} Verdict What evidence shows.
 * @property {"votes" | "answers" | "answer" | "receipt"} kind
 * @property {string} culprit The key of the validator (for votes) or of the node, in hex.
 * @property {number} epoch Of the votes or of the header; 0 for two answers.
 * @property {boolean} isProof False for a suspicion.
 * @property {string} summary One sentence for people.
 *
 * @typedef {(number: bigint) => Epoch | null | undefined} FindEpoch
 */

// Bytes

/** @param {SignedAnswer} signed @returns {Bytes} */
function encodeSigned({form, signature}) {
  return concat(u16(form.raw.length), form.raw, signature);
}

/** @param {SignedAnswer} one @param {SignedAnswer} other @returns {AnswersEvidence} In the order of its form. */
export function answersEvidence(one, other) {
  const isFirst = compare(encodeSigned(one), encodeSigned(other)) <= 0;
  return {kind: "answers", first: isFirst ? one : other, second: isFirst ? other : one};
}

/** @param {Evidence} evidence @returns {Bytes} Its exact bytes. */
export function encodeEvidence(evidence) {
  const kind = u8(KINDS.indexOf(evidence.kind) + 1);
  switch (evidence.kind) {
    case "votes":
      return concat(kind, evidence.network, evidence.first.raw, evidence.second.raw);
    case "answers": {
      const {first, second} = evidence;
      return concat(kind, first.form.network, encodeSigned(first), encodeSigned(second));
    }
    case "answer": {
      const {signed, header, finality, state} = evidence;
      const head = concat(kind, signed.form.network, encodeSigned(signed), header.raw);
      return concat(head, u16(state.length), state, encodeFinality(finality));
    }
    case "receipt": {
      const {receipt, signature, header, finality, nodes} = evidence;
      const listed = nodes.flatMap((node) => [u16(node.length), node]);
      const head = concat(kind, receipt.network, receipt.raw, signature, header.raw);
      return concat(head, u16(nodes.length), ...listed, encodeFinality(finality));
    }
  }
}

/**
 * @param {Uint8Array} raw
 * @returns {Evidence} What it shows is for `judge`.
 * @throws {LedgerError} `evidence_too_large`, `evidence_malformed`, or the code of a malformed part.
 */
export function decodeEvidence(raw) {
  if (raw.length > EVIDENCE_BYTES_MAX) throw new LedgerError("evidence_too_large");
  const reader = new Reader(raw, "evidence_malformed");
  const kind = KINDS[reader.u8() - 1];
  const network = reader.take(32);
  if (!kind) throw new LedgerError("evidence_malformed");
  const evidence = DECODERS[kind](reader, network);
  // One form for each: what was left over, in another order or of two networks would make two of the same.
  if (!equal(encodeEvidence(evidence), raw)) throw new LedgerError("evidence_malformed");
  return evidence;
}

/** @type {Record<typeof KINDS[number], (reader: Reader, network: Bytes) => Evidence>} */
const DECODERS = {
  votes(reader, network) {
    const votes = [decodeVote(reader.take(VOTE_SIZE)), decodeVote(reader.take(VOTE_SIZE))];
    const [first, second] = /** @type {[Vote, Vote]} */ (votes.sort((one, other) => compare(one.raw, other.raw)));
    return {kind: "votes", network, first, second};
  },
  answers: (reader) => answersEvidence(takeSigned(reader), takeSigned(reader)),
  answer(reader) {
    const [signed, header, state] = [takeSigned(reader), decodeHeader(reader.take(HEADER_SIZE)), reader.counted()];
    return {kind: "answer", signed, header, state, finality: decodeFinality(reader.rest())};
  },
  receipt(reader) {
    const [receipt, signature] = [decodeReceipt(reader.take(RECEIPT_SIZE)), reader.take(SIGNATURE_SIZE)];
    const [header, count] = [decodeHeader(reader.take(HEADER_SIZE)), reader.u16()];
    if (count > NODES_MAX) throw new LedgerError("evidence_malformed");
    const nodes = Array.from({length: count}, () => reader.counted());
    return {kind: "receipt", receipt, signature, header, nodes, finality: decodeFinality(reader.rest())};
  },
};

/** @param {Reader} reader @returns {SignedAnswer} */
function takeSigned(reader) {
  return {form: decodeSignedForm(reader.counted()), signature: reader.take(SIGNATURE_SIZE)};
}

// Judging

/**
 * @param {Evidence} evidence
 * @returns {bigint | null} The number of the epoch whose validators one must know to judge it; null if none is needed.
 */
export function epochOf(evidence) {
  if (evidence.kind === "votes") return evidence.first.epoch;
  return evidence.kind === "answers" ? null : evidence.header.epoch;
}

/**
 * Say what evidence shows: the cheap checks first, signatures last.
 *
 * @param {Evidence} evidence @param {Uint8Array} network @param {FindEpoch} findEpoch
 * @returns {Promise<Verdict>}
 * @throws {LedgerError} `evidence_network`, `evidence_epoch`, `evidence_nothing` (what is signed is no contradiction),
 *   `evidence_signature`, `answer_signature`, `receipt_signature`, or what `Epoch.verify` and `ProvenState` throw.
 */
export async function judge(evidence, network, findEpoch) {
  switch (evidence.kind) {
    case "votes":
      return judgeVotes(evidence, network, findEpoch);
    case "answers":
      return judgeAnswers(evidence, network);
    case "answer":
      return judgeAnswer(evidence, network, findEpoch);
    case "receipt":
      return judgeReceipt(evidence, network, findEpoch);
  }
}

/** @param {VotesEvidence} evidence @param {Uint8Array} network @param {FindEpoch} findEpoch @returns {Promise<Verdict>} */
async function judgeVotes({first, second, network: named}, network, findEpoch) {
  checkNetwork(named, network);
  if (!contradict(first, second)) throw new LedgerError("evidence_nothing");
  const {validators} = findKnown(findEpoch, first.epoch);
  const areTrue = await Promise.all([first, second].map((vote) => verifyVote(vote, network, validators)));
  const culprit = validators[first.validator];
  if (areTrue.includes(false) || !culprit) throw new LedgerError("evidence_signature");
  const what = first.kind === second.kind ? "voted twice" : "voted for two things";
  const summary = `The validator ${what} in view ${first.view} of epoch ${first.epoch}.`;
  return {kind: "votes", culprit: toHex(culprit), epoch: Number(first.epoch), isProof: true, summary};
}

/** @param {AnswersEvidence} evidence @param {Uint8Array} network @returns {Promise<Verdict>} */
async function judgeAnswers({first, second}, network) {
  const [one, other] = [first.form, second.form];
  checkNetwork(one.network, network);
  const isSameAnswer = equal(one.root, other.root) && equal(one.answerHash, other.answerHash);
  if (!isSameQuestion(one, other) || isSameAnswer) throw new LedgerError("evidence_nothing");
  for (const {form, signature} of [first, second]) await verifySignedForm(form, signature);
  const summary = `The node signed two different answers to the same ${one.method} at height ${one.height}.`;
  return {kind: "answers", culprit: toHex(one.node), epoch: 0, isProof: true, summary};
}

/** @param {SignedForm} one @param {SignedForm} other */
function isSameQuestion(one, other) {
  return (
    COMPARABLE.has(one.method) &&
    one.method === other.method &&
    one.protocol === other.protocol &&
    one.height === other.height &&
    equal(one.network, other.network) &&
    equal(one.node, other.node) &&
    equal(one.paramsHash, other.paramsHash)
  );
}

/** @param {AnswerEvidence} evidence @param {Uint8Array} network @param {FindEpoch} findEpoch @returns {Promise<Verdict>} */
async function judgeAnswer({signed, header, finality, state}, network, findEpoch) {
  const {form, signature} = signed;
  checkNetwork(form.network, network);
  if (header.rootHeight !== form.height) throw new LedgerError("proof_height");
  let what = `a state root for height ${form.height} that is not the one which the validators signed`;
  if (state.length) {
    await checkSums(form, header, state);
    what = `sums for height ${form.height} that are not those of the state root which the validators signed`;
  } else if (equal(header.root, form.root)) {
    throw new LedgerError("evidence_nothing");
  }
  await verifySignedForm(form, signature);
  await findKnown(findEpoch, header.epoch).verify(header, finality);
  const summary = `The node signed ${what} (${form.method}).`;
  return {kind: "answer", culprit: toHex(form.node), epoch: Number(header.epoch), isProof: true, summary};
}

/**
 * Throw unless `getdatahash` was answered with the right root and other sums.
 *
 * @param {SignedForm} form @param {Header} header @param {Bytes} state
 */
async function checkSums(form, header, state) {
  if (state.length !== STATE_SIZE || !equal(header.root, form.root)) throw new LedgerError("evidence_malformed");
  const noParams = await sha256(utf8("{}"));
  if (form.method !== "getdatahash" || form.protocol !== 1 || !equal(form.paramsHash, noParams)) {
    throw new LedgerError("evidence_nothing");
  }
  const text = dataHashText((await ProvenState.open(form.height, header.root, [state])).totals());
  if (equal(await sha256(utf8(text)), form.answerHash)) throw new LedgerError("evidence_nothing");
}

/** @param {ReceiptEvidence} evidence @param {Uint8Array} network @param {FindEpoch} findEpoch @returns {Promise<Verdict>} */
async function judgeReceipt({receipt, signature, header, finality, nodes}, network, findEpoch) {
  checkNetwork(receipt.network, network);
  if (header.rootHeight !== receipt.expiry) {
    throw new LedgerError("proof_height", "The header carries the state root of another height than the expiry's.");
  }
  await verifyReceipt(receipt, signature);
  await findKnown(findEpoch, header.epoch).verify(header, finality);
  const state = await ProvenState.open(receipt.expiry, header.root, nodes);
  if (await state.operation(receipt.id, receipt.expiry)) throw new LedgerError("evidence_nothing");
  const summary = `The node took operation ${toHex(receipt.id)}, and no block up to its expiry ${receipt.expiry} held it.`;
  return {kind: "receipt", culprit: toHex(receipt.node), epoch: Number(header.epoch), isProof: false, summary};
}

/** @param {Uint8Array} named @param {Uint8Array} network */
function checkNetwork(named, network) {
  if (!equal(named, network)) throw new LedgerError("evidence_network");
}

/** @param {FindEpoch} findEpoch @param {bigint} number @returns {Epoch} @throws {LedgerError} `evidence_epoch`. */
function findKnown(findEpoch, number) {
  const epoch = findEpoch(number);
  if (!epoch) throw new LedgerError("evidence_epoch");
  return epoch;
}

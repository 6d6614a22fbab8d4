/**
 * Evidence: what shows anyone who knows the genesis that a validator or a node did what no correct one does:
 * docs/protocol.md, chapter 17. It says what was signed, not why: a damaged disk may have been the reason.
 */
export type Bytes = import("../bytes.js").Bytes;
export type Header = import("./block.js").Header;
export type Vote = import("./block.js").Vote;
export type Epoch = import("./epoch.js").Epoch;
export type Finality = import("./finality.js").Finality;
export type Receipt = import("./receipt.js").Receipt;
export type SignedForm = import("./receipt.js").SignedForm;
/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("./block.js").Header} Header */
/** @typedef {import("./block.js").Vote} Vote */
/** @typedef {import("./epoch.js").Epoch} Epoch */
/** @typedef {import("./finality.js").Finality} Finality */
/** @typedef {import("./receipt.js").Receipt} Receipt */
/** @typedef {import("./receipt.js").SignedForm} SignedForm */
export declare const EVIDENCE_BYTES_MAX = 65536;
export type SignedAnswer = {
    form: SignedForm;
    signature: Bytes;
};
export type VotesEvidence = {
    kind: "votes";
    network: Bytes;
    first: Vote;
    second: Vote;
};
export type AnswersEvidence = {
    kind: "answers";
    first: SignedAnswer;
    second: SignedAnswer;
};
export type AnswerEvidence = {
    kind: "answer";
    signed: SignedAnswer;
    /**
     * Carries the state root of the answer's height.
     */
    header: Header;
    finality: Finality;
    /**
     * The root's preimage where the answer has the same root, else empty.
     */
    state: Bytes;
};
export type ReceiptEvidence = {
    kind: "receipt";
    receipt: Receipt;
    signature: Bytes;
    header: Header;
    finality: Finality;
    nodes: Bytes[];
};
export type Evidence = VotesEvidence | AnswersEvidence | AnswerEvidence | ReceiptEvidence;
export type Verdict = {
    kind: "votes" | "answers" | "answer" | "receipt";
    /**
     * The key of the validator (for votes) or of the node, in hex.
     */
    culprit: string;
    /**
     * Of the votes or of the header; 0 for two answers.
     */
    epoch: number;
    /**
     * False for a suspicion.
     */
    isProof: boolean;
    /**
     * One sentence for people.
     */
    summary: string;
};
export type FindEpoch = (number: bigint) => Epoch | null | undefined;
/** @param {SignedAnswer} one @param {SignedAnswer} other @returns {AnswersEvidence} In the order of its form. */
export declare function answersEvidence(one: SignedAnswer, other: SignedAnswer): AnswersEvidence;
/** @param {Evidence} evidence @returns {Bytes} Its exact bytes. */
export declare function encodeEvidence(evidence: Evidence): Bytes;
/**
 * @param {Uint8Array} raw
 * @returns {Evidence} What it shows is for `judge`.
 * @throws {LedgerError} `evidence_too_large`, `evidence_malformed`, or the code of a malformed part.
 */
export declare function decodeEvidence(raw: Uint8Array): Evidence;
/**
 * @param {Evidence} evidence
 * @returns {bigint | null} The number of the epoch whose validators one must know to judge it; null if none is needed.
 */
export declare function epochOf(evidence: Evidence): bigint | null;
/**
 * Say what evidence shows: the cheap checks first, signatures last.
 *
 * @param {Evidence} evidence @param {Uint8Array} network @param {FindEpoch} findEpoch
 * @returns {Promise<Verdict>}
 * @throws {LedgerError} `evidence_network`, `evidence_epoch`, `evidence_nothing` (what is signed is no contradiction),
 *   `evidence_signature`, `answer_signature`, `receipt_signature`, or what `Epoch.verify` and `ProvenState` throw.
 */
export declare function judge(evidence: Evidence, network: Uint8Array, findEpoch: FindEpoch): Promise<Verdict>;

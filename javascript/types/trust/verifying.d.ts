/**
 * Verifying answers by what follows from the genesis alone. Each function takes what a node told and an `EpochChain`;
 * where it throws `header_epoch`, the chain may have to `follow` first.
 */
export type Bytes = import("../bytes.js").Bytes;
export type Header = import("../formats/block.js").Header;
export type SignedAnswer = import("../formats/evidence.js").SignedAnswer;
export type ProvenState = import("../formats/proof.js").ProvenState;
export type EpochChain = import("./epochchain.js").EpochChain;
export type ToldAnswer = import("./told.js").ToldAnswer;
export type Verified = {
    /**
     * Whether all of the answer is proven, or parts of it.
     */
    checked: import("./proving.js").Proven;
    /**
     * Where it holds.
     */
    height: number;
    /**
     * The final header that vouches for it.
     */
    header: Header;
};
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
export declare function verifyAnswer(chain: EpochChain, method: string, params: unknown, { raw, rawContext }: ToldAnswer): Promise<Verified>;
/**
 * Verify an error that says what does not exist, which came with a proof.
 *
 * @param {EpochChain} chain @param {string} method @param {unknown} params
 * @param {{code: string, rawContext: string}} error
 * @returns {Promise<Verified>}
 * @throws {LedgerError} It exists, or that it does not is not proven.
 */
export declare function verifyDenial(chain: EpochChain, method: string, params: unknown, { code, rawContext }: {
    code: string;
    rawContext: string;
}): Promise<Verified>;
/**
 * Verify that a proof's header is final and vouches for its root, and open the state.
 *
 * @param {EpochChain} chain
 * @param {unknown} told As `getproof` and contexts have it.
 * @returns {Promise<{state: ProvenState, header: Header}>}
 * @throws {LedgerError} As `EpochChain.verify` and `verifyState`.
 */
export declare function verifyProof(chain: EpochChain, told: unknown): Promise<{
    state: ProvenState;
    header: Header;
}>;
/**
 * Verify where in the log an operation is, from the result of `getproof` of an operation.
 *
 * @param {EpochChain} chain @param {unknown} told @param {Uint8Array} id @param {number} expiry
 * @returns {Promise<{height: number, header: Header, found: {height: number, index: number, result: number} | null}>}
 *   `found` is null if no block up to that height holds it; its `result` is a number of `RESULTS`.
 * @throws {LedgerError}
 */
export declare function verifyOperationProof(chain: EpochChain, told: unknown, id: Uint8Array, expiry: number): Promise<{
    height: number;
    header: Header;
    found: {
        height: number;
        index: number;
        result: number;
    } | null;
}>;
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
export declare function readSigned({ raw, rawContext }: ToldAnswer, method: string): Promise<SignedAnswer>;
export type Weighed = {
    /**
     * Of the newest state which it proves.
     */
    height: number;
    /**
     * The state root that the validators signed there, in hex.
     */
    root: string;
    /**
     * What that root stands for.
     */
    totals: import("../formats/proof.js").ProvenTotals | null;
    /**
     * The key that it signs with, in hex.
     */
    node: string;
    header: Header;
    /**
     * That it signed another state than the validators, in hex; null if it did not.
     */
    evidence: string | null;
};
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
export declare function weighState(chain: EpochChain, answer: ToldAnswer): Promise<Weighed>;
/**
 * Check a node's receipt for an operation.
 *
 * @param {Uint8Array} network @param {Uint8Array} id The operation's. @param {number} expiry The operation's.
 * @param {unknown} told As the node answered it.
 * @returns {Promise<import("../formats/receipt.js").Receipt>}
 * @throws {LedgerError} `receipt_malformed`, or `receipt_signature`: it is for something else, or not signed.
 */
export declare function verifyToldReceipt(network: Uint8Array, id: Uint8Array, expiry: number, told: unknown): Promise<import("../formats/receipt.js").Receipt>;

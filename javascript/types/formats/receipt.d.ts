/** What a node signs with its own key: receipts for operations that it took, and answers: chapters 14 and 15. */
export type Bytes = import("../bytes.js").Bytes;
/** @typedef {import("../bytes.js").Bytes} Bytes */
/** The protocol version that signed answers name. */
export declare const PROTOCOL = 1;
export declare const RECEIPT_SIZE = 112;
export type ReceiptFields = {
    network: Bytes;
    /**
     * The operation's.
     */
    id: Bytes;
    /**
     * The node's key.
     */
    node: Bytes;
    /**
     * The newest that the node had seen.
     */
    height: bigint;
    /**
     * The operation's.
     */
    expiry: bigint;
};
export type Receipt = ReceiptFields & {
    raw: Bytes;
};
export type SignedFields = {
    network: Bytes;
    /**
     * The node's key.
     */
    node: Bytes;
    protocol: number;
    /**
     * Where the answer holds.
     */
    height: bigint;
    /**
     * The state root there.
     */
    root: Bytes;
    /**
     * Of the parameters by name in canonical JSON, with all that were left out filled in.
     */
    paramsHash: Bytes;
    /**
     * Of the text of `result`, or of `error`, exactly as answered.
     */
    answerHash: Bytes;
    method: string;
};
export type SignedForm = SignedFields & {
    raw: Bytes;
};
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
export declare function makeReceipt(fields: ReceiptFields): Receipt;
/** @param {Uint8Array} raw @returns {Receipt} @throws {LedgerError} `receipt_malformed`. */
export declare function decodeReceipt(raw: Uint8Array): Receipt;
/** @param {Receipt} receipt @param {Uint8Array} signature @throws {LedgerError} `receipt_signature`. */
export declare function verifyReceipt(receipt: Receipt, signature: Uint8Array): Promise<void>;
/**
 * @param {SignedFields} fields
 * @returns {SignedForm} With the bytes that are signed behind the tag.
 * @throws {LocalError} The method's name is not 1 to 64 ASCII characters.
 */
export declare function makeSignedForm(fields: SignedFields): SignedForm;
/** @param {Uint8Array} raw @returns {SignedForm} @throws {LedgerError} `answer_malformed`. */
export declare function decodeSignedForm(raw: Uint8Array): SignedForm;
/**
 * Check that the node named in an answer signed it, and that it is the answer at hand.
 *
 * @param {SignedForm} form
 * @param {Uint8Array} signature
 * @param {string} [text] The exact text of `result` (or `error`), if it is at hand.
 * @throws {LedgerError} `answer_signature` or `answer_other`.
 */
export declare function verifySignedForm(form: SignedForm, signature: Uint8Array, text?: string): Promise<void>;

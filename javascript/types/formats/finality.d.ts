/** Why a block is final: a certificate for it, or for a descendant with the headers that lead there: chapter 11. */
export type Bytes = import("../bytes.js").Bytes;
export type Header = import("./block.js").Header;
/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("./block.js").Header} Header */
/** Headers in one proof. */
export declare const DESCENDANTS_MAX = 1024;
export type Finality = {
    /**
     * From the block's child to the block that the certificate is for.
     */
    descendants: Header[];
    certificate: import("./block.js").Certificate;
};
/**
 * @typedef {object} Finality A proof that a block is final.
 * @property {Header[]} descendants From the block's child to the block that the certificate is for.
 * @property {import("./block.js").Certificate} certificate
 */
/**
 * @param {Uint8Array} raw
 * @returns {Finality} What it proves is for `verifyFinality`.
 * @throws {LedgerError} `finality_malformed`, `header_malformed` or `certificate_malformed`.
 */
export declare function decodeFinality(raw: Uint8Array): Finality;
/**
 * Read a proof from its parts, as nodes answer it.
 *
 * @param {Uint8Array} certificate @param {readonly Uint8Array[]} [descendants]
 * @returns {Finality}
 * @throws {LedgerError} `finality_malformed`, `header_malformed` or `certificate_malformed`.
 */
export declare function readFinality(certificate: Uint8Array, descendants?: readonly Uint8Array[]): Finality;
/** @param {Finality} finality @returns {Bytes} Its exact bytes. */
export declare function encodeFinality({ descendants, certificate }: Finality): Bytes;
/**
 * Check that a block is final.
 *
 * @param {Finality} finality
 * @param {Header} header The block's.
 * @param {Uint8Array} network
 * @param {bigint} epoch The number of the epoch that the validators decide in.
 * @param {readonly Uint8Array[]} validators
 * @throws {LedgerError} `header_network`, `header_epoch`, `finality_chain`, `certificate_kind`, `certificate_block`,
 *   `certificate_validator`, `certificate_quorum` or `certificate_signature`.
 */
export declare function verifyFinality(finality: Finality, header: Header, network: Uint8Array, epoch: bigint, validators: readonly Uint8Array[]): Promise<void>;

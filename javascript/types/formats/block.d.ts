/**
 * Blocks: the header that names operations and a state, the votes for it, the certificate that makes it final:
 * docs/protocol.md, chapters 9 to 11. What is decoded keeps its exact bytes as `raw`.
 */
export type Bytes = import("../bytes.js").Bytes;
export declare const HEADER_SIZE = 236;
export declare const VOTE_SIZE = 115;
export declare const NOTARIZE = 1;
export declare const SKIP = 2;
export declare const FINALIZE = 3;
/** In votes and certificates for skipping, and where a header names no next validators. */
export declare const NOTHING: Uint8Array<ArrayBuffer>;
export type HeaderFields = {
    network: Bytes;
    /**
     * Which set of validators.
     */
    epoch: bigint;
    /**
     * The round of ordering.
     */
    view: bigint;
    height: bigint;
    /**
     * Milliseconds since 1970.
     */
    time: bigint;
    /**
     * The parent's hash; at height 1 the network's id.
     */
    parent: Bytes;
    operationsHash: Bytes;
    operationsCount: number;
    /**
     * Less than the height.
     */
    rootHeight: bigint;
    /**
     * The state's, after the block of that height.
     */
    root: Bytes;
    signaturesHash: Bytes;
    /**
     * Zeros, unless this block ends its epoch.
     */
    nextValidators: Bytes;
};
export type Header = HeaderFields & {
    raw: Bytes;
    endsEpoch: boolean;
};
export type VoteFields = {
    kind: number;
    epoch: bigint;
    view: bigint;
    /**
     * Of the block.
     */
    hash: Bytes;
    /**
     * Its index.
     */
    validator: number;
    signature: Bytes;
};
export type Vote = VoteFields & {
    raw: Bytes;
};
export type Certificate = {
    kind: number;
    epoch: bigint;
    view: bigint;
    hash: Bytes;
    /**
     * In ascending order of the index.
     */
    signatures: {
        validator: number;
        signature: Bytes;
    }[];
    raw: Bytes;
};
/**
 * @typedef {object} HeaderFields
 * @property {Bytes} network
 * @property {bigint} epoch Which set of validators.
 * @property {bigint} view The round of ordering.
 * @property {bigint} height
 * @property {bigint} time Milliseconds since 1970.
 * @property {Bytes} parent The parent's hash; at height 1 the network's id.
 * @property {Bytes} operationsHash
 * @property {number} operationsCount
 * @property {bigint} rootHeight Less than the height.
 * @property {Bytes} root The state's, after the block of that height.
 * @property {Bytes} signaturesHash
 * @property {Bytes} nextValidators Zeros, unless this block ends its epoch.
 *
 * @typedef {HeaderFields & {raw: Bytes, endsEpoch: boolean}} Header
 *
 * @typedef {object} VoteFields
 * @property {number} kind
 * @property {bigint} epoch
 * @property {bigint} view
 * @property {Bytes} hash Of the block.
 * @property {number} validator Its index.
 * @property {Bytes} signature
 *
 * @typedef {VoteFields & {raw: Bytes}} Vote
 *
 * @typedef {object} Certificate A quorum of votes of one kind for one block.
 * @property {number} kind
 * @property {bigint} epoch
 * @property {bigint} view
 * @property {Bytes} hash
 * @property {{validator: number, signature: Bytes}[]} signatures In ascending order of the index.
 * @property {Bytes} raw
 */
/** @param {number} validators @returns {number} How many of so many must sign: all but the third that may lie. */
export declare function quorum(validators: number): number;
/** @param {readonly Uint8Array[]} ids @returns {Promise<Bytes>} What a header says of its operations' ids. */
export declare function operationsHash(ids: readonly Uint8Array[]): Promise<Bytes>;
/** @param {readonly Uint8Array[]} signatures @returns {Promise<Bytes>} What a header says of its operations' signatures. */
export declare function signaturesHash(signatures: readonly Uint8Array[]): Promise<Bytes>;
/** @param {readonly Uint8Array[]} keys @returns {Promise<Bytes>} What a header says of the validators that it appoints. */
export declare function validatorsHash(keys: readonly Uint8Array[]): Promise<Bytes>;
/**
 * @param {Uint8Array} raw
 * @returns {Header}
 * @throws {LedgerError} `header_malformed`.
 */
export declare function decodeHeader(raw: Uint8Array): Header;
/** @param {HeaderFields} header @returns {Bytes} Its 236 bytes. */
export declare function encodeHeader(header: HeaderFields): Bytes;
/** @param {Pick<Header, "raw">} header @returns {Promise<Bytes>} The block's hash. */
export declare function headerHash(header: Pick<Header, "raw">): Promise<Bytes>;
/**
 * Check that operation ids and appointed validators are those that a header names.
 *
 * @param {Header} header @param {readonly Uint8Array[]} ids @param {readonly Uint8Array[]} validators
 * @throws {LedgerError} `block_operations` or `block_validators`.
 */
export declare function checkContents(header: Header, ids: readonly Uint8Array[], validators: readonly Uint8Array[]): Promise<void>;
/**
 * @param {Header} header @param {readonly Uint8Array[]} validators
 * @throws {LedgerError} `block_validators`: they are not those that the header names.
 */
export declare function checkAppointed(header: Header, validators: readonly Uint8Array[]): Promise<void>;
/**
 * @param {Uint8Array} network
 * @param {Pick<VoteFields, "kind" | "epoch" | "view" | "hash">} vote
 * @returns {Bytes} What a vote signs, without the purpose's tag.
 */
export declare function voteMessage(network: Uint8Array, { kind, epoch, view, hash }: Pick<VoteFields, "kind" | "epoch" | "view" | "hash">): Bytes;
/**
 * @param {Uint8Array} raw
 * @returns {Vote}
 * @throws {LedgerError} `vote_malformed`.
 */
export declare function decodeVote(raw: Uint8Array): Vote;
/** @param {VoteFields} vote @returns {Bytes} Its 115 bytes. */
export declare function encodeVote({ kind, epoch, view, hash, validator, signature }: VoteFields): Bytes;
/**
 * @param {Vote} vote @param {Uint8Array} network @param {readonly Uint8Array[]} validators
 * @returns {Promise<boolean>} Whether the validator that it names has signed it.
 */
export declare function verifyVote(vote: Vote, network: Uint8Array, validators: readonly Uint8Array[]): Promise<boolean>;
/**
 * @param {Vote} one @param {Vote} other
 * @returns {boolean} Whether no correct validator casts both: in one view it notarizes one block at most, finalizes no
 *   other, and does not both skip and finalize.
 */
export declare function contradict(one: Vote, other: Vote): boolean;
/**
 * @param {Uint8Array} raw
 * @returns {Certificate} That it holds a quorum of true signatures is for `verifyCertificate`.
 * @throws {LedgerError} `certificate_malformed`.
 */
export declare function decodeCertificate(raw: Uint8Array): Certificate;
/** @param {Omit<Certificate, "raw">} certificate @returns {Bytes} Its exact bytes. */
export declare function encodeCertificate({ kind, epoch, view, hash, signatures }: Omit<Certificate, "raw">): Bytes;
/**
 * Check that a quorum of the validators signed exactly this. Every signature must be true, not only a quorum of them,
 * so that all agree which certificates are good.
 *
 * @param {Certificate} certificate @param {Uint8Array} network @param {readonly Uint8Array[]} validators
 * @throws {LedgerError} `certificate_validator`, `certificate_quorum` or `certificate_signature`.
 */
export declare function verifyCertificate(certificate: Certificate, network: Uint8Array, validators: readonly Uint8Array[]): Promise<void>;

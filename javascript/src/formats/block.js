/**
 * Blocks: the header that names operations and a state, the votes for it, the certificate that makes it final:
 * docs/protocol.md, chapters 9 to 11. What is decoded keeps its exact bytes as `raw`.
 */

import {Reader, concat, equal, u16, u32, u64, u8, utf8} from "../bytes.js";
import {sha256} from "../crypto.js";
import {LedgerError} from "./errors.js";
import {VALIDATORS_MAX} from "./genesis.js";
import {SIGNATURE_SIZE, VOTE, verify} from "./keys.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */

const HEADER_TAG = utf8("cloudnode header 1\n");
const OPERATIONS_TAG = utf8("cloudnode operations 1\n");
const SIGNATURES_TAG = utf8("cloudnode signatures 1\n");
const VALIDATORS_TAG = utf8("cloudnode validators 1\n");

export const HEADER_SIZE = 236;
export const VOTE_SIZE = 115;

export const NOTARIZE = 1;
export const SKIP = 2;
export const FINALIZE = 3;

/** In votes and certificates for skipping, and where a header names no next validators. */
export const NOTHING = new Uint8Array(32);

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
export function quorum(validators) {
  return validators - Math.floor((validators - 1) / 3);
}

/** @param {readonly Uint8Array[]} ids @returns {Promise<Bytes>} What a header says of its operations' ids. */
export function operationsHash(ids) {
  return sha256(OPERATIONS_TAG, ...ids);
}

/** @param {readonly Uint8Array[]} signatures @returns {Promise<Bytes>} What a header says of its operations' signatures. */
export function signaturesHash(signatures) {
  return sha256(SIGNATURES_TAG, ...signatures);
}

/** @param {readonly Uint8Array[]} keys @returns {Promise<Bytes>} What a header says of the validators that it appoints. */
export async function validatorsHash(keys) {
  return keys.length ? sha256(VALIDATORS_TAG, ...keys) : NOTHING;
}

/**
 * @param {Uint8Array} raw
 * @returns {Header}
 * @throws {LedgerError} `header_malformed`.
 */
export function decodeHeader(raw) {
  const reader = new Reader(raw, "header_malformed");
  const fields = {
    network: reader.take(32),
    epoch: reader.u64(),
    view: reader.u64(),
    height: reader.u64(),
    time: reader.u64(),
    parent: reader.take(32),
    operationsHash: reader.take(32),
    operationsCount: reader.u32(),
    rootHeight: reader.u64(),
    root: reader.take(32),
    signaturesHash: reader.take(32),
    nextValidators: reader.take(32),
  };
  reader.end();
  const endsEpoch = !equal(fields.nextValidators, NOTHING);
  if (fields.rootHeight >= fields.height) {
    throw new LedgerError("header_malformed", "A header's root_height is less than its height.");
  }
  if (endsEpoch && fields.operationsCount !== 1) {
    throw new LedgerError("header_malformed", "A block that appoints validators holds one operation.");
  }
  return {...fields, endsEpoch, raw: /** @type {Bytes} */ (raw)};
}

/** @param {HeaderFields} header @returns {Bytes} Its 236 bytes. */
export function encodeHeader(header) {
  return concat(
    header.network,
    u64(header.epoch),
    u64(header.view),
    u64(header.height),
    u64(header.time),
    header.parent,
    header.operationsHash,
    u32(header.operationsCount),
    u64(header.rootHeight),
    header.root,
    header.signaturesHash,
    header.nextValidators,
  );
}

/** @param {Pick<Header, "raw">} header @returns {Promise<Bytes>} The block's hash. */
export function headerHash(header) {
  return sha256(HEADER_TAG, header.raw);
}

/**
 * Check that operation ids and appointed validators are those that a header names.
 *
 * @param {Header} header @param {readonly Uint8Array[]} ids @param {readonly Uint8Array[]} validators
 * @throws {LedgerError} `block_operations` or `block_validators`.
 */
export async function checkContents(header, ids, validators) {
  if (header.operationsCount !== ids.length || !equal(header.operationsHash, await operationsHash(ids))) {
    throw new LedgerError("block_operations");
  }
  await checkAppointed(header, validators);
}

/**
 * @param {Header} header @param {readonly Uint8Array[]} validators
 * @throws {LedgerError} `block_validators`: they are not those that the header names.
 */
export async function checkAppointed(header, validators) {
  const isEachOnce = new Set(validators.map((key) => key.join())).size === validators.length;
  const areKeys = validators.length <= VALIDATORS_MAX && validators.every((key) => key.length === 32);
  if (!areKeys || !isEachOnce || !equal(header.nextValidators, await validatorsHash(validators))) {
    throw new LedgerError("block_validators");
  }
}

// Votes

/**
 * @param {Uint8Array} network
 * @param {Pick<VoteFields, "kind" | "epoch" | "view" | "hash">} vote
 * @returns {Bytes} What a vote signs, without the purpose's tag.
 */
export function voteMessage(network, {kind, epoch, view, hash}) {
  return concat(network, u8(kind), u64(epoch), u64(view), hash);
}

/**
 * @param {Uint8Array} raw
 * @returns {Vote}
 * @throws {LedgerError} `vote_malformed`.
 */
export function decodeVote(raw) {
  const reader = new Reader(raw, "vote_malformed");
  const fields = {
    kind: reader.u8(),
    epoch: reader.u64(),
    view: reader.u64(),
    hash: reader.take(32),
    validator: reader.u16(),
    signature: reader.take(SIGNATURE_SIZE),
  };
  reader.end();
  if (!isKind(fields)) throw new LedgerError("vote_malformed");
  return {...fields, raw: /** @type {Bytes} */ (raw)};
}

/** @param {VoteFields} vote @returns {Bytes} Its 115 bytes. */
export function encodeVote({kind, epoch, view, hash, validator, signature}) {
  return concat(u8(kind), u64(epoch), u64(view), hash, u16(validator), signature);
}

/**
 * @param {Vote} vote @param {Uint8Array} network @param {readonly Uint8Array[]} validators
 * @returns {Promise<boolean>} Whether the validator that it names has signed it.
 */
export async function verifyVote(vote, network, validators) {
  const key = validators[vote.validator];
  return key !== undefined && verify(key, VOTE, voteMessage(network, vote), vote.signature);
}

/**
 * @param {Vote} one @param {Vote} other
 * @returns {boolean} Whether no correct validator casts both: in one view it notarizes one block at most, finalizes no
 *   other, and does not both skip and finalize.
 */
export function contradict(one, other) {
  if (one.validator !== other.validator || one.epoch !== other.epoch || one.view !== other.view) return false;
  const kinds = [one.kind, other.kind];
  if (one.kind !== other.kind && kinds.includes(SKIP)) return kinds.includes(FINALIZE);
  return !equal(one.hash, other.hash);
}

// Certificates

/**
 * @param {Uint8Array} raw
 * @returns {Certificate} That it holds a quorum of true signatures is for `verifyCertificate`.
 * @throws {LedgerError} `certificate_malformed`.
 */
export function decodeCertificate(raw) {
  const reader = new Reader(raw, "certificate_malformed");
  const fields = {kind: reader.u8(), epoch: reader.u64(), view: reader.u64(), hash: reader.take(32)};
  const count = reader.u16();
  if (reader.left !== count * (2 + SIGNATURE_SIZE) || !isKind(fields)) throw new LedgerError("certificate_malformed");
  const signatures = [];
  for (let last = -1; reader.left; ) {
    const validator = reader.u16();
    if (validator <= last) {
      throw new LedgerError("certificate_malformed", "A certificate's validators are not in ascending order.");
    }
    last = validator;
    signatures.push({validator, signature: reader.take(SIGNATURE_SIZE)});
  }
  return {...fields, signatures, raw: /** @type {Bytes} */ (raw)};
}

/** @param {Omit<Certificate, "raw">} certificate @returns {Bytes} Its exact bytes. */
export function encodeCertificate({kind, epoch, view, hash, signatures}) {
  const signed = signatures.map(({validator, signature}) => concat(u16(validator), signature));
  return concat(u8(kind), u64(epoch), u64(view), hash, u16(signatures.length), ...signed);
}

/**
 * Check that a quorum of the validators signed exactly this. Every signature must be true, not only a quorum of them,
 * so that all agree which certificates are good.
 *
 * @param {Certificate} certificate @param {Uint8Array} network @param {readonly Uint8Array[]} validators
 * @throws {LedgerError} `certificate_validator`, `certificate_quorum` or `certificate_signature`.
 */
export async function verifyCertificate(certificate, network, validators) {
  const {signatures} = certificate;
  if (signatures.some(({validator}) => validator >= validators.length)) throw new LedgerError("certificate_validator");
  if (signatures.length < quorum(validators.length)) throw new LedgerError("certificate_quorum");
  const message = voteMessage(network, certificate);
  const areTrue = await Promise.all(
    signatures.map(({validator, signature}) =>
      verify(/** @type {Uint8Array} */ (validators[validator]), VOTE, message, signature),
    ),
  );
  if (areTrue.includes(false)) {
    const index = signatures[areTrue.indexOf(false)]?.validator;
    throw new LedgerError("certificate_signature", `The signature of validator ${index} is not true.`);
  }
}

/** @param {{kind: number, hash: Uint8Array}} signed */
function isKind({kind, hash}) {
  return kind === NOTARIZE || kind === FINALIZE || (kind === SKIP && equal(hash, NOTHING));
}

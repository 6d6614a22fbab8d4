/** Why a block is final: a certificate for it, or for a descendant with the headers that lead there: chapter 11. */

import {Reader, concat, equal, u16} from "../bytes.js";
import {FINALIZE, HEADER_SIZE, decodeCertificate, decodeHeader, headerHash, verifyCertificate} from "./block.js";
import {LedgerError} from "./errors.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("./block.js").Header} Header */

/** Headers in one proof. */
export const DESCENDANTS_MAX = 1024;

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
export function decodeFinality(raw) {
  const reader = new Reader(raw, "finality_malformed");
  const count = reader.u16();
  if (count > DESCENDANTS_MAX) throw new LedgerError("finality_malformed");
  const headers = Array.from({length: count}, () => reader.take(HEADER_SIZE));
  return readFinality(reader.rest(), headers);
}

/**
 * Read a proof from its parts, as nodes answer it.
 *
 * @param {Uint8Array} certificate @param {readonly Uint8Array[]} [descendants]
 * @returns {Finality}
 * @throws {LedgerError} `finality_malformed`, `header_malformed` or `certificate_malformed`.
 */
export function readFinality(certificate, descendants = []) {
  if (descendants.length > DESCENDANTS_MAX) throw new LedgerError("finality_malformed");
  return {descendants: descendants.map(decodeHeader), certificate: decodeCertificate(certificate)};
}

/** @param {Finality} finality @returns {Bytes} Its exact bytes. */
export function encodeFinality({descendants, certificate}) {
  return concat(u16(descendants.length), ...descendants.map(({raw}) => raw), certificate.raw);
}

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
export async function verifyFinality(finality, header, network, epoch, validators) {
  if (!equal(header.network, network)) throw new LedgerError("header_network");
  if (header.epoch !== epoch) throw new LedgerError("header_epoch");
  await checkBlock(finality, header);
  await verifyCertificate(finality.certificate, network, validators);
}

/**
 * Check that a proof is about a block; whether the signatures are true is not looked at.
 *
 * @param {Finality} finality @param {Header} header
 * @throws {LedgerError} As `verifyFinality`, but for the last three.
 */
async function checkBlock({descendants, certificate}, header) {
  const line = [header, ...descendants];
  const hashes = await Promise.all(line.map(headerHash));
  descendants.forEach((child, at) => {
    const parent = /** @type {Header} */ (line[at]);
    if (!equal(child.network, header.network)) throw new LedgerError("header_network");
    if (child.epoch !== header.epoch) throw new LedgerError("header_epoch");
    const isChild = equal(child.parent, /** @type {Bytes} */ (hashes[at])) && child.height === parent.height + 1n;
    if (!isChild || child.view <= parent.view) throw new LedgerError("finality_chain");
  });
  const [last, hash] = [/** @type {Header} */ (line.at(-1)), /** @type {Bytes} */ (hashes.at(-1))];
  if (certificate.epoch !== header.epoch) throw new LedgerError("header_epoch");
  if (certificate.kind !== FINALIZE) throw new LedgerError("certificate_kind");
  if (!equal(certificate.hash, hash) || certificate.view !== last.view) throw new LedgerError("certificate_block");
}

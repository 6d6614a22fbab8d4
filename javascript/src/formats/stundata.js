/**
 * STUN data: what a node says of the addresses at which it is reached from outside, signed with its own key, and of the
 * certificates that it shows there: docs/protocol.md, chapter 18. It says nothing of a node's private addresses.
 */

import {Reader, equal} from "../bytes.js";
import {LedgerError} from "./errors.js";
import {SIGNATURE_SIZE, STUN_DATA, TLS, verify} from "./keys.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */

/** Of a record with its signature. */
export const STUN_DATA_BYTES_MAX = 4096;

const ENDPOINTS_MAX = 64;
const CERTIFICATES_MAX = 4;

/** Seconds between issue and expiry at most. */
const LIFETIME_MAX = 3600n;

/** Seconds that a record may have been issued in the future, for clocks differ. */
const AHEAD_MAX = 600;

// The place of a name is its code.
const PROTOCOLS = /** @type {const} */ (["udp", "tcp"]);
const SOURCES = /** @type {const} */ (["stun", "interface", "router"]);
const BEHAVIOURS = /** @type {const} */ ([
  "unknown", "none", "endpoint-independent", "address-dependent", "address-and-port-dependent",
]);
const TRISTATES = /** @type {const} */ (["unknown", "no", "yes"]);
const SYNS = /** @type {const} */ (["unknown", "accepted", "dropped", "reset"]);

/** Networks whose addresses mean nothing, or another thing, elsewhere: first bytes, and how many bits of them count. */
const LOCAL_4 = [
  [[0], 8], [[10], 8], [[100, 64], 10], [[127], 8], [[169, 254], 16], [[172, 16], 12], [[192, 168], 16], [[224], 3],
];
const LOCAL_6 = [[new Array(16).fill(0), 127], [[0xfc, 0], 7], [[0xfe, 0x80], 10], [[0xff], 8]];
const MAPPED_4 = [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], 96];

/**
 * @typedef {object} Endpoint Where a node serves its API and takes links, as somebody outside saw it.
 * @property {"udp" | "tcp"} protocol
 * @property {string} address A public IP address.
 * @property {number} port
 * @property {Bytes} observer The key of the node that saw it.
 * @property {"stun" | "interface" | "router"} source A NAT's mapping; one of the node's own ports, which the observer
 *   reached; a port that the router forwards on request.
 *
 * @typedef {object} NatKind RFC 4787 and RFC 5382.
 * @property {typeof BEHAVIOURS[number]} mapping
 * @property {typeof BEHAVIOURS[number]} filtering
 * @property {"unknown" | "no" | "yes"} ports Whether it keeps the port numbers.
 * @property {"unknown" | "no" | "yes"} hairpin Whether those behind it reach each other by their outer addresses.
 * @property {typeof SYNS[number]} syn What becomes of a TCP connection that nobody inside asked for.
 *
 * @typedef {object} CertificateHash A TLS certificate that the node shows.
 * @property {Bytes} hash SHA-256 of its DER form.
 * @property {bigint} notBefore Unix seconds. @property {bigint} notAfter
 * @property {Bytes} signature By the node's key: `vouchesFor`.
 *
 * @typedef {object} StunData What one node says of how it is reached.
 * @property {Bytes} network
 * @property {Bytes} node
 * @property {bigint} sequence Of two records of a node the one with the greater counts.
 * @property {bigint} issued Unix seconds. @property {bigint} expiry
 * @property {NatKind} nat
 * @property {Endpoint[]} endpoints
 * @property {CertificateHash[]} certificates
 */

/**
 * Read a signed record and check that it is of this network and signed by the node that it describes.
 *
 * @param {Uint8Array} encoded @param {Uint8Array} network
 * @returns {Promise<StunData>}
 * @throws {LedgerError} `stun_data_too_large`, `stun_data_malformed`, `stun_data_network`, `stun_data_signature`.
 */
export async function readStunData(encoded, network) {
  if (encoded.length > STUN_DATA_BYTES_MAX) throw new LedgerError("stun_data_too_large");
  const end = Math.max(0, encoded.length - SIGNATURE_SIZE);
  const [raw, signature] = [encoded.subarray(0, end), encoded.subarray(end)];
  const data = decodeStunData(raw);
  if (!equal(data.network, network)) throw new LedgerError("stun_data_network");
  if (!(await verify(data.node, STUN_DATA, raw, signature))) throw new LedgerError("stun_data_signature");
  return data;
}

/** @param {Uint8Array} raw Without the signature. @returns {StunData} @throws {LedgerError} `stun_data_malformed`. */
export function decodeStunData(raw) {
  const reader = new Reader(raw, "stun_data_malformed");
  const [network, node] = [reader.take(32), reader.take(32)];
  const [sequence, issued, expiry] = [reader.u64(), reader.u64(), reader.u64()];
  if (expiry < issued || expiry - issued > LIFETIME_MAX) throw new LedgerError("stun_data_malformed");
  const nat = {
    mapping: named(reader, BEHAVIOURS),
    filtering: named(reader, BEHAVIOURS),
    ports: named(reader, TRISTATES),
    hairpin: named(reader, TRISTATES),
    syn: named(reader, SYNS),
  };
  const endpoints = many(reader, ENDPOINTS_MAX, readEndpoint);
  const certificates = many(reader, CERTIFICATES_MAX, readCertificate);
  reader.end();
  return {network, node, sequence, issued, expiry, nat, endpoints, certificates};
}

/**
 * @template {string} T
 * @param {Reader} reader @param {readonly T[]} names
 * @returns {T}
 */
function named(reader, names) {
  const name = names[reader.u8()];
  if (name === undefined) throw new LedgerError("stun_data_malformed");
  return name;
}

/**
 * @template T
 * @param {Reader} reader @param {number} most @param {(reader: Reader) => T} read
 * @returns {T[]}
 */
function many(reader, most, read) {
  const count = reader.u8();
  if (count > most) throw new LedgerError("stun_data_malformed");
  return Array.from({length: count}, () => read(reader));
}

/** @param {Reader} reader @returns {Endpoint} */
function readEndpoint(reader) {
  const [protocol, source] = [named(reader, PROTOCOLS), named(reader, SOURCES)];
  const [port, observer] = [reader.u16(), reader.take(32)];
  const address = reader.take(reader.u8());
  const isPublic = (address.length === 4 || address.length === 16) && !isLocal(address) && !isWithin(address, MAPPED_4);
  if (!port || !isPublic) throw new LedgerError("stun_data_malformed");
  return {protocol, address: formatIp(address), port, observer, source};
}

/** @param {Reader} reader @returns {CertificateHash} */
function readCertificate(reader) {
  const [hash, notBefore, notAfter] = [reader.take(32), reader.u64(), reader.u64()];
  return {hash, notBefore, notAfter, signature: reader.take(SIGNATURE_SIZE)};
}

/**
 * @param {StunData} data
 * @param {number} now Unix seconds.
 * @throws {LedgerError} `stun_data_expired`, `stun_data_future`: it does not count now.
 */
export function checkTime(data, now) {
  if (now > Number(data.expiry)) throw new LedgerError("stun_data_expired");
  if (Number(data.issued) > now + AHEAD_MAX) throw new LedgerError("stun_data_future");
}

/**
 * @param {Uint8Array} node A node's key. @param {Uint8Array} hash Of a certificate. @param {Uint8Array} signature
 * @returns {Promise<boolean>} Whether the node says that it shows this certificate.
 */
export function vouchesFor(node, hash, signature) {
  return verify(node, TLS, hash, signature);
}

/** @param {Uint8Array} address 4 or 16 bytes. */
function isLocal(address) {
  return (address.length === 4 ? LOCAL_4 : LOCAL_6).some((network) => isWithin(address, network));
}

/** @param {Uint8Array} address @param {any[]} network */
function isWithin(address, [first, bits]) {
  for (let at = 0; at < bits; at += 8) {
    const shift = Math.max(0, 8 - (bits - at));
    if (/** @type {number} */ (address[at / 8]) >> shift !== first[at / 8] >> shift) return false;
  }
  return true;
}

/** @param {Uint8Array} address @returns {string} As RFC 5952 has it. */
function formatIp(address) {
  if (address.length === 4) return address.join(".");
  const groups = Array.from({length: 8}, (_, at) => {
    return (/** @type {number} */ (address[2 * at]) * 256 + /** @type {number} */ (address[2 * at + 1])).toString(16);
  });
  let [begin, length] = [0, 1]; // of the longest run of zeros, the first of those; one group alone is written
  for (let at = 0, run = 0; at < 8; at += 1) {
    run = groups[at] === "0" ? run + 1 : 0;
    if (run > length) [begin, length] = [at - run + 1, run];
  }
  if (length < 2) return groups.join(":");
  return `${groups.slice(0, begin).join(":")}::${groups.slice(begin + length).join(":")}`;
}

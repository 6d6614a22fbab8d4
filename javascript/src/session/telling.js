/**
 * Where nodes say that they and their peers can be asked: `getnodeinfo`, `getpeerinfo` and `getstuninfo` as places.
 *
 * Addresses may be anything and are tried, no more. Certificates count only if they are signed by the node whose they
 * are, so that nobody has a session take another node for it.
 */

import {isCount, isObject} from "./told.js";

/** Interfaces read of one node, endpoints of one record, and records of one answer. */
const INTERFACES_MAX = 8;
const ENDPOINTS_MAX = 4;
const RECORDS_MAX = 64;

/** What a node calls its interfaces, and the scheme by which each is asked. TLS over TCP would need an authority. */
const SCHEMES = new Map([["ws", "ws"], ["http", "http"], ["webtransport", "ws+udp"]]);

/** NATs that let strangers in at a mapped port. */
const OPEN = new Set(["none", "endpoint-independent"]);

/**
 * @typedef {object} ToldPlace
 * @property {import("./address.js").NodeAddress} address
 * @property {string} node The key of the node there, in hex.
 * @property {string[]} certificates Hashes that the node signed, in hex; none where none are needed.
 *
 * @typedef {object} ToldCertificate
 * @property {string} hash In hex.
 * @property {number} notAfter Unix seconds.
 *
 * @typedef {object} ToldRecord STUN data whose signature was checked.
 * @property {string} node
 * @property {number} expiry Unix seconds.
 * @property {{protocol: "udp" | "tcp", source: "stun" | "interface" | "router", address: string, port: number}[]}
 *   endpoints
 * @property {{filtering: string, syn: string}} nat
 * @property {ToldCertificate[]} certificates
 *
 * @typedef {object} Reader Checks what is signed.
 * @property {(hex: string) => Promise<ToldRecord | null>} record Reads STUN data; null if it is not valid.
 * @property {(node: string, told: unknown) => Promise<ToldCertificate[]>} certificates Those that the node signed.
 */

/**
 * A node's own interfaces, at the host where it is reached.
 *
 * @param {unknown} info The answer to `getnodeinfo`.
 * @param {string} host
 * @param {Reader} reader
 * @param {number} now Unix seconds.
 * @returns {Promise<ToldPlace[]>}
 */
export async function placesOfInfo(info, host, reader, now) {
  if (!isObject(info) || typeof info.node !== "string") return [];
  const certificates = valid(await reader.certificates(info.node, info.certificates), now);
  return interfaces(info.interfaces, info.node, certificates, () => host);
}

/**
 * @param {unknown} peers The answer to `getpeerinfo`.
 * @param {Reader} reader
 * @param {number} now Unix seconds.
 * @returns {Promise<ToldPlace[]>}
 */
export async function placesOfPeers(peers, reader, now) {
  const places = [];
  for (const peer of Array.isArray(peers) ? peers.slice(0, RECORDS_MAX) : []) {
    if (!isObject(peer) || typeof peer.addr !== "string" || typeof peer.id !== "string") continue;
    const host = peer.addr.slice(0, Math.max(0, peer.addr.lastIndexOf(":"))).replace(/^\[|\]$/g, "");
    const record = isObject(peer.stun) && typeof peer.stun.record === "string"
      ? await reader.record(peer.stun.record)
      : null;
    const certificates = record?.node === peer.id && record.expiry > now ? valid(record.certificates, now) : [];
    places.push(...interfaces(peer.interfaces, peer.id, certificates, (told) => told || host));
  }
  return places;
}

/**
 * Where nodes are reached from outside by their STUN data: their own ports, those that a router forwards, and mapped
 * ones where the NAT lets strangers in.
 *
 * @param {unknown} info The answer to `getstuninfo`.
 * @param {Reader} reader
 * @param {number} now Unix seconds.
 * @returns {Promise<ToldPlace[]>}
 */
export async function placesOfStun(info, reader, now) {
  const places = [];
  const records = isObject(info) && Array.isArray(info.nodes) ? info.nodes.slice(0, RECORDS_MAX) : [];
  for (const told of records) {
    const record = isObject(told) && typeof told.record === "string" ? await reader.record(told.record) : null;
    if (!record || record.expiry <= now) continue;
    const certificates = valid(record.certificates, now);
    const open = record.endpoints.filter(({protocol, source}) => {
      if (source !== "stun") return true;
      return protocol === "udp" ? OPEN.has(record.nat.filtering) : record.nat.syn === "accepted";
    });
    const seen = new Set();
    for (const {protocol, address, port} of open) {
      const scheme = protocol === "udp" ? "ws+udp" : "ws";
      if (seen.has(`${scheme} ${address} ${port}`) || seen.size === ENDPOINTS_MAX) continue;
      seen.add(`${scheme} ${address} ${port}`);
      const place = at(scheme, address, port, record.node, certificates);
      if (place) places.push(place);
    }
  }
  return places;
}

/**
 * @param {unknown} told
 * @param {string} node
 * @param {string[]} certificates
 * @param {(told: string) => string} hostOf
 * @returns {ToldPlace[]}
 */
function interfaces(told, node, certificates, hostOf) {
  const places = [];
  for (const each of Array.isArray(told) ? told.slice(0, INTERFACES_MAX) : []) {
    if (!isObject(each) || typeof each.transport !== "string" || !isCount(each.port)) continue;
    const host = hostOf(typeof each.address === "string" ? each.address : "");
    const place = at(SCHEMES.get(each.transport), host, each.port, node, certificates);
    if (place) places.push(place);
  }
  return places;
}

/**
 * @param {string | undefined} scheme
 * @param {string} host
 * @param {number} port
 * @param {string} node
 * @param {string[]} certificates
 * @returns {ToldPlace | null} Null where nothing can be asked.
 */
function at(scheme, host, port, node, certificates) {
  const isHost = /^[0-9a-z.-]{1,253}$|^[0-9a-f:.]{2,45}$/i.test(host);
  if (!scheme || !isHost || port < 1 || port > 65535 || !/^[0-9a-f]{64}$/.test(node)) return null;
  const isVouched = scheme === "ws+udp";
  if (isVouched && !certificates.length) return null;
  const address = {scheme, host: host.toLowerCase(), port, path: "/", certificates: []};
  return {address, node, certificates: isVouched ? certificates : []};
}

/** @param {ToldCertificate[]} certificates @param {number} now Those that are not over. */
function valid(certificates, now) {
  return certificates.filter((each) => each.notAfter > now).map((each) => each.hash);
}

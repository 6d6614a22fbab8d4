/**
 * STUN data: what a node says of the addresses at which it is reached from outside, signed with its own key, and of the
 * certificates that it shows there: docs/protocol.md, chapter 18. It says nothing of a node's private addresses.
 */
export type Bytes = import("../bytes.js").Bytes;
/** @typedef {import("../bytes.js").Bytes} Bytes */
/** Of a record with its signature. */
export declare const STUN_DATA_BYTES_MAX = 4096;
declare const BEHAVIOURS: readonly ["unknown", "none", "endpoint-independent", "address-dependent", "address-and-port-dependent"];
declare const SYNS: readonly ["unknown", "accepted", "dropped", "reset"];
export type Endpoint = {
    protocol: "udp" | "tcp";
    /**
     * A public IP address.
     */
    address: string;
    port: number;
    /**
     * The key of the node that saw it.
     */
    observer: Bytes;
    /**
     * A NAT's mapping; one of the node's own ports, which the observer
     * reached; a port that the router forwards on request.
     */
    source: "stun" | "interface" | "router";
};
export type NatKind = {
    mapping: typeof BEHAVIOURS[number];
    filtering: typeof BEHAVIOURS[number];
    /**
     * Whether it keeps the port numbers.
     */
    ports: "unknown" | "no" | "yes";
    /**
     * Whether those behind it reach each other by their outer addresses.
     */
    hairpin: "unknown" | "no" | "yes";
    /**
     * What becomes of a TCP connection that nobody inside asked for.
     */
    syn: typeof SYNS[number];
};
export type CertificateHash = {
    /**
     * SHA-256 of its DER form.
     */
    hash: Bytes;
    /**
     * Unix seconds.
     */
    notBefore: bigint;
    notAfter: bigint;
    /**
     * By the node's key: `vouchesFor`.
     */
    signature: Bytes;
};
export type StunData = {
    network: Bytes;
    node: Bytes;
    /**
     * Of two records of a node the one with the greater counts.
     */
    sequence: bigint;
    /**
     * Unix seconds.
     */
    issued: bigint;
    expiry: bigint;
    nat: NatKind;
    endpoints: Endpoint[];
    certificates: CertificateHash[];
};
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
export declare function readStunData(encoded: Uint8Array, network: Uint8Array): Promise<StunData>;
/** @param {Uint8Array} raw Without the signature. @returns {StunData} @throws {LedgerError} `stun_data_malformed`. */
export declare function decodeStunData(raw: Uint8Array): StunData;
/**
 * @param {StunData} data
 * @param {number} now Unix seconds.
 * @throws {LedgerError} `stun_data_expired`, `stun_data_future`: it does not count now.
 */
export declare function checkTime(data: StunData, now: number): void;
/**
 * @param {Uint8Array} node A node's key. @param {Uint8Array} hash Of a certificate. @param {Uint8Array} signature
 * @returns {Promise<boolean>} Whether the node says that it shows this certificate.
 */
export declare function vouchesFor(node: Uint8Array, hash: Uint8Array, signature: Uint8Array): Promise<boolean>;
export {};

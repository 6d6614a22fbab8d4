/**
 * WebTransport: how a page reaches a node that has neither a domain nor an authority's certificate, behind a NAT too.
 *
 * The browser takes the certificate whose hash the page names. One bidirectional stream of the session is one connection
 * to the API; see docs/transports.md.
 */
export type WebTransportClass = new (url: string, options: object) => any;
/** @typedef {new (url: string, options: object) => any} WebTransportClass */
/**
 * Connect.
 *
 * @param {import("../session/address.js").NodeAddress} address Of scheme `ws+udp`: the port serves WebTransport as well.
 * @param {string[]} certificates SHA-256 hashes of the certificates to take, in hex; none for an authority's.
 * @param {WebTransportClass} WebTransport
 * @param {import("./opening.js").Limits} limits
 * @returns {Promise<import("../session/client.js").Carrier>}
 * @throws {ConnectionFailed} The node can't be reached, or shows another certificate.
 */
export declare function openWebTransport(address: import("../session/address.js").NodeAddress, certificates: string[], WebTransport: WebTransportClass, limits: import("./opening.js").Limits): Promise<import("../session/client.js").Carrier>;

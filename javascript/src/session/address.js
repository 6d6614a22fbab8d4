/** Where a node is: a URL of one of the transports, taken apart. Pure. */

import {AddressInvalid} from "./errors.js";

/** The default port of each scheme. @type {Record<string, number>} */
export const SCHEMES = {http: 38081, https: 38081, ws: 38082, wss: 38082, "ws+udp": 38083};

const URL_FORM = /^([a-z+]+):\/\/(\[[0-9a-fA-F:.]+\]|[^\s/:?#@[\]]+)(?::(\d{1,5}))?(\/[^\s?#]*)?(?:#([0-9a-f,]*))?$/;

const CERTIFICATES_MAX = 4;

/**
 * A node's address.
 *
 * @typedef {object} NodeAddress
 * @property {string} scheme One of `SCHEMES`.
 * @property {string} host A name, an IPv4 or an IPv6 address without brackets.
 * @property {number} port
 * @property {string} path `/` at least.
 * @property {string[]} certificates Of a `ws+udp` URL, behind `#`: SHA-256 hashes of certificates to take, in hex.
 */

/**
 * Read `scheme://host[:port][/path]`, of `ws+udp` also `#` with certificates' hashes, separated by commas.
 *
 * @param {string} url
 * @returns {NodeAddress}
 * @throws {AddressInvalid} It is not that, or the scheme is none of `SCHEMES`.
 */
export function parseUrl(url) {
  const [, scheme, host, port, path, fragment] = URL_FORM.exec(url) ?? [];
  const number = port === undefined ? SCHEMES[scheme] : Number(port);
  if (!Object.hasOwn(SCHEMES, scheme ?? "") || !(number > 0 && number < 65536)) {
    const known = Object.keys(SCHEMES).map((each) => `${each}://`).join(", ");
    throw new AddressInvalid(
      `${JSON.stringify(url)} names no node: give ${known} with a host, such as ws://127.0.0.1:38082.`,
    );
  }
  const certificates = fragment ? fragment.split(",") : [];
  const areHashes = certificates.length <= CERTIFICATES_MAX && certificates.every((each) => each.length === 64);
  if (fragment !== undefined && (scheme !== "ws+udp" || !areHashes)) {
    throw new AddressInvalid(
      `${JSON.stringify(url)}: behind # stand the SHA-256 hashes of certificates, 64 hex digits each, of ws+udp alone.`,
    );
  }
  return {scheme, host: host.replace(/^\[|\]$/g, "").toLowerCase(), port: number, path: path ?? "/", certificates};
}

/** @param {Pick<NodeAddress, "host" | "port">} address @returns {string} `host:port` as it stands in a URL. */
export function authority({host, port}) {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** @param {Omit<NodeAddress, "certificates">} address @returns {string} The URL in its one form, without a fragment. */
export function formatUrl(address) {
  return `${address.scheme}://${authority(address)}${address.path === "/" ? "" : address.path}`;
}

/**
 * What a program (or the page that it runs in) can use.
 *
 * @typedef {object} Surroundings
 * @property {boolean} isSecurePage Whether it is a page that came by https, where requests in the clear are refused.
 * @property {boolean} hasWebTransport Whether WebTransport is there: not in Node.js, and in pages only where the
 *   browser takes their origin for secure.
 */

/**
 * Why a node can't be reached at an address from here.
 *
 * @param {NodeAddress} address
 * @param {Surroundings} surroundings
 * @returns {string | null} A sentence; null if it can.
 */
export function obstacle(address, surroundings) {
  if (address.scheme === "ws+udp" && !surroundings.hasWebTransport) {
    return "There is no WebTransport here: it needs a browser that has it, and a page from https or from localhost.";
  }
  if ((address.scheme === "ws" || address.scheme === "http") && surroundings.isSecurePage && !isLoopback(address.host)) {
    return `A page from https may not use ${address.scheme}: give wss, https or ws+udp.`;
  }
  return null;
}

/** @param {string} host */
function isLoopback(host) {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

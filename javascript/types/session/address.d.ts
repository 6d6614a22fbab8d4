/** Where a node is: a URL of one of the transports, taken apart. Pure. */
/** The default port of each scheme. @type {Record<string, number>} */
export declare const SCHEMES: Record<string, number>;
export type NodeAddress = {
    /**
     * One of `SCHEMES`.
     */
    scheme: string;
    /**
     * A name, an IPv4 or an IPv6 address without brackets.
     */
    host: string;
    port: number;
    /**
     * `/` at least.
     */
    path: string;
    /**
     * Of a `ws+udp` URL, behind `#`: SHA-256 hashes of certificates to take, in hex.
     */
    certificates: string[];
};
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
export declare function parseUrl(url: string): NodeAddress;
/** @param {Pick<NodeAddress, "host" | "port">} address @returns {string} `host:port` as it stands in a URL. */
export declare function authority({ host, port }: Pick<NodeAddress, "host" | "port">): string;
/** @param {Omit<NodeAddress, "certificates">} address @returns {string} The URL in its one form, without a fragment. */
export declare function formatUrl(address: Omit<NodeAddress, "certificates">): string;
export type Surroundings = {
    /**
     * Whether it is a page that came by https, where requests in the clear are refused.
     */
    isSecurePage: boolean;
    /**
     * Whether WebTransport is there: not in Node.js, and in pages only where the
     * browser takes their origin for secure.
     */
    hasWebTransport: boolean;
};
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
export declare function obstacle(address: NodeAddress, surroundings: Surroundings): string | null;

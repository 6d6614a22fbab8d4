/**
 * Where nodes say that they and their peers can be asked: `getnodeinfo`, `getpeerinfo` and `getstuninfo` as places.
 *
 * Addresses may be anything and are tried, no more. Certificates count only if they are signed by the node whose they
 * are, so that nobody has a session take another node for it.
 */
export type ToldPlace = {
    address: import("./address.js").NodeAddress;
    /**
     * The key of the node there, in hex.
     */
    node: string;
    /**
     * Hashes that the node signed, in hex; none where none are needed.
     */
    certificates: string[];
};
export type ToldCertificate = {
    /**
     * In hex.
     */
    hash: string;
    /**
     * Unix seconds.
     */
    notAfter: number;
};
export type ToldRecord = {
    node: string;
    /**
     * Unix seconds.
     */
    expiry: number;
    endpoints: {
        protocol: "udp" | "tcp";
        source: "stun" | "interface" | "router";
        address: string;
        port: number;
    }[];
    nat: {
        filtering: string;
        syn: string;
    };
    certificates: ToldCertificate[];
};
export type Reader = {
    /**
     * Reads STUN data; null if it is not valid.
     */
    record: (hex: string) => Promise<ToldRecord | null>;
    /**
     * Those that the node signed.
     */
    certificates: (node: string, told: unknown) => Promise<ToldCertificate[]>;
};
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
export declare function placesOfInfo(info: unknown, host: string, reader: Reader, now: number): Promise<ToldPlace[]>;
/**
 * @param {unknown} peers The answer to `getpeerinfo`.
 * @param {Reader} reader
 * @param {number} now Unix seconds.
 * @returns {Promise<ToldPlace[]>}
 */
export declare function placesOfPeers(peers: unknown, reader: Reader, now: number): Promise<ToldPlace[]>;
/**
 * Where nodes are reached from outside by their STUN data: their own ports, those that a router forwards, and mapped
 * ones where the NAT lets strangers in.
 *
 * @param {unknown} info The answer to `getstuninfo`.
 * @param {Reader} reader
 * @param {number} now Unix seconds.
 * @returns {Promise<ToldPlace[]>}
 */
export declare function placesOfStun(info: unknown, reader: Reader, now: number): Promise<ToldPlace[]>;

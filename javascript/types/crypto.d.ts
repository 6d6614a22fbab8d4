/**
 * SHA-256 and Ed25519: by WebCrypto where there is one that knows Ed25519 and judges signatures as this network does,
 * else by noble. Which one it is, is found out once, at the first use, by signatures that implementations disagree on.
 */
export type Bytes = import("./bytes.js").Bytes;
export type KeyPair = {
    publicKey: Bytes;
    sign: (message: Bytes) => Promise<Bytes>;
};
export type Crypto = {
    name: "webcrypto" | "noble";
    sha256: (bytes: Bytes) => Promise<Bytes>;
    /**
     * Of what `mayBeGood`;
     * without clearing the cofactor.
     */
    verify: (publicKey: Bytes, message: Bytes, signature: Bytes) => Promise<boolean>;
    keyPair: (seed: Bytes) => Promise<KeyPair>;
};
/** @typedef {import("./bytes.js").Bytes} Bytes */
/**
 * @typedef {object} KeyPair
 * @property {Bytes} publicKey
 * @property {(message: Bytes) => Promise<Bytes>} sign
 *
 * @typedef {object} Crypto An implementation.
 * @property {"webcrypto" | "noble"} name
 * @property {(bytes: Bytes) => Promise<Bytes>} sha256
 * @property {(publicKey: Bytes, message: Bytes, signature: Bytes) => Promise<boolean>} verify Of what `mayBeGood`;
 *   without clearing the cofactor.
 * @property {(seed: Bytes) => Promise<KeyPair>} keyPair
 */
export declare const SEED_SIZE = 32;
export declare const PUBLIC_SIZE = 32;
export declare const SIGNATURE_SIZE = 64;
/** @returns {Promise<Crypto>} The implementation in use. */
export declare function currentCrypto(): Promise<Crypto>;
/**
 * Have an implementation used from now on, in place of the one that would be chosen. For tests and measurements.
 *
 * @param {Crypto | null} implementation Null to choose again.
 */
export declare function useCrypto(implementation: Crypto | null): void;
/**
 * @param {SubtleCrypto | undefined} subtle What there is of WebCrypto.
 * @returns {Promise<Crypto>}
 */
export declare function chooseCrypto(subtle: SubtleCrypto | undefined): Promise<Crypto>;
/** @param {readonly Uint8Array[]} parts @returns {Promise<Bytes>} SHA-256 of the parts, one behind the other. */
export declare function sha256(...parts: readonly Uint8Array[]): Promise<Bytes>;
/**
 * Whether a signature is good, by the rule of docs/protocol.md, chapter 2. Takes any bytes; wrong sizes are false.
 *
 * @param {Uint8Array} publicKey
 * @param {Uint8Array} message With its purpose's tag.
 * @param {Uint8Array} signature
 * @returns {Promise<boolean>}
 */
export declare function verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
/**
 * @param {number} size At most 65,536.
 * @returns {Promise<Bytes>} Bytes fit for secrets.
 */
export declare function randomBytes(size: number): Promise<Bytes>;

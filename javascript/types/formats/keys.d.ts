/** Ed25519 keys, and signatures that say what they are for: every signed message begins with its purpose's tag. */
import { PUBLIC_SIZE, SEED_SIZE, SIGNATURE_SIZE } from "../crypto.js";
export { PUBLIC_SIZE, SEED_SIZE, SIGNATURE_SIZE };
export type Bytes = import("../bytes.js").Bytes;
/** @typedef {import("../bytes.js").Bytes} Bytes */
export declare const OPERATION: import("../bytes.js").Bytes;
export declare const VOTE: import("../bytes.js").Bytes;
export declare const RECEIPT: import("../bytes.js").Bytes;
export declare const ANSWER: import("../bytes.js").Bytes;
export declare const TLS: import("../bytes.js").Bytes;
export declare const APPOINT: import("../bytes.js").Bytes;
export declare const STUN_DATA: import("../bytes.js").Bytes;
/** An Ed25519 key pair, which is an account (or a node, or a validator). */
export declare class SigningKey {
    #private;
    /** The 32 bytes by which others know its owner. */
    publicKey: import("../bytes.js").Bytes;
    /** @param {Bytes} seed @param {import("../crypto.js").KeyPair} pair */
    constructor(seed: Bytes, pair: import("../crypto.js").KeyPair);
    /** @returns {Promise<SigningKey>} A new key. */
    static generate(): Promise<SigningKey>;
    /**
     * @param {Uint8Array | string} seed The 32 secret bytes from which all follows, or their 64 hex digits as in a key
     *   file (a line feed may follow).
     * @returns {Promise<SigningKey>}
     * @throws {LedgerError} `key_file_malformed`: it is a text of something else, which is not repeated.
     * @throws {LocalError} It has another number of bytes.
     */
    static fromSeed(seed: Uint8Array | string): Promise<SigningKey>;
    /** The public key in hex: the account's name. */
    get account(): string;
    /** The secret in hex, for `fromSeed`. Whoever has it can write in this account's name. */
    get seed(): string;
    /**
     * @param {Uint8Array} purpose A tag.
     * @param {Uint8Array} message
     * @returns {Promise<Bytes>} The 64-byte signature over both.
     */
    sign(purpose: Uint8Array, message: Uint8Array): Promise<Bytes>;
}
/**
 * Whether a signature is the one that the owner of a key made over purpose and message. Wrong sizes are false.
 *
 * @param {Uint8Array} publicKey
 * @param {Uint8Array} purpose A tag.
 * @param {Uint8Array} message
 * @param {Uint8Array} signature
 * @returns {Promise<boolean>}
 */
export declare function verify(publicKey: Uint8Array, purpose: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;

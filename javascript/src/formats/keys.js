/** Ed25519 keys, and signatures that say what they are for: every signed message begins with its purpose's tag. */

import {PUBLIC_SIZE, SEED_SIZE, SIGNATURE_SIZE, currentCrypto, randomBytes, verifySignature} from "../crypto.js";
import {concat, fromHex, toHex, utf8} from "../bytes.js";
import {LedgerError, LocalError} from "./errors.js";

export {PUBLIC_SIZE, SEED_SIZE, SIGNATURE_SIZE};

/** @typedef {import("../bytes.js").Bytes} Bytes */

export const OPERATION = utf8("cloudnode operation 1\n");
export const VOTE = utf8("cloudnode vote 1\n");
export const RECEIPT = utf8("cloudnode receipt 1\n");
export const ANSWER = utf8("cloudnode answer 1\n");
export const TLS = utf8("cloudnode tls 1\n");
export const APPOINT = utf8("cloudnode appoint 1\n");
export const STUN_DATA = utf8("cloudnode stun data 1\n");

/** An Ed25519 key pair, which is an account (or a node, or a validator). */
export class SigningKey {
  #seed;
  #sign;

  /** @param {Bytes} seed @param {import("../crypto.js").KeyPair} pair */
  constructor(seed, pair) {
    this.#seed = seed;
    this.#sign = pair.sign;
    /** The 32 bytes by which others know its owner. */
    this.publicKey = pair.publicKey;
  }

  /** @returns {Promise<SigningKey>} A new key. */
  static async generate() {
    return SigningKey.fromSeed(await randomBytes(SEED_SIZE));
  }

  /**
   * @param {Uint8Array | string} seed The 32 secret bytes from which all follows, or their 64 hex digits as in a key
   *   file (a line feed may follow).
   * @returns {Promise<SigningKey>}
   * @throws {LedgerError} `key_file_malformed`: it is a text of something else, which is not repeated.
   * @throws {LocalError} It has another number of bytes.
   */
  static async fromSeed(seed) {
    const bytes = typeof seed === "string" ? readKey(seed) : Uint8Array.from(seed);
    if (bytes.length !== SEED_SIZE) throw new LocalError("an Ed25519 seed has 32 bytes");
    return new SigningKey(bytes, await (await currentCrypto()).keyPair(bytes));
  }

  /** The public key in hex: the account's name. */
  get account() {
    return toHex(this.publicKey);
  }

  /** The secret in hex, for `fromSeed`. Whoever has it can write in this account's name. */
  get seed() {
    return toHex(this.#seed);
  }

  /**
   * @param {Uint8Array} purpose A tag.
   * @param {Uint8Array} message
   * @returns {Promise<Bytes>} The 64-byte signature over both.
   */
  sign(purpose, message) {
    return this.#sign(concat(purpose, message));
  }
}

/** @param {string} text */
function readKey(text) {
  const seed = fromHex(text.replace(/\n$/, ""), "key_file_malformed");
  if (seed.length !== SEED_SIZE) throw new LedgerError("key_file_malformed");
  return seed;
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
export function verify(publicKey, purpose, message, signature) {
  return verifySignature(publicKey, concat(purpose, message), signature);
}

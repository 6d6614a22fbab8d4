/** SHA-256 and Ed25519 in JavaScript alone, for pages without a secure context: some ms for a signature. */

import {Point, getPublicKey, hash, hashes, sign} from "../../vendor/noble-ed25519/index.js";
import {sha256, sha512} from "../../vendor/noble-hashes/sha2.js";

import {concat, equal, toHex} from "../bytes.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */

hashes.sha512 = /** @type {typeof hashes.sha512} */ (sha512);

/** Public keys that are kept ready, those of an epoch's validators above all. */
const KEYS_KEPT = 32;

/** From this use on of one key its multiples are kept: making them costs as much as two verifications, and saves three
 * quarters of each that follows. */
const USES = 3;

const ORDER = Point.CURVE().n;

/** @type {Map<string, PublicKey>} */
const keys = new Map();

/** @type {import("../crypto.js").Crypto} */
export const noble = {
  name: "noble",

  async sha256(bytes) {
    return hashNow(bytes);
  },

  async verify(publicKey, message, signature) {
    const r = signature.subarray(0, 32);
    const key = findKey(publicKey);
    if (!key) return false;
    const k = number(hash(concat(r, publicKey, message))) % ORDER;
    const s = number(signature.subarray(32));
    return equal(Point.BASE.multiply(s, false).subtract(key.multiply(k)).toBytes(), r);
  },

  async keyPair(seed) {
    const secret = Uint8Array.from(seed);
    return {
      publicKey: /** @type {Bytes} */ (getPublicKey(secret)),
      sign: async (message) => /** @type {Bytes} */ (sign(message, secret)),
    };
  },
};

/** @param {Bytes} bytes @returns {Bytes} SHA-256 at once. */
export function hashNow(bytes) {
  return /** @type {Bytes} */ (sha256(bytes));
}

/** @param {Bytes} publicKey @returns {PublicKey | null} Null if it is no point. */
function findKey(publicKey) {
  const name = toHex(publicKey);
  let key = keys.get(name);
  if (!key) {
    try {
      key = new PublicKey(Point.fromBytes(publicKey));
    } catch {
      return null;
    }
    if (keys.size >= KEYS_KEPT) keys.delete(/** @type {string} */ (keys.keys().next().value));
  }
  keys.delete(name); // so that those used last come last
  keys.set(name, key);
  return key;
}

/** A public key, quicker the more it is used. Nothing about it is secret, so the time that it takes may tell. */
class PublicKey {
  #point;
  #uses = 0;
  /** Of each hex digit of a number, the last one first: 1 to 8 times the point times 16 to the digit's power. @type {Point[][]} */
  #multiples = [];

  /** @param {Point} point */
  constructor(point) {
    this.#point = point;
  }

  /** @param {bigint} k Below the group's order. @returns {Point} So many times the point. */
  multiply(k) {
    this.#uses += 1;
    if (this.#uses < USES) return this.#point.multiply(k, false);
    if (!this.#multiples.length) this.#multiples = makeMultiples(this.#point);
    let sum = Point.ZERO;
    let left = k;
    for (const multiples of this.#multiples) {
      // Digits from -7 to 8: 9 is written as -7 and one more of the next digit.
      const digit = Number(left & 15n);
      const isNegative = digit > 8;
      left = (left >> 4n) + (isNegative ? 1n : 0n);
      if (digit) {
        const multiple = /** @type {Point} */ (multiples[(isNegative ? 16 - digit : digit) - 1]);
        sum = isNegative ? sum.subtract(multiple) : sum.add(multiple);
      }
    }
    return sum;
  }
}

/** @param {Point} point @returns {Point[][]} For numbers below the group's order, which have 64 digits. */
function makeMultiples(point) {
  const table = [];
  let base = point;
  for (let digit = 0; digit < 64; digit += 1) {
    const multiples = [base];
    for (let last = base; multiples.length < 8; ) {
      last = last.add(base);
      multiples.push(last);
    }
    table.push(multiples);
    base = /** @type {Point} */ (multiples[7]).double();
  }
  return table;
}

/** @param {Uint8Array} bytes The least significant one first. */
function number(bytes) {
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at -= 1) value = (value << 8n) | BigInt(/** @type {number} */ (bytes[at]));
  return value;
}

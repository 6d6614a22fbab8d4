/** SHA-256 and Ed25519 in JavaScript alone, for pages without a secure context. It takes some ms for a signature. */

import {Point, getPublicKey, hash, hashes, sign} from "../../vendor/noble-ed25519/index.js";
import {sha256, sha512} from "../../vendor/noble-hashes/sha2.js";

import {concat, equal} from "../bytes.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */

hashes.sha512 = /** @type {typeof hashes.sha512} */ (sha512);

/** @type {import("../crypto.js").Crypto} */
export const noble = {
  name: "noble",

  async sha256(bytes) {
    return /** @type {Bytes} */ (sha256(bytes));
  },

  async verify(publicKey, message, signature) {
    const r = signature.subarray(0, 32);
    try {
      const point = Point.fromBytes(publicKey);
      const k = number(hash(concat(r, publicKey, message))) % Point.CURVE().n;
      const s = number(signature.subarray(32));
      const expected = Point.BASE.multiply(s, false).subtract(point.multiply(k, false));
      return equal(expected.toBytes(), r);
    } catch {
      return false; // the public key is no point
    }
  },

  async keyPair(seed) {
    const secret = Uint8Array.from(seed);
    return {
      publicKey: /** @type {Bytes} */ (getPublicKey(secret)),
      sign: async (message) => /** @type {Bytes} */ (sign(message, secret)),
    };
  },
};

/** @param {Uint8Array} bytes The least significant one first. */
function number(bytes) {
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at -= 1) value = (value << 8n) | BigInt(/** @type {number} */ (bytes[at]));
  return value;
}

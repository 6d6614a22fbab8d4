/** SHA-256 and Ed25519 by WebCrypto, which a page has in a secure context alone. */

import {concat, fromHex, toHex} from "../bytes.js";
import {hashNow} from "./noble.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */

/** What stands before a seed in PKCS #8 (RFC 8410). */
const PKCS8 = fromHex("302e020100300506032b657004220420", "");

/** Bytes up to which a hash in JavaScript costs less than WebCrypto's way to another thread and back. */
const SHORT = 4096;

/** Public keys that are kept ready, those of a few epochs' validators. */
const KEYS_KEPT = 256;

/**
 * @param {SubtleCrypto} subtle
 * @returns {import("../crypto.js").Crypto}
 */
export function webCrypto(subtle) {
  /** @type {Map<string, Promise<CryptoKey>>} */
  const keys = new Map();

  /** @param {Bytes} publicKey */
  function imported(publicKey) {
    const name = toHex(publicKey);
    const known = keys.get(name);
    if (known) return known;
    if (keys.size >= KEYS_KEPT) keys.delete(/** @type {string} */ (keys.keys().next().value));
    const key = subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
    keys.set(name, key);
    return key;
  }

  return {
    name: "webcrypto",

    async sha256(bytes) {
      if (bytes.length <= SHORT) return hashNow(bytes);
      return new Uint8Array(await subtle.digest("SHA-256", bytes));
    },

    async verify(publicKey, message, signature) {
      let key;
      try {
        key = await imported(publicKey);
      } catch {
        return false; // it is no point
      }
      return subtle.verify("Ed25519", key, signature, message);
    },

    async keyPair(seed) {
      const key = await subtle.importKey("pkcs8", concat(PKCS8, seed), "Ed25519", true, ["sign"]);
      const {x} = await subtle.exportKey("jwk", key);
      return {
        publicKey: fromBase64Url(/** @type {string} */ (x)),
        sign: async (message) => new Uint8Array(await subtle.sign("Ed25519", key, message)),
      };
    },
  };
}

/** @param {string} text @returns {Bytes} */
function fromBase64Url(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
}

/**
 * SHA-256 and Ed25519: by WebCrypto where there is one that knows Ed25519 and judges signatures as this network does,
 * else by noble. Which one it is, is found out once, at the first use, by signatures that implementations disagree on.
 */

import {concat, equal, fromHex} from "./bytes.js";
import {noble} from "./crypto/noble.js";
import {mayBeGood} from "./crypto/strict.js";
import {webCrypto} from "./crypto/web.js";

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

export const SEED_SIZE = 32;
export const PUBLIC_SIZE = 32;
export const SIGNATURE_SIZE = 64;

/** @type {Promise<Crypto> | null} */
let chosen = null;

/** @returns {Promise<Crypto>} The implementation in use. */
export function currentCrypto() {
  chosen ??= findWebCrypto().then(({subtle}) => chooseCrypto(subtle));
  return chosen;
}

/** @returns {Promise<globalThis.Crypto>} WebCrypto's object; in a page without a secure context it has no `subtle`. */
async function findWebCrypto() {
  if (globalThis.crypto) return globalThis.crypto;
  // Node.js 18 has it in a module alone. No browser is without, so a bundle for one needs no such module.
  const name = "node:crypto";
  return (await import(/* @vite-ignore */ name)).webcrypto;
}

/**
 * Have an implementation used from now on, in place of the one that would be chosen. For tests and measurements.
 *
 * @param {Crypto | null} implementation Null to choose again.
 */
export function useCrypto(implementation) {
  chosen = implementation && Promise.resolve(implementation);
}

/**
 * @param {SubtleCrypto | undefined} subtle What there is of WebCrypto.
 * @returns {Promise<Crypto>}
 */
export async function chooseCrypto(subtle) {
  if (!subtle) return noble;
  const candidate = webCrypto(subtle);
  try {
    return (await isStrict(candidate)) ? candidate : noble;
  } catch {
    return noble; // it does not know Ed25519
  }
}

/** @param {readonly Uint8Array[]} parts @returns {Promise<Bytes>} SHA-256 of the parts, one behind the other. */
export async function sha256(...parts) {
  return (await currentCrypto()).sha256(concat(...parts));
}

/**
 * Whether a signature is good, by the rule of docs/protocol.md, chapter 2. Takes any bytes; wrong sizes are false.
 *
 * @param {Uint8Array} publicKey
 * @param {Uint8Array} message With its purpose's tag.
 * @param {Uint8Array} signature
 * @returns {Promise<boolean>}
 */
export async function verifySignature(publicKey, message, signature) {
  if (!mayBeGood(publicKey, signature)) return false;
  const crypto = await currentCrypto();
  return crypto.verify(/** @type {Bytes} */ (publicKey), /** @type {Bytes} */ (message), /** @type {Bytes} */ (signature));
}

/**
 * @param {number} size At most 65,536.
 * @returns {Promise<Bytes>} Bytes fit for secrets.
 */
export async function randomBytes(size) {
  return (await findWebCrypto()).getRandomValues(new Uint8Array(size));
}

/** Of RFC 8032, chapter 7.1, test 2. */
const SEED = fromHex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "");
const PUBLIC = fromHex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "");
const MESSAGE = fromHex("72", "");
const SIGNATURE = fromHex(
  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  "",
);

// A public key with a part of small order, and two signatures by it, of tests/vectors/signatures.json. One equation
// holds as it is, so that signature is good; the other's only holds once the cofactor is cleared, so that one is not.
const MIXED = fromHex("40a4cf5c611d737a2f1c6fcca84d9cabfed80987f186a5a6c57e629bff1af27f", "");
const MIXED_R = "9902023927de8e064113e230b3a755ef8ed5b28275852d11fb717f431a6d570d";
const HOLDS = fromHex(MIXED_R + "5bab79c6fa7901619c2dffd11f87514230cae8b839ad2967b6bd65a15f7cf707", "");
const HOLDS_CLEARED = fromHex(MIXED_R + "24a168d43c775afddef8c2be4bcef51017de585126ff25f6116c58d9375fa402", "");

/** @param {Crypto} candidate @returns {Promise<boolean>} Whether it signs and judges by the network's rule. */
async function isStrict(candidate) {
  const pair = await candidate.keyPair(SEED);
  if (!equal(pair.publicKey, PUBLIC) || !equal(await pair.sign(MESSAGE), SIGNATURE)) return false;
  const judged = await Promise.all([
    candidate.verify(PUBLIC, MESSAGE, SIGNATURE),
    candidate.verify(MIXED, fromHex("0001", ""), HOLDS),
    candidate.verify(MIXED, fromHex("0000", ""), HOLDS_CLEARED),
    candidate.verify(PUBLIC, fromHex("73", ""), SIGNATURE),
  ]);
  return judged.join() === "true,true,false,false";
}

/**
 * Which Ed25519 signatures may be good at all: the network's rule (docs/protocol.md, chapter 2) refuses some that
 * implementations disagree on. What passes here is then verified by any implementation that compares `[S]B - [k]A`
 * with R without clearing the cofactor.
 */

import {fromHex} from "../bytes.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */

/** The order of the base point's group, and the field's prime, with the least significant byte first. */
const ORDER = fromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", "");
const PRIME = fromHex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "");

/** The y of the points of small order, those that are not reduced left out: these are refused before. */
const SMALL_ORDER = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map((hex) => fromHex(hex, "").join()));

/**
 * @param {Uint8Array} publicKey
 * @param {Uint8Array} signature
 * @returns {boolean} Whether both have their sizes, S is below the group's order, and the public key and R are
 *   encodings of reduced numbers and not of points of small order.
 */
export function mayBeGood(publicKey, signature) {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  return isBelow(signature.subarray(32), ORDER) && isSound(publicKey) && isSound(signature.subarray(0, 32));
}

/** @param {Uint8Array} point As encoded: y with the sign of x in the highest bit. */
function isSound(point) {
  const y = Uint8Array.from(point);
  y[31] = /** @type {number} */ (y[31]) & 0x7f;
  return isBelow(y, PRIME) && !SMALL_ORDER.has(y.join());
}

/** @param {Uint8Array} one @param {Uint8Array} other Both with the least significant byte first, of one size. */
function isBelow(one, other) {
  for (let at = one.length - 1; at >= 0; at -= 1) {
    const difference = /** @type {number} */ (one[at]) - /** @type {number} */ (other[at]);
    if (difference) return difference < 0;
  }
  return false;
}

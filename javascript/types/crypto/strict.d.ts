/**
 * Which Ed25519 signatures may be good at all: the network's rule (docs/protocol.md, chapter 2) refuses some that
 * implementations disagree on. What passes here is then verified by any implementation that compares `[S]B - [k]A`
 * with R without clearing the cofactor.
 */
export type Bytes = import("../bytes.js").Bytes;
/**
 * @param {Uint8Array} publicKey
 * @param {Uint8Array} signature
 * @returns {boolean} Whether both have their sizes, S is below the group's order, and the public key and R are
 *   encodings of reduced numbers and not of points of small order.
 */
export declare function mayBeGood(publicKey: Uint8Array, signature: Uint8Array): boolean;

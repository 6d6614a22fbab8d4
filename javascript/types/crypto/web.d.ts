/** SHA-256 and Ed25519 by WebCrypto, which a page has in a secure context alone. */
export type Bytes = import("../bytes.js").Bytes;
/**
 * @param {SubtleCrypto} subtle
 * @returns {import("../crypto.js").Crypto}
 */
export declare function webCrypto(subtle: SubtleCrypto): import("../crypto.js").Crypto;

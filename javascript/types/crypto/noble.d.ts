/** SHA-256 and Ed25519 in JavaScript alone, for pages without a secure context: some ms for a signature. */
export type Bytes = import("../bytes.js").Bytes;
/** @type {import("../crypto.js").Crypto} */
export declare const noble: import("../crypto.js").Crypto;
/** @param {Bytes} bytes @returns {Bytes} SHA-256 at once. */
export declare function hashNow(bytes: Bytes): Bytes;

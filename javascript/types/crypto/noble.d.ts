/** SHA-256 and Ed25519 in JavaScript alone, for pages without a secure context. It takes some ms for a signature. */
export type Bytes = import("../bytes.js").Bytes;
/** @type {import("../crypto.js").Crypto} */
export declare const noble: import("../crypto.js").Crypto;

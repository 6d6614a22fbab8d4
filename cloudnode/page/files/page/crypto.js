/** With what signatures and hashes are computed in this page. */

/** A sentence. */
export function cryptoName() {
  return globalThis.crypto?.subtle
    ? "Signatures and hashes are computed by the browser's WebCrypto, and by the library noble where it lacks Ed25519."
    : "This page came over plain HTTP from an address that is not this machine, where browsers offer no WebCrypto: signatures and hashes are computed by the library noble, which is part of the module.";
}

/** With what signatures and hashes are computed in this page. */

import {currentCrypto} from "../cloudnode.js";

/** @returns {Promise<string>} A sentence. */
export async function describeCrypto() {
  const {name} = await currentCrypto();
  if (name === "webcrypto") return "Signatures and hashes are computed by the browser's WebCrypto.";
  const why = globalThis.crypto?.subtle
    ? "This browser's WebCrypto does not judge Ed25519 as the network does"
    : "This page came over plain HTTP from an address that is not this machine, where browsers offer no WebCrypto";
  return `${why}: signatures and hashes are computed by the library noble, which is part of the module.`;
}

// cloudnode: one cloud of many nodes, verified from the genesis. Made from javascript/src; not edited by hand.
// Licence: Apache 2.0. Contains @noble/ed25519 and @noble/hashes, MIT licence, (c) Paul Miller (paulmillr.com).

// src/index.js
var VERSION = "0.1.0";
export {
  VERSION
};

// What the module offers. Everything else is for its own use and may change.

/** The module's version, the same as that of the node that it came with. */
export const VERSION = "0.1.0";

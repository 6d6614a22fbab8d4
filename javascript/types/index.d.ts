/** The module's version, the same as that of the node that it came with. */
export declare const VERSION = "0.1.0";

/** Reads what nodes sign of where they are and of the certificates that they show there. */
/**
 * @param {() => string | null} network Tells the network's id in hex; null if it is not known.
 * @param {() => number} unix Seconds since 1970.
 * @returns {import("./telling.js").Reader}
 */
export declare function makeReader(network: () => string | null, unix: () => number): import("./telling.js").Reader;

/** How much a session checks of what nodes answer. Pure. */
export type Policy = {
    /**
     * Whether the block that an answer holds at must be final.
     */
    certifies: boolean;
    /**
     * Whether answers are proven where a proof is offered.
     */
    proves: boolean;
    /**
     * How many nodes must give the same answer.
     */
    quorum: number;
};
/**
 * What `verify` says.
 *
 * @typedef {object} Policy
 * @property {boolean} certifies Whether the block that an answer holds at must be final.
 * @property {boolean} proves Whether answers are proven where a proof is offered.
 * @property {number} quorum How many nodes must give the same answer.
 */
/**
 * @param {string} verify `proof`, `certificate`, `quorum:K` or `none`.
 * @returns {Policy}
 * @throws {RangeError} It is none of these.
 */
export declare function readPolicy(verify: string): Policy;

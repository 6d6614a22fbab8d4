/** How much a session checks of what nodes answer. Pure. */

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
export function readPolicy(verify) {
  if (verify === "proof" || verify === "certificate" || verify === "none") {
    return {certifies: verify !== "none", proves: verify === "proof", quorum: 1};
  }
  const quorum = /^quorum:(\d{1,2})$/.exec(verify);
  if (quorum && Number(quorum[1]) >= 2 && Number(quorum[1]) <= 64) {
    return {certifies: true, proves: true, quorum: Number(quorum[1])};
  }
  throw new RangeError(
    `verify=${JSON.stringify(verify)}: give "proof", "certificate", "quorum:K" with a K of 2 to 64, or "none".`,
  );
}

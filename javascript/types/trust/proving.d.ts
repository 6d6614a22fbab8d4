/**
 * What the proof of an answer has to show, for each method that has one. Pure. An answer that a proof does not reach in
 * all its parts is *partly* proven: of a page of ratings the sum and the number, of an account who it is, of a page of
 * records each of them, but not that no other belongs there. The rest is the node's word.
 */
export type ProvenState = import("../formats/proof.js").ProvenState;
export type Params = Record<string, unknown>;
export type LogPlace = import("./told.js").LogPlace;
export type Proven = "proof" | "partly";
/** @param {string} method @param {unknown} [params] @returns {boolean} Whether a node proves its answer to a call. */
export declare function isProvable(method: string, params?: unknown): boolean;
/**
 * @param {string} method
 * @param {unknown} [params] By name or by position, or none.
 * @returns {Params} By name, without those that are null; those by position of the methods that are proven.
 */
export declare function byName(method: string, params?: unknown): Params;
/**
 * Compare a result with a proven state.
 *
 * @param {ProvenState} state
 * @param {string} method One that `isProvable`.
 * @param {Params} params By name.
 * @param {string} raw The result's exact text.
 * @returns {Promise<Proven>}
 * @throws {LedgerError} It is not so, or the proof does not show it: `proof_row_wrong`, `proof_sums_wrong`, or the codes
 *   of `ProvenState`.
 */
export declare function checkResult(state: ProvenState, method: string, params: Params, raw: string): Promise<Proven>;
/**
 * Check that what a node says not to exist does not.
 *
 * @param {ProvenState} state @param {string} method @param {Params} params By name.
 * @param {string} code The error's.
 * @returns {Promise<Proven>}
 * @throws {LedgerError} As `checkResult`.
 */
export declare function checkAbsence(state: ProvenState, method: string, params: Params, code: string): Promise<Proven>;

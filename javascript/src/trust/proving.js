/**
 * What the proof of an answer has to show, for each method that has one. Pure. An answer that a proof does not reach in
 * all its parts is *partly* proven: of a page of ratings the sum and the number, of an account who it is. The rest is
 * the node's word.
 */

import {equal, fromHex} from "../bytes.js";
import {decodeAccount, formatAddress, parseAddress} from "../formats/addresses.js";
import {LedgerError, LocalError} from "../formats/errors.js";
import {memberTexts} from "../formats/json.js";
import {dataHashText} from "../formats/proof.js";
import {isCount, isObject, isPlace, parseObject} from "./told.js";

/** @typedef {import("../formats/proof.js").ProvenState} ProvenState */
/** @typedef {Record<string, unknown>} Params */
/** @typedef {"proof" | "partly"} Proven */

/** The methods that prove their answers, each with its parameters in the order in which they are given by position. */
const POSITIONS = /** @type {Record<string, string[]>} */ ({
  getdatahash: [],
  getrecord: ["account", "collection", "key"],
  getratings: ["record", "account", "after", "limit"],
  getaccount: ["account"],
});

/** @param {string} method @param {unknown} [params] @returns {boolean} Whether a node proves its answer to a call. */
export function isProvable(method, params) {
  if (!Object.hasOwn(POSITIONS, method)) return false;
  return method !== "getratings" || byName(method, params).record !== undefined;
}

/**
 * @param {string} method
 * @param {unknown} [params] By name or by position, or none.
 * @returns {Params} By name, without those that are null; those by position of the methods that are proven.
 */
export function byName(method, params) {
  const names = POSITIONS[method] ?? [];
  const members = Array.isArray(params)
    ? params.slice(0, names.length).map((value, at) => /** @type {[string, unknown]} */ ([names[at], value]))
    : Object.entries(isObject(params) ? params : {});
  return Object.fromEntries(members.filter(([, value]) => value !== null && value !== undefined));
}

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
export async function checkResult(state, method, params, raw) {
  const check = Object.hasOwn(CHECKS, method) ? CHECKS[method] : undefined;
  if (!check) throw new LocalError(`${method} has no proof`);
  try {
    return await check(state, params, raw);
  } catch (error) {
    if (!(error instanceof LocalError)) throw error;
    throw new LedgerError("proof_row_wrong", `The answer is not of the documented form: ${error.message}.`);
  }
}

/**
 * Check that what a node says not to exist does not.
 *
 * @param {ProvenState} state @param {string} method @param {Params} params By name.
 * @param {string} code The error's.
 * @returns {Promise<Proven>}
 * @throws {LedgerError} As `checkResult`.
 */
export async function checkAbsence(state, method, params, code) {
  let isThere;
  if (code === "account_unknown" && method === "getaccount") {
    isThere = (await state.account(decodeAccount(params.account))) !== null;
  } else if (code === "record_unknown" && method === "getrecord") {
    isThere = (await state.record(recordOf(params).address)) !== null;
  } else if (code === "record_unknown" && method === "getratings") {
    isThere = (await state.ratings(textOf(params, "record"))).count > 0n; // all that such a proof shows
  } else {
    throw new LedgerError("proof_row_wrong", `${code} is no answer to ${method}.`);
  }
  if (isThere) throw new LedgerError("proof_row_wrong", "The node denies what the state root shows.");
  return method === "getratings" ? "partly" : "proof";
}

/** @param {Params} params @param {string} name @returns {string} */
function textOf(params, name) {
  const value = params[name];
  if (typeof value !== "string") throw new LedgerError("proof_row_wrong", `The parameter ${name} is missing.`);
  return value;
}

/** @param {Params} params */
function recordOf(params) {
  const account = decodeAccount(params.account);
  const [collection, key] = [textOf(params, "collection"), textOf(params, "key")];
  return {account, collection, key, address: formatAddress(account, collection, key)};
}

/** @returns {LedgerError} */
function unlike() {
  return new LedgerError("proof_row_wrong", "The answer is not of the documented form.");
}

/** @param {ProvenState} state @param {Params} _ There are none. @param {string} raw @returns {Promise<Proven>} */
async function checkTotals(state, _, raw) {
  if (raw !== dataHashText(state.totals())) throw new LedgerError("proof_sums_wrong");
  return "proof";
}

/** @param {ProvenState} state @param {Params} params @param {string} raw @returns {Promise<Proven>} */
async function checkRecord(state, params, raw) {
  const told = parseObject(raw, "proof_row_wrong");
  const {account, collection, key, address} = recordOf(params);
  if (told.account !== params.account || told.collection !== collection || told.key !== key) {
    throw new LedgerError("proof_row_wrong", "The answer is another record than the one asked for.");
  }
  const {version, created, updated, time, deleted, ref} = told;
  const {ratings_sum: sum, ratings_count: count} = told;
  const data = memberTexts(raw).get("data");
  if (!isCount(version) || !isPlace(created) || !isPlace(updated) || !isCount(time)) throw unlike();
  if (typeof deleted !== "boolean" || !(ref === null || typeof ref === "string") || data === undefined) throw unlike();
  if (!isCount(sum) || !isCount(count)) throw unlike();
  const written = {account, collection, key, version, created, updated, time, live: !deleted, ref};
  await state.checkRecord({...written, data: deleted ? "" : data});
  await state.checkRatings(address, sum, count);
  return "proof";
}

/** @param {ProvenState} state @param {Params} params @param {string} raw @returns {Promise<Proven>} */
async function checkRatings(state, params, raw) {
  const told = parseObject(raw, "proof_row_wrong");
  const {ratings, sum, count} = told;
  const record = textOf(params, "record");
  parseAddress(record);
  if (!Array.isArray(ratings) || !isCount(sum) || !isCount(count)) throw unlike();
  if (params.account === undefined) {
    await state.checkRatings(record, sum, count);
    return "partly";
  }
  const found = await state.rating(record, decodeAccount(params.account));
  const [one] = ratings;
  const isRight =
    found === null
      ? ratings.length === 0 && sum === 0 && count === 0
      : ratings.length === 1 && sum === found.stars && count === 1 && isObject(one) && one.record === record &&
        one.account === params.account && one.stars === found.stars && isAt(one.given, found);
  if (!isRight) throw new LedgerError("proof_row_wrong");
  return "proof";
}

/** @param {unknown} told @param {{height: bigint, index: number}} place */
function isAt(told, place) {
  return isPlace(told) && BigInt(told.height) === place.height && told.index === place.index;
}

/** @param {ProvenState} state @param {Params} params @param {string} raw @returns {Promise<Proven>} */
async function checkAccount(state, params, raw) {
  const told = parseObject(raw, "proof_row_wrong");
  const row = await state.account(decodeAccount(params.account));
  const inviter = told.inviter === null ? new Uint8Array(32) : fromHex(told.inviter, "proof_row_wrong");
  const isRight = row && told.account === params.account && equal(inviter, row.inviter) && isAt(told.first, row);
  if (!isRight) throw new LedgerError("proof_row_wrong");
  return "partly";
}

/** @type {Record<string, (state: ProvenState, params: Params, raw: string) => Promise<Proven>>} */
const CHECKS = {
  getdatahash: checkTotals,
  getrecord: checkRecord,
  getratings: checkRatings,
  getaccount: checkAccount,
};

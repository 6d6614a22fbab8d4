/**
 * What the proof of an answer has to show, for each method that has one. Pure. An answer that a proof does not reach in
 * all its parts is *partly* proven: of a page of ratings the sum and the number, of an account who it is, of a page of
 * records each of them, but not that no other belongs there. The rest is the node's word.
 */

import {equal, fromHex} from "../bytes.js";
import {decodeAccount, formatAddress, parseAddress} from "../formats/addresses.js";
import {LedgerError, LocalError} from "../formats/errors.js";
import {itemTexts, memberTexts} from "../formats/json.js";
import {dataHashText} from "../formats/proof.js";
import {isCount, isObject, isPlace, parseObject} from "./told.js";

/** @typedef {import("../formats/proof.js").ProvenState} ProvenState */
/** @typedef {Record<string, unknown>} Params */
/** @typedef {import("./told.js").LogPlace} LogPlace */
/** @typedef {"proof" | "partly"} Proven */

/** The methods that prove their answers, each with its parameters in the order in which they are given by position. */
const POSITIONS = /** @type {Record<string, string[]>} */ ({
  getdatahash: [],
  getrecord: ["account", "collection", "key"],
  getratings: ["record", "account", "after", "limit"],
  getaccount: ["account"],
  listrecords: ["account", "collection", "ref", "order", "after", "limit"],
  search: ["text", "collection", "after", "limit"],
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

const RECORD_MEMBERS = new Set([
  "account", "collection", "key", "data", "ref", "version", "deleted", "created", "updated", "time", "ratings_sum",
  "ratings_count",
]);
const RATING_MEMBERS = new Set(["record", "account", "stars", "given"]);
const ONE_RATING_MEMBERS = new Set(["ratings", "sum", "count", "next"]);

/** What an answer had besides, no proof would cover. @param {object} told @param {Set<string>} members */
function refuseOthers(told, members) {
  const unknown = Object.keys(told).find((name) => !members.has(name));
  if (unknown !== undefined) throw new LedgerError("proof_row_wrong", "The answer has a member that nothing proves.");
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
  const {collection, key} = recordOf(params);
  if (told.account !== params.account || told.collection !== collection || told.key !== key) {
    throw new LedgerError("proof_row_wrong", "The answer is another record than the one asked for.");
  }
  await compareRecord(state, told, raw);
  return "proof";
}

/**
 * Check that a record stands as it is told.
 *
 * @param {ProvenState} state @param {Record<string, unknown>} told @param {string} raw Its exact text.
 * @returns {Promise<{updated: LogPlace, created: LogPlace, sum: number, count: number}>} Where it stands in lists.
 */
async function compareRecord(state, told, raw) {
  refuseOthers(told, RECORD_MEMBERS);
  const {account, collection, key, address} = recordOf(told);
  const {version, created, updated, time, deleted, ref} = told;
  const {ratings_sum: sum, ratings_count: count} = told;
  const data = memberTexts(raw).get("data");
  if (!isCount(version) || !isPlace(created) || !isPlace(updated) || !isCount(time)) throw unlike();
  if (typeof deleted !== "boolean" || !(ref === null || typeof ref === "string") || data === undefined) throw unlike();
  if (!isCount(sum) || !isCount(count)) throw unlike();
  if (deleted && data !== "null") throw new LedgerError("proof_row_wrong", "A deleted record is told with data.");
  const written = {account, collection, key, version, created, updated, time, live: !deleted, ref};
  await state.checkRecord({...written, data: deleted ? "" : data});
  await state.checkRatings(address, sum, count);
  return {updated, created, sum, count};
}

/** @param {ProvenState} state @param {Params} params @param {string} raw @returns {Promise<Proven>} */
async function checkPage(state, params, raw) {
  const page = parseObject(raw, "proof_row_wrong").records;
  const texts = memberTexts(raw).get("records");
  if (!Array.isArray(page) || texts === undefined) throw unlike();
  const isBest = params.order === "best";
  let last = readAfter(params.after);
  for (const [at, text] of itemTexts(texts).entries()) {
    const told = page[at];
    const isWanted =
      isObject(told) && told.deleted === false &&
      ["account", "collection", "ref"].every((name) => params[name] === undefined || params[name] === told[name]);
    if (!isWanted) throw new LedgerError("proof_row_wrong", "The page has a record that does not belong there.");
    const {updated, created, sum, count} = await compareRecord(state, told, text);
    const place = isBest ? [rank(sum, count), BigInt(created.height), BigInt(created.index)] : placeOf(updated);
    if (last && comparePlaces(last, place) <= 0) {
      throw new LedgerError("proof_row_wrong", "The page's records are not in their order.");
    }
    last = place;
  }
  return "partly";
}

/** @param {LogPlace} place @returns {bigint[]} */
function placeOf({height, index}) {
  return [BigInt(height), BigInt(index)];
}

/** @param {unknown} after A page's parameter. @returns {bigint[] | null} */
function readAfter(after) {
  if (isPlace(after)) return placeOf(after);
  return Array.isArray(after) && after.every(isCount) ? after.map(BigInt) : null;
}

/** @param {bigint[]} one @param {bigint[]} other @returns {number} Below 0, 0 or above 0. */
function comparePlaces(one, other) {
  const at = one.findIndex((part, which) => part !== other[which]);
  return at < 0 ? one.length - other.length : Number(/** @type {bigint} */ (one[at]) - (other[at] ?? -1n));
}

/**
 * The order of `best`: the mean in millionths of a star, as if five more people had given three stars each.
 *
 * @param {number} sum @param {number} count
 */
function rank(sum, count) {
  return (1_000_000n * (BigInt(sum) + 15n)) / (BigInt(count) + 5n);
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
  refuseOthers(told, ONE_RATING_MEMBERS);
  const found = await state.rating(record, decodeAccount(params.account));
  const [one] = ratings;
  if (isObject(one)) refuseOthers(one, RATING_MEMBERS);
  const isRight =
    found === null
      ? ratings.length === 0 && sum === 0 && count === 0 && told.next === null
      : ratings.length === 1 && sum === found.stars && count === 1 && isObject(one) && one.record === record &&
        one.account === params.account && one.stars === found.stars && isAt(one.given, found) && told.next === null;
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
  listrecords: checkPage,
  search: checkPage,
};

/**
 * What subscribers are told, made from the log alone: the same members as a node tells, whoever makes them. Pure.
 *
 * @typedef {import("./told.js").LogPlace} LogPlace
 *
 * @typedef {object} LoggedOperation An operation in a block.
 * @property {LogPlace} cursor
 * @property {string} id In hex.
 * @property {any} written Its body as a value.
 * @property {boolean} isEffective Whether the ledger's rules accepted it.
 *
 * @typedef {object} Wanted What a subscriber wants of a topic; all that is given must hold.
 * @property {string} [account] Whose operation it is: the record's author, or who rates.
 * @property {string} [collection] The record's; for ratings, the rated record's.
 * @property {string} [ref] Records that refer to this one.
 * @property {string} [record] This record alone, or ratings of it.
 *
 * @typedef {Record<string, unknown> & {cursor: LogPlace}} Item A change; after its cursor nothing comes twice.
 *
 * @typedef {object} LoggedItem An item, and what filters look at.
 * @property {Item} item @property {Required<Wanted>} about
 */

import {toHex} from "../bytes.js";

/** What a filter may have, by topic. @type {Record<string, string[]>} */
const FILTERS = {
  records: ["account", "collection", "ref", "record"],
  ratings: ["account", "collection", "record"],
  blocks: [],
};

/**
 * @param {string} topic
 * @param {object} wanted
 * @returns {Wanted} What is given of it.
 * @throws {RangeError} It is no filter of this topic.
 */
export function readFilter(topic, wanted) {
  const given = Object.entries(wanted).filter(([, value]) => value !== null && value !== undefined);
  for (const [name, value] of given) {
    if (!FILTERS[topic]?.includes(name) || typeof value !== "string") {
      throw new RangeError(`The topic ${topic} has no filter ${JSON.stringify(name)}, or it is no text.`);
    }
  }
  return Object.fromEntries(given);
}

/** @param {LoggedItem} logged @param {Wanted} wanted Whether a filter lets it through. */
export function passes({about}, wanted) {
  return Object.entries(wanted).every(([name, value]) => about[/** @type {keyof Wanted} */ (name)] === value);
}

/**
 * A block as its subscribers are told of it.
 *
 * @param {import("./checker.js").Final} final
 * @returns {LoggedItem}
 */
export function blockItem({header, hash}) {
  const [height, count] = [Number(header.height), header.operationsCount];
  const item = {
    cursor: {height, index: Math.max(count - 1, 0)}, height, hash, time: Number(header.time), operations_count: count,
    root_height: Number(header.rootHeight), root: toHex(header.root),
  };
  return {item, about: {account: "", collection: "", ref: "", record: ""}};
}

/**
 * @param {string} topic
 * @param {LoggedOperation} logged
 * @returns {LoggedItem | null} Null if it is of no interest to the topic's subscribers.
 */
export function operationItem(topic, {cursor, id, written, isEffective}) {
  if (!isEffective) return null;
  const {type, account, time} = written;
  if (topic === "records" && (type === "put" || type === "delete")) {
    const {collection, key, data = null, ref = null} = written;
    const item = {cursor, id, type, account, collection, key, data, ref, time};
    return {item, about: {account, collection, record: `${account}/${collection}/${key}`, ref: ref ?? ""}};
  }
  if (topic === "ratings" && (type === "rate" || type === "withdraw")) {
    const {record, stars = null} = written;
    const item = {cursor, id, type, account, record, stars, time};
    return {item, about: {account, collection: record.split("/")[1] ?? "", record, ref: ""}};
  }
  return null;
}

/**
 * The state's tables as bytes: rows, leaf pages, inner nodes, and the preimage of the state root: docs/protocol.md,
 * chapter 12. A path is written as hex digits, one a nibble, so that a prefix of a path is a prefix of its text.
 */

import {Reader, compare, concat, equal, i64, toHex, u16, u32, u64, u8, utf8} from "../bytes.js";
import {sha256} from "../crypto.js";
import {LedgerError, LocalError} from "./errors.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */

export const RECORDS = 0;
export const RATINGS = 1;
export const WINDOW = 2;
export const ACCOUNTS = 3;
export const SYSTEM = 4;

/** A prefix with at most this many rows is a leaf page. */
export const PAGE_ROWS = 32;

/** Of the state root's preimage. */
export const STATE_SIZE = 298;

const STATE_TAG = utf8("cloudnode state 1\n");
const RECORD_TAG = utf8("cloudnode record 1\n");
const NO_HASH = new Uint8Array(32);
const U64_MAX = 2n ** 64n - 1n;

/** The sizes of each table's keys and values, by its number. @type {ReadonlyArray<readonly [number, number]>} */
const SIZES = [[32, 33], [64, 13], [40, 14], [32, 76], [32, 32]];

/**
 * @typedef {object} Totals
 * @property {bigint} sum @property {bigint} count @property {bigint} rows
 *
 * @typedef {Totals & {hash: Bytes}} Entry What a node's parent says of it.
 *
 * @typedef {object} Row @property {Bytes} key @property {Bytes} value
 *
 * @typedef {object} Leaf A leaf page, its rows in the order of their keys.
 * @property {number} table @property {Row[]} rows @property {Totals} totals
 *
 * @typedef {object} Inner An inner node: the path from the table's top, and the children by their hex digit.
 * @property {number} table @property {string} path @property {Map<string, Entry>} children @property {Totals} totals
 */

/** The entry of no rows. @type {Entry} */
export const NO_ROWS = {hash: NO_HASH, sum: 0n, count: 0n, rows: 0n};

/** @param {Reader} reader @returns {Entry} */
function readEntry(reader) {
  const entry = {hash: reader.take(32), sum: reader.u64(), count: reader.u64(), rows: reader.u64()};
  if (!entry.rows && (entry.sum || entry.count || !equal(entry.hash, NO_HASH))) {
    throw new LedgerError("node_malformed", "An entry without rows is not all zeros.");
  }
  return entry;
}

/** @param {Reader} reader @param {string} kind @returns {{table: number, number: number}} */
function readHead(reader, kind) {
  const head = {kind: reader.u8(), table: reader.u8(), number: reader.u16()};
  if (head.kind !== kind.charCodeAt(0) || head.table >= SIZES.length) throw new LedgerError("node_malformed");
  return head;
}

/** @param {number} table */
function sizes(table) {
  return /** @type {readonly [number, number]} */ (SIZES[table]);
}

/**
 * @param {Uint8Array} raw
 * @returns {Leaf} All of whose rows are well-formed.
 * @throws {LedgerError} `node_malformed` or `row_malformed`.
 */
export function decodeLeaf(raw) {
  const reader = new Reader(raw, "node_malformed");
  const {table, number} = readHead(reader, "L");
  const [keySize, valueSize] = sizes(table);
  if (number < 1 || number > PAGE_ROWS || reader.left !== number * (keySize + valueSize)) {
    throw new LedgerError("node_malformed");
  }
  const rows = Array.from({length: number}, () => ({key: reader.take(keySize), value: reader.take(valueSize)}));
  if (rows.some(({key}, at) => at && compare(/** @type {Row} */ (rows[at - 1]).key, key) >= 0)) {
    throw new LedgerError("node_malformed", "A leaf page's rows are not in the order of their keys.");
  }
  // Sums are made of these bytes, so what is not 0 or 1, or 1 to 5, must not pass.
  if (table === RECORDS) rows.forEach(({value}) => decodeRecordValue(value));
  if (table === RATINGS) rows.forEach(({value}) => decodeRatingValue(value));
  return {table, rows, totals: leafTotals(table, rows)};
}

/**
 * @param {number} table @param {readonly Row[]} rows Well-formed.
 * @returns {Totals}
 */
export function leafTotals(table, rows) {
  const number = BigInt(rows.length);
  if (table === RATINGS) {
    const sum = rows.reduce((stars, {value}) => stars + BigInt(/** @type {number} */ (value[0])), 0n);
    return {sum, count: number, rows: number};
  }
  const live = table === RECORDS ? rows.filter(({value}) => value[32] === 1).length : 0;
  return {sum: 0n, count: BigInt(live), rows: number};
}

/**
 * @param {Uint8Array} raw
 * @returns {Inner}
 * @throws {LedgerError} `node_malformed`.
 */
export function decodeInner(raw) {
  const reader = new Reader(raw, "node_malformed");
  const {table, number: length} = readHead(reader, "I");
  if (length >= 2 * sizes(table)[0]) throw new LedgerError("node_malformed");
  const digits = toHex(reader.take(Math.ceil(length / 2)));
  if (length % 2 && digits.at(-1) !== "0") {
    throw new LedgerError("node_malformed", "The half byte after an odd path is not zero.");
  }
  const bitmap = reader.u16();
  /** @type {Map<string, Entry>} */
  const children = new Map();
  const totals = {sum: 0n, count: 0n, rows: 0n};
  for (let nibble = 0; nibble < 16; nibble += 1) {
    if (!((bitmap >> nibble) & 1)) continue;
    const child = readEntry(reader);
    if (!child.rows) throw new LedgerError("node_malformed", "A child has no rows.");
    children.set(nibble.toString(16), child);
    totals.sum += child.sum;
    totals.count += child.count;
    totals.rows += child.rows;
  }
  reader.end();
  const overflows = totals.sum > U64_MAX || totals.count > U64_MAX || totals.rows > U64_MAX;
  if (children.size < 2 || totals.rows <= BigInt(PAGE_ROWS) || overflows) {
    throw new LedgerError("node_malformed", "An inner node stands where a leaf page belongs, or its sums overflow.");
  }
  return {table, path: digits.slice(0, length), children, totals};
}

/**
 * @param {Uint8Array} raw The preimage of a state root.
 * @returns {Entry[]} Of the tables, by their numbers.
 * @throws {LedgerError} `node_malformed`.
 */
export function decodeState(raw) {
  const reader = new Reader(raw, "node_malformed");
  if (raw.length !== STATE_SIZE || !equal(reader.take(STATE_TAG.length), STATE_TAG)) {
    throw new LedgerError("node_malformed");
  }
  return SIZES.map(() => readEntry(reader));
}

/** @param {Entry} entry @returns {Bytes} Its 56 bytes. */
export function encodeEntry({hash, sum, count, rows}) {
  return concat(hash, u64(sum), u64(count), u64(rows));
}

/**
 * The entry of a table's rows, with the nodes below it: what a state root is made of. For small tries, as tests and
 * other tools need them; a node keeps its trie otherwise.
 *
 * @param {number} table
 * @param {readonly Row[]} rows In the order of their keys, each once, and well-formed.
 * @param {Bytes[]} [nodes] Takes the nodes' bytes.
 * @returns {Promise<Entry>}
 */
export async function buildTable(table, rows, nodes = []) {
  if (!rows.length) return NO_ROWS;
  const node = rows.length <= PAGE_ROWS ? encodeLeaf(table, rows) : await encodeInner(table, rows, nodes);
  nodes.push(node);
  return {...leafTotals(table, rows), hash: await sha256(node)};
}

/** @param {number} table @param {readonly Row[]} rows @returns {Bytes} */
function encodeLeaf(table, rows) {
  return concat(utf8("L"), u8(table), u16(rows.length), ...rows.flatMap(({key, value}) => [key, value]));
}

/** @param {number} table @param {readonly Row[]} rows @param {Bytes[]} nodes @returns {Promise<Bytes>} */
async function encodeInner(table, rows, nodes) {
  const digits = rows.map(({key}) => toHex(key));
  const [first, last] = [/** @type {string} */ (digits[0]), /** @type {string} */ (digits.at(-1))];
  let length = 0;
  while (first[length] === last[length]) length += 1;
  const prefix = Uint8Array.from(/** @type {Row} */ (rows[0]).key.subarray(0, Math.ceil(length / 2)));
  if (length % 2) prefix[prefix.length - 1] = /** @type {number} */ (prefix.at(-1)) & 0xf0;
  let bitmap = 0;
  const entries = [];
  for (let nibble = 0; nibble < 16; nibble += 1) {
    const below = rows.filter((_, at) => digits[at]?.[length] === nibble.toString(16));
    if (!below.length) continue;
    bitmap |= 1 << nibble;
    entries.push(encodeEntry(await buildTable(table, below, nodes)));
  }
  return concat(utf8("I"), u8(table), u16(length), prefix, u16(bitmap), ...entries);
}

/** @param {readonly Entry[]} entries Of the tables, by their numbers. @returns {Bytes} The state root's preimage. */
export function encodeState(entries) {
  return concat(STATE_TAG, ...entries.map(encodeEntry));
}

// Rows

/**
 * @typedef {object} RecordFields All that the state says of a record.
 * @property {Uint8Array} account @property {string} collection @property {string} key
 * @property {number} version
 * @property {Place} created The operation that made version 1.
 * @property {Place} updated The last one.
 * @property {number} time The last one's, in ms.
 * @property {boolean} live False for a tombstone.
 * @property {string | null} ref
 * @property {string} data Its JSON text; empty for a tombstone.
 *
 * @typedef {object} Place @property {number} height @property {number} index
 *
 * @typedef {object} RatingValue @property {number} stars @property {bigint} height @property {number} index
 * @typedef {object} WindowValue @property {bigint} height @property {number} index
 * @property {number} result Of `RESULTS`.
 * @typedef {object} AccountValue @property {Bytes} account @property {Bytes} inviter Zeros if nobody invited it.
 * @property {bigint} height @property {number} index
 */

/**
 * @param {RecordFields} record
 * @returns {Promise<Bytes>} What the state says of a record's content.
 * @throws {LocalError} A value does not fit its field.
 */
export function recordDigest(record) {
  const {account, version, created, updated, time, live} = record;
  const [collection, key, ref, data] = [record.collection, record.key, record.ref ?? "", record.data].map(utf8);
  if (!collection || !key || !ref || !data || account.length !== 32) throw new LocalError("no record");
  return sha256(
    RECORD_TAG,
    account,
    u8(collection.length),
    collection,
    u16(key.length),
    key,
    u64(version),
    u64(created.height),
    u32(created.index),
    u64(updated.height),
    u32(updated.index),
    i64(time),
    u8(live ? 1 : 0),
    u16(ref.length),
    ref,
    u32(data.length),
    data,
  );
}

/** @param {Uint8Array} value @param {number} table @returns {Reader} */
function openValue(value, table) {
  if (value.length !== sizes(table)[1]) throw new LedgerError("row_malformed");
  return new Reader(value, "row_malformed");
}

/**
 * @param {Uint8Array} value
 * @returns {{digest: Bytes, live: boolean}}
 * @throws {LedgerError} `row_malformed`.
 */
export function decodeRecordValue(value) {
  const reader = openValue(value, RECORDS);
  const [digest, live] = [reader.take(32), reader.u8()];
  if (live > 1) throw new LedgerError("row_malformed");
  return {digest, live: live === 1};
}

/** @param {Uint8Array} value @returns {RatingValue} @throws {LedgerError} `row_malformed`. */
export function decodeRatingValue(value) {
  const reader = openValue(value, RATINGS);
  const rating = {stars: reader.u8(), height: reader.u64(), index: reader.u32()};
  if (rating.stars < 1 || rating.stars > 5) throw new LedgerError("row_malformed");
  return rating;
}

/** @param {bigint} expiry @param {Uint8Array} id @returns {Bytes} An operation's key. */
export function encodeWindowKey(expiry, id) {
  return concat(u64(expiry), id);
}

/** @param {Uint8Array} value @returns {WindowValue} @throws {LedgerError} `row_malformed`. */
export function decodeWindowValue(value) {
  const reader = openValue(value, WINDOW);
  return {height: reader.u64(), index: reader.u32(), result: reader.u16()};
}

/** @param {Uint8Array} value @returns {AccountValue} @throws {LedgerError} `row_malformed`. */
export function decodeAccountValue(value) {
  const reader = openValue(value, ACCOUNTS);
  return {account: reader.take(32), inviter: reader.take(32), height: reader.u64(), index: reader.u32()};
}

/**
 * What can be believed of an answer, knowing nothing but a state root: docs/protocol.md, chapter 13.
 *
 * A proof is a bag of trie nodes. The root is the hash of the state's preimage, which has an entry for each table, and
 * each entry is the hash of a node with its sums. From the root down, each next node is found in the bag by its hash,
 * so their order does not matter and nodes that nobody asks for are ignored. Absence is proven by the place where the
 * row would have to be. A node that is missing proves nothing.
 */

import {concat, equal, toHex, utf8} from "../bytes.js";
import {sha256} from "../crypto.js";
import {accountHash, formatAddress, recordHash} from "./addresses.js";
import {LedgerError} from "./errors.js";
import {
  ACCOUNTS,
  NO_ROWS,
  PAGE_ROWS,
  RATINGS,
  RECORDS,
  SYSTEM,
  WINDOW,
  decodeAccountValue,
  decodeInner,
  decodeLeaf,
  decodeRatingValue,
  decodeRecordValue,
  decodeState,
  decodeWindowValue,
  encodeWindowKey,
  leafTotals,
  recordDigest,
} from "./nodes.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("./nodes.js").Entry} Entry */
/** @typedef {{leaf: import("./nodes.js").Leaf | null, inner: import("./nodes.js").Inner | null}} Opened One of the two. */

/**
 * @typedef {object} ProvenTotals What the state root says of everything at once.
 * @property {bigint} height @property {Bytes} root
 * @property {bigint} ratingsSum @property {bigint} ratingsCount @property {bigint} records @property {bigint} accounts
 */

/**
 * Check that a header vouches for a state, and open it for questions.
 *
 * @param {import("./block.js").Header} header Final: `EpochChain.verifyHeader`.
 * @param {number | bigint} height The height that the answer holds at.
 * @param {Uint8Array} root The state root that the answer names.
 * @param {readonly Uint8Array[]} nodes The proof's nodes in any order.
 * @returns {Promise<ProvenState>}
 * @throws {LedgerError} `proof_height`, `proof_root`, `proof_node_missing` or `node_malformed`.
 */
export async function verifyState(header, height, root, nodes) {
  if (header.rootHeight !== BigInt(height)) throw new LedgerError("proof_height");
  if (!equal(header.root, root)) throw new LedgerError("proof_root");
  return ProvenState.open(header.rootHeight, header.root, nodes);
}

/**
 * The state under one root, as far as the nodes at hand reach. Made by `verifyState`; on its own it proves nothing of
 * the root. Every question throws `LedgerError`: `proof_node_missing` where the nodes don't reach, `proof_node_wrong`
 * where they contradict each other, `node_malformed` or `row_malformed` where they aren't what they should be. Null as
 * an answer means that absence is proven.
 */
export class ProvenState {
  #nodes;
  #tables;
  /** By the hash in hex, the slot and what the entry says besides: each is checked once. @type {Map<string, Opened>} */
  #opened = new Map();

  /** @param {bigint} height @param {Bytes} root @param {Map<string, Uint8Array>} nodes By their hashes in hex. */
  constructor(height, root, nodes) {
    this.height = height;
    this.root = root;
    this.#nodes = nodes;
    this.#tables = decodeState(this.#find(root));
  }

  /**
   * @param {number | bigint} height @param {Bytes} root @param {readonly Uint8Array[]} nodes In any order.
   * @returns {Promise<ProvenState>}
   * @throws {LedgerError} `proof_node_missing` or `node_malformed`.
   */
  static async open(height, root, nodes) {
    const hashed = await Promise.all(nodes.map(async (node) => /** @type {const} */ ([toHex(await sha256(node)), node])));
    return new ProvenState(BigInt(height), root, new Map(hashed));
  }

  /** The sums over everything. @returns {ProvenTotals} */
  totals() {
    const [records, ratings, accounts] = [this.#table(RECORDS), this.#table(RATINGS), this.#table(ACCOUNTS)];
    return {
      height: this.height,
      root: this.root,
      ratingsSum: ratings.sum,
      ratingsCount: ratings.count,
      records: records.count,
      accounts: accounts.rows,
    };
  }

  /**
   * @param {string} address
   * @returns {Promise<{digest: Bytes, live: boolean} | null>} A record's digest and whether it is live (false: a
   *   tombstone); null if it was never there.
   */
  async record(address) {
    const value = this.#row(RECORDS, await recordHash(address));
    return value && decodeRecordValue(value);
  }

  /**
   * Check that a record stands exactly so.
   *
   * @param {import("./nodes.js").RecordFields} record
   * @throws {LedgerError} `proof_row_wrong`.
   */
  async checkRecord(record) {
    const digest = await recordDigest(record);
    const found = await this.record(formatAddress(record.account, record.collection, record.key));
    if (!found || !equal(found.digest, digest) || found.live !== record.live) throw new LedgerError("proof_row_wrong");
  }

  /**
   * @param {string} address
   * @returns {Promise<{sum: bigint, count: bigint}>} Of all ratings of a record, of which none can have been withheld.
   */
  async ratings(address) {
    return this.#sums(RATINGS, toHex(await recordHash(address)));
  }

  /**
   * @param {string} address @param {number} sum @param {number} count
   * @throws {LedgerError} `proof_sums_wrong`: the ratings' sum or number is another.
   */
  async checkRatings(address, sum, count) {
    const found = await this.ratings(address);
    if (found.sum !== BigInt(sum) || found.count !== BigInt(count)) throw new LedgerError("proof_sums_wrong");
  }

  /**
   * @param {string} address @param {Uint8Array} account
   * @returns {Promise<import("./nodes.js").RatingValue | null>} One account's rating of a record.
   */
  async rating(address, account) {
    const value = this.#row(RATINGS, concat(await recordHash(address), await accountHash(account)));
    return value && decodeRatingValue(value);
  }

  /** @param {Uint8Array} account @returns {Promise<import("./nodes.js").AccountValue | null>} */
  async account(account) {
    const value = this.#row(ACCOUNTS, await accountHash(account));
    const found = value && decodeAccountValue(value);
    if (found && !equal(found.account, account)) throw new LedgerError("proof_row_wrong");
    return found;
  }

  /**
   * Where in the log an operation is and its result; null if no block up to this height holds it.
   *
   * @param {Uint8Array} id
   * @param {number | bigint} expiry The operation's own, not below this state's height: later states forget its id.
   * @returns {Promise<import("./nodes.js").WindowValue | null>}
   * @throws {LedgerError} Besides, `proof_height`: the state has forgotten the id, if it ever knew it.
   */
  async operation(id, expiry) {
    if (BigInt(expiry) < this.height) {
      throw new LedgerError("proof_height", "A state knows only operations that do not expire below its height.");
    }
    const value = this.#row(WINDOW, encodeWindowKey(BigInt(expiry), id));
    return value && decodeWindowValue(value);
  }

  /** @param {string} name @returns {Promise<Bytes | null>} The hash of what governs the network under a name. */
  async system(name) {
    return this.#row(SYSTEM, await sha256(utf8(name)));
  }

  // The walk

  /** @param {number} number @returns {Entry} */
  #table(number) {
    return /** @type {Entry} */ (this.#tables[number]);
  }

  /** @param {Uint8Array} hash @returns {Uint8Array} */
  #find(hash) {
    const node = this.#nodes.get(toHex(hash));
    if (!node) throw new LedgerError("proof_node_missing");
    return node;
  }

  /**
   * The node of an entry, which must keep what the entry says of it and lie below the slot.
   *
   * @param {number} table @param {string} slot @param {Entry} entry
   * @returns {Opened}
   */
  #open(table, slot, entry) {
    const name = [toHex(entry.hash), table, slot, entry.sum, entry.count, entry.rows].join();
    const known = this.#opened.get(name);
    if (known) return known;
    const opened = this.#check(table, slot, entry);
    this.#opened.set(name, opened);
    return opened;
  }

  /** @param {number} table @param {string} slot @param {Entry} entry @returns {Opened} */
  #check(table, slot, entry) {
    const raw = this.#find(entry.hash);
    const isLeaf = entry.rows <= BigInt(PAGE_ROWS);
    const leaf = isLeaf ? decodeLeaf(raw) : null;
    const inner = isLeaf ? null : decodeInner(raw);
    const {totals, table: of} = /** @type {import("./nodes.js").Leaf | import("./nodes.js").Inner} */ (leaf ?? inner);
    const isBelow = leaf ? leaf.rows.every(({key}) => toHex(key).startsWith(slot)) : inner?.path.startsWith(slot);
    const isSame = totals.sum === entry.sum && totals.count === entry.count && totals.rows === entry.rows;
    if (of !== table || !isSame || !isBelow) throw new LedgerError("proof_node_wrong");
    return {leaf, inner};
  }

  /** @param {number} table @param {Uint8Array} key @returns {Bytes | null} */
  #row(table, key) {
    const wanted = toHex(key);
    let slot = "";
    let entry = this.#table(table);
    while (entry.rows) {
      const {leaf, inner} = this.#open(table, slot, entry);
      if (leaf) return leaf.rows.find((row) => equal(row.key, key))?.value ?? null;
      if (!inner || !wanted.startsWith(inner.path)) return null;
      const digit = wanted.charAt(inner.path.length);
      slot = inner.path + digit;
      entry = inner.children.get(digit) ?? NO_ROWS;
    }
    return null;
  }

  /**
   * The sum and the count over all rows whose keys begin with a prefix of at least one digit.
   *
   * @param {number} table @param {string} prefix
   * @returns {{sum: bigint, count: bigint}}
   */
  #sums(table, prefix) {
    let slot = "";
    let entry = this.#table(table);
    while (entry.rows && !slot.startsWith(prefix)) {
      const {leaf, inner} = this.#open(table, slot, entry);
      if (leaf) return leafTotals(table, leaf.rows.filter(({key}) => toHex(key).startsWith(prefix)));
      if (!inner || inner.path.startsWith(prefix)) break;
      if (!prefix.startsWith(inner.path)) return NO_ROWS;
      const digit = prefix.charAt(inner.path.length);
      slot = inner.path + digit;
      entry = inner.children.get(digit) ?? NO_ROWS;
    }
    return entry;
  }
}

/** @param {ProvenTotals} totals @returns {string} The exact text with which every correct node answers `getdatahash`. */
export function dataHashText({height, root, ratingsSum, ratingsCount, records, accounts}) {
  return (
    `{"height":${height},"root":"${toHex(root)}","ratings_sum":${ratingsSum},"ratings_count":${ratingsCount},` +
    `"records":${records},"accounts":${accounts}}`
  );
}

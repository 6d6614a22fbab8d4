/**
 * Blocks of the log with all that is in them, proven, and what subscribers are told of them.
 *
 * A final header names its block's operations by their hashes, so whoever has the bodies and signatures can tell that
 * they are all of them, none altered and none left out. What became of each operation is in the state: its row in the
 * window table says where it stands and with which result, and stays there until the operation expires. So a page of a
 * block comes with a proof of its operations' rows. From both follows what a node has to tell its subscribers, which
 * therefore need not be asked at all.
 */

import {equal, fromHex, hasLoneSurrogate, toHex, utf8} from "../bytes.js";
import {headerHash, operationsHash, signaturesHash} from "../formats/block.js";
import {RESULTS} from "../formats/codes.js";
import {LedgerError} from "../formats/errors.js";
import {memberTexts} from "../formats/json.js";
import {SIGNATURE_SIZE} from "../formats/keys.js";
import {operationId} from "../formats/operation.js";
import {isCount, isObject, parseObject} from "./told.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("../formats/block.js").Header} Header */
/** @typedef {import("../formats/proof.js").ProvenState} ProvenState */
/** @typedef {import("./told.js").LogPlace} LogPlace */

/** The heights for which nodes keep the state. */
const STATES_KEPT = 1000;

/** Operations asked for at once; a node that gives less says how many. */
const PAGE = 200;

const NUMBERS = new Map(RESULTS.map(([code], number) => [code, number]));
const UNPROVABLE = new Set(["not_provable", "height_pruned"]);

/**
 * @typedef {object} LoggedOperation
 * @property {number} index Its place in the block.
 * @property {string} id In hex.
 * @property {string} body Its exact text.
 * @property {string} result Its code, such as `ok`.
 * @property {number} expiry
 *
 * @typedef {object} LogBlock A final block, whose operations are proven to be these.
 * @property {Header} header
 * @property {string} hash In hex.
 * @property {LoggedOperation[]} operations All of them, in order.
 * @property {ReadonlySet<number>} unproven The indexes of those whose result is only a node's word.
 *
 * @typedef {{result: unknown, rawContext: string}} ToldPage
 *
 * @typedef {object} Asked How a node is asked for a block.
 * @property {(params: {height: number, limit: number, after?: number}, context: {min_height?: number, at?: number,
 *   proof?: boolean}) => Promise<ToldPage>} getblock Fails with an error that has the node's `code` and `data`.
 * @property {(rawContext: string) => Promise<ProvenState>} prove Verifies the proof that came with a page.
 * @property {number} newest The newest height that is known to be final.
 * @property {import("../formats/genesis.js").Genesis} genesis
 */

/**
 * Have a node bring all operations of a block, and prove their results as far as there is a state that knows them.
 *
 * @param {Header} header The block's, verified.
 * @param {Asked} node
 * @returns {Promise<LogBlock>}
 * @throws {LedgerError} What it brought is not so: `block_operations`, `proof_row_wrong`, or what `prove` throws.
 */
export async function fetchBlock(header, node) {
  const fetching = new Fetching(header, node);
  await fetching.run();
  const hash = toHex(await headerHash(header));
  return {header, hash, operations: fetching.operations, unproven: new Set(fetching.unproven)};
}

/** One block from one node. */
class Fetching {
  /** @type {LoggedOperation[]} */
  operations = [];
  /** Indexes. @type {Set<number>} */
  unproven = new Set();
  /** @type {Bytes[]} */
  #ids = [];
  /** @type {Bytes[]} */
  #signatures = [];
  #header;
  #height;
  #node;
  #limit = PAGE;
  #bytesLeft;

  /** @param {Header} header @param {Asked} node */
  constructor(header, node) {
    this.#header = header;
    this.#height = Number(header.height);
    this.#node = node;
    this.#bytesLeft = node.genesis.parameters.max_block_bytes;
  }

  async run() {
    const {genesis, newest} = this.#node;
    const isRemembered = this.#height + genesis.parameters.window >= newest;
    const context = {min_height: this.#height, ...(isRemembered ? {proof: true} : {})};
    while (this.operations.length < this.#header.operationsCount) {
      const {page, state} = await this.#page(this.operations.length, context);
      for (const told of page) await this.#take(told, state);
    }
    const [ids, signatures] = await Promise.all([operationsHash(this.#ids), signaturesHash(this.#signatures)]);
    if (!equal(ids, this.#header.operationsHash) || !equal(signatures, this.#header.signaturesHash)) {
      throw new LedgerError("block_operations");
    }
    if (this.unproven.size && newest - this.#height < STATES_KEPT) await this.#proveThere();
  }

  /**
   * @param {number} first @param {{min_height?: number, at?: number, proof?: boolean}} context
   * @returns {Promise<{page: unknown[], state: ProvenState | null}>}
   */
  async #page(first, context) {
    const params = {height: this.#height, limit: this.#limit, ...(first ? {after: first - 1} : {})};
    let answer;
    try {
      answer = await this.#node.getblock(params, context);
    } catch (error) {
      const longest = longestPage(error);
      if (longest < 1 || longest >= this.#limit) throw error;
      this.#limit = longest;
      return this.#page(first, context);
    }
    const page = isObject(answer.result) ? answer.result.operations : null;
    const left = this.#header.operationsCount - first;
    if (!Array.isArray(page) || !page.length || page.length > left) {
      throw new LedgerError("block_operations", "The page's operations are not those that follow.");
    }
    if (page.some((told, at) => !isObject(told) || told.index !== first + at)) {
      throw new LedgerError("block_operations", "The page's operations are not those that follow.");
    }
    return {page, state: context.proof ? await this.#node.prove(answer.rawContext) : null};
  }

  /** @param {unknown} told @param {ProvenState | null} state */
  async #take(told, state) {
    const {operation, id, index, expiry, signature, result} = readOperation(told);
    const body = utf8(operation);
    this.#bytesLeft -= body.length;
    if (this.#bytesLeft < 0) {
      throw new LedgerError("block_operations", "The block has more bytes than the genesis allows.");
    }
    const hashed = await operationId(body);
    if (toHex(hashed) !== id) throw new LedgerError("block_operations", "An operation has another id than it is told.");
    const logged = {index, id, body: operation, result, expiry};
    if (state === null || BigInt(expiry) < state.height) this.unproven.add(index);
    else await this.#compare(state, logged);
    this.operations.push(logged);
    this.#ids.push(hashed);
    this.#signatures.push(signature);
  }

  /** @param {ProvenState} state @param {LoggedOperation} logged */
  async #compare(state, {id, expiry, index, result}) {
    const found = await state.operation(fromHex(id, "block_operations"), expiry);
    const isThere = found && found.height === this.#header.height && found.index === index;
    if (!isThere || found.result !== NUMBERS.get(result)) {
      throw new LedgerError("proof_row_wrong", "The operation's place or result is another.");
    }
  }

  /** Prove what expired since in the state right after the block, if that has a proof and the node has it. */
  async #proveThere() {
    while (this.unproven.size) {
      const [first] = [...this.unproven].sort((one, other) => one - other);
      let told;
      try {
        told = await this.#page(/** @type {number} */ (first), {proof: true, at: this.#height});
      } catch (error) {
        if (!UNPROVABLE.has(codeOf(error))) throw error;
        return;
      }
      const {page, state} = told;
      if (!state || state.height !== this.#header.height) throw new LedgerError("proof_height");
      for (const [at] of page.entries()) {
        const index = /** @type {number} */ (first) + at;
        if (!this.unproven.delete(index)) continue;
        await this.#compare(state, /** @type {LoggedOperation} */ (this.operations[index]));
      }
    }
  }
}

/** @param {unknown} error @returns {string} */
function codeOf(error) {
  return isObject(error) && typeof error.code === "string" ? error.code : "";
}

/** @param {unknown} error @returns {number} The longest page that a node gives, as its error tells; else 0. */
function longestPage(error) {
  if (codeOf(error) !== "page_too_long" || !isObject(error) || !isObject(error.data)) return 0;
  return isCount(error.data.longest) ? error.data.longest : 0;
}

/** @param {unknown} told An operation as `getblock` tells it. */
function readOperation(told) {
  const code = "block_operations";
  if (!isObject(told)) throw new LedgerError(code);
  const {operation, id, index, result} = told;
  if (typeof operation !== "string" || hasLoneSurrogate(operation) || typeof id !== "string" || !isCount(index)) {
    throw new LedgerError(code, "An operation is not of the documented form.");
  }
  const {expiry} = parseObject(operation, code);
  const signature = fromHex(told.signature, code);
  if (!isCount(expiry) || signature.length !== SIGNATURE_SIZE || typeof result !== "string" || !NUMBERS.has(result)) {
    throw new LedgerError(code, "An operation is not of the documented form.");
  }
  return {operation, id, index, expiry, signature, result};
}

// What subscribers are told

/** @typedef {"records" | "ratings" | "blocks"} Topic */

/**
 * What a subscriber wants of a topic; all that is given must hold.
 *
 * @typedef {object} Filter
 * @property {string} [account] Whose operation it is: the record's author, or who rates.
 * @property {string} [collection] The record's; for ratings, the rated record's.
 * @property {string} [ref] Records that refer to this one.
 * @property {string} [record] This record alone, or ratings of it.
 */

/**
 * What the nodes tell subscribers of a block.
 *
 * @param {LogBlock} block @param {Topic} topic @param {Filter} [filter]
 * @returns {{cursor: LogPlace, index: number | null, raw: string}[]} In order; `raw` is the item's text, to the last
 *   character that of nodes, and `index` that of its operation.
 */
export function itemsOf(block, topic, filter = {}) {
  const {header, hash, operations} = block;
  const height = Number(header.height);
  if (topic === "blocks") {
    const {time, operationsCount, rootHeight, root} = header;
    const raw =
      `{"height":${height},"hash":"${hash}","time":${time},"operations_count":${operationsCount},` +
      `"root_height":${rootHeight},"root":"${toHex(root)}"}`;
    return [{cursor: {height, index: Math.max(operationsCount - 1, 0)}, index: null, raw}];
  }
  return operations.flatMap(({index, id, body, result}) => {
    const raw = result === "ok" ? itemOf(topic, height, index, id, body, filter) : null;
    return raw === null ? [] : [{cursor: {height, index}, index, raw}];
  });
}

/**
 * @param {Topic} topic @param {number} height @param {number} index @param {string} id
 * @param {string} body Of a form that nodes checked before it was ordered. @param {Filter} filter
 * @returns {string | null} Its text; null if the operation is of no interest.
 */
function itemOf(topic, height, index, id, body, filter) {
  const {type, account, collection, key, ref = null, record, stars, time} = JSON.parse(body);
  const head = `{"cursor":{"height":${height},"index":${index}},"id":"${id}","type":"${type}","account":"${account}",`;
  const isRecord = type === "put" || type === "delete";
  if (topic === "records" && isRecord) {
    const address = `${account}/${collection}/${key}`;
    if (!passes(filter, {account, collection, ref, record: address})) return null;
    const data = type === "put" ? memberTexts(body).get("data") : "null";
    const named = `"collection":"${collection}","key":${JSON.stringify(key)}`;
    return `${head}${named},"data":${data},"ref":${JSON.stringify(ref)},"time":${time}}`;
  }
  if (topic === "ratings" && (type === "rate" || type === "withdraw") && typeof record === "string") {
    if (!passes(filter, {account, collection: record.split("/", 2)[1], ref: null, record})) return null;
    return `${head}"record":${JSON.stringify(record)},"stars":${type === "rate" ? stars : null},"time":${time}}`;
  }
  return null;
}

/** @param {Filter} filter @param {Record<string, string | null>} item */
function passes(filter, item) {
  return Object.entries(filter).every(([name, wanted]) => wanted === undefined || wanted === null || item[name] === wanted);
}

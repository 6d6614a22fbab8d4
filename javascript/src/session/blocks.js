/**
 * Blocks of the log with all that is in them, proven.
 *
 * A final header names its block's operations by their hash, so whoever has the bodies can tell that they are all of them,
 * none altered and none left out. What became of each operation is in the state: its row in the window table says where
 * it stands and with which result, and stays there until the operation expires. So a page of a block comes with a proof
 * of its operations' rows under the newest root that can be proven.
 *
 * States are kept for so many heights. Of older blocks the operations are proven still, and their results are a node's
 * word.
 */

import {equal, fromHex, toHex, utf8} from "../bytes.js";
import {sha256} from "../crypto.js";
import {operationsHash, signaturesHash} from "../formats/block.js";
import {LedgerError, resultCode} from "../formats/errors.js";
import {RemoteError} from "./errors.js";
import {isCount, isObject, isText, take} from "./told.js";

/** The heights for which nodes keep the state. */
const STATES_KEPT = 1000;

/** Operations asked for at once; a node that gives less says how many. */
const PAGE = 200;

/** What a node answers that has no state to prove results by. */
const UNPROVABLE = new Set(["not_provable", "height_pruned"]);

/** @typedef {import("./items.js").LoggedOperation} LoggedOperation */
/** @typedef {import("../formats/proof.js").ProvenState} ProvenState */

/**
 * @typedef {object} LogBlock A final block, whose operations are proven to be these.
 * @property {LoggedOperation[]} operations All of them, in order.
 * @property {string[]} results What became of each.
 * @property {Set<number>} unproven The indexes of those whose result is only a node's word.
 *
 * @typedef {object} ToldOperation
 * @property {number} index @property {string} id @property {string} operation @property {string} signature
 * @property {string} result
 */

/**
 * Have a node bring all operations of a block, and prove their results as far as there is a state that knows them.
 *
 * @param {import("./checker.js").Checker} checker
 * @param {import("./client.js").Client} client
 * @param {import("./checker.js").Final} final The block's header, verified.
 * @returns {Promise<LogBlock>}
 * @throws {LedgerError} What it brought is not so. @throws {import("./errors.js").ClientError} It did not bring all.
 */
export async function fetchBlock(checker, client, final) {
  const fetching = new Fetching(checker, client, final);
  await fetching.run();
  const {operations, results, unproven} = fetching;
  return {operations, results, unproven: new Set(unproven.keys())};
}

/** One block from one node. */
class Fetching {
  /** @type {LoggedOperation[]} */
  operations = [];
  /** @type {string[]} */
  results = [];
  /** The expiries of those whose result is not proven, by index. @type {Map<number, number>} */
  unproven = new Map();
  /** @type {Uint8Array[]} */
  #ids = [];
  /** @type {Uint8Array[]} */
  #signatures = [];
  #checker;
  #client;
  #header;
  #height;
  #limit = PAGE;
  #bytesLeft;

  /**
   * @param {import("./checker.js").Checker} checker
   * @param {import("./client.js").Client} client
   * @param {import("./checker.js").Final} final
   */
  constructor(checker, client, {header}) {
    this.#checker = checker;
    this.#client = client;
    this.#header = header;
    this.#height = Number(header.height);
    this.#bytesLeft = checker.genesis.parameters.max_block_bytes;
  }

  async run() {
    const {window} = this.#checker.genesis.parameters;
    const isRemembered = this.#height + window >= this.#checker.newest;
    const context = {min_height: this.#height, ...(isRemembered && {proof: true})};
    while (this.operations.length < this.#header.operationsCount) {
      const {page, state} = await this.#page(this.operations.length, context);
      for (const told of page) await this.#take(told, state);
    }
    const isWhole = equal(await operationsHash(this.#ids), this.#header.operationsHash) &&
      equal(await signaturesHash(this.#signatures), this.#header.signaturesHash);
    if (!isWhole) throw new LedgerError("block_operations");
    if (this.unproven.size && this.#checker.newest - this.#height < STATES_KEPT) await this.#proveThere();
  }

  /**
   * @param {number} first
   * @param {import("./session.js").RequestContext} context
   * @returns {Promise<{page: ToldOperation[], state: ProvenState | null}>}
   */
  async #page(first, context) {
    const params = {height: this.#height, limit: this.#limit, ...(first && {after: first - 1})};
    let answer;
    try {
      answer = await this.#client.call("getblock", params, context);
    } catch (error) {
      const longest = error instanceof RemoteError && error.code === "page_too_long" ? error.data.longest : null;
      if (!isCount(longest) || longest < 1 || longest >= this.#limit) throw error;
      this.#limit = longest;
      return this.#page(first, context);
    }
    const {operations} = take(answer.result, isPage, "getblock");
    const left = this.#header.operationsCount - first;
    const isNext = operations.length > 0 && operations.length <= left;
    if (!isNext || operations.some((each, at) => each.index !== first + at)) {
      throw new LedgerError("block_operations", "The page's operations are not those that follow.");
    }
    const state = context.proof ? await this.#checker.prove(this.#client, answer.rawContext) : null;
    return {page: operations, state};
  }

  /** @param {ToldOperation} told @param {ProvenState | null} state */
  async #take(told, state) {
    const body = utf8(told.operation);
    this.#bytesLeft -= body.length;
    if (this.#bytesLeft < 0) {
      throw new LedgerError("block_operations", "The block has more bytes than the genesis allows.");
    }
    const id = await sha256(body);
    const written = readWritten(told.operation);
    const signature = fromHex(told.signature, "block_operations");
    if (told.id !== toHex(id)) throw new LedgerError("block_operations", "An operation has another id than is told.");
    if (!state || BigInt(written.expiry) < state.height) this.unproven.set(told.index, written.expiry);
    else await this.#compare(state, id, written.expiry, told);
    this.#ids.push(id);
    this.#signatures.push(signature);
    this.results.push(told.result);
    const cursor = {height: this.#height, index: told.index};
    this.operations.push({cursor, id: told.id, written, isEffective: told.result === "ok"});
  }

  /** @param {ProvenState} state @param {Uint8Array} id @param {number} expiry @param {ToldOperation} told */
  async #compare(state, id, expiry, {index, result}) {
    const row = await state.operation(id, expiry);
    const isSame = row?.height === BigInt(this.#height) && row.index === index && resultCode(row.result) === result;
    if (!isSame) throw new LedgerError("proof_row_wrong", "The operation's place or result is another.");
  }

  /** Prove what expired since in the state right after the block, if that has a proof and the node has it. */
  async #proveThere() {
    for (let [first] = this.unproven.keys(); first !== undefined; [first] = this.unproven.keys()) {
      let found;
      try {
        found = await this.#page(first, {proof: true, at: this.#height});
      } catch (error) {
        if (error instanceof RemoteError && UNPROVABLE.has(error.code)) return;
        throw error;
      }
      const {page, state} = found;
      if (state?.height !== BigInt(this.#height)) throw new LedgerError("proof_height");
      for (const told of page) {
        const [id, expiry] = [this.#ids[told.index], this.unproven.get(told.index)];
        if (!id || expiry === undefined) continue;
        await this.#compare(state, id, expiry, {...told, result: this.results[told.index] ?? ""});
        this.unproven.delete(told.index);
      }
    }
  }
}

/** @param {unknown} told @returns {told is {operations: ToldOperation[]}} */
function isPage(told) {
  return isObject(told) && Array.isArray(told.operations) && told.operations.every((each) => isObject(each) &&
    isCount(each.index) && isText(each.id) && isText(each.operation) && isText(each.signature) && isText(each.result));
}

/** @param {string} text An operation's, whose form was checked before it was ordered. @returns {any} */
function readWritten(text) {
  let written;
  try {
    written = JSON.parse(text);
  } catch {
    written = null;
  }
  if (!isObject(written) || !isCount(written.expiry)) {
    throw new LedgerError("block_operations", "An operation is not of the documented form.");
  }
  return written;
}

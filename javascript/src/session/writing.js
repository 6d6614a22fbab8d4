/** Writing: an operation is sent to as many nodes as it takes, and believed to be final when it is proven. */

import {LedgerError, resultCode} from "../formats/errors.js";
import {Promises, findOperation} from "./censorship.js";
import {within} from "./clock.js";
import {AnswerFalse, ConnectionFailed, RemoteError, TimedOut} from "./errors.js";
import {notShown} from "./questions.js";
import {PATIENCE} from "./nodes.js";
import {isObject, isPlace, isText, take} from "./told.js";
import {checkResult} from "./writer.js";

/** Seconds, and the least, after which an operation that is not final is sent to a second node as well. */
const HEDGE = 3;

/** Seconds that a node may take to give a receipt for what another did not pass on. */
const RECEIPT_SECONDS = 10;

/** @typedef {import("./directory.js").Place} Place */
/** @typedef {import("./told.js").LogPlace} LogPlace */
/** @typedef {import("./writer.js").SignedOperation} SignedOperation */

/**
 * @typedef {object} Submitted
 * @property {string} id The operation's, in hex.
 * @property {LogPlace | null} cursor Its place in the log; null as long as it is not final.
 * @property {string | null} result What the ledger's rules made of it, `ok`; null as long as it is not final.
 * @property {any} receipt The node's signed promise to pass it on, or null.
 * @property {import("./checker.js").Checked} checked How far its place and result were checked.
 */

/** Sends operations for a session. */
export class Writing {
  #questions;
  #nodes;
  #policy;
  #session;
  #clock;
  #promises;

  /**
   * @param {import("./questions.js").Questions} questions
   * @param {import("./nodes.js").Nodes} nodes
   * @param {import("./policy.js").Policy} policy
   * @param {import("./session.js").Session} session
   * @param {import("./clock.js").Clock} clock
   * @param {(censorship: import("./censorship.js").Censorship) => unknown} onCensorship
   */
  constructor(questions, nodes, policy, session, clock, onCensorship) {
    this.#questions = questions;
    this.#nodes = nodes;
    this.#policy = policy;
    this.#session = session;
    this.#clock = clock;
    const send = (/** @type {SignedOperation} */ operation, /** @type {Place} */ place, /** @type {AbortSignal} */ signal) =>
      this.#submitAt(operation, "accepted", clock.now() + RECEIPT_SECONDS, place, signal);
    this.#promises = new Promises(questions, nodes, clock, {send, told: onCensorship});
  }

  /** Hold no node to its promises any more. */
  close() {
    this.#promises.close();
  }

  /**
   * As `Cloud.submit`.
   *
   * @param {SignedOperation} operation
   * @param {"accepted" | "final"} wait
   * @param {number} seconds
   * @returns {Promise<Submitted>}
   */
  async submit(operation, wait, seconds) {
    const deadline = this.#clock.now() + seconds;
    for (;;) {
      const {answer: submitted, place} = await this.#questions.ask(
        (at, signal) => this.#submitAt(operation, wait, deadline, at, signal),
        deadline,
        {hedges: true, leastHedge: HEDGE},
      );
      const {cursor} = submitted;
      if (!cursor) return submitted;
      const proven = this.#policy.proves ? await this.#prove(operation, submitted, cursor, place, deadline) : submitted;
      if (!proven?.cursor) continue;
      this.#session.saw(proven.cursor.height);
      checkResult(proven.result);
      return proven;
    }
  }

  /**
   * @param {SignedOperation} operation
   * @param {"accepted" | "final"} wait
   * @param {number} deadline
   * @param {Place} place
   * @param {AbortSignal} signal
   * @returns {Promise<Submitted>}
   */
  async #submitAt(operation, wait, deadline, place, signal) {
    const client = await this.#nodes.connect(place);
    const params = {operation: operation.body, signature: operation.signature, wait};
    // One that lags refuses an operation made at another's height at once, which is better than waiting for it.
    const context = operation.leastHeight && !place.isStale ? {min_height: operation.leastHeight} : {};
    const timeout = Math.max(0.05, deadline - this.#clock.now());
    let told;
    try {
      told = take((await client.call("submit", params, context, {timeout, signal})).result, isObject, "submit");
    } catch (error) {
      const isLost = error instanceof ConnectionFailed || error instanceof TimedOut;
      if (isLost && !signal.aborted) this.#nodes.failed(place, error);
      throw error;
    }
    const cursor = told.cursor === undefined || told.cursor === null ? null : take(told.cursor, isPlace, "cursor");
    const result = cursor ? take(told.result, isText, "result") : null;
    if (told.id !== operation.id || (wait === "final" && !cursor)) {
      throw notShown(place, new RemoteError(0, "", "It answered for another operation."));
    }
    const {checker} = this.#nodes;
    if (checker && cursor) await this.#checkHeight(checker, operation, cursor.height, place, signal);
    if (checker && !cursor) {
      const blame = {method: "submit", params: {}, height: this.#nodes.newest};
      const promised = await this.#questions.workAt(place, blame, () => checker.checkReceipt(operation, told.receipt));
      this.#promises.keep(operation, promised, place);
    }
    return {id: operation.id, cursor, result, receipt: told.receipt ?? null, checked: "none"};
  }

  /**
   * See that an operation may be where a node says, before others are asked for that height: they would wait for one
   * that does not exist.
   *
   * @param {import("./checker.js").Checker} checker
   * @param {SignedOperation} operation
   * @param {number} height
   * @param {Place} place Who told it, and has to show that block.
   * @param {AbortSignal} signal
   */
  async #checkHeight(checker, operation, height, place, signal) {
    const blame = {method: "submit", params: {}, height};
    const showing = this.#questions.workAt(place, blame, async (client) => {
      if (height <= operation.leastHeight || height > operation.expiry) {
        throw new LedgerError("proof_row_wrong", `The operation can't be in block ${height}.`);
      }
      if (!checker.findFinal(height)) await checker.learnFinal(client, height, {signal});
    });
    const late = () => new TimedOut(`${place.url} does not show the block in which it says the operation is.`);
    try {
      await within(this.#clock, showing, PATIENCE, late);
    } catch (error) {
      if (!signal.aborted && !(error instanceof AnswerFalse)) this.#nodes.failed(place, error);
      throw error;
    }
  }

  /**
   * What is proven of an operation that a node says to be final; null if the node lied.
   *
   * The proof may come from any node; a node that has it in a block can prove it a block later.
   *
   * @param {SignedOperation} operation
   * @param {Submitted} told
   * @param {LogPlace} cursor
   * @param {Place} place Who told it.
   * @param {number} deadline
   * @returns {Promise<Submitted | null>}
   */
  async #prove(operation, told, cursor, place, deadline) {
    const {height} = cursor;
    const {found} = await findOperation(this.#questions, this.#nodes, operation, height, deadline);
    this.#promises.fulfilled(operation.id);
    const isTrue = found?.height === height && found.index === cursor.index && resultCode(found.result) === told.result;
    if (isTrue) return {...told, checked: "proof"};
    const lie = new LedgerError("proof_row_wrong", "The operation is not where the node says, or has another result.");
    this.#nodes.accuse(place, null, lie, {method: "submit", params: {}, height});
    if (!found) return null;
    const proven = {height: found.height, index: found.index};
    return {id: told.id, cursor: proven, result: resultCode(found.result), receipt: null, checked: "proof"};
  }
}

/**
 * Noticing that a node took an operation and did not pass it on.
 *
 * A receipt is a node's signed promise: it has the operation, and the log may hold it up to the expiry. So each receipt is
 * kept until the operation is proven to be in the log, or the expiry has passed. Two things can be noticed meanwhile:
 *
 * - *overdue*: the network made several blocks that had room, and the state proves that none held the operation. It is
 *   sent to another node, which gives a receipt of its own; the first one comes after the others from now on.
 * - *expired*: the state at the expiry proves that no block held it nor ever will. Receipt and proof together are evidence
 *   of the kind `receipt`, which goes to a node that keeps it.
 *
 * Neither proves who is to blame: the node may have passed the operation on, and others left it out. The caller is told of
 * both.
 */

import {toHex} from "../bytes.js";
import {encodeEvidence} from "../formats/evidence.js";
import {RemoteError} from "./errors.js";
import {noteBug, tell} from "./telltales.js";

/** How many blocks are made, and how much time passes, before an operation that none of them holds is overdue. */
export const OVERDUE_HEIGHTS = 8;
export const OVERDUE_SECONDS = 4;

/** Seconds between two looks at what was promised. */
const LOOK = 2;

/** Seconds that a look may take to find a node with a proof. */
const ANSWER_SECONDS = 10;

/** Receipts that are kept at once; the oldest is forgotten first. */
const PROMISES_MAX = 1000;

/** @typedef {import("./directory.js").Place} Place */
/** @typedef {import("./writer.js").SignedOperation} SignedOperation */

/**
 * An operation that a node took and that is not in the log.
 *
 * @typedef {object} Censorship
 * @property {string} url Where it was sent.
 * @property {string} node The key that signed the receipt, in hex.
 * @property {string} operation Its id, in hex.
 * @property {number} height No block up to this one holds it.
 * @property {boolean} isExpired Whether none will: its expiry has passed. Else it was sent to another node.
 * @property {string} evidence In hex, what any node takes by `submitevidence`, once it has expired; empty before.
 *
 * @typedef {object} Promised A receipt that was verified.
 * @property {import("../formats/receipt.js").Receipt} receipt
 * @property {import("../bytes.js").Bytes} signature
 *
 * @typedef {object} Kept
 * @property {SignedOperation} operation
 * @property {Promised} promised
 * @property {Place} place
 * @property {number} since In seconds of the clock.
 * @property {number} height From which on blocks count: the receipt's is the node's word.
 * @property {boolean} isOverdue Whether that was told. @property {boolean} isSent Whether another node has it.
 */

/** The receipts that a session has of operations which are not known to be final. */
export class Promises {
  #questions;
  #nodes;
  #clock;
  #send;
  #told;
  /** @type {Kept[]} */
  #kept = [];
  #isLooking = false;
  #closing = new AbortController();
  #forgetTimer = () => {};

  /**
   * @param {import("./questions.js").Questions} questions
   * @param {import("./nodes.js").Nodes} nodes
   * @param {import("./clock.js").Clock} clock
   * @param {object} options
   * @param {(operation: SignedOperation, place: Place, signal: AbortSignal) => Promise<unknown>} options.send Sends an
   *   operation to one place for a receipt, which is kept here.
   * @param {(censorship: Censorship) => unknown} options.told Told of each operation that is overdue or expired.
   */
  constructor(questions, nodes, clock, {send, told}) {
    this.#questions = questions;
    this.#nodes = nodes;
    this.#clock = clock;
    this.#send = send;
    this.#told = told;
  }

  /** Hold a node to its receipt. @param {SignedOperation} operation @param {Promised} promised @param {Place} place */
  keep(operation, promised, place) {
    const node = toHex(promised.receipt.node);
    const isKept = this.#kept.some(
      (each) => each.operation.id === operation.id && toHex(each.promised.receipt.node) === node,
    );
    if (isKept || this.#closing.signal.aborted) return;
    const height = Math.min(Number(promised.receipt.height), this.#nodes.newest);
    const since = this.#clock.now();
    this.#kept.push({operation, promised, place, since, height, isOverdue: false, isSent: false});
    if (this.#kept.length > PROMISES_MAX) this.#kept.shift();
    if (this.#kept.length === 1) this.#plan();
  }

  /** An operation is in the log. @param {string} id */
  fulfilled(id) {
    this.#kept = this.#kept.filter((each) => each.operation.id !== id);
    if (!this.#kept.length) this.#forgetTimer();
  }

  /** Look no more. */
  close() {
    this.#closing.abort();
    this.#kept = [];
    this.#forgetTimer();
  }

  // Looking

  #plan() {
    this.#forgetTimer();
    this.#forgetTimer = this.#clock.later(LOOK, () => {
      this.#look().catch(noteBug).finally(() => {
        if (this.#kept.length) this.#plan();
      });
    });
  }

  async #look() {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const {newest} = this.#nodes;
      for (const kept of [...this.#kept]) {
        const isDue = newest > kept.operation.expiry || this.#isOverdue(kept, newest);
        if (isDue && this.#kept.includes(kept)) await this.#check(kept, newest).catch(noteBug);
      }
    } finally {
      this.#isLooking = false;
    }
  }

  /** Whether the operation should be in a block by now, as far as heights and time say. @param {Kept} kept @param {number} newest */
  #isOverdue({operation, since, height, isSent}, newest) {
    if (isSent || this.#clock.now() - since < OVERDUE_SECONDS) return false;
    const {checker} = this.#nodes;
    const most = checker?.genesis.parameters.max_block_operations ?? 0;
    const header = checker?.findFinal(newest)?.header;
    if (header && header.operationsCount >= most) return false; // there is more than there is room for
    return newest >= height + Math.min(OVERDUE_HEIGHTS, Math.max(1, Math.floor((operation.expiry - height) / 2)));
  }

  /** Have it proven whether the log has the operation, and do what follows. @param {Kept} kept @param {number} newest */
  async #check(kept, newest) {
    const {operation, promised, place} = kept;
    const isExpired = newest > operation.expiry;
    const height = isExpired ? operation.expiry : newest - 1;
    const deadline = this.#clock.now() + ANSWER_SECONDS;
    let proven;
    try {
      proven = await findOperation(this.#questions, this.#nodes, operation, height, deadline, this.#closing.signal);
    } catch (error) {
      if (isExpired && error instanceof RemoteError) this.#drop(kept); // no node has that state any more
      throw error;
    }
    if (proven.found) this.fulfilled(operation.id);
    if (!this.#kept.includes(kept)) return;
    const {receipt, signature} = promised;
    const shown = {kind: /** @type {const} */ ("receipt"), receipt, signature, ...proven.shown};
    const evidence = isExpired ? toHex(encodeEvidence(shown)) : "";
    if (isExpired || !kept.isOverdue) {
      this.#nodes.directory.suspected(place);
      tell(this.#told, {
        url: place.url, node: toHex(receipt.node), operation: operation.id, height: proven.height, isExpired, evidence,
      });
    }
    kept.isOverdue = true;
    if (isExpired) {
      this.#drop(kept);
      await this.#nodes.handIn(evidence);
    } else {
      await this.#sendElsewhere(operation);
      kept.isSent = true;
    }
  }

  /** @param {Kept} kept */
  #drop(kept) {
    this.#kept = this.#kept.filter((each) => each !== kept);
  }

  /** @param {SignedOperation} operation */
  async #sendElsewhere(operation) {
    const those = this.#kept.filter((each) => each.operation.id === operation.id);
    const asked = new Set(those.flatMap((each) => [...this.#questions.sameNode(each.place)]));
    if (!this.#nodes.choose({without: asked})) return; // there is no other node
    await this.#questions.ask(
      (place, signal) => this.#send(operation, place, signal),
      this.#clock.now() + ANSWER_SECONDS,
      {hedges: true, without: asked, signal: this.#closing.signal},
    );
  }
}

/**
 * Whether the log has an operation, proven by whichever node has the proof.
 *
 * @param {import("./questions.js").Questions} questions
 * @param {import("./nodes.js").Nodes} nodes
 * @param {SignedOperation} operation
 * @param {number} height At this height or above.
 * @param {number} deadline In seconds of the clock.
 * @param {AbortSignal} [until] Gives it up.
 * @returns {Promise<import("./checker.js").OperationProof>}
 * @throws {import("./errors.js").ClientError} No node brought a proof in time.
 */
export async function findOperation(questions, nodes, operation, height, deadline, until) {
  const checker = /** @type {import("./checker.js").Checker} */ (nodes.checker);
  const {answer} = await questions.ask(
    (place, signal) => questions.workAt(place, {method: "getproof", params: {}, height}, (client) =>
      checker.proveOperation(client, operation, height, {signal})),
    deadline,
    {hedges: true, ...(until && {signal: until})},
  );
  return answer;
}

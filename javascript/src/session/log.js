/**
 * The network's log as a session reads it: block after block, each proven, shared by all of its subscriptions.
 *
 * While anybody reads, one node is followed for the heights that come (its topic `blocks`), which says when there is
 * something to read and nothing else: what is read is proven, whoever brings it. Should that node keep silent, the
 * heights that other answers prove are noticed every few seconds. Blocks that are there are fetched a few ahead of whoever
 * reads.
 */

import {toHex} from "../bytes.js";
import {LedgerError} from "../formats/errors.js";
import {fetchBlock} from "./blocks.js";
import {pause, within} from "./clock.js";
import {ClientError, NotEnoughNodes, RemoteError, SessionClosed, TimedOut} from "./errors.js";
import {blockItem, operationItem} from "./items.js";
import {noteBug} from "./telltales.js";
import {isCount} from "./told.js";

/** Seconds between two looks at the newest height that is known. */
const LOOK = 2;

/** Blocks that are fetched ahead of whoever reads. */
const AHEAD = 4;

/** Blocks that were read and are kept for another subscription that reads the same. */
const READS_KEPT = 8;

/** Seconds that a second node may take to confirm what can't be proven. */
const SECOND_WORD = 5;

/** Seconds that one place may take to show a header. */
const HEADER_SECONDS = 6;

/** Seconds that one place may take for a block, however many answers it takes: then it is asked of another. */
const BLOCK_SECONDS = 20;

/** Seconds after which a node is sought again to tell of new heights. */
const PAUSE = 1;

/** @typedef {import("./blocks.js").LogBlock} LogBlock */
/** @typedef {import("./checker.js").Final} Final */
/** @typedef {import("./items.js").LoggedItem} LoggedItem */

/** What an empty block holds. @type {LogBlock} */
const NO_OPERATIONS = {operations: [], results: [], unproven: new Set()};

/** @typedef {{final: Final, block: LogBlock}} Read A block that was read, with its header. */

/**
 * Something that several wait for.
 *
 * @template T
 * @typedef {{promise: Promise<T>, isDone: boolean, hasFailed: boolean}} Shared
 */

/** Blocks by height, for the subscriptions of one session. */
export class ProvenLog {
  #questions;
  #nodes;
  #clock;
  #follow;
  #users = 0;
  #tip = 0;
  /** @type {Map<number, Shared<Read>>} */
  #reads = new Map();
  /** @type {Map<number, Shared<Final>>} */
  #headers = new Map();
  /** @type {Set<{height: number, done: () => void}>} */
  #waiting = new Set();
  /** Ends what is under way when nobody reads any more. */
  #life = new AbortController();
  #forgetLook = () => {};
  /** @type {import("./cloudsubscription.js").CloudSubscription | null} */
  #served = null;

  /**
   * @param {import("./questions.js").Questions} questions
   * @param {import("./nodes.js").Nodes} nodes
   * @param {import("./clock.js").Clock} clock
   * @param {() => import("./cloudsubscription.js").CloudSubscription} follow Has a node tell of blocks from now on.
   */
  constructor(questions, nodes, clock, follow) {
    this.#questions = questions;
    this.#nodes = nodes;
    this.#clock = clock;
    this.#follow = follow;
  }

  // Beginning and end

  /** Somebody reads from now on. */
  begin() {
    this.#users += 1;
    if (this.#users > 1) return;
    this.#life = new AbortController();
    this.#followHeights(this.#life.signal).catch(noteBug);
    this.#planLook();
  }

  /** Somebody reads no more. */
  end() {
    this.#users -= 1;
    if (this.#users) return;
    this.#life.abort();
    this.#forgetLook();
    this.#served?.close();
    this.#reads.clear();
    this.#headers.clear();
  }

  /** The node that tells of new heights; empty while there is none. */
  get url() {
    return this.#served?.url ?? "";
  }

  // Reading

  /** @param {import("./told.js").LogPlace} cursor Whether it is known to be the end of its block. */
  endsBlock({height, index}) {
    const header = this.#checker.findFinal(height)?.header;
    return !height || (header !== undefined && index + 1 >= header.operationsCount);
  }

  /**
   * See that a node still has the block after a cursor.
   *
   * @param {import("./told.js").LogPlace} cursor
   * @param {number} deadline In seconds of the clock.
   * @param {AbortSignal} signal Gives it up.
   * @throws {RemoteError} `cursor_pruned`. @throws {ClientError} No node answers in time.
   */
  async checkKept(cursor, deadline, signal) {
    const height = cursor.height + 1;
    if (height > this.#newest || this.#checker.findFinal(height)) return;
    const learn = (/** @type {import("./client.js").Client} */ client) => this.#checker.learnFinal(client, height);
    await this.#askAt(height, learn, deadline, new Set(), {until: signal, seconds: HEADER_SECONDS});
  }

  /**
   * What subscribers of a topic are told of a block, as soon as it can be proven.
   *
   * @param {number} height
   * @param {string} topic
   * @param {AbortSignal} signal Gives up to wait.
   * @returns {Promise<{items: LoggedItem[], unproven: Set<number>}>} `unproven`: the indexes of those whose effect is a
   *   node's word.
   * @throws {RemoteError} `cursor_pruned`: no node has the block any more.
   */
  async items(height, topic, signal) {
    await this.#until(height, signal);
    if (topic === "blocks") return {items: [blockItem(await this.#header(height))], unproven: new Set()};
    const {operations, unproven} = await this.#block(height);
    const items = operations.map((each) => operationItem(topic, each)).filter((item) => item !== null);
    return {items, unproven};
  }

  /** @param {number} height @returns {Promise<LogBlock>} */
  async #block(height) {
    for (;;) {
      const last = Math.min(height + AHEAD, this.#newest);
      for (let ahead = height; ahead <= last; ahead += 1) {
        const known = this.#reads.get(ahead);
        if (!known || known.hasFailed) this.#reads.set(ahead, share(this.#read(ahead)));
      }
      const {final, block} = await (this.#reads.get(height)?.promise ?? this.#read(height));
      this.#forget();
      // One that was read ahead may have turned out to be discarded when the block before it was known.
      if (!this.#checker.isDiscarded(final) && this.#follows(final)) return block;
      this.#reads.delete(height);
    }
  }

  /** Whether a block follows on the one before it, if that one is known. @param {Final} final */
  #follows({header}) {
    const before = this.#checker.findFinal(Number(header.height) - 1);
    return !before || before.hash === toHex(header.parent);
  }

  #forget() {
    const done = [...this.#reads].filter(([, shared]) => shared.isDone).map(([height]) => height);
    for (const height of done.slice(0, Math.max(0, done.length - READS_KEPT))) this.#reads.delete(height);
  }

  /** A block's header, verified; several who want the same ask once. @param {number} height @returns {Promise<Final>} */
  async #header(height) {
    const known = this.#checker.findFinal(height);
    if (known && this.#follows(known)) return known;
    let shared = this.#headers.get(height);
    if (!shared) {
      shared = share(this.#askHeader(height));
      this.#headers.set(height, shared);
      const forget = () => this.#headers.delete(height);
      shared.promise.then(forget, forget);
    }
    return shared.promise;
  }

  /** @param {number} height @returns {Promise<Final>} */
  #askHeader(height) {
    return this.#ask(height, async (client, signal) => {
      const final = await this.#checker.learnFinal(client, height, {waits: true, signal});
      if (!this.#follows(final)) {
        throw new LedgerError("finality_chain", `Block ${height} does not follow on the one before it.`);
      }
      return final;
    });
  }

  /** @param {number} height @returns {Promise<Read>} */
  async #read(height) {
    const final = await this.#header(height);
    return {final, block: final.header.operationsCount ? await this.#fetch(height, final) : NO_OPERATIONS};
  }

  /** @param {number} height @param {Final} final @returns {Promise<LogBlock>} */
  async #fetch(height, final) {
    const fetch = (/** @type {import("./client.js").Client} */ client) => fetchBlock(this.#checker, client, final);
    const first = await this.#askAt(height, fetch, null, new Set());
    // Results that can't be proven count when a second node tells the same, or no other can be asked.
    const told = [first.answer];
    const asked = this.#questions.sameNode(first.place);
    for (let last = first.answer; last.unproven.size && !told.slice(0, -1).some((each) => tellsSame(each, last)); ) {
      let other;
      try {
        other = await this.#askAt(height, fetch, this.#clock.now() + SECOND_WORD, asked);
      } catch (error) {
        if (!(error instanceof ClientError) || this.#life.signal.aborted) throw error;
        if (told.length === 1) break;
        throw new NotEnoughNodes(
          `Nodes tell different results for block ${height}, and no state that is left proves one.`,
        );
      }
      last = other.answer;
      told.push(last);
      for (const place of this.#questions.sameNode(other.place)) asked.add(place);
    }
    return /** @type {LogBlock} */ (told.at(-1));
  }

  /**
   * @template T
   * @param {number} height
   * @param {(client: import("./client.js").Client, signal: AbortSignal) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async #ask(height, work) {
    return (await this.#askAt(height, work, null, new Set(), {seconds: HEADER_SECONDS})).answer;
  }

  /**
   * @template T
   * @param {number} height
   * @param {(client: import("./client.js").Client, signal: AbortSignal) => Promise<T>} work
   * @param {number | null} deadline
   * @param {Set<import("./directory.js").Place>} without
   * @param {{until?: AbortSignal, seconds?: number}} [options] `until`: gives it up. `seconds`: that one place may take.
   */
  async #askAt(height, work, deadline, without, {until = this.#life.signal, seconds = BLOCK_SECONDS} = {}) {
    const blame = {method: "getblock", params: {height}, height};
    /** Where nodes that have the block no more say that their logs begin. @type {number[]} */
    const begins = [];
    try {
      return await this.#questions.ask(
        (place, signal) => this.#questions.workAt(place, blame, (client) => {
          const late = () => new TimedOut(`${place.url} did not bring block ${height} in time.`);
          return within(this.#clock, work(client, signal), seconds, late).catch((error) => {
            const first = error instanceof RemoteError && error.code === "block_pruned" ? error.data.blocks_from : null;
            if (isCount(first) && first > height) begins.push(first);
            throw error;
          });
        }),
        deadline,
        {hedges: true, without, signal: until},
      );
    } catch (error) {
      throw error instanceof RemoteError ? this.#cursorPruned(error, begins) : error;
    }
  }

  /**
   * What a subscriber is told of a block that is pruned everywhere: where to begin instead, which is as early as any node
   * says for itself. One alone has nobody pass over what others have.
   *
   * @param {RemoteError} error @param {number[]} begins
   */
  #cursorPruned(error, begins) {
    if (error.code !== "block_pruned" || !begins.length) return error;
    const message = "The log before the start given is pruned: go on from there, or ask another node.";
    const height = Math.max(0, Math.min(...begins, this.#newest + 1) - 1);
    return new RemoteError(-8, "cursor_pruned", message, {start: {height, index: 0}});
  }

  // Heights

  get #checker() {
    return /** @type {import("./checker.js").Checker} */ (this.#nodes.checker);
  }

  get #newest() {
    return Math.max(this.#tip, this.#checker.newest);
  }

  /** Wait until there is a block of a height, as far as can be told. @param {number} height @param {AbortSignal} signal */
  async #until(height, signal) {
    if (this.#newest >= height) return;
    await new Promise((resolve, reject) => {
      const waiting = {height, done: () => finish(resolve)};
      const stop = () => finish(() => reject(new SessionClosed()));
      const finish = (/** @type {(value?: any) => void} */ settle) => {
        this.#waiting.delete(waiting);
        signal.removeEventListener("abort", stop);
        settle();
      };
      this.#waiting.add(waiting);
      signal.addEventListener("abort", stop, {once: true});
      if (signal.aborted) stop();
    });
  }

  #look() {
    const newest = this.#newest;
    for (const waiting of [...this.#waiting]) if (waiting.height <= newest) waiting.done();
  }

  #planLook() {
    this.#forgetLook = this.#clock.later(LOOK, () => {
      this.#look();
      this.#planLook();
    });
  }

  /** @param {AbortSignal} life */
  async #followHeights(life) {
    while (!life.aborted) {
      const served = this.#follow();
      this.#served = served;
      try {
        await served.ready;
        this.#reached(served.cursor?.height ?? 0);
        for await (const item of served) this.#reached(item.cursor.height);
      } catch (error) {
        if (!(error instanceof ClientError)) throw error; // else no node tells of new blocks
      }
      if (life.aborted) served.close();
      else await pause(this.#clock, PAUSE, life);
    }
  }

  /** @param {number} height */
  #reached(height) {
    this.#tip = Math.max(this.#tip, height);
    this.#look();
  }
}

/** @template T @param {Promise<T>} promise @returns {Shared<T>} */
function share(promise) {
  const shared = {promise, isDone: false, hasFailed: false};
  promise.then(() => (shared.isDone = true), () => (shared.isDone = shared.hasFailed = true));
  return shared;
}

/** @param {LogBlock} one @param {LogBlock} other */
function tellsSame(one, other) {
  return one.results.join() === other.results.join();
}

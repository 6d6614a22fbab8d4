/** One question to many nodes, whose answers count when they were checked: what all that a session does is made of. */

import {LedgerError} from "../formats/errors.js";
import {isProvable} from "../trust/proving.js";
import {readContext} from "../trust/told.js";
import {Asking} from "./asking.js";
import {
  AnswerStale, BEHIND, ClientError, ConnectionFailed, Denied, NotEnoughNodes, RemoteError, SessionClosed, TimedOut,
  messageOf, remedy,
} from "./errors.js";
import {OF_THE_NODE, goesBack} from "./session.js";
import {isCount} from "./told.js";

/** Seconds, and the least, after which a read is asked at a second node as well. */
const HEDGE = 0.5;

/** The same as a multiple of the first node's latency. */
const HEDGE_LATENCIES = 8;

/** @typedef {import("./checker.js").Checked} Checked */
/** @typedef {import("./checker.js").Checker} Checker */
/** @typedef {import("./client.js").Client} Client */
/** @typedef {import("./directory.js").Place} Place */
/** @typedef {import("./session.js").RequestContext} RequestContext */

/**
 * A result.
 *
 * @typedef {object} CloudAnswer
 * @property {any} result
 * @property {string} raw The result's exact JSON text, the same on every node at one height.
 * @property {any} context What the answer says of itself: `network`, `height`, `hash`, `time`; null if nothing.
 * @property {Checked} checked How far it was checked.
 * @property {number} height Where it holds; 0 for what holds at no height.
 * @property {string} url Who answered. @property {string} node Its key in hex, as far as it is known.
 *
 * @typedef {object} Question
 * @property {string} method
 * @property {unknown} params
 * @property {RequestContext} context
 * @property {number} deadline
 * @property {boolean} proof
 *
 * @typedef {object} Blame What a place is accused of having answered falsely.
 * @property {string} method @property {unknown} params @property {number} height Where the answer was to hold.
 *
 * @typedef {object} AskOptions
 * @property {boolean} hedges Whether a second place is asked when the first is slow.
 * @property {number} [leastHedge] Seconds after which it is slow, at least.
 * @property {boolean} [keeping] Whether the place must keep its connection.
 * @property {Set<Place>} [without] Never ask these.
 * @property {AbortSignal} [signal] Gives it up.
 */

export class Questions {
  #nodes;
  #policy;
  #session;
  #clock;
  /** @type {Set<Asking<any>>} */
  #asking = new Set();
  #isClosed = false;

  /**
   * @param {import("./nodes.js").Nodes} nodes
   * @param {import("./policy.js").Policy} policy
   * @param {import("./session.js").Session} session
   * @param {import("./clock.js").Clock} clock
   */
  constructor(nodes, policy, session, clock) {
    this.#nodes = nodes;
    this.#policy = policy;
    this.#session = session;
    this.#clock = clock;
  }

  /** Ask no more; what is under way fails. */
  close() {
    this.#isClosed = true;
    for (const asking of [...this.#asking]) asking.stop(new SessionClosed());
  }

  // Calls

  /**
   * Call a method; the session does not see yet what is shown.
   *
   * @param {string} method
   * @param {unknown} params
   * @param {RequestContext | undefined} wanted What the caller wants of the answer.
   * @param {number} seconds Over all nodes that are asked.
   * @returns {Promise<CloudAnswer>} Fails as `Cloud.call` says.
   */
  async call(method, params, wanted, seconds) {
    const isOfNode = OF_THE_NODE.has(method);
    const context = this.#session.context(method, wanted);
    const proof = this.#policy.proves && !isOfNode && isProvable(method, params);
    if (proof) context.proof = true;
    const question = {method, params, context, deadline: this.#clock.now() + seconds, proof};
    const {answer, place} = await this.ask(
      (at, signal) => this.#answer(question, at, signal),
      question.deadline,
      {hedges: method !== "submit"},
    );
    return this.#policy.quorum > 1 && !isOfNode ? this.#agree(question, answer, place) : answer;
  }

  /**
   * Ask the best places until one answers.
   *
   * @template T
   * @param {(place: Place, signal: AbortSignal) => Promise<T>} ask
   * @param {number | null} deadline In seconds of the clock; null for no end.
   * @param {AskOptions} options
   * @returns {Promise<{answer: T, place: Place}>} What `ask` gave, and the place; fails with the last failure.
   */
  async ask(ask, deadline, {hedges, leastHedge = HEDGE, keeping = false, without = new Set(), signal}) {
    if (this.#isClosed || signal?.aborted) throw new SessionClosed();
    const choose = (/** @type {Set<Place>} */ tried) =>
      this.#nodes.choose({without: new Set([...tried, ...without]), keeping});
    const latency = choose(new Set())?.latency ?? 0;
    const asking = new Asking(ask, choose, this.#clock, {
      timeout: deadline === null ? null : Math.max(0, deadline - this.#clock.now()),
      hedgeAfter: hedges ? Math.max(leastHedge, HEDGE_LATENCIES * latency) : null,
      confirms: (refusal) => this.#policy.certifies && !(refusal instanceof Denied && refusal.checked === "proof"),
      sameNode: (place) => this.sameNode(place),
    });
    const stop = () => asking.stop(new ConnectionFailed("The question was given up."));
    signal?.addEventListener("abort", stop, {once: true});
    this.#asking.add(asking);
    try {
      return await asking.done;
    } finally {
      this.#asking.delete(asking);
      signal?.removeEventListener("abort", stop);
    }
  }

  /**
   * Have something done at a place that checks by itself what it is told.
   *
   * @template T
   * @param {Place} place
   * @param {Blame} blame What the place is accused of, if `work` fails with a `LedgerError`.
   * @param {(client: Client) => Promise<T>} work
   * @returns {Promise<T>}
   * @throws {ClientError} It failed, or the place lied and is left.
   */
  async workAt(place, blame, work) {
    const client = await this.#nodes.connect(place);
    try {
      const done = await work(client);
      this.#nodes.directory.answered(place);
      return done;
    } catch (error) {
      if (error instanceof LedgerError) throw this.#nodes.accuse(place, client, error, blame);
      if (error instanceof RemoteError && remedy(error) === "none") throw notShown(place, error);
      if (error instanceof ConnectionFailed || error instanceof TimedOut) this.#nodes.failedCall(place, error);
      throw error;
    }
  }

  /** A place, and the others of the same node as far as that is proven. @param {Place} place @returns {Set<Place>} */
  sameNode(place) {
    const isSame = (/** @type {Place} */ other) => other.isProven && other.node === place.node;
    const others = place.isProven ? [...this.#nodes.directory].filter(isSame) : [];
    return new Set([place, ...others]);
  }

  // At one place

  /** Ask one place, and check what it answers. @param {Question} question @param {Place} place @param {AbortSignal} signal */
  async #answer(question, place, signal) {
    const client = await this.#nodes.connect(place);
    const {method, params, context} = question;
    const timeout = Math.max(0.05, question.deadline - this.#clock.now());
    let answer;
    try {
      answer = await client.call(method, params, context, {timeout, signal});
    } catch (error) {
      if (error instanceof RemoteError) {
        this.#noteRefusal(place, error);
        if (question.proof && error.number === -5 && error.rawContext) {
          throw await this.#checkDenial(question, place, client, error);
        }
      } else if (!signal.aborted) this.#nodes.failedCall(place, error);
      throw error;
    }
    this.#nodes.directory.answered(place);
    const {raw, rawContext, result} = answer;
    const {height, checked} = OF_THE_NODE.has(method)
      ? {height: 0, checked: /** @type {Checked} */ ("none")}
      : await this.#judge(question, place, client, rawContext, (checker) =>
        checker.check(client, method, params, answer, {proof: question.proof}));
    const said = rawContext ? JSON.parse(rawContext) : null;
    return {result, raw, context: said, checked, height, url: place.url, node: place.node};
  }

  /** @param {Place} place @param {RemoteError} error */
  #noteRefusal(place, error) {
    this.#nodes.directory.answered(place);
    if (BEHIND.has(error.code) && isCount(error.data.height)) this.#toldHeight(place, error.data.height);
  }

  /** @param {Place} place @param {number} height */
  #toldHeight(place, height) {
    this.#nodes.directory.toldHeight(place, height, Math.max(this.#nodes.newest, this.#session.height));
  }

  /**
   * @param {Question} question
   * @param {Place} place
   * @param {Client} client
   * @param {RemoteError} error
   * @returns {Promise<ClientError>} What the refusal is worth.
   */
  async #checkDenial(question, place, client, error) {
    try {
      const {height, checked} = await this.#judge(question, place, client, error.rawContext, (checker) =>
        checker.checkDenial(client, question.method, question.params, error));
      return new Denied(error, checked, height);
    } catch (other) {
      if (other instanceof ClientError) return other;
      throw other;
    }
  }

  /**
   * @param {Question} question
   * @param {Place} place
   * @param {Client} client
   * @param {string} rawContext
   * @param {(checker: Checker) => Promise<Checked>} check
   * @returns {Promise<{height: number, checked: Checked}>}
   * @throws {ClientError} The answer is false, stale, or not shown to be true.
   */
  async #judge({method, params, context}, place, client, rawContext, check) {
    let height = 0;
    try {
      ({height} = readContext(rawContext));
      if (goesBack(context, height)) {
        this.#toldHeight(place, height); // no lie, for it says so
        throw new AnswerStale(`${place.url} answered ${method} for height ${height}, older than this session.`);
      }
      return {height, checked: this.#nodes.checker ? await check(this.#nodes.checker) : "none"};
    } catch (error) {
      if (error instanceof LedgerError) throw this.#nodes.accuse(place, client, error, {method, params, height});
      throw error instanceof RemoteError ? notShown(place, error) : error;
    }
  }

  // Several nodes

  /**
   * The answer that so many nodes give, byte for byte at one height: asked on until they are that many, however many
   * others answer something else.
   *
   * @param {Question} question
   * @param {CloudAnswer} first
   * @param {Place} place Who gave it.
   * @returns {Promise<CloudAnswer>}
   * @throws {NotEnoughNodes} They are not.
   */
  async #agree(question, first, place) {
    const {min_height: _, ...context} = question.context;
    const same = {...question, context: {...context, at: first.height}};
    /** Answers by their texts. @type {Map<string, CloudAnswer[]>} */
    const given = new Map([[first.raw, [first]]]);
    if (!place.isProven) await this.#nodes.look(place);
    const asked = this.sameNode(place);
    const {quorum} = this.#policy;
    for (let most = given.get(first.raw) ?? []; ; ) {
      const [best] = most;
      if (best && most.length >= quorum) return best;
      if (!this.#nodes.choose({without: asked})) throw disagreement(same, given, quorum, "name more nodes.");
      let other;
      try {
        other = await this.ask(async (at, signal) => {
          if (!at.isProven) await this.#nodes.look(at); // which node it is counts, not what others say of it
          if ([...this.sameNode(at)].some((each) => asked.has(each))) {
            asked.add(at);
            throw new ConnectionFailed(`${at.url} is of a node that was asked.`);
          }
          return this.#answer(same, at, signal);
        }, same.deadline, {hedges: false, without: asked});
      } catch (error) {
        if (error instanceof Denied || !(error instanceof ClientError)) throw error;
        throw disagreement(same, given, quorum, messageOf(error));
      }
      for (const each of this.sameNode(other.place)) asked.add(each);
      const alike = given.get(other.answer.raw) ?? [];
      alike.push(other.answer);
      given.set(other.answer.raw, alike);
      if (alike.length > most.length) most = alike;
    }
  }
}

/**
 * @param {Question} question
 * @param {Map<string, CloudAnswer[]>} given
 * @param {number} quorum
 * @param {string} reason
 */
function disagreement({method, context}, given, quorum, reason) {
  const groups = [...given.values()].map((alike) => alike.length).sort((one, other) => other - one).join(" and ");
  const told = given.size > 1 ? `${groups} nodes give different answers` : `${groups} nodes agree`;
  return new NotEnoughNodes(`${told} to ${method} at height ${context.at}, ${quorum} were to agree: ${reason}`);
}

/** A node that answers, and does not bring what its answer is checked with: no lie, and of no use. @param {Place} place @param {Error} error */
export function notShown(place, error) {
  return new ConnectionFailed(`${place.url} does not show what its answer is checked with: ${error.message}`);
}

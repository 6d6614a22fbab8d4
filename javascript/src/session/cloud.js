/**
 * One session with a network: calls, writes and subscriptions on whichever nodes answer.
 *
 *     const cloud = await Cloud.connect(["ws://one.example:38082", "https://two.example:38081"], {network});
 *     const record = (await cloud.call("getrecord", {account, collection: "film", key: "metropolis"})).result;
 *     for await (const item of cloud.subscribe("ratings", {record})) ...
 *
 * `Nodes` knows where to ask, `Asking` asks elsewhere what fails or is slow, `Session` says how old an answer may be,
 * `Checker` what is believed. Here they are put together: a call is one question to many nodes, and only an answer that
 * was checked is shown to the caller.
 */

import {LedgerError, resultCode} from "../formats/errors.js";
import {connect, findMeans, surroundings} from "../transports/connect.js";
import {isProvable} from "../trust/proving.js";
import {readContext} from "../trust/told.js";
import {formatUrl, parseUrl} from "./address.js";
import {Asking} from "./asking.js";
import {Checker, fetchGenesis} from "./checker.js";
import {TIMEOUT} from "./client.js";
import {realClock} from "./clock.js";
import {CloudSubscription} from "./cloudsubscription.js";
import {compareNodes} from "./comparing.js";
import {Directory, readPin} from "./directory.js";
import {
  AnswerStale, BEHIND, ClientError, ConnectionFailed, Denied, NotEnoughNodes, RemoteError, TimedOut,
} from "./errors.js";
import {Nodes} from "./nodes.js";
import {readPolicy} from "./policy.js";
import {OF_THE_NODE, Session, goesBack} from "./session.js";
import {tell} from "./telltales.js";
import {isCount, isObject, isPlace, isText, take} from "./told.js";
import {makeReader} from "./vouching.js";
import {Writer, checkResult} from "./writer.js";

/** Seconds, and the least, after which a read is asked at a second node as well. */
const HEDGE = 0.5;

/** The same as a multiple of the first node's latency. */
const HEDGE_LATENCIES = 8;

/** What every node tells alike. */
const TOPICS = ["records", "ratings", "blocks"];

/** @typedef {import("./accusing.js").Accusation} Accusation */
/** @typedef {import("./checker.js").Checked} Checked */
/** @typedef {import("./client.js").Client} Client */
/** @typedef {import("./directory.js").Place} Place */
/** @typedef {import("./nodesubscription.js").Item} Item */
/** @typedef {import("./session.js").RequestContext} RequestContext */
/** @typedef {import("./told.js").LogPlace} LogPlace */
/** @typedef {import("./writer.js").SignedOperation} SignedOperation */

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
 * @typedef {object} Submitted
 * @property {string} id The operation's, in hex.
 * @property {LogPlace | null} cursor Its place in the log; null as long as it is not final.
 * @property {string | null} result What the ledger's rules made of it, `ok`; null as long as it is not final.
 * @property {any} receipt The node's signed promise to pass it on, or null.
 * @property {Checked} checked How far its place and result were checked.
 *
 * @typedef {object} Question
 * @property {string} method
 * @property {unknown} params
 * @property {RequestContext} context
 * @property {number} deadline
 * @property {boolean} proof
 */

/**
 * @typedef {object} CloudOptions
 * @property {string | null} [network] The network's id (the genesis hash), 64 hex digits. Without it the first seed that
 *   answers is trusted to say which network it is.
 * @property {string} [verify] `proof`, `certificate`, `quorum:K` or `none`: see docs/client.md.
 * @property {number} [height] Of an earlier session that this one is not to be behind.
 * @property {number} [timeout] Seconds that a call may take in all.
 * @property {(accusation: Accusation) => unknown} [onLiar] Told of each node that is left because it lied.
 * @property {(state: import("./checker.js").State) => unknown} [onState] Told of each newer proven state.
 * @property {import("../transports/websocket.js").WebSocketClass} [WebSocket] In place of the one that there is.
 * @property {import("../transports/webtransport.js").WebTransportClass} [WebTransport]
 * @property {import("../transports/http.js").Fetch} [fetch]
 * @property {import("./clock.js").Clock} [clock] For tests.
 * @property {() => number} [random] From 0 to 1, for tests.
 * @property {(place: Place, signal: AbortSignal) => Promise<Client>} [connect] Makes connections, in place of the
 *   transports.
 */

/** A session. Made by `connect`. */
export class Cloud {
  #nodes;
  #policy;
  #session;
  #clock;
  #timeout;
  /** @type {Set<CloudSubscription>} */
  #subscriptions = new Set();
  /** @type {Set<Asking<any>>} */
  #asking = new Set();
  #isClosed = false;

  /**
   * @param {Nodes} nodes
   * @param {import("./policy.js").Policy} policy
   * @param {Session} session
   * @param {import("./clock.js").Clock} clock
   * @param {number} timeout
   */
  constructor(nodes, policy, session, clock, timeout) {
    this.#nodes = nodes;
    this.#policy = policy;
    this.#session = session;
    this.#clock = clock;
    this.#timeout = timeout;
  }

  /**
   * Begin a session.
   *
   * @param {Iterable<string>} seeds URLs of some nodes, by any transport; more are learned from them.
   * @param {CloudOptions} [options]
   * @returns {Promise<Cloud>}
   * @throws {import("./errors.js").AddressInvalid} A seed is no URL of a node, or of no use here.
   * @throws {RangeError} `verify` or `network` is none, or there is no seed.
   * @throws {ConnectionFailed} No seed answers.
   */
  static async connect(seeds, options = {}) {
    const {network = null, verify = "proof", height = 0, timeout = TIMEOUT, clock = realClock} = options;
    const policy = readPolicy(verify);
    if (network !== null && !/^[0-9a-f]{64}$/.test(network)) {
      throw new RangeError("A network's id is 64 lower-case hex digits.");
    }
    const means = findMeans(options);
    const directory = new Directory(seeds, surroundings(means), options.random);
    if (!directory.size) throw new RangeError("A session needs the URL of a node at least.");
    const nodes = new Nodes(directory, clock, {
      connect: options.connect ?? ((place, signal) => connect(place, means, clock, signal)),
      network,
      learn: policy.certifies ? (client, id) => Checker.learn(client, id, options.onState) : null,
      reader: makeReader(() => nodes.network, clock.unix),
      left: (place) => cloud.#leave(place),
      accused: options.onLiar ?? (() => {}),
    });
    const cloud = new Cloud(nodes, policy, new Session(height), clock, timeout);
    try {
      await nodes.begin();
    } catch (error) {
      nodes.close();
      throw error;
    }
    return cloud;
  }

  // What is known

  /** The network's id in hex. */
  get network() {
    return this.#nodes.network ?? "";
  }

  /**
   * The newest height that this session was shown: no later answer is older. Of an empty block, which changed nothing,
   * it is the height before.
   */
  get height() {
    return this.#session.height;
  }

  /** All places that are known, the best first; liars last. */
  get places() {
    const {directory} = this.#nodes;
    return [...directory.rank(this.#clock.now()), ...[...directory].filter((place) => place.lie !== null)];
  }

  /** The places that there are connections with. */
  get connected() {
    return this.#nodes.connected;
  }

  /** The nodes that lied so far. @returns {Accusation[]} */
  get accusations() {
    return [...this.#nodes.accusations];
  }

  /**
   * The newest state that was proven, and the nodes that proved one: null as long as none was, or if nothing is checked.
   *
   * @returns {import("./checker.js").State | null}
   */
  get state() {
    return this.#nodes.checker?.state ?? null;
  }

  /**
   * Ask these places alone from now on; all without a name.
   *
   * @param {...string} names URLs, or `node:` and a key for all places of a node that it has proven to be.
   * @throws {import("./errors.js").AddressInvalid} One is none.
   */
  pin(...names) {
    const pins = names.map(readPin);
    const urls = new Set(pins.flatMap((pin) => ("url" in pin ? [pin.url] : [])));
    const nodes = new Set(pins.flatMap((pin) => ("node" in pin ? [pin.node] : [])));
    for (const name of names) if (!name.startsWith("node:")) this.#nodes.directory.name(name);
    this.#nodes.pinned = names.length
      ? (place) => urls.has(place.url) || (place.isProven && nodes.has(place.node))
      : null;
  }

  /**
   * Compare all nodes that are known: each signs and proves its newest state, which must be what the validators signed.
   *
   * @param {{most?: number, onEach?: (compared: import("./comparing.js").Compared) => void}} [options] `most`: nodes that
   *   are asked at most. `onEach`: told of each as soon as it is known.
   * @returns {Promise<import("./comparing.js").Compared[]>} Each node once.
   */
  compare({most = 64, onEach = () => {}} = {}) {
    return compareNodes(this.#nodes, {most, onEach: (compared) => tell(onEach, compared)});
  }

  // Calls

  /**
   * Ask one place what it tells of itself. That is its own word: nothing is checked, and no other is asked.
   *
   * @param {string} url
   * @param {string} method
   * @param {unknown} [params]
   * @param {{timeout?: number}} [options] Seconds.
   * @returns {Promise<any>} The result.
   * @throws {ClientError} It answered with an error, or not.
   */
  async ask(url, method, params = {}, {timeout = this.#timeout} = {}) {
    const place = this.#nodes.directory.find(formatUrl(parseUrl(url))) ?? this.#nodes.directory.name(url);
    const client = await this.#nodes.connect(place);
    return (await client.call(method, params, undefined, {timeout})).result;
  }

  /**
   * Call a method.
   *
   * @param {string} method
   * @param {unknown} [params] An object or array.
   * @param {{context?: RequestContext, timeout?: number}} [options] `context`: the request's, such as `at`. `timeout`:
   *   seconds, over all nodes that are asked.
   * @returns {Promise<CloudAnswer>}
   * @throws {RemoteError} The answer is this error; `Denied` if it is proven.
   * @throws {ClientError} No node gave a good answer in time: the last failure.
   */
  async call(method, params = {}, {context, timeout = this.#timeout} = {}) {
    const isOfNode = OF_THE_NODE.has(method);
    const asked = this.#session.context(method, context);
    const proof = this.#policy.proves && !isOfNode && isProvable(method, params);
    if (proof) asked.proof = true;
    const question = {method, params, context: asked, deadline: this.#clock.now() + timeout, proof};
    try {
      const {answer, place} = await this.#ask(
        (at, signal) => this.#answer(question, at, signal),
        question.deadline,
        {hedges: method !== "submit"},
      );
      if (this.#policy.quorum > 1 && !isOfNode) await this.#agree(question, answer, place);
      this.#saw(answer.height);
      return answer;
    } catch (error) {
      if (error instanceof Denied) this.#saw(error.height);
      throw error;
    }
  }

  /**
   * Submit a signed operation, to as many nodes as it takes. The same bytes take effect once.
   *
   * @param {SignedOperation} operation
   * @param {{wait?: "accepted" | "final", timeout?: number}} [options] `wait`: `final` for its place in the log, which
   *   is proven if answers are; `accepted` for one node's receipt.
   * @returns {Promise<Submitted>}
   * @throws {import("./errors.js").Rejected} It was ordered and has no effect.
   * @throws {RemoteError} It was not taken.
   * @throws {ClientError} It is not known to be final in time; it may still become so before its expiry, and may be
   *   submitted again.
   */
  async submit(operation, {wait = "final", timeout = this.#timeout} = {}) {
    const deadline = this.#clock.now() + timeout;
    for (;;) {
      const {answer: submitted, place} = await this.#ask(
        (at, signal) => this.#submitAt(operation, wait, deadline, at, signal),
        deadline,
        {hedges: false},
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
   * What makes operations for a key on this network.
   *
   * @param {import("../formats/keys.js").SigningKey} key
   * @returns {Promise<Writer>}
   */
  async writer(key) {
    const deadline = this.#clock.now() + this.#timeout;
    const genesis = this.#nodes.checker?.genesis ?? (await this.#ask(
      async (place, signal) => fetchGenesis(await this.#nodes.connect(place), this.#nodes.network, {signal}),
      deadline,
      {hedges: false},
    )).answer;
    return new Writer(genesis, key, () => this.#nodes.newest, this.#clock.unix);
  }

  /**
   * Be told of changes, each once and in order, as long as it takes. What happens once its `ready` is done is told.
   *
   * @param {string} topic `records`, `ratings` or `blocks`.
   * @param {object} [wanted] The method's `filter`.
   * @param {LogPlace | null} [after] Go on after this cursor; from now on if null.
   * @returns {CloudSubscription} Iterating fails with `RemoteError` (`cursor_pruned`) if no node has the log from there
   *   on.
   */
  subscribe(topic, wanted = {}, after = null) {
    if (!TOPICS.includes(topic)) {
      throw new RangeError(`${JSON.stringify(topic)} is not what all nodes tell alike: give one of ${TOPICS.join(", ")}.`);
    }
    /** Later it waits as long as it takes. @type {number | null} */
    let deadline = this.#clock.now() + this.#timeout;
    const subscription = new CloudSubscription(after, {
      begin: (cursor, signal) => {
        const until = deadline;
        deadline = null;
        return this.#begin(topic, wanted, cursor, until, signal);
      },
      take: async (opened, item) => {
        await this.#checkHeight(opened.place, opened.client, item.cursor.height);
        this.#saw(item.cursor.height);
      },
      ended: (each) => this.#subscriptions.delete(each),
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** End the session: what is under way fails, and subscriptions end. */
  close() {
    this.#isClosed = true;
    for (const subscription of [...this.#subscriptions]) subscription.close();
    for (const asking of [...this.#asking]) asking.stop(new ConnectionFailed("The session was closed."));
    this.#nodes.close();
  }

  // One question

  /** @param {number} height */
  #saw(height) {
    this.#session.saw(this.#nodes.checker?.leastHeight(height) ?? height);
  }

  /**
   * Ask the best places until one answers.
   *
   * @template T
   * @param {(place: Place, signal: AbortSignal) => Promise<T>} ask
   * @param {number | null} deadline In seconds of the clock; null for no end.
   * @param {{hedges: boolean, keeping?: boolean, without?: Set<Place>, signal?: AbortSignal}} options `without`: never
   *   ask these. `signal`: gives it up.
   * @returns {Promise<{answer: T, place: Place}>}
   */
  async #ask(ask, deadline, {hedges, keeping = false, without = new Set(), signal}) {
    if (this.#isClosed) throw new ConnectionFailed("The session was closed.");
    const choose = (/** @type {Set<Place>} */ tried) =>
      this.#nodes.choose({without: new Set([...tried, ...without]), keeping});
    const latency = choose(new Set())?.latency ?? 0;
    const asking = new Asking(ask, choose, this.#clock, {
      timeout: deadline === null ? null : Math.max(0, deadline - this.#clock.now()),
      hedgeAfter: hedges ? Math.max(HEDGE, HEDGE_LATENCIES * latency) : null,
      confirms: (refusal) => this.#policy.certifies && !(refusal instanceof Denied),
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
      } else if (!signal.aborted) this.#nodes.failed(place, error);
      throw error;
    }
    this.#nodes.directory.answered(place);
    const {height, checked} = OF_THE_NODE.has(method)
      ? {height: 0, checked: /** @type {Checked} */ ("none")}
      : await this.#check(question, place, client, answer);
    const {raw, rawContext, result} = answer;
    const said = rawContext ? JSON.parse(rawContext) : null;
    return {result, raw, context: said, checked, height, url: place.url, node: place.node};
  }

  /** @param {Place} place @param {RemoteError} error */
  #noteRefusal(place, error) {
    this.#nodes.directory.answered(place);
    if (BEHIND.has(error.code) && isCount(error.data.height)) {
      const newest = Math.max(this.#nodes.newest, this.#session.height);
      this.#nodes.directory.toldHeight(place, error.data.height, newest);
    }
  }

  /**
   * @param {Question} question
   * @param {Place} place
   * @param {Client} client
   * @param {import("./messages.js").Answer} answer
   * @returns {Promise<{height: number, checked: Checked}>}
   */
  #check(question, place, client, answer) {
    return this.#judge(question, place, client, answer.rawContext, async (checker) => checker.check(
      client, question.method, question.params, answer, {proof: question.proof},
    ));
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
      const {height, checked} = await this.#judge(question, place, client, error.rawContext, async (checker) =>
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
        // No lie, for it says so.
        this.#nodes.directory.toldHeight(place, height, Math.max(this.#nodes.newest, this.#session.height));
        throw new AnswerStale(`${place.url} answered ${method} for height ${height}, older than this session.`);
      }
      return {height, checked: this.#nodes.checker ? await check(this.#nodes.checker) : "none"};
    } catch (error) {
      if (error instanceof LedgerError) throw this.#nodes.accuse(place, client, error, {method, params, height});
      throw error instanceof RemoteError ? notShown(place, error) : error;
    }
  }

  /** Have so many other nodes give the same answer at the same height. @param {Question} question @param {CloudAnswer} answer @param {Place} place */
  async #agree(question, answer, place) {
    const {min_height: _, ...context} = question.context;
    const same = {...question, context: {...context, at: answer.height}};
    const asked = new Set([place, ...this.#sameNode(place)]);
    for (let agreeing = 1; agreeing < this.#policy.quorum; agreeing += 1) {
      if (!this.#nodes.choose({without: asked})) {
        throw new NotEnoughNodes(
          `${agreeing} nodes agree on ${question.method} at height ${answer.height}, ${this.#policy.quorum} were to: ` +
            "name more nodes.",
        );
      }
      const {answer: other, place: at} = await this.#ask(
        (each, signal) => this.#answer(same, each, signal),
        question.deadline,
        {hedges: false, without: asked},
      );
      for (const each of [at, ...this.#sameNode(at)]) asked.add(each);
      if (other.raw !== answer.raw) {
        throw new NotEnoughNodes(
          `${place.url} and ${at.url} answer ${question.method} at height ${answer.height} differently, and nothing ` +
            "proves which is right.",
        );
      }
    }
  }

  /** @param {Place} place @returns {Place[]} All places of its node. */
  #sameNode(place) {
    return [...this.#nodes.directory].filter((other) => place.node && other.node === place.node);
  }

  // Writing

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
    const timeout = Math.max(0.05, deadline - this.#clock.now());
    let told;
    try {
      told = take((await client.call("submit", params, undefined, {timeout, signal})).result, isObject, "submit");
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
    if (checker && !cursor) {
      try {
        await checker.checkReceipt(operation, told.receipt);
      } catch (error) {
        if (!(error instanceof LedgerError)) throw error;
        throw this.#nodes.accuse(place, client, error, {method: "submit", params: {}, height: this.#nodes.newest});
      }
    }
    return {id: operation.id, cursor, result, receipt: told.receipt ?? null, checked: "none"};
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
    const checker = /** @type {Checker} */ (this.#nodes.checker);
    const {height} = cursor;
    const {answer: found} = await this.#ask(
      async (at) => {
        const client = await this.#nodes.connect(at);
        try {
          return await checker.proveOperation(client, operation, height);
        } catch (error) {
          if (!(error instanceof LedgerError)) throw error;
          throw this.#nodes.accuse(at, client, error, {method: "getproof", params: {}, height});
        }
      },
      deadline,
      {hedges: true},
    );
    const isTrue = found?.height === height && found.index === cursor.index && resultCode(found.result) === told.result;
    if (isTrue) return {...told, checked: "proof"};
    const lie = new LedgerError("proof_row_wrong", "The operation is not where the node says, or has another result.");
    const client = await this.#nodes.connect(place);
    this.#nodes.accuse(place, client, lie, {method: "submit", params: {}, height});
    if (!found) return null;
    const proven = {height: found.height, index: found.index};
    return {id: told.id, cursor: proven, result: resultCode(found.result), receipt: null, checked: "proof"};
  }

  // Subscriptions

  /**
   * @param {string} topic
   * @param {object} wanted
   * @param {LogPlace | null} after
   * @param {number | null} deadline
   * @param {AbortSignal} until
   * @returns {Promise<import("./cloudsubscription.js").Opened>}
   */
  async #begin(topic, wanted, after, deadline, until) {
    const {answer} = await this.#ask(
      async (place, signal) => {
        const client = await this.#nodes.connect(place);
        const subscription = await client.subscribe(topic, wanted, after);
        try {
          if (!after) await this.#checkHeight(place, client, subscription.cursor.height);
          if (signal.aborted) throw new ConnectionFailed("The question was given up.");
        } catch (error) {
          subscription.close();
          throw error;
        }
        return {place, client, subscription};
      },
      deadline,
      {hedges: false, keeping: true, signal: until},
    );
    return answer;
  }

  /** See that a height which a node tells is that of a final block. @param {Place} place @param {Client} client @param {number} height */
  async #checkHeight(place, client, height) {
    try {
      await this.#nodes.checker?.checkFinal(client, height);
    } catch (error) {
      if (error instanceof LedgerError) {
        throw this.#nodes.accuse(place, client, error, {method: "getblock", params: {height, limit: 1}, height});
      }
      throw error instanceof RemoteError ? notShown(place, error) : error;
    }
  }

  /** @param {Place} place */
  #leave(place) {
    for (const subscription of [...this.#subscriptions]) subscription.leave(place);
  }
}

/** A node that answers, and does not bring what its answer is checked with: no lie, and of no use. @param {Place} place @param {Error} error */
function notShown(place, error) {
  return new ConnectionFailed(`${place.url} does not show what its answer is checked with: ${error.message}`);
}

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

import {connect, findMeans, surroundings} from "../transports/connect.js";
import {readContext} from "../trust/told.js";
import {formatUrl, parseUrl} from "./address.js";
import {Checker, fetchGenesis} from "./checker.js";
import {TIMEOUT} from "./client.js";
import {realClock, within} from "./clock.js";
import {CloudSubscription} from "./cloudsubscription.js";
import {compareNodes} from "./comparing.js";
import {Directory, readPin} from "./directory.js";
import {AnswerFalse, AnswerStale, ConnectionFailed, Denied, SessionClosed, TimedOut} from "./errors.js";
import {readFilter} from "./items.js";
import {ProvenLog} from "./log.js";
import {Nodes, PATIENCE} from "./nodes.js";
import {readPolicy} from "./policy.js";
import {ProvenSource} from "./provensource.js";
import {Questions} from "./questions.js";
import {StateInvalid, decodeSession, encodeSession, savePlaces} from "./saved.js";
import {ServedSource} from "./servedsource.js";
import {Session, goesBack} from "./session.js";
import {tell} from "./telltales.js";
import {makeReader} from "./vouching.js";
import {Writer} from "./writer.js";
import {Writing} from "./writing.js";

/** What every node tells alike. */
const TOPICS = ["records", "ratings", "blocks"];

/** @typedef {import("./accusing.js").Accusation} Accusation */
/** @typedef {import("./censorship.js").Censorship} Censorship */
/** @typedef {import("./checker.js").Checked} Checked */
/** @typedef {import("./client.js").Client} Client */
/** @typedef {import("./directory.js").Place} Place */
/** @typedef {import("./questions.js").CloudAnswer} CloudAnswer */
/** @typedef {import("./session.js").RequestContext} RequestContext */
/** @typedef {import("./told.js").LogPlace} LogPlace */
/** @typedef {import("./writer.js").SignedOperation} SignedOperation */
/** @typedef {import("./writing.js").Submitted} Submitted */

/**
 * @typedef {object} CloudOptions
 * @property {string | null} [network] The network's id (the genesis hash), 64 hex digits. Without it the first seed that
 *   answers is trusted to say which network it is.
 * @property {string} [verify] `proof`, `certificate`, `quorum:K` or `none`: see docs/client.md.
 * @property {number} [height] Of an earlier session that this one is not to be behind.
 * @property {string | null} [saved] What `save` gave in an earlier session, which this one goes on with: whom it believed,
 *   how far it had seen, which places it knew. Seeds may be left out then.
 * @property {number} [timeout] Seconds that a call may take in all.
 * @property {(accusation: Accusation) => unknown} [onLiar] Told of each node that is left because it lied.
 * @property {(censorship: Censorship) => unknown} [onCensorship] Told of each operation that a node took (`wait`
 *   `accepted`) and that the log did not get: when it is overdue and is sent elsewhere, and when its expiry has passed.
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
  #questions;
  #writing;
  #log;
  /** @type {Set<CloudSubscription>} */
  #subscriptions = new Set();
  #isClosed = false;

  /**
   * @param {Nodes} nodes
   * @param {Session} session
   * @param {object} options
   * @param {import("./policy.js").Policy} options.policy
   * @param {import("./clock.js").Clock} options.clock
   * @param {number} options.timeout
   * @param {(censorship: Censorship) => unknown} options.onCensorship
   */
  constructor(nodes, session, {policy, clock, timeout, onCensorship}) {
    this.#nodes = nodes;
    this.#policy = policy;
    this.#session = session;
    this.#clock = clock;
    this.#timeout = timeout;
    this.#questions = new Questions(nodes, policy, session, clock);
    this.#writing = new Writing(this.#questions, nodes, policy, session, clock, onCensorship);
    this.#log = new ProvenLog(this.#questions, nodes, clock, () => this.#keep(this.#serve("blocks", {}, null)));
  }

  /**
   * Begin a session.
   *
   * @param {Iterable<string>} [seeds] URLs of some nodes, by any transport; more are learned from them.
   * @param {CloudOptions} [options]
   * @returns {Promise<Cloud>}
   * @throws {import("./errors.js").AddressInvalid} A seed is no URL of a node, or of no use here.
   * @throws {RangeError} `verify` or `network` is none, or there is no seed.
   * @throws {import("./saved.js").StateInvalid} What was saved is damaged, of another format, or of another network.
   * @throws {ConnectionFailed} No seed answers.
   */
  static async connect(seeds = [], options = {}) {
    const {verify = "proof", timeout = TIMEOUT, clock = realClock} = options;
    let {network = null, height = 0} = options;
    const policy = readPolicy(verify);
    if (network !== null && !/^[0-9a-f]{64}$/.test(network)) {
      throw new RangeError("A network's id is 64 lower-case hex digits.");
    }
    const means = findMeans(options);
    const directory = new Directory(seeds, surroundings(means), options.random);
    const saved = typeof options.saved === "string" ? await decodeSession(options.saved, clock.unix()) : null;
    if (saved) {
      if (network !== null && network !== saved.network) throw new StateInvalid(`it is of network ${saved.network}`);
      network = saved.network;
      height = Math.max(height, saved.height);
      directory.restore(saved.places);
    }
    if (!directory.size) throw new RangeError("A session needs the URL of a node at least.");
    const onState = options.onState && {onState: options.onState};
    const nodes = new Nodes(directory, clock, {
      connect: options.connect ?? ((place, signal) => connect(place, means, clock, signal)),
      network,
      learn: policy.certifies ? (client, id) => Checker.learn(client, id, {saved, ...onState}) : null,
      reader: makeReader(() => nodes.network, clock.unix),
      left: (place) => cloud.#leave(place),
      accused: options.onLiar ?? (() => {}),
    });
    const {onCensorship = () => {}} = options;
    const cloud = new Cloud(nodes, new Session(height), {policy, clock, timeout, onCensorship});
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
   * @throws {import("./errors.js").ClientError} It answered with an error, or not.
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
   * @throws {import("./errors.js").RemoteError} The answer is this error; `Denied` if it is proven.
   * @throws {import("./errors.js").ClientError} No node gave a good answer in time: the last failure.
   */
  async call(method, params = {}, {context, timeout = this.#timeout} = {}) {
    try {
      const answer = await this.#questions.call(method, params, context, timeout);
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
   *   is proven if answers are; `accepted` for one node's receipt, to which that node is held.
   * @returns {Promise<Submitted>}
   * @throws {import("./errors.js").Rejected} It was ordered and has no effect.
   * @throws {import("./errors.js").RemoteError} It was not taken.
   * @throws {import("./errors.js").ClientError} It is not known to be final in time; it may still become so before its
   *   expiry, and may be submitted again.
   */
  submit(operation, {wait = "final", timeout = this.#timeout} = {}) {
    return this.#writing.submit(operation, wait, timeout);
  }

  /**
   * What makes operations for a key on this network.
   *
   * @param {import("../formats/keys.js").SigningKey} key
   * @returns {Promise<Writer>}
   */
  async writer(key) {
    const deadline = this.#clock.now() + this.#timeout;
    const genesis = this.#nodes.checker?.genesis ?? (await this.#questions.ask(
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
   * @throws {RangeError} There is no such topic, or no such filter of it.
   */
  subscribe(topic, wanted = {}, after = null) {
    if (!TOPICS.includes(topic)) {
      throw new RangeError(`${JSON.stringify(topic)} is not what all nodes tell alike: give one of ${TOPICS.join(", ")}.`);
    }
    const filter = readFilter(topic, wanted);
    if (this.#isClosed) throw new SessionClosed();
    const deadline = this.#clock.now() + this.#timeout;
    const begin = async (/** @type {AbortSignal} */ signal) => {
      if (!after) return this.#endOfLog(signal);
      await this.#log.checkKept(after, deadline, signal);
      return after;
    };
    const source = this.#policy.proves
      ? new ProvenSource(this.#log, topic, filter, begin, (height) => this.#saw(height))
      : this.#serve(topic, filter, after);
    return this.#keep(source);
  }

  /**
   * What a later session goes on with (`saved` of `connect`): a text of at most 256 KB, to be kept where nobody else
   * writes.
   *
   * @returns {Promise<string>}
   */
  async save() {
    const {epoch, header} = this.#nodes.checker?.save() ?? {epoch: null, header: null};
    const places = savePlaces(this.places, this.#clock.unix());
    return encodeSession({network: this.network, height: this.height, epoch, header, places});
  }

  /** End the session: what is under way fails with `SessionClosed`, and subscriptions end. */
  close() {
    this.#isClosed = true;
    for (const subscription of [...this.#subscriptions]) subscription.close();
    this.#writing.close();
    this.#questions.close();
    this.#nodes.close();
  }

  // Subscriptions

  /** @param {import("./cloudsubscription.js").Source} source */
  #keep(source) {
    const subscription = new CloudSubscription(source, (each) => this.#subscriptions.delete(each));
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** @param {number} height */
  #saw(height) {
    this.#session.saw(this.#nodes.checker?.leastHeight(height) ?? height);
  }

  /** The cursor after everything that is final. @param {AbortSignal} until @returns {Promise<LogPlace>} */
  async #endOfLog(until) {
    const checker = /** @type {Checker} */ (this.#nodes.checker);
    const context = this.#session.context("getdatahash");
    const blame = {method: "getdatahash", params: {}, height: this.#nodes.newest};
    const {answer} = await this.#questions.ask(
      (place, signal) => this.#questions.workAt(place, blame, async (client) => {
        const {height} = readContext((await client.call("getdatahash", {}, context, {signal})).rawContext);
        if (goesBack(context, height) || (!height && checker.newest)) {
          throw new AnswerStale(`${place.url} tells of height ${height}, older than this session.`);
        }
        if (!height) return {height: 0, index: 0};
        const {header} = checker.findFinal(height) ?? (await checker.learnFinal(client, height, {signal}));
        return {height, index: Math.max(header.operationsCount - 1, 0)};
      }),
      this.#clock.now() + this.#timeout,
      {hedges: true, signal: until},
    );
    return answer;
  }

  /**
   * Items as a node tells them.
   *
   * @param {string} topic
   * @param {object} wanted
   * @param {LogPlace | null} after
   */
  #serve(topic, wanted, after) {
    /** Later it waits as long as it takes. @type {number | null} */
    let deadline = this.#clock.now() + this.#timeout;
    return new ServedSource(after, {
      clock: this.#clock,
      begin: (cursor, signal) => {
        const until = deadline;
        deadline = null;
        return this.#begin(topic, wanted, cursor, until, signal);
      },
      take: async ({place}, {cursor}) => {
        try {
          await this.#checkHeight(place, cursor.height);
        } catch (error) {
          // One that shows nothing of what it tells is not to be chosen again at once.
          if (!(error instanceof AnswerFalse)) this.#nodes.failedCall(place, error);
          throw error;
        }
        // Where items are proven this is only a height, and the caller is shown nothing of it.
        if (!this.#policy.proves) this.#saw(cursor.height);
        return this.#nodes.checker ? "certificate" : "none";
      },
    });
  }

  /**
   * @param {string} topic
   * @param {object} wanted
   * @param {LogPlace | null} after
   * @param {number | null} deadline
   * @param {AbortSignal} until
   * @returns {Promise<import("./servedsource.js").Opened>}
   */
  async #begin(topic, wanted, after, deadline, until) {
    const {answer} = await this.#questions.ask(
      async (place, signal) => {
        const client = await this.#nodes.connect(place);
        const subscription = await this.#subscribeAt(place, client.subscribe(topic, wanted, after));
        try {
          if (!after) await this.#checkHeight(place, subscription.cursor.height);
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

  /**
   * One that keeps silent is left in time for another.
   *
   * @param {Place} place
   * @param {Promise<import("./nodesubscription.js").NodeSubscription>} subscribing
   */
  async #subscribeAt(place, subscribing) {
    const late = () => new TimedOut(`${place.url} did not answer subscribe in time.`);
    try {
      return await within(this.#clock, subscribing, PATIENCE, late);
    } catch (error) {
      if (error instanceof TimedOut) {
        this.#nodes.failedCall(place, error);
        subscribing.then((subscription) => subscription.close(), () => {}); // should it come all the same
      }
      throw error;
    }
  }

  /** See that a height which a node tells is that of a final block. @param {Place} place @param {number} height */
  async #checkHeight(place, height) {
    const {checker} = this.#nodes;
    if (!checker || !height || checker.findFinal(height)) return;
    const blame = {method: "getblock", params: {height}, height};
    await this.#questions.workAt(place, blame, (client) => checker.learnFinal(client, height));
  }

  /** @param {Place} place */
  #leave(place) {
    for (const subscription of [...this.#subscriptions]) subscription.leave(place);
  }
}

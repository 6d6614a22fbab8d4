/**
 * The nodes behind a session: visited, watched, left when they are slow, stale or lie.
 *
 * Each seed is visited: which network it is of, what other places it knows. Every few seconds each connection that is
 * used, and more seldom each other one, is tried by the question that tells most: the node's signed and proven state. Its
 * answer measures latency, proves how far the node is, and is evidence if the node signed another state than the
 * validators. A node that gives none in time is dropped, which moves all that waits for it elsewhere. A few connections
 * are kept ready for that, to the best places known.
 */

import {LedgerError} from "../formats/errors.js";
import {parseUrl} from "./address.js";
import {gatherEvidence} from "./accusing.js";
import {within} from "./clock.js";
import {Connections} from "./connections.js";
import {AnswerFalse, ClientError, ConnectionFailed, RemoteError, TimedOut, messageOf} from "./errors.js";
import {placesOfInfo, placesOfPeers, placesOfStun} from "./telling.js";
import {noteBug, tell} from "./telltales.js";
import {isObject} from "./told.js";

/** Seconds between two looks at each connection that is used. */
export const REFRESH = 2;

/** The same of one that is only kept ready: many sessions that do nothing else would be a burden to their nodes. */
export const REST = 10;

/** Seconds between two questions for further places. */
export const LEARN = 30;

/** Seconds that a node may take to tell its state before its connection is dropped. */
export const PATIENCE = 4;

/** Connections that are kept ready. */
export const READY = 3;

/** Places of an earlier session that are visited at once, besides the seeds. */
const VISITED = 8;

/** Seconds for which another one is kept after it was used. */
export const IDLE = 15;

/** Liars that are remembered with what they did. */
const ACCUSATIONS_MAX = 256;

/** @typedef {import("./accusing.js").Accusation} Accusation */
/** @typedef {import("./checker.js").Checker} Checker */
/** @typedef {import("./client.js").Client} Client */
/** @typedef {import("./directory.js").Place} Place */

/** Where a session can ask. */
export class Nodes {
  #clock;
  #connections;
  #options;
  /** @type {Set<Place>} */
  #busy = new Set();
  #isClosed = false;
  #forgetTimer = () => {};
  #learnAt = 0;

  /**
   * @param {import("./directory.js").Directory} directory
   * @param {import("./clock.js").Clock} clock
   * @param {object} options
   * @param {(place: Place, signal: AbortSignal) => Promise<Client>} options.connect Makes a connection.
   * @param {string | null} options.network The network's id in hex; null to learn it from the first node.
   * @param {((client: Client, network: string | null) => Promise<Checker>) | null} options.learn Makes what checks
   *   answers, with what a node brings; null if nothing is checked.
   * @param {import("./telling.js").Reader} options.reader Reads what is signed of what nodes tell of places.
   * @param {(place: Place) => void} options.left Told of each place whose subscriptions are to go elsewhere.
   * @param {(accusation: Accusation) => void} options.accused Told of each liar.
   */
  constructor(directory, clock, options) {
    this.directory = directory;
    /** The network's id in hex; null until it is known. */
    this.network = options.network;
    /** What is believed; null until a node has brought the genesis, or if nothing is checked. @type {Checker | null} */
    this.checker = null;
    /** Who lied, and what shows it. @type {Accusation[]} */
    this.accusations = [];
    /** What may be asked; null for all. @type {((place: Place) => boolean) | null} */
    this.pinned = null;
    this.#clock = clock;
    this.#options = options;
    this.#connections = new Connections(options.connect, (place, reason) => this.#lost(place, reason));
  }

  // Beginning and end

  /**
   * Visit the seeds and the best of the places that an earlier session knew; done when the first has answered.
   *
   * @throws {ConnectionFailed} None does; the message has what each did instead.
   */
  async begin() {
    const known = this.ranked().filter((place) => !place.isSeed);
    const first = [...[...this.directory].filter((place) => place.isSeed && place.lie === null), ...known.slice(0, VISITED)];
    /** @type {string[]} */
    const troubles = [];
    const hasBegun = (await this.#visitAll(first, troubles)) || (await this.#visitAll(known.slice(VISITED), troubles));
    if (!hasBegun) throw new ConnectionFailed(`No node answers: ${troubles.join(" ")}`);
    this.#learnAt = this.#clock.now() + LEARN;
    this.#plan();
  }

  /**
   * Visit places all at once.
   *
   * @param {Place[]} places
   * @param {string[]} troubles Takes what each did, if none answered.
   * @returns {Promise<boolean>} Whether one has answered, as soon as it has.
   */
  async #visitAll(places, troubles) {
    const visits = places.map((place) => {
      const visit = this.#visit(place);
      this.#inBackground(visit, place);
      return visit;
    });
    try {
      await Promise.any(visits);
      return true;
    } catch (error) {
      troubles.push(.../** @type {AggregateError} */ (error).errors.map(messageOf));
      return false;
    }
  }

  /** Close all connections. */
  close() {
    this.#isClosed = true;
    this.#forgetTimer();
    this.#connections.close();
  }

  #plan() {
    if (this.#isClosed) return;
    this.#forgetTimer = this.#clock.later(REFRESH, () => {
      this.#refresh();
      this.#plan();
    });
  }

  // Asking

  /** The newest height that is known. */
  get newest() {
    if (this.checker) return this.checker.newest;
    return Math.max(0, ...[...this.directory].map((place) => place.height));
  }

  /** The newest height whose state was proven; as told if nothing is checked. */
  get newestProven() {
    return this.checker ? (this.checker.state?.height ?? 0) : this.newest;
  }

  /** Whether a place failed just now, and there is no connection with it. @param {Place} place */
  isResting(place) {
    return place.retryAt > this.#clock.now() && !this.#connections.open.has(place);
  }

  /** All places but those of liars, the best first. */
  ranked() {
    return this.directory.rank(this.#clock.now());
  }

  /** The places that there are connections with. */
  get connected() {
    return [...this.#connections.open.keys()];
  }

  /**
   * The place to ask next: the best that there is a connection with, unless it fails or lags.
   *
   * @param {{without?: Set<Place>, keeping?: boolean}} [options] As of `Directory.rank`.
   * @returns {Place | null}
   */
  choose(options) {
    if (this.#isClosed) return null;
    const now = this.#clock.now();
    const open = this.#connections.open;
    const ranked = this.directory.rank(now, options).filter(this.pinned ?? (() => true));
    return ranked.find((each) => open.has(each) && each.retryAt <= now && !each.isStale) ?? ranked[0] ?? null;
  }

  /**
   * @param {Place} place
   * @returns {Promise<Client>} Fails with `ConnectionFailed`.
   */
  async connect(place) {
    place.usedAt = this.#clock.now();
    try {
      return await this.#connections.get(place);
    } catch (error) {
      this.failed(place, error);
      throw error;
    }
  }

  /** A place did not answer. @param {Place} place @param {unknown} error */
  failed(place, error) {
    this.directory.failed(place, this.#clock.now(), messageOf(error));
  }

  /** A place did not answer a call: that it tells its state all the same does not make up for it. @param {Place} place @param {unknown} error */
  failedCall(place, error) {
    this.failed(place, error);
    place.failsCalls = true;
  }

  /**
   * Have a node tell, and if answers are checked sign and prove, its newest state: the place has what came of it.
   *
   * @param {Place} place
   * @throws {ClientError} It does not, or lies.
   */
  async look(place) {
    const client = await this.connect(place);
    try {
      await this.#look(place, client);
    } catch (error) {
      if (error instanceof TimedOut) this.failed(place, error);
      throw error;
    }
  }

  // Liars

  /**
   * Leave a node that answered what is not so, and report it.
   *
   * @param {Place} place
   * @param {Client | null} client Null if it may be gone.
   * @param {LedgerError} lie
   * @param {{method: string, params: unknown, height: number}} question What it was asked; the height is where the
   *   answer was to hold.
   * @returns {AnswerFalse} For whoever asked.
   */
  accuse(place, client, lie, question) {
    const error = new AnswerFalse(
      lie.code, place.url, `${place.url} answered ${question.method} falsely: ${lie.message}`,
    );
    if (place.lie === null) {
      const reason = `${lie.code}: ${lie.message}`;
      this.directory.lied(place, reason);
      this.#options.left(place);
      this.#inBackground(this.#report(place, client, reason, question), place);
    }
    return error;
  }

  /**
   * @param {Place} place
   * @param {Client | null} client
   * @param {string} reason
   * @param {{method: string, params: unknown, height: number}} question
   */
  async #report(place, client, reason, question) {
    let found = null;
    const {checker} = this;
    if (checker) {
      const late = () => new TimedOut("It signed nothing in time.");
      const reached = client ? Promise.resolve(client) : this.connect(place);
      const gathering = reached.then((reachable) => gatherEvidence(checker, reachable, question));
      found = await within(this.#clock, gathering, PATIENCE, late).catch(() => null);
    }
    this.#connections.drop(place, new ConnectionFailed(`${place.url} was left: ${reason}`));
    await this.#name({url: place.url, node: place.node, reason, evidence: "", ...found});
  }

  /** Tell the caller, and with evidence all: the node's other places are left as well. @param {Accusation} accusation */
  async #name(accusation) {
    const isKnown = this.accusations.some((each) => each.evidence && each.node === accusation.node);
    if (accusation.evidence && isKnown) return; // at another of its places
    if (this.accusations.length < ACCUSATIONS_MAX) this.accusations.push(accusation);
    tell(this.#options.accused, accusation);
    if (!accusation.evidence) return;
    for (const other of this.directory) {
      const isItsOwn = other.node === accusation.node && other.isProven && other.lie === null;
      if (isItsOwn) this.#leave(other, accusation.reason);
    }
    this.checker?.forgetNode(accusation.node);
    await this.handIn(accusation.evidence);
  }

  /** Hand evidence to a node that keeps it, and passes it on. @param {string} evidence In hex. */
  async handIn(evidence) {
    for (const place of this.ranked()) { // pinned or not: it is not for the caller
      try {
        const client = await this.connect(place);
        await client.call("submitevidence", {evidence}, undefined, {timeout: PATIENCE});
        return;
      } catch (error) {
        if (!(error instanceof ClientError) || this.#isClosed) return;
      }
    }
  }

  // Watching

  /** @param {Place} place @param {Error} reason */
  #lost(place, reason) {
    if (place.lie === null) this.failed(place, reason);
    this.#options.left(place);
  }

  /** Learn what a place is. @param {Place} place @throws {ClientError} It is of no use. */
  async #visit(place) {
    const client = await this.connect(place);
    try {
      const begun = this.#clock.now();
      const info = (await client.call("getnodeinfo", {}, undefined, {timeout: PATIENCE})).result;
      this.directory.watched(place, this.#clock.now() - begun);
      await this.#learn(place, client, info);
      if (isObject(info) && typeof info.node === "string" && !place.isProven) place.node = info.node.slice(0, 64);
      const {host} = parseUrl(place.url);
      this.directory.told(await placesOfInfo(info, host, this.#options.reader, this.#clock.unix()));
      await this.#look(place, client);
      this.#inBackground(this.#learnPlaces(client), place);
    } catch (error) {
      if (error instanceof ConnectionFailed || error instanceof TimedOut) this.failed(place, error);
      throw error;
    }
  }

  /** Have a node tell where others are. @param {Client} client */
  async #learnPlaces(client) {
    const limits = {timeout: PATIENCE};
    const peers = await client.call("getpeerinfo", {}, undefined, limits);
    this.directory.told(await placesOfPeers(peers.result, this.#options.reader, this.#clock.unix()));
    const stun = await client.call("getstuninfo", {}, undefined, limits);
    this.directory.told(await placesOfStun(stun.result, this.#options.reader, this.#clock.unix()));
  }

  /**
   * Learn the network, of whichever node is the first to bring what is verified: one that is slow with it holds up no other.
   *
   * @param {Place} place @param {Client} client @param {unknown} info
   */
  async #learn(place, client, info) {
    const told = isObject(info) && typeof info.network === "string" ? info.network.slice(0, 64) : "";
    this.#checkNetwork(place, told);
    if (this.#options.learn && !this.checker) {
      const learned = await this.#options.learn(client, this.network);
      this.#checkNetwork(place, learned.network);
      this.checker ??= learned;
      this.network = learned.network;
    } else if (this.network === null) {
      if (!/^[0-9a-f]{64}$/.test(told)) {
        throw new ConnectionFailed(`${place.url} does not say of which network it is.`);
      }
      this.network = told;
    }
  }

  /** @param {Place} place @param {string} network That it is of. @throws {ConnectionFailed} It is another one. */
  #checkNetwork(place, network) {
    if (this.network === null || network === this.network) return;
    this.directory.lied(place, `It is of network ${network}.`);
    this.#connections.drop(place, new ConnectionFailed(`${place.url} is of another network.`));
    throw new ConnectionFailed(`${place.url} is of network ${network}, not of ${this.network}.`);
  }

  /** Have a node tell its state. @param {Place} place @param {Client} client @throws {ClientError} It lies, or fails. */
  async #look(place, client) {
    const begun = this.#clock.now();
    let height;
    try {
      height = await (this.checker ? this.#weigh(this.checker, place, client) : tellHeight(client));
    } catch (error) {
      if (error instanceof LedgerError) {
        throw this.accuse(place, client, error, {method: "getdatahash", params: {}, height: this.newest});
      }
      if (!(error instanceof RemoteError)) throw error;
      if (error.code !== "not_provable") place.behind = Math.max(place.behind, this.newest); // as without a block
      this.directory.watched(place);
      if (place.isStale) this.#options.left(place);
      return;
    }
    this.directory.watched(place, this.#clock.now() - begun);
    this.directory.toldHeight(place, height, this.newest);
    if (place.isStale) this.#options.left(place);
  }

  /** @param {Checker} checker @param {Place} place @param {Client} client @returns {Promise<number>} Its height. */
  async #weigh(checker, place, client) {
    const weighed = await checker.weighState(client, {timeout: PATIENCE});
    const {node, height, evidence} = weighed;
    place.node = node;
    place.isProven = true;
    const known = this.accusations.find((each) => each.evidence && each.node === node);
    if (evidence === null && !known) return height;
    const lie = known?.reason ?? "evidence: it signed another state than the validators";
    this.#leave(place, lie);
    if (evidence !== null) await this.#name({url: place.url, node, reason: lie, evidence});
    throw new AnswerFalse("evidence", place.url, `${place.url} is of a node that lied: ${lie}`);
  }

  /** Ask a place no more. @param {Place} place @param {string} lie */
  #leave(place, lie) {
    this.directory.lied(place, lie);
    this.#options.left(place);
    this.#connections.drop(place, new ConnectionFailed(`${place.url} was left: ${lie}`));
  }

  #refresh() {
    const now = this.#clock.now();
    const ranked = this.ranked();
    const wanted = this.directory.ready(now, this.#connections.open.keys(), READY);
    for (const [place, client] of this.#connections.open) {
      const isUnwanted = !wanted.has(place) && place.latency !== null && !this.#busy.has(place);
      if (isUnwanted && client.isIdle && now >= place.usedAt + IDLE) this.#connections.closeOne(place);
    }
    const open = this.#connections.open;
    for (const [place, client] of open) {
      const isUsed = place.usedAt > place.lookedAt || !client.isIdle;
      if (this.#busy.has(place) || (!isUsed && now - place.lookedAt < REST)) continue;
      place.lookedAt = now;
      this.#inBackground(this.#watch(place, client), place);
    }
    const unknown = ranked.find((each) => each.latency === null && !wanted.has(each));
    for (const place of unknown ? [...wanted, unknown] : wanted) {
      const isDue = !open.has(place) && place.retryAt <= now && !this.#busy.has(place);
      if (isDue) this.#inBackground(this.#visit(place), place);
    }
    const teller = ranked.map((each) => open.get(each)).find((client) => client !== undefined);
    if (teller && now >= this.#learnAt) {
      this.#learnAt = now + LEARN;
      this.#learnPlaces(teller).catch(noteBug); // another is asked the next time
    }
  }

  /** @param {Place} place @param {Client} client */
  async #watch(place, client) {
    const late = () => new TimedOut(`${place.url} does not answer any more.`);
    try {
      await within(this.#clock, this.#look(place, client), PATIENCE, late);
    } catch (error) {
      const isLost = error instanceof ConnectionFailed || error instanceof TimedOut;
      if (isLost) this.#connections.drop(place, error);
    }
  }

  /** @param {Promise<unknown>} work @param {Place} place */
  #inBackground(work, place) {
    this.#busy.add(place);
    const done = () => this.#busy.delete(place);
    work.then(done, (error) => {
      done();
      noteBug(error);
    });
  }
}

/** @param {Client} client @returns {Promise<number>} The height that a node tells, unchecked. */
async function tellHeight(client) {
  const {result} = await client.call("getdatahash", {}, undefined, {timeout: PATIENCE});
  return isObject(result) && Number.isSafeInteger(result.height) ? Number(result.height) : 0;
}

/**
 * What is known of the nodes: where they are, how fast and fresh they answer, and whether they lied. Pure.
 *
 * An entry is a place, that is one URL: a node that serves three transports has three. Places fail one by one, and
 * which node is behind one is only its own word until it has signed something. Nothing that a node says of another is
 * believed: places learned from nodes are tried like any other, and only so many of each teller are kept.
 *
 * Places are ranked by what was seen of them: those that answered last before those that failed, those that keep up
 * before those that lag, those that kept their promises before those that did not, then by latency. Each directory has
 * its own taste, up to a half more than measured, so that the clients of nodes that are equally near spread over them.
 */

import {formatUrl, obstacle, parseUrl} from "./address.js";
import {AddressInvalid} from "./errors.js";

/** Places that are kept at most; seeds always are. */
export const PLACES_MAX = 256;

/** Places that are learned from one node's answer. */
export const TOLD_MAX = 32;

/** Heights that a node may be behind the newest one and still count as fresh. */
export const LAG = 5;

/** Seconds for which a place that failed comes last; doubled with each failure in a row. */
const FIRST_PENALTY = 0.5;
const LONGEST_PENALTY = 60;

/** Characters that are kept of what went wrong at a place. */
const SENTENCE_MAX = 512;

/** How many times as fast another place has to be for a connection to be given up for it. */
const FAVOUR = 3;

const UNKNOWN_LATENCY = 0.1;
const LEAST_LATENCY = 0.005;
const WEIGHT = 0.2;

/** What names a node by its key in place of a URL. */
const BY_KEY = /^node:[0-9a-f]{64}$/;

/** Where a node can be asked. */
export class Place {
  /** The key of the node there in hex, as it or another says; empty if it is not known. */
  node = "";
  /** Whether it has signed with that key. */
  isProven = false;
  /** Hashes of the certificates that may be shown there, in hex; of `ws+udp` alone. @type {string[]} */
  certificates = [];
  /** Whether it was the caller who named them. */
  isVouched = false;
  /** Seconds to an answer and back, averaged; null if not measured. @type {number | null} */
  latency = null;
  /** The newest height that it told. */
  height = 0;
  /** How many heights that was below the newest known then. */
  behind = 0;
  /** In a row. */
  failures = 0;
  /** Whether it was a call that failed last, and none was answered since. */
  failsCalls = false;
  /** How often its node took an operation that the log did not get. */
  suspicions = 0;
  /** When it was last asked something for the caller, in seconds of the session's clock. */
  usedAt = 0;
  /** When its connection was last tried, likewise. */
  lookedAt = -Infinity;
  /** Until then it comes last, in seconds of the session's clock. */
  retryAt = 0;
  /** What it told that is not so; null as long as nothing was. @type {string | null} */
  lie = null;
  /** When its lie was saved first, in unix seconds; 0 before that. */
  liedAt = 0;
  /** What its last failure was. */
  trouble = "";

  /**
   * @param {string} url As given or learned.
   * @param {boolean} isSeed Whether the caller named it.
   * @param {number} taste What its latency is multiplied by.
   */
  constructor(url, isSeed, taste) {
    this.url = url;
    this.isSeed = isSeed;
    this.taste = taste;
  }

  /** Whether subscriptions are possible there. */
  get keepsConnection() {
    return !this.url.startsWith("http");
  }

  /** Whether it lags. */
  get isStale() {
    return this.behind > LAG;
  }
}

/** The places, by URL. */
export class Directory {
  /** @type {Map<string, Place>} */
  #places = new Map();
  #surroundings;
  #random;

  /**
   * @param {Iterable<string>} seeds
   * @param {import("./address.js").Surroundings} surroundings What can be reached from here.
   * @param {() => number} [random] From 0 to 1.
   * @throws {AddressInvalid} A seed is no URL of a node, or can't be reached from here.
   */
  constructor(seeds, surroundings, random = Math.random) {
    this.#surroundings = surroundings;
    this.#random = random;
    for (const url of seeds) this.name(url);
  }

  get size() {
    return this.#places.size;
  }

  [Symbol.iterator]() {
    return [...this.#places.values()][Symbol.iterator]();
  }

  /** @param {string} url */
  find(url) {
    return this.#places.get(url);
  }

  /**
   * Take up a place that the caller names.
   *
   * @param {string} url
   * @returns {Place}
   * @throws {AddressInvalid} It is no URL of a node, or can't be reached from here.
   */
  name(url) {
    const address = parseUrl(url);
    const reason = obstacle(address, this.#surroundings);
    if (reason) throw new AddressInvalid(`${url}: ${reason}`);
    const place = /** @type {Place} */ (this.learn(formatUrl(address), true));
    if (address.certificates.length) {
      place.certificates = address.certificates;
      place.isVouched = true;
    }
    return place;
  }

  /**
   * Take up what an earlier session saved. A seed that lied is not asked either.
   *
   * @param {import("./saved.js").SavedPlace[]} places
   */
  restore(places) {
    for (const {url, node, latency, suspicions, lie, liedAt, certificates} of places) {
      const place = obstacle(parseUrl(url), this.#surroundings) ? null : this.learn(url);
      if (!place) continue;
      if (!place.isVouched) place.certificates = certificates;
      Object.assign(place, {node, latency, suspicions, lie, liedAt});
    }
  }

  /** @param {string} url In its one form. @param {boolean} [isSeed] @returns {Place | null} Null: there is no room. */
  learn(url, isSeed = false) {
    let place = this.#places.get(url);
    if (!place) {
      if (!isSeed && this.#places.size >= PLACES_MAX && !this.#makeRoom()) return null;
      place = new Place(url, isSeed, 1 + this.#random() / 2);
      this.#places.set(url, place);
    }
    return place;
  }

  /** Forget a learned place that fails, or else the liar that was learned first. */
  #makeRoom() {
    let worst = null;
    let liar = null;
    for (const each of this) {
      if (!each.isSeed && each.lie !== null) liar ??= each;
      if (!each.isSeed && each.failures && each.lie === null && each.failures > (worst?.failures ?? 0)) worst = each;
    }
    const forgotten = worst ?? liar;
    if (forgotten) this.#places.delete(forgotten.url);
    return forgotten !== null;
  }

  /**
   * Take up what a node tells of itself or of another (see `telling.js`).
   *
   * @param {import("./telling.js").ToldPlace[]} told
   */
  told(told) {
    for (const {address, node, certificates} of told.slice(0, TOLD_MAX)) {
      if (obstacle(address, this.#surroundings)) continue;
      const place = this.learn(formatUrl(address));
      if (!place) continue;
      // Whoever told it first may have been wrong, or lied.
      if (!place.node || (place.failures && !place.isProven)) place.node = node;
      if (certificates.length && place.node === node && !place.isVouched) place.certificates = certificates;
    }
  }

  // What was seen

  /** A place answered a call. @param {Place} place */
  answered(place) {
    place.failsCalls = false;
    this.watched(place);
  }

  /**
   * A place told its state: nothing is held against it but that it leaves calls without an answer.
   *
   * @param {Place} place
   * @param {number} [seconds] How long it took; left out if the answer had to wait for something.
   */
  watched(place, seconds) {
    if (!place.failsCalls) {
      place.failures = 0;
      place.retryAt = 0;
      place.trouble = "";
    }
    if (seconds === undefined) return;
    place.latency = place.latency === null ? seconds : place.latency + WEIGHT * (seconds - place.latency);
  }

  /** @param {Place} place @param {number} height Its newest. @param {number} newest That is known to be true now. */
  toldHeight(place, height, newest) {
    place.height = height;
    place.behind = Math.max(0, newest - height);
  }

  /**
   * A place did not answer, or not in time: it comes last for a while.
   *
   * @param {Place} place
   * @param {number} now
   * @param {string} trouble
   */
  failed(place, now, trouble) {
    place.retryAt = now + Math.min(FIRST_PENALTY * 2 ** Math.min(place.failures, 16), LONGEST_PENALTY);
    place.failures += 1;
    place.trouble = trouble.slice(0, SENTENCE_MAX);
  }

  /** @param {Place} place It answered what is not so, and is not asked again. @param {string} lie */
  lied(place, lie) {
    place.lie = lie.slice(0, SENTENCE_MAX);
  }

  /** A place's node took an operation that the log did not get. @param {Place} place */
  suspected(place) {
    for (const each of this) if (each === place || (place.node && each.node === place.node)) each.suspicions += 1;
  }

  // Choice

  /**
   * The places that there should be a connection with: of different nodes as far as there are, since each may be killed.
   * Those that fail are among them, to be tried again, and count for nothing meanwhile.
   *
   * One that there is a connection with stays among them unless another is clearly better: where latencies are nearly
   * equal, each new one would change the order, and so the connections, for ever.
   *
   * @param {number} now
   * @param {Iterable<Place>} connected
   * @param {number} count
   * @returns {Set<Place>}
   */
  ready(now, connected, count) {
    const ranked = this.rank(now, {favoured: new Set(connected)});
    const nodes = new Set();
    /** @type {Place[]} */
    const first = [];
    /** @type {Place[]} */
    const further = [];
    for (const place of ranked) {
      const node = place.node || place.url;
      (nodes.has(node) ? further : first).push(place);
      nodes.add(node);
    }
    const all = [...first, ...further];
    return new Set([...all.slice(0, count), ...all.filter((each) => !each.failures).slice(0, count)]);
  }

  /**
   * The places that may be asked, the best first.
   *
   * @param {number} now
   * @param {{without?: Set<Place>, keeping?: boolean, favoured?: Set<Place>}} [options] `without`: leave these out.
   *   `keeping`: only those where subscriptions are possible. `favoured`: these count as several times as fast.
   * @returns {Place[]}
   */
  rank(now, {without = new Set(), keeping = false, favoured = new Set()} = {}) {
    const usable = [...this].filter(
      (each) => each.lie === null && !without.has(each) && (each.keepsConnection || !keeping),
    );
    const rank = (/** @type {Place} */ place) => {
      const latency = Math.max(place.latency ?? UNKNOWN_LATENCY, LEAST_LATENCY);
      // One that keeps its connection tells by itself when it is lost.
      const slowness = latency * place.taste * (place.keepsConnection ? 1 : 1.5) / (favoured.has(place) ? FAVOUR : 1);
      return {place, fails: Number(place.retryAt > now), lags: Number(place.isStale), breaks: place.suspicions, slowness};
    };
    return usable
      .map(rank)
      .sort((one, other) =>
        one.fails - other.fails || one.lags - other.lags || one.breaks - other.breaks || one.slowness - other.slowness)
      .map((each) => each.place);
  }
}

/**
 * What may be pinned, in its one form: a place's URL, or `node:` with a node's key for all of its places.
 *
 * @param {string} name
 * @returns {{node: string} | {url: string}}
 * @throws {AddressInvalid} It is neither.
 */
export function readPin(name) {
  if (!name.startsWith("node:")) return {url: formatUrl(parseUrl(name))};
  if (BY_KEY.test(name)) return {node: name.slice(5)};
  throw new AddressInvalid(`${JSON.stringify(name)} names no node: give node: with its key, 64 lower-case hex digits.`);
}

/**
 * A subscription that outlives the node which serves it: every item once and in order, from whichever node.
 *
 * It goes on after the last item that was taken, at another node, when its node is lost, left or too far behind.
 */

import {remedy} from "./errors.js";
import {Lock} from "./clock.js";
import {isAfter} from "./told.js";

/** @typedef {import("./client.js").Client} Client */
/** @typedef {import("./directory.js").Place} Place */
/** @typedef {import("./nodesubscription.js").Item} Item */
/** @typedef {import("./told.js").LogPlace} LogPlace */

/**
 * A subscription at one node.
 *
 * @typedef {object} Opened
 * @property {Place} place
 * @property {Client} client
 * @property {import("./nodesubscription.js").NodeSubscription} subscription
 */

/**
 * Iterate over it with `for await`; it ends by an error that no node can help, or by `close`. Whoever leaves the loop
 * has closed it.
 */
export class CloudSubscription {
  #begin;
  #take;
  #ended;
  /** @type {Opened | null} */
  #opened = null;
  /** One that came and is not checked yet. @type {Item | null} */
  #item = null;
  #closing = new AbortController();
  /** Why no node could be begun with, until somebody is told. @type {unknown} */
  #failure = null;
  /** @type {LogPlace | null} */
  #cursor;
  /** The item that somebody asked for and gave up waiting for. @type {Promise<Item | null> | null} */
  #asked = null;
  #lock = new Lock();

  /**
   * @param {LogPlace | null} after
   * @param {object} options
   * @param {(after: LogPlace | null, signal: AbortSignal) => Promise<Opened>} options.begin Subscribes at a node
   *   after a cursor.
   * @param {(opened: Opened, item: Item) => Promise<void>} options.take Checks an item; fails if it is to be asked for
   *   elsewhere.
   * @param {(subscription: CloudSubscription) => void} options.ended Told when it is over.
   */
  constructor(after, {begin, take, ended}) {
    this.#cursor = after;
    this.#begin = begin;
    this.#take = take;
    this.#ended = ended;
    /** Done when a node serves it for the first time: what happens from then on is told. */
    this.ready = this.#lock.run(() => this.#open()).then(() => this);
    this.ready.catch(() => {}); // it is the next item's error as well
  }

  /** That of the last item taken, or where the subscription began; null as long as no node serves it. */
  get cursor() {
    return this.#cursor;
  }

  /** The node that serves it now; empty while it looks for one. */
  get url() {
    return this.#opened?.place.url ?? "";
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** @returns {Promise<IteratorResult<Item, undefined>>} */
  async next() {
    const asked = this.#asked ?? this.#lock.run(() => this.#next());
    this.#asked = null;
    const item = await asked;
    return item ? {value: item, done: false} : {value: undefined, done: true};
  }

  /** Leaving a loop. @returns {Promise<IteratorResult<Item, undefined>>} */
  async return() {
    this.close();
    return {value: undefined, done: true};
  }

  /**
   * The next item, if it comes soon; nobody misses one by giving up.
   *
   * @param {Promise<unknown>} until Waits for the item until this is done.
   * @returns {Promise<Item | null>} Null if it did not come, or if the subscription is closed.
   */
  async nextUntil(until) {
    this.#asked ??= this.#lock.run(() => this.#next());
    const asked = this.#asked;
    asked.catch(() => {});
    const item = await Promise.race([asked, until.then(() => null)]);
    if (item && this.#asked === asked) this.#asked = null;
    return item;
  }

  /** End it, at its node as well. */
  close() {
    if (this.#isClosed) return;
    this.#closing.abort();
    this.#ended(this);
    this.#leave();
  }

  /** Go on elsewhere if it is this place that serves it. @param {Place} place */
  leave(place) {
    if (this.#opened?.place === place) this.#opened.subscription.close();
  }

  get #isClosed() {
    return this.#closing.signal.aborted;
  }

  async #open() {
    if (this.#opened || this.#isClosed) return;
    let opened;
    try {
      opened = await this.#begin(this.#cursor, this.#closing.signal);
    } catch (error) {
      if (this.#isClosed) return;
      this.#failure = error;
      this.close();
      throw error;
    }
    if (this.#isClosed) opened.subscription.close();
    else {
      this.#opened = opened;
      this.#cursor ??= opened.subscription.cursor;
    }
  }

  /** @returns {Promise<Item | null>} Null when it is closed. */
  async #next() {
    if (this.#failure) {
      const failure = this.#failure;
      this.#failure = null;
      throw failure;
    }
    while (!this.#isClosed) {
      await this.#open();
      const opened = this.#opened;
      if (!opened || !this.#cursor) continue;
      try {
        this.#item ??= await opened.subscription.next();
        const item = this.#item;
        if (!item) {
          this.#leave(opened);
          continue;
        }
        const isNew = isAfter(item.cursor, this.#cursor);
        if (isNew) await this.#take(opened, item);
        this.#item = null;
        if (!isNew || this.#isClosed) continue;
        this.#cursor = item.cursor;
        return item;
      } catch (error) {
        this.#leave(opened);
        if (this.#isClosed) return null;
        if (remedy(error) !== "none") continue;
        this.close();
        throw error;
      }
    }
    return null;
  }

  /** @param {Opened | null} opened */
  #leave(opened = this.#opened) {
    this.#item = null;
    if (this.#opened === opened) this.#opened = null;
    opened?.subscription.close();
  }
}

/**
 * A subscription that outlives the nodes which serve it: every item once and in order, from whichever node.
 *
 * Where the items come from is its source's matter: a node that tells them, or the log that the session reads itself.
 */

import {Lock} from "./clock.js";

/** @typedef {import("./directory.js").Place} Place */
/** @typedef {import("./told.js").LogPlace} LogPlace */

/**
 * A change, with the members that the API documents for its topic.
 *
 * `checked`: `proof`: that it took place so, and that nothing wanted is missing before it. `partly`: that it was signed and
 * ordered so; that it had an effect is a node's word, since no state remembers it. `certificate`: a node's word, for a
 * block that is final. `none`: a node's word.
 *
 * @typedef {import("./items.js").Item & {checked: import("./checker.js").Checked}} CloudItem
 *
 * @typedef {object} Source
 * @property {LogPlace | null} cursor That of the last item taken, or where it began; null before that.
 * @property {string} url The node that serves it now; empty while there is none.
 * @property {() => Promise<void>} open Begins.
 * @property {() => Promise<CloudItem | null>} next The next item; null once it is closed. One at a time.
 * @property {() => void} close Ends all that is under way.
 * @property {(place: Place) => void} leave Goes on elsewhere if it is this place that serves it.
 */

/**
 * Iterate over it with `for await`; it ends by an error that no node can help, or by `close`. Whoever leaves the loop
 * has closed it.
 */
export class CloudSubscription {
  #source;
  #ended;
  #isClosed = false;
  /** Why it ended, until somebody is told. @type {unknown} */
  #failure = null;
  /** The item that somebody asked for and gave up waiting for. @type {Promise<CloudItem | null> | null} */
  #asked = null;
  #lock = new Lock();

  /**
   * @param {Source} source
   * @param {(subscription: CloudSubscription) => void} ended Told when it is over.
   */
  constructor(source, ended) {
    this.#source = source;
    this.#ended = ended;
    /** Done when it has begun: what happens from then on is told. @type {Promise<CloudSubscription>} */
    this.ready = this.#lock.run(() => this.#open());
    this.ready.catch(() => {}); // it is the next item's error as well
  }

  /** That of the last item taken, or where the subscription began; null as long as it has not. */
  get cursor() {
    return this.#source.cursor;
  }

  /** The node that serves it now, or tells when there is something to read; empty while it looks for one. */
  get url() {
    return this.#source.url;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** @returns {Promise<IteratorResult<CloudItem, undefined>>} */
  async next() {
    const asked = this.#asked ?? this.#lock.run(() => this.#next());
    this.#asked = null;
    const item = await asked;
    return item ? {value: item, done: false} : {value: undefined, done: true};
  }

  /** Leaving a loop. @returns {Promise<IteratorResult<CloudItem, undefined>>} */
  async return() {
    this.close();
    return {value: undefined, done: true};
  }

  /**
   * The next item, if it comes soon; nobody misses one by giving up.
   *
   * @param {Promise<unknown>} until Waits for the item until this is done.
   * @returns {Promise<CloudItem | null>} Null if it did not come, or if the subscription is closed.
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
    this.#isClosed = true;
    this.#source.close();
    this.#ended(this);
  }

  /** Go on elsewhere if it is this place that serves it. @param {Place} place */
  leave(place) {
    this.#source.leave(place);
  }

  async #open() {
    try {
      if (!this.#isClosed) await this.#source.open();
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    return this;
  }

  /** @returns {Promise<CloudItem | null>} */
  async #next() {
    let item = null;
    try {
      if (!this.#isClosed) item = await this.#source.next();
    } catch (error) {
      this.#fail(error);
    }
    const failure = this.#failure;
    this.#failure = null;
    if (failure) throw failure;
    return item;
  }

  /** @param {unknown} error What it ends by, unless it was closed. */
  #fail(error) {
    if (this.#isClosed) return;
    this.#failure = error;
    this.close();
  }
}

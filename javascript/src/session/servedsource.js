/**
 * A subscription's items as a node tells them, whose word they are. It goes on after the last item that was taken, at
 * another node, when its node is lost, left or too far behind.
 */

import {pause} from "./clock.js";
import {remedy} from "./errors.js";
import {isAfter} from "./told.js";

/** Seconds before a node is sought again, when two in a row served nothing that could be taken. */
const PAUSE = 1;

/** @typedef {import("./directory.js").Place} Place */
/** @typedef {import("./items.js").Item} Item */
/** @typedef {import("./told.js").LogPlace} LogPlace */

/**
 * A subscription at one node.
 *
 * @typedef {object} Opened
 * @property {Place} place
 * @property {import("./client.js").Client} client
 * @property {import("./nodesubscription.js").NodeSubscription} subscription
 */

/** A source of a subscription, see `cloudsubscription.js`. */
export class ServedSource {
  #begin;
  #take;
  #clock;
  #closing = new AbortController();
  /** Subscriptions at nodes, in a row, that ended without an item that was taken. */
  #fruitless = 0;
  /** @type {Opened | null} */
  #opened = null;
  /** One that came and is not checked yet. @type {Item | null} */
  #item = null;

  /**
   * @param {LogPlace | null} after
   * @param {object} options
   * @param {(after: LogPlace | null, signal: AbortSignal) => Promise<Opened>} options.begin Subscribes at a node
   *   after a cursor.
   * @param {(opened: Opened, item: Item) => Promise<import("./checker.js").Checked>} options.take Checks an item; fails if
   *   it is to be asked for elsewhere.
   * @param {import("./clock.js").Clock} options.clock
   */
  constructor(after, {begin, take, clock}) {
    this.cursor = after;
    this.#begin = begin;
    this.#take = take;
    this.#clock = clock;
  }

  get url() {
    return this.#opened?.place.url ?? "";
  }

  async open() {
    const opened = await this.#begin(this.cursor, this.#closing.signal);
    if (this.#closing.signal.aborted) opened.subscription.close();
    else {
      this.#opened = opened;
      this.cursor ??= opened.subscription.cursor;
    }
  }

  /** @returns {Promise<import("./cloudsubscription.js").CloudItem | null>} */
  async next() {
    while (!this.#closing.signal.aborted) {
      if (!this.#opened && this.#fruitless > 1) await pause(this.#clock, PAUSE, this.#closing.signal);
      if (!this.#opened && !this.#closing.signal.aborted) await this.open();
      const [opened, cursor] = [this.#opened, this.cursor];
      if (!opened || !cursor) continue;
      try {
        this.#item ??= await opened.subscription.next();
        const item = this.#item;
        if (!item) {
          this.#fruitless += 1;
          this.#leave(opened);
          continue;
        }
        const checked = isAfter(item.cursor, cursor) ? await this.#take(opened, item) : null;
        this.#item = null;
        if (!checked || this.#closing.signal.aborted) continue;
        this.cursor = item.cursor;
        this.#fruitless = 0;
        return {...item, checked};
      } catch (error) {
        this.#fruitless += 1;
        this.#leave(opened);
        if (remedy(error) === "none") throw error;
      }
    }
    return null;
  }

  close() {
    this.#closing.abort();
    if (this.#opened) this.#leave(this.#opened);
  }

  /** Go on elsewhere if it is this place that serves it. @param {Place} place */
  leave(place) {
    if (this.#opened?.place === place) this.#opened.subscription.close();
  }

  /** @param {Opened} opened */
  #leave(opened) {
    this.#item = null;
    if (this.#opened === opened) this.#opened = null;
    opened.subscription.close();
  }
}

/**
 * A subscription's items as they follow from the blocks of the log: no node can add, alter or leave out an item, and none
 * is asked which are wanted.
 */

import {RemoteError} from "./errors.js";
import {passes} from "./items.js";
import {isAfter} from "./told.js";

/** @typedef {import("./told.js").LogPlace} LogPlace */

/** A source of a subscription, see `cloudsubscription.js`. */
export class ProvenSource {
  #log;
  #topic;
  #wanted;
  #begin;
  #saw;
  #closing = new AbortController();
  /** The last block that was taken. */
  #read = 0;
  /** @type {import("./items.js").LoggedItem[]} */
  #items = [];
  /** @type {Set<number>} */
  #unproven = new Set();
  #hasBegun = false;

  /**
   * @param {import("./log.js").ProvenLog} log
   * @param {string} topic
   * @param {import("./items.js").Wanted} wanted
   * @param {(signal: AbortSignal) => Promise<LogPlace>} begin Tells the cursor after which items are told.
   * @param {(height: number) => void} saw Told the height of each item that the caller is shown.
   */
  constructor(log, topic, wanted, begin, saw) {
    /** @type {LogPlace | null} */
    this.cursor = null;
    this.#log = log;
    this.#topic = topic;
    this.#wanted = wanted;
    this.#begin = begin;
    this.#saw = saw;
  }

  get url() {
    return this.#log.url;
  }

  async open() {
    const cursor = await this.#begin(this.#closing.signal);
    if (this.#closing.signal.aborted) return;
    // Of the cursor's own block there may be more.
    this.#read = this.#log.endsBlock(cursor) ? cursor.height : cursor.height - 1;
    this.cursor = cursor;
    this.#log.begin();
    this.#hasBegun = true;
  }

  /** @returns {Promise<import("./cloudsubscription.js").CloudItem | null>} */
  async next() {
    while (!this.#closing.signal.aborted && this.cursor) {
      const found = this.#items.shift();
      if (!found) {
        await this.#advance(this.cursor);
        continue;
      }
      const {cursor} = found.item;
      if (!isAfter(cursor, this.cursor) || !passes(found, this.#wanted)) continue;
      this.cursor = cursor;
      this.#saw(cursor.height);
      return {...found.item, checked: this.#unproven.has(cursor.index) ? "partly" : "proof"};
    }
    return null;
  }

  /** Take the next block, which may have to be waited for. @param {LogPlace} cursor */
  async #advance(cursor) {
    const height = this.#read + 1;
    try {
      const {items, unproven} = await this.#log.items(height, this.#topic, this.#closing.signal);
      this.#items = [...items];
      this.#unproven = unproven;
    } catch (error) {
      // Whoever begins at a block that is pruned goes on after it.
      const isPruned = error instanceof RemoteError && error.code === "cursor_pruned";
      if (!isPruned || height !== cursor.height) throw error;
    }
    this.#read = height;
  }

  close() {
    this.#closing.abort();
    this.#items = [];
    if (this.#hasBegun) this.#log.end();
    this.#hasBegun = false;
  }

  /** The log asks elsewhere by itself. */
  leave() {}
}

/**
 * A subscription at one node: what the node tells by itself, one item at a time, each with its cursor.
 *
 * A consumer may be slower than the network. Items wait for it up to a bound; then the subscription is ended at the
 * node, and made again after the last cursor once the consumer has taken what waited. The node does the same with a
 * connection that is not read. In both cases nothing is missed and nothing comes twice.
 */

import {AnswerMalformed, ConnectionFailed} from "./errors.js";
import {readError} from "./messages.js";
import {isAfter, isCount, isObject, isPlace, isText, take} from "./told.js";

/** Items that wait at most, and what they may have together, in characters of the messages that brought them. */
export const WAITING_MAX = 10_000;
export const WAITING_CHARACTERS_MAX = 8 * 1024 * 1024;

/** @typedef {import("./told.js").LogPlace} LogPlace */
/** @typedef {import("./items.js").Item} Item */

/**
 * @typedef {{told: import("./told.js").Told, size: number}} Notified A notification, and its characters.
 * @typedef {{id: string, cursor: LogPlace, early: Notified[]}} Begun A subscription, and what was told meanwhile.
 */

export class NodeSubscription {
  #client;
  #topic;
  #wanted;
  /** At the node; null while there is none. @type {string | null} */
  #id = null;
  /** Up to where everything was told. @type {LogPlace} */
  #reached;
  /** @type {{item: Item, size: number}[]} */
  #items = [];
  #characters = 0;
  #isOverfull = false;
  /** @type {Error | null} */
  #failure = null;
  #isClosed = false;
  #wake = () => {};
  /** @param {Error | null} reason */
  #lost = (reason) => {
    if (reason) this.#fail(reason);
    else this.#close();
  };

  /**
   * @param {import("./client.js").Client} client
   * @param {string} topic
   * @param {object} wanted
   * @param {Begun} begun
   */
  constructor(client, topic, wanted, {id, cursor, early}) {
    this.#client = client;
    this.#topic = topic;
    this.#wanted = wanted;
    /** That of the last item taken, or where the subscription began. */
    this.cursor = cursor;
    this.#reached = cursor;
    this.#listen(id, early);
    client.onLost.add(this.#lost);
    if (!client.isConnected) this.#fail(new ConnectionFailed(`The connection with ${client.url} was closed.`));
  }

  /**
   * @param {import("./client.js").Client} client
   * @param {string} topic
   * @param {object} wanted
   * @param {LogPlace | null} after
   */
  static async begin(client, topic, wanted, after) {
    return new NodeSubscription(client, topic, wanted, await ask(client, topic, wanted, after));
  }

  /**
   * @returns {Promise<Item | null>} The next item; null when it was closed. Only one may wait.
   * @throws {import("./errors.js").ClientError} It ended.
   */
  async next() {
    for (;;) {
      const first = this.#items.shift();
      if (first) {
        this.#characters -= first.size;
        this.cursor = first.item.cursor;
        return first.item;
      }
      if (this.#failure) throw this.#failure;
      if (this.#isClosed) return null;
      if (this.#isOverfull) await this.#resume();
      else await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
    }
  }

  /** End it, at the node as well; what waits may still be taken. */
  close() {
    this.#endAtNode();
    this.#close();
  }

  // Inside

  /** @param {string} id @param {Notified[]} early */
  #listen(id, early) {
    this.#id = id;
    this.#client.subscribers.set(id, (told, size) => this.#notified(told, size));
    for (const {told, size} of early) this.#notified(told, size);
  }

  /** @param {import("./told.js").Told} told @param {number} size Characters. */
  #notified(told, size) {
    if (isObject(told.error)) {
      const error = readError(told.error);
      if (this.#id) this.#client.subscribers.delete(this.#id);
      this.#id = null;
      if (error.code === "subscriber_slow") this.#isOverfull = true;
      else this.#fail(error);
      this.#wake();
      return;
    }
    const items = Array.isArray(told.items) ? told.items.map(readItem) : [null];
    if (!isPlace(told.cursor) || items.includes(null)) {
      this.#endAtNode();
      this.#fail(new AnswerMalformed(`${this.#client.url} told items that are not of the documented form.`));
      return;
    }
    for (const item of items) {
      if (!item || !isAfter(item.cursor, this.#reached)) continue;
      this.#items.push({item, size: size / items.length});
      this.#characters += size / items.length;
    }
    if (isAfter(told.cursor, this.#reached)) this.#reached = told.cursor;
    if (this.#items.length > WAITING_MAX || this.#characters > WAITING_CHARACTERS_MAX) {
      this.#isOverfull = true;
      this.#endAtNode();
    }
    this.#wake();
  }

  #endAtNode() {
    if (this.#id === null) return;
    this.#client.subscribers.delete(this.#id);
    if (this.#client.isConnected) {
      // Whether it succeeds does not matter: what comes of it all the same is nobody's.
      this.#client.call("unsubscribe", {subscription: this.#id}).catch(() => {});
    }
    this.#id = null;
  }

  async #resume() {
    this.#isOverfull = false;
    const {id, early} = await ask(this.#client, this.#topic, this.#wanted, this.#reached);
    this.#listen(id, early);
    if (this.#failure || this.#isClosed) this.#endAtNode(); // meanwhile
  }

  #close() {
    this.#isClosed = true;
    this.#client.onLost.delete(this.#lost);
    this.#wake();
  }

  /** @param {Error} error */
  #fail(error) {
    this.#failure ??= error;
    this.#client.onLost.delete(this.#lost);
    this.#wake();
  }
}

/**
 * @param {import("./client.js").Client} client
 * @param {string} topic
 * @param {object} wanted
 * @param {LogPlace | null} after
 * @returns {Promise<Begun>}
 */
async function ask(client, topic, wanted, after) {
  /** @type {Notified[]} */
  const early = [];
  // Notifications may come in one piece with the answer, before whoever waits for it goes on.
  const taken = (/** @type {import("./messages.js").Answer} */ {result}) => {
    if (!isObject(result) || !isText(result.subscription)) return;
    client.subscribers.set(result.subscription, (told, size) => early.push({told, size}));
  };
  const params = {topic, filter: wanted, ...(after && {after})};
  const told = take((await client.call("subscribe", params, undefined, {taken})).result, isObject, "subscribe");
  return {id: take(told.subscription, isText, "subscription"), cursor: take(told.cursor, isPlace, "cursor"), early};
}

/** @param {unknown} told @returns {Item | null} Null: it is none. */
function readItem(told) {
  if (!isObject(told)) return null;
  if (isPlace(told.cursor)) return /** @type {Item} */ (told);
  // A block's cursor is that of its last operation.
  const {height, operations_count: count = 0} = told;
  if (!isCount(height) || !isCount(count)) return null;
  return {...told, cursor: {height, index: Math.max(count - 1, 0)}};
}

/**
 * Calls of one node, pipelined over whatever carries them.
 *
 * Each call gets a number and a promise. As many calls as `outstanding` allows are on their way at once; those above
 * wait in order and go out as answers come in.
 *
 * What carries them moves whole messages and knows nothing of JSON-RPC but the id of a request, which it needs to say
 * which one failed: over HTTP each request can fail by itself.
 *
 * @typedef {object} Receiver Whom a carrier delivers to; never throws.
 * @property {(message: string) => void} messageReceived One whole message: an answer or a notification.
 * @property {(id: number, error: import("./errors.js").ClientError) => void} requestFailed No answer to this request.
 * @property {(error: ConnectionFailed) => void} connectionLost No answer to any. Called at most once, last.
 *
 * @typedef {object} Carrier A connection to a node (over HTTP, a way to make as many as are needed).
 * @property {boolean} keepsConnection Whether the node can send by itself, which subscriptions need.
 * @property {(receiver: Receiver) => void} start Deliver from now on; called at once when the carrier is there.
 * @property {(id: number, message: string) => void} send Send one request. Does nothing once the connection is lost.
 * @property {(id: number) => void} [forget] Nobody waits for this request's answer any more.
 * @property {() => void} close Tells nothing any more.
 */

import {ConnectionFailed, TimedOut} from "./errors.js";
import {decodeIncoming, encodeRequest} from "./messages.js";
import {NodeSubscription} from "./nodesubscription.js";

/** Seconds that a call waits for its answer unless it says otherwise. */
export const TIMEOUT = 30;

/** Calls on their way at once; nodes take 1,024 of a connection by default. */
const OUTSTANDING = 512;

/** @typedef {import("./messages.js").Answer} Answer */

/**
 * @typedef {object} Pending
 * @property {string} message
 * @property {(answer: Answer) => void} resolve
 * @property {(error: unknown) => void} reject
 * @property {() => void} forget Forget its timer, and whoever may give it up.
 */

/** One node. */
export class Client {
  #carrier;
  #clock;
  #timeout;
  #lastId = 0;
  /** @type {Map<number, Pending>} */
  #outstanding = new Map();
  /** @type {Map<number, Pending>} */
  #waiting = new Map();
  /** @type {ConnectionFailed | null} */
  #failure = null;

  /**
   * @param {Carrier} carrier
   * @param {import("./clock.js").Clock} clock
   * @param {{url?: string, timeout?: number}} [options] `timeout`: seconds to wait for an answer.
   */
  constructor(carrier, clock, {url = "", timeout = TIMEOUT} = {}) {
    /** Where it is, for messages to people. */
    this.url = url;
    /** Who is called with the notifications of each subscription, by its id. @type {Map<string, (told: import("./told.js").Told, size: number) => void>} */
    this.subscribers = new Map();
    /** Who is called when the connection is lost: with the reason, or null when it was closed here. @type {Set<(reason: ConnectionFailed | null) => void>} */
    this.onLost = new Set();
    this.#carrier = carrier;
    this.#clock = clock;
    this.#timeout = timeout;
    carrier.start({
      messageReceived: (message) => this.#received(message),
      requestFailed: (id, error) => this.#take(id)?.reject(error),
      connectionLost: (error) => this.#end(error, error),
    });
  }

  /** Whether subscriptions are possible. */
  get keepsConnection() {
    return this.#carrier.keepsConnection;
  }

  /** Whether calls may still be answered. */
  get isConnected() {
    return this.#failure === null;
  }

  /** Whether nothing waits for it: no call, no subscription. */
  get isIdle() {
    return !this.#outstanding.size && !this.#waiting.size && !this.subscribers.size;
  }

  /**
   * Call a method.
   *
   * @param {string} method
   * @param {unknown} [params] An object or array; left out for none.
   * @param {import("./session.js").RequestContext} [context] The request's `context`.
   * @param {{timeout?: number, signal?: AbortSignal, taken?: (answer: Answer) => void}} [options] `timeout`: seconds from
   *   now. `signal`: gives up the answer, not what the node does. `taken`: called with the answer before any message
   *   behind it is looked at, which the promise's `then` is not.
   * @returns {Promise<Answer>} Fails with `RemoteError`, `ConnectionFailed` or `TimedOut`.
   */
  call(method, params, context, {timeout = this.#timeout, signal, taken} = {}) {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      if (signal?.aborted) return reject(new ConnectionFailed("The call was given up."));
      const id = (this.#lastId += 1);
      const fail = (/** @type {Error} */ error) => {
        this.#take(id)?.reject(error);
        this.#carrier.forget?.(id);
      };
      const giveUp = () => fail(new ConnectionFailed("The call was given up."));
      const late = () => fail(new TimedOut(`${this.url || "The node"} did not answer in time.`));
      const forgetTimer = this.#clock.later(timeout, late);
      signal?.addEventListener("abort", giveUp, {once: true});
      const forget = () => {
        forgetTimer();
        signal?.removeEventListener("abort", giveUp);
      };
      const succeed = (/** @type {Answer} */ answer) => {
        taken?.(answer);
        resolve(answer);
      };
      const message = encodeRequest(id, method, params, context);
      const pending = {message, resolve: succeed, reject, forget};
      if (this.#outstanding.size < OUTSTANDING) this.#send(id, pending);
      else this.#waiting.set(id, pending);
    });
  }

  /**
   * Be told of changes.
   *
   * @param {string} topic
   * @param {object} wanted The node's `filter`.
   * @param {import("./told.js").LogPlace | null} after Go on after this cursor; from now on if null.
   */
  subscribe(topic, wanted, after) {
    return NodeSubscription.begin(this, topic, wanted, after);
  }

  /** Close the connection; calls without an answer fail. */
  close() {
    this.#end(new ConnectionFailed("The connection was closed."), null);
  }

  // Inside

  /** @param {number} id @param {Pending} pending */
  #send(id, pending) {
    this.#outstanding.set(id, pending);
    this.#carrier.send(id, pending.message);
  }

  /** @param {number} id A call that is over. @returns {Pending | undefined} */
  #take(id) {
    const pending = this.#outstanding.get(id) ?? this.#waiting.get(id);
    if (!pending) return undefined;
    pending.forget();
    this.#waiting.delete(id);
    if (this.#outstanding.delete(id)) {
      const next = this.#waiting.entries().next();
      if (!next.done) {
        this.#waiting.delete(next.value[0]);
        this.#send(...next.value);
      }
    }
    return pending;
  }

  /** @param {string} message */
  #received(message) {
    let incoming;
    try {
      incoming = decodeIncoming(message);
    } catch (error) {
      this.#end(/** @type {ConnectionFailed} */ (error), /** @type {ConnectionFailed} */ (error));
      return;
    }
    const {id, answer, error, notification} = incoming;
    if (notification) {
      if (typeof notification.subscription === "string") {
        this.subscribers.get(notification.subscription)?.(notification, message.length);
      }
    } else if (error) {
      // An error without an id is about a request that the node could not read: that of the oldest call.
      const about = id ?? this.#outstanding.keys().next().value;
      if (about !== undefined) this.#take(about)?.reject(error);
    } else if (answer && id !== null) {
      this.#take(id)?.resolve(answer); // late answers are nobody's
    }
  }

  /** @param {ConnectionFailed} error For the calls. @param {ConnectionFailed | null} reason */
  #end(error, reason) {
    if (this.#failure) return;
    this.#failure = error;
    this.#carrier.close();
    const unanswered = [...this.#outstanding.values(), ...this.#waiting.values()];
    this.#outstanding.clear();
    this.#waiting.clear();
    for (const pending of unanswered) {
      pending.forget();
      pending.reject(error);
    }
    for (const lost of [...this.onLost]) lost(reason);
    this.onLost.clear();
    this.subscribers.clear();
  }
}

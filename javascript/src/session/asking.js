/**
 * One question to many nodes: asked elsewhere when it fails, and at a second one when the first is slow.
 *
 * The best place is asked first. If it fails, the next best one is; if it has not answered after a while, the next best
 * is asked as well, and the first good answer counts. When all places have failed, and the failures may pass, all are
 * asked again after a pause, until the time is over. So only what may be asked twice may be asked here, which is all of
 * the API: reads change nothing, and an operation takes effect once.
 *
 * A node may also refuse. One node's refusal is only its word, so where answers are not believed, a second place is
 * asked, and the refusal counts when a second one refuses by the same name, or none is left.
 */

import {RemoteError, TimedOut, remedy} from "./errors.js";

/** Seconds before all places are asked again. */
export const FIRST_PAUSE = 0.1;
export const LONGEST_PAUSE = 2;

/** @typedef {import("./directory.js").Place} Place */

/**
 * One question under way.
 *
 * @template T
 */
export class Asking {
  #ask;
  #choose;
  #clock;
  #hedgeAfter;
  #confirms;
  #sameNode;
  /** The places of the nodes that refused. @type {Set<Place>} */
  #refusing = new Set();
  /** @type {Set<Place>} */
  #tried = new Set();
  /** @type {Map<Place, AbortController>} */
  #running = new Map();
  /** @type {RemoteError | null} */
  #refusal = null;
  /** @type {unknown} */
  #failure = null;
  #mayPass = false;
  #pause = FIRST_PAUSE;
  #isOver = false;
  #forgetTimer = () => {};
  #forgetDeadline = () => {};
  /** @type {(found: {answer: T, place: Place}) => void} */
  #resolve = () => {};
  /** @type {(error: unknown) => void} */
  #reject = () => {};

  /**
   * @param {(place: Place, signal: AbortSignal) => Promise<T>} ask Asks one place; the signal says that nobody waits.
   * @param {(tried: Set<Place>) => Place | null} choose The best place but for some.
   * @param {import("./clock.js").Clock} clock
   * @param {object} options
   * @param {number | null} options.timeout Seconds for all of it; null for no end.
   * @param {number | null} [options.hedgeAfter] Seconds after which a second place is asked; null for never.
   * @param {(refusal: RemoteError) => boolean} [options.confirms] Whether a refusal is only believed when a second
   *   place gives it as well.
   * @param {(place: Place) => Set<Place>} [options.sameNode] The places of a place's node, which confirm nothing.
   */
  constructor(ask, choose, clock, {timeout, hedgeAfter = null, confirms = () => false, sameNode = (place) => new Set([place])}) {
    this.#ask = ask;
    this.#choose = choose;
    this.#clock = clock;
    this.#hedgeAfter = hedgeAfter;
    this.#confirms = confirms;
    this.#sameNode = sameNode;
    /** The answer and the place that gave it, or the last failure when the time is over. */
    this.done = new Promise((/** @type {(found: {answer: T, place: Place}) => void} */ resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (timeout !== null) this.#forgetDeadline = clock.later(timeout, () => this.#timeIsOver());
    this.#next();
  }

  /** @param {unknown} error Ask no more, and fail with it; does nothing when it is over. */
  stop(error) {
    if (this.#end()) this.#reject(error);
  }

  // Asking

  #next() {
    const place = this.#choose(this.#tried);
    if (!place) {
      if (!this.#running.size) this.#allFailed();
      return;
    }
    this.#tried.add(place);
    const controller = new AbortController();
    this.#running.set(place, controller);
    if (this.#hedgeAfter !== null && this.#running.size === 1) this.#setTimer(this.#hedgeAfter, () => this.#next());
    this.#ask(place, controller.signal).then(
      (answer) => this.#succeeded(answer, place),
      (error) => this.#failed(error, place),
    );
  }

  #again() {
    this.#tried.clear();
    this.#mayPass = false;
    this.#next();
  }

  #allFailed() {
    if (this.#refusal) this.stop(this.#refusal);
    else if (this.#failure && !this.#mayPass) this.stop(this.#failure);
    else {
      this.#setTimer(this.#pause, () => this.#again());
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    }
  }

  // What comes of it

  /** @param {T} answer @param {Place} place */
  #succeeded(answer, place) {
    this.#running.delete(place);
    if (this.#end()) this.#resolve({answer, place});
  }

  /** @param {unknown} error @param {Place} place */
  #failed(error, place) {
    this.#running.delete(place);
    if (this.#isOver) return;
    const wanted = remedy(error);
    if (wanted === "none") {
      const before = this.#refusing.has(place) ? null : this.#refusal;
      this.#refusal = error instanceof RemoteError ? error : null;
      const isEnough = !this.#refusal || !this.#confirms(this.#refusal) ||
        (before !== null && before.number === this.#refusal.number && before.code === this.#refusal.code);
      if (isEnough) {
        this.stop(error);
        return;
      }
      for (const each of this.#sameNode(place)) {
        this.#refusing.add(each);
        this.#tried.add(each);
      }
    } else {
      this.#failure = error;
      this.#mayPass ||= wanted === "later";
    }
    this.#next();
  }

  #timeIsOver() {
    this.stop(this.#refusal ?? this.#failure ?? new TimedOut("No node answered in time."));
  }

  /** @returns {boolean} Whether it was not over before. */
  #end() {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#forgetDeadline();
    this.#forgetTimer();
    for (const controller of this.#running.values()) controller.abort();
    this.#running.clear();
    return true;
  }

  /** @param {number} seconds @param {() => void} call */
  #setTimer(seconds, call) {
    this.#forgetTimer();
    this.#forgetTimer = this.#clock.later(seconds, call);
  }
}

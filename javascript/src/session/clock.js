/**
 * Time, as a session sees it: seconds of a clock that never goes back, and calls that come later. Tests bring their own.
 *
 * @typedef {object} Clock
 * @property {() => number} now Seconds, from any beginning.
 * @property {(seconds: number, call: () => void) => () => void} later Calls once; gives what calls it off.
 * @property {() => number} unix Seconds since 1970.
 */

/** @type {Clock} */
export const realClock = {
  now: () => performance.now() / 1000,
  later: (seconds, call) => {
    const timer = setTimeout(call, seconds * 1000);
    return () => clearTimeout(timer);
  },
  unix: () => Date.now() / 1000,
};

/**
 * Wait for something, but not longer than so many seconds.
 *
 * @template T
 * @param {Clock} clock
 * @param {Promise<T>} waited What goes on after the time is over, and is forgotten then.
 * @param {number} seconds
 * @param {() => Error} late Makes the error.
 * @returns {Promise<T>}
 */
export function within(clock, waited, seconds, late) {
  return new Promise((resolve, reject) => {
    const forget = clock.later(seconds, () => reject(late()));
    waited.then(resolve, reject).finally(forget);
  });
}

/** @param {Clock} clock @param {number} seconds @param {AbortSignal} until Ends it early. */
export function pause(clock, seconds, until) {
  return new Promise((resolve) => {
    const done = () => {
      forget();
      until.removeEventListener("abort", done);
      resolve(undefined);
    };
    const forget = clock.later(seconds, done);
    until.addEventListener("abort", done, {once: true});
    if (until.aborted) done();
  });
}

/** Runs one thing after the other. */
export class Lock {
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();

  /**
   * @template T
   * @param {() => Promise<T>} work Runs when all before it is done.
   * @returns {Promise<T>}
   */
  run(work) {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => {});
    return mine;
  }
}

/** What all transports do alike when they connect: take no longer than they may, and give up when nobody waits. */

import {ClientError, ConnectionFailed, messageOf} from "../session/errors.js";

/**
 * @typedef {object} Limits
 * @property {import("../session/clock.js").Clock} clock
 * @property {number} timeout Seconds to connect.
 * @property {AbortSignal} signal Gives it up.
 */

/**
 * @template T
 * @param {string} url For messages.
 * @param {Limits} limits
 * @param {(signal: AbortSignal) => Promise<T>} open Connects; closes what it has begun when the signal says so.
 * @returns {Promise<T>} Fails with `ConnectionFailed` alone.
 */
export async function opening(url, {clock, timeout, signal}, open) {
  const giving = new AbortController();
  /** @type {(error: ConnectionFailed) => void} */
  let fail = () => {};
  const late = new Promise((_, reject) => (fail = reject));
  const forget = clock.later(timeout, () => fail(new ConnectionFailed(`Cannot reach ${url} within ${timeout} s.`)));
  const ended = () => fail(new ConnectionFailed(`Reaching ${url} was given up.`));
  signal.addEventListener("abort", ended, {once: true});
  try {
    if (signal.aborted) ended();
    const opened = open(giving.signal);
    opened.catch(() => {}); // if it fails when nobody waits any more
    return await /** @type {Promise<T>} */ (Promise.race([opened, late]));
  } catch (error) {
    giving.abort();
    if (error instanceof ClientError) throw error;
    throw new ConnectionFailed(`Cannot reach ${url}: ${messageOf(error)}`);
  } finally {
    forget();
    signal.removeEventListener("abort", ended);
  }
}

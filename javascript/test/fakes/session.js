/** A session with a network in memory whose nodes sign and prove. */

import assert from "node:assert/strict";

import {SigningKey} from "../../src/formats/keys.js";
import {Cloud} from "../../src/session/cloud.js";
import {FakeClock} from "./clock.js";
import {FakeLedger} from "./ledger.js";

export const URLS = ["ws://a:1", "ws://bb:1", "ws://ccc:1", "ws://dddd:1"];

/** @param {object} [options] @param {number} [count] */
export async function begin(options = {}, count = 3) {
  const clock = new FakeClock();
  const urls = URLS.slice(0, count);
  const ledger = await FakeLedger.begin(clock, ...urls);
  /** @type {any[]} */
  const accused = [];
  const {connect} = ledger;
  const connecting = Cloud.connect(urls, {clock, connect, random: () => 0, onLiar: (each) => accused.push(each), ...options});
  const cloud = await connecting;
  await until(clock, () => cloud.places.every((place) => place.isProven));
  const writer = await cloud.writer(await SigningKey.fromSeed(new Uint8Array(32).fill(7)));
  const node = (/** @type {string} */ url) => /** @type {import("./ledger.js").LedgerNode} */ (
    ledger.nodes.find((each) => each.url === url));
  return {clock, ledger, cloud, writer, node, accused};
}

/** Time passes, little by little, until something is so. @param {FakeClock} clock @param {() => boolean} condition */
export async function until(clock, condition) {
  for (let turn = 0; turn < 400 && !condition(); turn += 1) await clock.advance(0.05);
  assert.ok(condition(), "it took too long");
}

/** What comes of a promise, while time passes. @template T @param {FakeClock} clock @param {Promise<T>} promise @returns {Promise<T>} */
export async function meanwhile(clock, promise) {
  let isDone = false;
  promise.then(() => (isDone = true), () => (isDone = true));
  await until(clock, () => isDone);
  return promise;
}

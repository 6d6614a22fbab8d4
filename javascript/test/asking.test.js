import assert from "node:assert/strict";
import {test} from "node:test";

import {Asking} from "../src/session/asking.js";
import {Place} from "../src/session/directory.js";
import {ConnectionFailed, RemoteError, TimedOut} from "../src/session/errors.js";
import {FakeClock, settle} from "./fakes/clock.js";

/** @typedef {{place: Place, signal: AbortSignal, time: number, answer: (value: string) => void, fail: (error: Error) => void}} Asked */

/** @param {Partial<{timeout: number | null, hedgeAfter: number | null, confirms: (error: RemoteError) => boolean, sameNode: (place: Place) => Set<Place>}>} options */
function begin(options = {}, count = 3) {
  const clock = new FakeClock();
  const places = Array.from({length: count}, (_, at) => new Place(`ws://node${at}:1`, true, 1));
  /** @type {Asked[]} */
  const asked = [];
  const ask = (/** @type {Place} */ place, /** @type {AbortSignal} */ signal) =>
    new Promise((/** @type {(value: string) => void} */ answer, fail) =>
      asked.push({place, signal, time: clock.now(), answer, fail}));
  const choose = (/** @type {Set<Place>} */ tried) => places.find((each) => !tried.has(each)) ?? null;
  const asking = new Asking(ask, choose, clock, {timeout: 30, ...options});
  asking.done.catch(() => {});
  return {clock, places, asked, asking, at: (/** @type {number} */ number) => /** @type {Asked} */ (asked[number])};
}

const lost = () => new ConnectionFailed("lost");

test("what fails is asked elsewhere at once", async () => {
  const {places, asked, asking, at} = begin();
  at(0).fail(lost());
  await settle();
  at(1).answer("yes");
  assert.deepEqual(await asking.done, {answer: "yes", place: places[1]});
  assert.equal(asked.length, 2);
});

test("what is slow is asked at a second place as well, and the other is given up when one has answered", async () => {
  const {clock, asked, asking, at} = begin({hedgeAfter: 0.5});
  await clock.advance(0.4);
  assert.equal(asked.length, 1);
  await clock.advance(0.2);
  assert.equal(asked.length, 2);
  at(1).answer("second");
  assert.equal((await asking.done).answer, "second");
  assert.ok(at(0).signal.aborted);
  await clock.advance(60);
  assert.equal(asked.length, 2, "no third");
  assert.equal(clock.pending, 0);
});

test("when all failed they are asked again after a pause that grows, until the time is over", async () => {
  const {clock, asked, asking, at} = begin({timeout: 3}, 1);
  for (let number = 0; number < 4; number += 1) {
    at(number).fail(lost());
    await clock.advance(0.5);
  }
  await clock.advance(0.5);
  const times = asked.map((each) => Number(each.time.toFixed(1)));
  assert.deepEqual(times, [0, 0.1, 0.7, 1.4, 2.3]);
  await clock.advance(3);
  await assert.rejects(asking.done, /lost/);
  assert.equal(clock.pending, 0);
});

test("a refusal is the answer", async () => {
  const {asking, at} = begin();
  at(0).fail(new RemoteError(-26, "rating_own", "no"));
  await assert.rejects(asking.done, {code: "rating_own"});
});

test("a refusal that nothing proves counts when a second place gives it too", async () => {
  const {asked, asking, at} = begin({confirms: () => true});
  at(0).fail(new RemoteError(-5, "record_unknown", "no"));
  await settle();
  at(1).fail(new RemoteError(-5, "record_unknown", "no"));
  await assert.rejects(asking.done, {code: "record_unknown"});
  assert.equal(asked.length, 2);
});

test("a refusal that another place does not give is passed over", async () => {
  const {asking, at} = begin({confirms: () => true});
  at(0).fail(new RemoteError(-5, "record_unknown", "no"));
  await settle();
  at(1).answer("there it is");
  assert.equal((await asking.done).answer, "there it is");
});

test("a refusal counts when no other place is left", async () => {
  const {asking, at} = begin({confirms: () => true}, 2);
  at(0).fail(new RemoteError(-5, "record_unknown", "no"));
  await settle();
  at(1).fail(lost());
  await assert.rejects(asking.done, {code: "record_unknown"});
});

test("what only another node may have is not waited for", async () => {
  const {asking, at} = begin({}, 1);
  at(0).fail(new RemoteError(-8, "cursor_pruned", "gone"));
  await assert.rejects(asking.done, {code: "cursor_pruned"});
});

test("an error of our own ends it at once", async () => {
  const {asked, asking, at} = begin();
  at(0).fail(new TypeError("a fault"));
  await assert.rejects(asking.done, TypeError);
  assert.equal(asked.length, 1);
});

test("the time is over while a place hangs", async () => {
  const {clock, asking, at} = begin({timeout: 2}, 1);
  await clock.advance(2.1);
  await assert.rejects(asking.done, TimedOut);
  assert.ok(at(0).signal.aborted);
});

test("stopping gives up all that is under way", async () => {
  const {clock, asking, at} = begin({hedgeAfter: 0.5});
  asking.stop(new ConnectionFailed("closed"));
  await assert.rejects(asking.done, /closed/);
  assert.ok(at(0).signal.aborted);
  assert.equal(clock.pending, 0);
});

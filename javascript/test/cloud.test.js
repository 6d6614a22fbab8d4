import assert from "node:assert/strict";
import {test} from "node:test";

import {Cloud} from "../src/session/cloud.js";
import {AnswerStale, ConnectionFailed, Rejected, TimedOut} from "../src/session/errors.js";
import {IDLE, LEARN, PATIENCE, READY, REFRESH} from "../src/session/nodes.js";
import {FakeClock, settle} from "./fakes/clock.js";
import {FakeNetwork, NETWORK} from "./fakes/network.js";

const URLS = ["ws://a:1", "ws://bb:1", "ws://ccc:1", "ws://dddd:1"];

/** @param {object} [options] @param {string[]} [urls] */
async function begin(options = {}, urls = URLS.slice(0, 3)) {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock, ...urls);
  const {connect} = network;
  const cloud = await Cloud.connect(urls, {verify: "none", clock, connect, random: () => 0, ...options});
  await settle();
  const node = (/** @type {string} */ url) => /** @type {import("./fakes/network.js").FakeNode} */ (
    network.nodes.find((each) => each.url === url));
  return {clock, network, cloud, node};
}

/** @param {Promise<unknown>} promise */
function outcome(promise) {
  const seen = {isDone: false};
  promise.then(() => (seen.isDone = true), () => (seen.isDone = true));
  return seen;
}

/** @param {string} id @returns {import("../src/session/writer.js").SignedOperation} */
const operation = (id) => ({id, signature: id, body: "{}", expiry: 1000, leastHeight: 0});

test("a session begins at the first seed that answers", async () => {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock, ...URLS);
  network.nodes[0]?.kill();
  const cloud = await Cloud.connect(URLS, {verify: "none", clock, connect: network.connect});
  assert.equal(cloud.network, NETWORK);
  cloud.close();
});

test("a session without a node says what each seed did", async () => {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock, ...URLS);
  for (const node of network.nodes) node.kill();
  const connecting = Cloud.connect(URLS, {verify: "none", clock, connect: network.connect});
  await assert.rejects(connecting, /No node answers: Cannot reach ws:\/\/a:1.*ws:\/\/bb:1/);
  assert.equal(clock.pending, 0);
});

test("what is no seed, no network and no way to verify is refused by name", async () => {
  await assert.rejects(Cloud.connect([]), RangeError);
  await assert.rejects(Cloud.connect(["ws://a"], {verify: "quorum:1"}), /quorum:K/);
  await assert.rejects(Cloud.connect(["ws://a"], {network: "AB"}), /64 lower-case hex digits/);
  await assert.rejects(Cloud.connect(["gopher://a"]), {name: "AddressInvalid"});
});

test("a node of another network is not asked", async () => {
  const {cloud} = await begin();
  cloud.close();
  const clock = new FakeClock();
  const {connect} = new FakeNetwork(clock, ...URLS);
  const connecting = Cloud.connect(URLS, {verify: "none", clock, connect, network: "cd".repeat(32)});
  await assert.rejects(connecting, /is of network abab/);
});

test("a read that fails is answered by another node", async () => {
  const {cloud, node} = await begin();
  const first = (await cloud.call("getdatahash")).url;
  node(first).kill();
  const answer = await cloud.call("getdatahash");
  assert.notEqual(answer.url, first);
  assert.deepEqual([answer.result, answer.checked, answer.height], [{height: 10, ratings_sum: 10}, "none", 10]);
  cloud.close();
});

test("a read that is slow is asked at a second node", async () => {
  const {cloud, clock, node} = await begin();
  const first = (await cloud.call("getdatahash")).url;
  node(first).hangs = true;
  const calling = cloud.call("getdatahash");
  const seen = outcome(calling);
  await clock.advance(0.4);
  assert.ok(!seen.isDone);
  await clock.advance(0.2);
  assert.notEqual((await calling).url, first);
  cloud.close();
});

test("reads are never older than what was shown", async () => {
  const {cloud, clock, network, node} = await begin();
  const {cursor} = await cloud.submit(operation("one"));
  assert.equal(cursor?.height, 11);
  for (const each of network.nodes.slice(0, 2)) each.lag = 1;
  const calling = cloud.call("getdatahash");
  await clock.advance(1);
  const answer = await calling;
  assert.deepEqual([answer.url, answer.height], ["ws://ccc:1", 11]);
  assert.equal(cloud.height, 11);
  // A node that answers for an older height all the same is left for another.
  node("ws://ccc:1").lag = 1;
  for (const each of network.nodes) {
    each.instead = ({method}) => method === "getdatahash"
      ? {result: {}, context: {network: NETWORK, height: 10, hash: "", time: 0}} : undefined;
  }
  const old = cloud.call("getdatahash", {}, {timeout: 1});
  old.catch(() => {});
  await clock.advance(2);
  await assert.rejects(old, AnswerStale);
  cloud.close();
});

test("a session goes on from the height of an earlier one", async () => {
  const {cloud, node} = await begin({height: 10});
  await cloud.call("getdatahash");
  const asked = URLS.slice(0, 3).flatMap((url) => node(url).asked.map((each) => each.context?.min_height));
  assert.deepEqual(asked.filter((each) => each !== undefined), [10]);
  cloud.close();
});

test("while no node is there a call waits, until its time is over", async () => {
  const {cloud, clock, network} = await begin();
  for (const node of network.nodes) node.kill();
  const calling = cloud.call("getdatahash");
  const failing = cloud.call("getdatahash", {}, {timeout: 3});
  failing.catch(() => {});
  await clock.advance(4);
  await assert.rejects(failing, ConnectionFailed);
  for (const node of network.nodes) node.isUp = true;
  await clock.advance(3);
  assert.equal((await calling).height, 10);
  cloud.close();
});

test("a write is sent again until it is final, and takes effect once", async () => {
  const {cloud, clock, network} = await begin();
  let refusals = 0;
  for (const node of network.nodes) {
    node.instead = ({method}) => method === "submit" && (refusals += 1) < 4 ? {error: "not_final_yet"} : undefined;
  }
  const submitting = cloud.submit(operation("one"));
  await clock.advance(5);
  assert.deepEqual((await submitting).cursor, {height: 11, index: 0});
  assert.equal(network.log.length, 1);
  await cloud.submit(operation("one"));
  assert.equal(network.log.length, 1);
  cloud.close();
});

test("a write that the rules reject, and one that is refused, say so", async () => {
  const {cloud, network} = await begin();
  for (const node of network.nodes) {
    node.instead = ({params}) => params?.signature === "own"
      ? {result: {id: "own", cursor: {height: 11, index: 0}, result: "rating_own"}}
      : params?.signature === "bad" ? {error: "signature_invalid", number: -26} : undefined;
  }
  await assert.rejects(cloud.submit(operation("own")), (error) => error instanceof Rejected && error.code === "rating_own");
  await assert.rejects(cloud.submit(operation("bad")), {name: "RemoteError", code: "signature_invalid"});
  cloud.close();
});

test("an answer for another operation is none", async () => {
  const {cloud, clock, network} = await begin();
  for (const node of network.nodes) {
    node.instead = ({method}) => method === "submit" ? {result: {id: "other", cursor: {height: 1, index: 0}, result: "ok"}} : undefined;
  }
  const submitting = cloud.submit(operation("one"), {timeout: 1});
  submitting.catch(() => {});
  await clock.advance(2);
  await assert.rejects(submitting, /for another operation/);
  cloud.close();
});

test("a subscription goes on at another node, each item once and in order", async () => {
  const {cloud, clock, network, node} = await begin();
  const subscription = cloud.subscribe("records");
  await subscription.ready;
  const ids = [];
  for (let number = 0; number < 30; number += 1) {
    network.write(`${number}`);
    if (number % 10 === 5) node(subscription.url).kill();
    if (number % 10 === 9) for (const each of network.nodes) each.isUp = true;
    await clock.advance(1);
    ids.push((await subscription.next()).value?.id);
  }
  assert.deepEqual(ids, Array.from({length: 30}, (_, number) => `${number}`));
  assert.equal(cloud.height, network.height);
  cloud.close();
  assert.deepEqual(await subscription.next(), {value: undefined, done: true});
});

test("a subscription leaves a node that hangs, and one that lags", async () => {
  for (const trouble of /** @type {const} */ (["hangs", "lags", "fails"])) {
    const {cloud, clock, network, node} = await begin();
    const subscription = cloud.subscribe("blocks");
    await subscription.ready;
    const first = subscription.url;
    if (trouble === "hangs") node(first).hangs = true;
    else if (trouble === "lags") node(first).lag = 9;
    else node(first).lag = 100;
    for (let number = 0; number < 7; number += 1) network.write(`${number}`);
    const next = subscription.next();
    await clock.advance(REFRESH + PATIENCE + REFRESH);
    assert.equal((await next).value?.id, "0", trouble);
    assert.notEqual(subscription.url, first);
    cloud.close();
  }
});

test("items that come twice, or out of place, are told once", async () => {
  const {cloud, network, node} = await begin();
  const subscription = cloud.subscribe("records");
  await subscription.ready;
  const [connection] = node(subscription.url).connections;
  network.write("one");
  const again = {subscription: "1", cursor: {height: 11, index: 0}, items: network.log};
  connection?.tell({jsonrpc: "2.0", method: "subscription", params: again});
  network.write("two");
  assert.deepEqual([(await subscription.next()).value?.id, (await subscription.next()).value?.id], ["one", "two"]);
  cloud.close();
});

test("items in one piece with the answer to subscribe are not lost", async () => {
  const {cloud, network} = await begin();
  network.write("before");
  const subscription = cloud.subscribe("records", {}, {height: 10, index: 0});
  assert.equal((await subscription.next()).value?.id, "before");
  cloud.close();
});

test("giving up to wait for an item misses none", async () => {
  const {cloud, network} = await begin();
  const subscription = cloud.subscribe("records");
  await subscription.ready;
  assert.equal(await subscription.nextUntil(settle()), null);
  assert.equal(await subscription.nextUntil(settle()), null);
  network.write("one");
  network.write("two");
  assert.equal((await subscription.next()).value?.id, "one");
  assert.equal((await subscription.nextUntil(new Promise(() => {})))?.id, "two");
  cloud.close();
});

test("a subscription after a cursor that no node has any more ends by that error", async () => {
  const {cloud, network} = await begin();
  for (const node of network.nodes) {
    node.instead = ({method}) => method === "subscribe" ? {error: "cursor_pruned"} : undefined;
  }
  const subscription = cloud.subscribe("records", {}, {height: 1, index: 0});
  await assert.rejects(subscription.next(), {code: "cursor_pruned"});
  assert.deepEqual(await subscription.next(), {value: undefined, done: true});
  assert.throws(() => cloud.subscribe("peers"), /not what all nodes tell alike/);
  cloud.close();
});

test("what a node tells that is of no documented form moves the subscription", async () => {
  const {cloud, clock, network, node} = await begin();
  const subscription = cloud.subscribe("records");
  await subscription.ready;
  const first = subscription.url;
  for (const params of [{subscription: "1"}, {subscription: "1", cursor: {height: 1, index: 0}, items: [7]}]) {
    for (const each of node(first).connections) each.tell({jsonrpc: "2.0", method: "subscription", params});
  }
  const next = subscription.next();
  await clock.advance(1);
  network.write("one");
  assert.equal((await next).value?.id, "one");
  cloud.close();
});

test("what is no JSON-RPC ends the connection, and the call is answered elsewhere", async () => {
  const {cloud, network} = await begin();
  let told = 0;
  for (const node of network.nodes) {
    node.instead = ({method}) => {
      if (method !== "ping" || (told += 1) > 1) return undefined;
      for (const each of [...node.connections]) each.tell("<html>");
      return {silent: true};
    };
  }
  assert.deepEqual((await cloud.call("ping")).result, {method: "ping"});
  cloud.close();
});

test("some connections are kept ready, the others closed", async () => {
  const {cloud, clock, network} = await begin({}, URLS);
  await clock.advance(IDLE + REFRESH);
  assert.equal(cloud.connected.length, READY);
  network.nodes.find((node) => node.connections.size)?.kill();
  await clock.advance(2 * REFRESH);
  assert.equal(cloud.connected.length, READY);
  cloud.close();
});

test("places are learned from what nodes tell, and again and again", async () => {
  const {cloud, clock, network} = await begin();
  network.peers = [
    {id: "0e".repeat(32), addr: "192.0.2.9:5000", interfaces: [{transport: "ws", address: "", port: 38082}]},
    {id: 7, addr: null}, "what", {id: "0e".repeat(32), addr: "x y:1", interfaces: [{transport: "ws", port: -1}]},
  ];
  await clock.advance(LEARN + REFRESH);
  assert.ok(cloud.places.some((place) => place.url === "ws://192.0.2.9:38082"));
  assert.equal(cloud.places.length, 4);
  cloud.close();
});

test("pinned places alone are asked", async () => {
  const {cloud, clock, node} = await begin();
  for (const url of ["ws://ccc:1", "ws://bb:1"]) {
    cloud.pin(url);
    assert.equal((await cloud.call("ping")).url, url);
  }
  node("ws://bb:1").kill();
  const calling = cloud.call("ping", {}, {timeout: 1});
  calling.catch(() => {});
  await clock.advance(2);
  await assert.rejects(calling, ConnectionFailed);
  cloud.pin();
  await cloud.call("ping");
  cloud.close();
});

test("a call to a node that hangs is over in time", async () => {
  const {cloud, clock, network} = await begin();
  for (const node of network.nodes) node.hangs = true;
  const calling = cloud.call("submit", {}, {timeout: 2});
  calling.catch(() => {});
  await clock.advance(2.1);
  await assert.rejects(calling, TimedOut);
  cloud.close();
});

test("closing ends everything", async () => {
  const {cloud, clock, network} = await begin();
  for (const node of network.nodes) node.hangs = true;
  const calls = [cloud.call("ping"), cloud.submit(operation("one"))];
  const subscription = cloud.subscribe("records");
  const next = subscription.next();
  await settle();
  cloud.close();
  for (const each of calls) await assert.rejects(each, /session was closed/);
  assert.equal((await next).done, true);
  await assert.rejects(cloud.call("ping"), /session was closed/);
  assert.equal(network.nodes.reduce((sum, node) => sum + node.connections.size, 0), 0);
  assert.equal(clock.pending, 0);
});

test("every node is asked for its state, and what each did is told", async () => {
  const {cloud, clock, network, node} = await begin();
  node("ws://bb:1").lag = 6;
  node("ws://ccc:1").kill();
  /** @type {string[]} */
  const told = [];
  const comparing = cloud.compare({onEach: (compared) => void told.push(compared.url)});
  await clock.advance(1);
  const compared = (await comparing).sort((one, other) => (one.url < other.url ? -1 : 1));
  assert.deepEqual(compared.map(({url, state, height, behind}) => [url, state, height, behind]), [
    ["ws://a:1", "agrees", 10, 0], ["ws://bb:1", "behind", 4, 6], ["ws://ccc:1", "silent", 0, 0],
  ]);
  assert.match(compared[2]?.reason ?? "", /it was killed/);
  assert.deepEqual(told.sort(), compared.map((each) => each.url));
  assert.equal((await cloud.compare({most: 1})).length, 1);
  assert.deepEqual(await cloud.ask("ws://bb:1/", "ping"), {method: "ping"});
  await assert.rejects(cloud.ask("ws://ccc:1", "ping"), ConnectionFailed);
  assert.ok(network);
  cloud.close();
});

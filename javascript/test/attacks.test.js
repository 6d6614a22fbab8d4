// What nodes that want to deceive, stall or exhaust a session do, each played once.

import assert from "node:assert/strict";
import {test} from "node:test";

import {noble} from "../src/crypto/noble.js";
import {useCrypto} from "../src/crypto.js";
import {SigningKey} from "../src/formats/keys.js";
import {OVERDUE_HEIGHTS, OVERDUE_SECONDS} from "../src/session/censorship.js";
import {Cloud} from "../src/session/cloud.js";
import {Directory, PLACES_MAX} from "../src/session/directory.js";
import {NotEnoughNodes} from "../src/session/errors.js";
import {PATIENCE, REFRESH} from "../src/session/nodes.js";
import {Questions} from "../src/session/questions.js";
import {checkResult} from "../src/trust/proving.js";
import {FakeClock} from "./fakes/clock.js";
import {FakeLedger, WINDOW_HEIGHTS} from "./fakes/ledger.js";
import {URLS, begin, meanwhile, until} from "./fakes/session.js";

useCrypto(noble); // which takes no time on the tests' clock, as WebCrypto's threads would

/** @param {number} number */
const key = (number) => SigningKey.fromSeed(new Uint8Array(32).fill(number));

for (const refusals of [0, 3]) {
  test(`a discarded block passes for none of the log, read ${refusals ? "before" : "after"} the one that ends its epoch`, async () => {
    const {clock, ledger, cloud, writer, accused} = await begin();
    const [liar] = ledger.nodes;
    if (!liar) throw new Error("no node");
    const after = {height: ledger.height, index: 0};
    ledger.waiting.push(await writer.put("film", "last", 1));
    const discarded = await ledger.endEpoch(await key(2));
    const last = ledger.height;
    ledger.waiting.push(await writer.put("film", "first", 2));
    await ledger.block();
    await ledger.block();
    // It alone is asked at first, tells of no later epoch, and is slow with the block before.
    for (const each of ledger.nodes) if (each !== liar) each.kill();
    liar.lag = 1;
    const {operations: _, ...final} = discarded;
    liar.otherProof = (proof) => (proof.height === last ? {...proof, ...final} : proof);
    let asked = 0;
    liar.lie = (method, result, {params}) => {
      if (method === "getepochs") return {epochs: [{...ledger.epochs[0], end: null}], next: null};
      if (method !== "getblock") return result;
      if (params.height === last + 1) return discarded;
      const refuses = params.height === last && params.limit === 1 && (asked += 1) <= refusals;
      return refuses ? {error: {code: -8, message: "later", data: {code: "node_overloaded"}}} : result;
    };
    const subscription = cloud.subscribe("records", {}, after);
    const items = [subscription.next(), subscription.next()];
    await clock.advance(0.8);
    for (const each of ledger.nodes) each.isUp = true;
    const keys = [];
    for (const each of items) keys.push((await meanwhile(clock, each)).value?.key);
    assert.deepEqual(keys, ["last", "first"]);
    await clock.advance(REFRESH);
    assert.deepEqual(accused.map((each) => each.url), [liar.url]);
    cloud.close();
  });
}

test("a session that took a discarded block for the newest blames no honest node for the true one", async () => {
  const {clock, ledger, cloud, writer, accused} = await begin({verify: "certificate"});
  const [liar] = ledger.nodes;
  if (!liar) throw new Error("no node");
  ledger.waiting.push(await writer.put("film", "last", 1));
  const discarded = await ledger.endEpoch(await key(2));
  ledger.waiting.push(await writer.put("film", "first", 2));
  await ledger.block();
  liar.lie = (method, result, {params}) => (method === "getblock" && params.height === ledger.height ? discarded : result);
  cloud.pin(liar.url);
  await meanwhile(clock, cloud.call("listrecords", {}, {timeout: 2}).catch(() => null));
  cloud.pin();
  for (const {url} of ledger.nodes.slice(1)) {
    cloud.pin(url);
    assert.equal((await meanwhile(clock, cloud.call("listrecords"))).checked, "certificate");
  }
  assert.deepEqual(accused.map((each) => each.url).filter((url) => url !== liar.url), []);
  cloud.close();
});

for (const [name, told] of /** @type {[string, (expiry: number) => number][]} */ ([
  ["at its expiry, which no block has yet", (expiry) => expiry], ["far above its expiry", () => 1e9],
])) {
  test(`a write said to be final ${name}, is written by another node at once`, async () => {
    const {clock, ledger, cloud, writer, accused} = await begin();
    const [liar] = ledger.nodes;
    if (!liar) throw new Error("no node");
    const operation = await writer.put("film", "one", 1);
    liar.censors = true;
    liar.lie = (method, result) => (method === "submit"
      ? {id: operation.id, cursor: {height: told(operation.expiry), index: 0}, result: "ok"} : result);
    const {cursor, checked} = await meanwhile(clock, cloud.submit(operation, {timeout: 8}));
    assert.deepEqual([checked, cursor?.index], ["proof", 0]);
    assert.ok(ledger.height < operation.expiry, "others were asked for heights that do not exist");
    assert.ok(cloud.places.find((place) => place.url === liar.url)?.[told(0) ? "lie" : "failures"]);
    await clock.advance(1);
    assert.deepEqual(accused.map((each) => each.url).filter((url) => url !== liar.url), []);
    cloud.close();
  });
}

test("a height above the expiry has no honest node accused when a write is repeated", async () => {
  const {clock, ledger, cloud, writer, accused} = await begin();
  const [liar] = ledger.nodes;
  if (!liar) throw new Error("no node");
  const operation = await writer.put("film", "one", 1);
  const {cursor} = await meanwhile(clock, cloud.submit(operation));
  for (let number = 0; number < WINDOW_HEIGHTS + 3; number += 1) await ledger.block();
  await clock.advance(REFRESH);
  liar.lie = (method, result) => (method === "submit"
    ? {...result, cursor: {height: operation.expiry + 1, index: 0}} : result);
  assert.deepEqual((await meanwhile(clock, cloud.submit(operation))).cursor, cursor);
  await until(clock, () => accused.length > 0);
  assert.deepEqual(accused.map((each) => each.url), [liar.url]);
  cloud.close();
});

test("a liar that is gone is accused all the same, and the write that is proven is told", async () => {
  const {clock, ledger, cloud, writer, accused} = await begin();
  const [liar] = ledger.nodes;
  if (!liar) throw new Error("no node");
  let hasLied = false;
  for (const each of ledger.nodes) {
    each.lie = (method, result) => {
      if (method === "getproof" && hasLied) liar.kill();
      if (method !== "submit" || each !== liar) return result;
      hasLied = true;
      return {...result, cursor: {...result.cursor, index: 5}};
    };
  }
  const {cursor, checked} = await meanwhile(clock, cloud.submit(await writer.put("film", "one", 1)));
  assert.deepEqual([cursor?.index, checked], [0, "proof"]);
  await until(clock, () => accused.length === 1);
  assert.equal(accused[0].url, liar.url);
  cloud.close();
});

test("a node that tells of blocks and shows none is not chosen again and again", async () => {
  const {clock, ledger, cloud} = await begin({verify: "certificate"}, 1);
  const [liar] = ledger.nodes;
  if (!liar) throw new Error("no node");
  const refuse = {error: {code: -8, message: "later", data: {code: "node_overloaded"}}};
  const subscription = await meanwhile(clock, cloud.subscribe("blocks").ready);
  liar.lie = (method, result) => (method === "getblock" ? refuse : result);
  const before = liar.count("subscribe");
  const next = subscription.next();
  await ledger.block();
  await clock.advance(5);
  const rounds = liar.count("subscribe") - before;
  assert.ok(rounds > 0 && rounds < 8, `${rounds} rounds in five seconds`);
  liar.lie = (_, result) => result;
  assert.equal((await meanwhile(clock, next)).value?.height, ledger.height);
  cloud.close();
});

test("a node that tells its state and never a block does not stall a proven subscription", async () => {
  const {clock, ledger, cloud, writer} = await begin();
  const [liar] = ledger.nodes;
  if (!liar) throw new Error("no node");
  const handle = liar.handle.bind(liar);
  liar.handle = (connection, request) => {
    if (request.method !== "getblock") handle(connection, request);
  };
  const subscription = await meanwhile(clock, cloud.subscribe("records").ready);
  for (const name of ["one", "two", "three"]) {
    ledger.waiting.push(await writer.put("film", name, 1));
    await ledger.block();
    await ledger.block();
    const begun = clock.now();
    assert.equal((await meanwhile(clock, subscription.next())).value?.key, name);
    assert.ok(clock.now() - begun < 6, `${clock.now() - begun} s`);
  }
  cloud.close();
});

test("a receipt of a height that does not exist is overdue all the same", async () => {
  /** @type {any[]} */
  const censored = [];
  const {clock, ledger, cloud, writer} = await begin({onCensorship: (/** @type {any} */ each) => censored.push(each)});
  const [censor] = ledger.nodes;
  if (!censor) throw new Error("no node");
  censor.censors = true;
  censor.receiptHeight = 2 ** 52;
  cloud.pin(censor.url);
  const operation = await writer.put("film", "one", 1);
  await meanwhile(clock, cloud.submit(operation, {wait: "accepted"}));
  cloud.pin();
  for (let number = 0; number <= OVERDUE_HEIGHTS; number += 1) await ledger.block();
  await clock.advance(OVERDUE_SECONDS + PATIENCE);
  assert.deepEqual(censored.map(({url, isExpired}) => [url, isExpired]), [[censor.url, false]]);
  assert.deepEqual(ledger.waiting.map((each) => each.id), [operation.id]);
  cloud.close();
});

test("a seed that is silent once it was asked for the genesis holds up no session", async () => {
  const clock = new FakeClock();
  const ledger = await FakeLedger.begin(clock, ...URLS);
  for (const liar of ledger.nodes.slice(0, 3)) {
    const handle = liar.handle.bind(liar);
    liar.handle = (connection, request) => {
      if (request.method !== "getgenesis") handle(connection, request);
    };
  }
  const connecting = Cloud.connect(URLS, {clock, connect: ledger.connect, network: ledger.genesis.networkHex});
  await clock.advance(PATIENCE);
  let cloud = null;
  connecting.then((begun) => (cloud = begun));
  await clock.advance(0);
  assert.ok(cloud, "the honest one was not asked");
  (await connecting).close();
});

test("a subscription from now on begins at no height that is older than the session", async () => {
  const {clock, ledger, cloud, writer} = await begin();
  await meanwhile(clock, cloud.submit(await writer.put("film", "one", 1)));
  for (let number = 0; number < 3; number += 1) await ledger.block();
  await clock.advance(REFRESH);
  for (const liar of ledger.nodes.slice(0, 2)) {
    const handle = liar.handle.bind(liar);
    liar.handle = (connection, request) => {
      if (request.method !== "getdatahash") return handle(connection, request);
      const context = {network: ledger.genesis.networkHex, height: 0, hash: ledger.genesis.networkHex, time: 0};
      return connection.tell({jsonrpc: "2.0", id: request.id, result: {}, context});
    };
  }
  const subscription = await meanwhile(clock, cloud.subscribe("records").ready);
  assert.equal(subscription.cursor?.height, ledger.height);
  cloud.close();
});

test("where a log begins that is pruned is what the node says that has most of it", async () => {
  const {clock, ledger, cloud} = await begin();
  for (let number = 0; number < 9; number += 1) await ledger.block();
  await clock.advance(REFRESH);
  for (const [at, node] of ledger.nodes.entries()) {
    node.lie = (method, result, {params}) => (method === "getblock" && params.height < 5
      ? {error: {code: -5, message: "pruned", data: {code: "block_pruned", blocks_from: at === 1 ? 5 : 10 ** 9}}} : result);
  }
  const subscription = cloud.subscribe("records", {}, {height: 2, index: 0});
  await assert.rejects(meanwhile(clock, subscription.ready), (error) => {
    assert.deepEqual(/** @type {any} */ (error).data.start, {height: 4, index: 0});
    return true;
  });
  cloud.close();
});

test("a directory full of liars has room for others", async () => {
  const places = new Directory(["ws://seed:1"], {isSecurePage: false, hasWebTransport: true});
  for (let port = 1; places.size < PLACES_MAX; port += 1) {
    const place = places.learn(`ws://liar:${port}`);
    if (place) places.lied(place, "It is of another network.");
  }
  assert.ok(places.learn("ws://honest:1"));
  assert.equal(places.size, PLACES_MAX);
  assert.ok(places.find("ws://seed:1"));
});

test("a deleted record has no data, whatever a node adds", async () => {
  const state = /** @type {any} */ ({checkRecord: async () => {}, checkRatings: async () => {}});
  const account = "ab".repeat(32);
  const at = {height: 1, index: 0};
  const told = {account, collection: "film", key: "one", version: 2, created: at, updated: at, time: 0, deleted: true, ref: null,
    data: /** @type {any} */ (null), ratings_sum: 0, ratings_count: 0};
  const check = () => checkResult(state, "getrecord", {account, collection: "film", key: "one"}, JSON.stringify(told));
  assert.equal(await check(), "proof");
  told.data = {title: "forged"};
  await assert.rejects(check(), {code: "proof_row_wrong"});
  await assert.rejects(
    checkResult(state, "getrecord", {account, collection: "film", key: "one"}, JSON.stringify({...told, data: null, verdict: 1})),
    {code: "proof_row_wrong"},
  );
});

test("what an answer has besides the members that are proven is refused", async () => {
  const given = {height: 1, index: 0};
  const rating = {stars: 4, height: 1n, index: 0};
  const state = /** @type {any} */ ({rating: async () => rating});
  const account = "ab".repeat(32);
  const record = `${account}/film/one`;
  const one = {record, account, stars: 4, given};
  const whole = {ratings: [one], sum: 4, count: 1, next: null};
  const check = (/** @type {object} */ told) => checkResult(state, "getratings", {record, account}, JSON.stringify(told));
  assert.equal(await check(whole), "proof");
  for (const told of [{...whole, verdict: "best"}, {...whole, next: [1]}, {...whole, ratings: [{...one, verdict: "best"}]}]) {
    await assert.rejects(check(told), {code: "proof_row_wrong"});
  }
});

test("which node a place is, nobody else can say", () => {
  const places = [["censor", true, "aa"], ["twin", true, "aa"], ["honest", false, "aa"]]
    .map(([url, isProven, node]) => ({url, isProven, node}));
  const none = /** @type {[any, any, any]} */ ([null, null, null]);
  const questions = new Questions(/** @type {any} */ ({directory: places}), ...none);
  const told = (/** @type {any} */ place) => [...questions.sameNode(place)].map((each) => each.url);
  assert.deepEqual(places.map(told), [["censor", "twin"], ["twin", "censor"], ["honest"]]);
});

test("another place of the same node confirms no refusal of its own", async () => {
  const {clock, ledger, cloud} = await begin();
  const [liar, twin] = ledger.nodes;
  if (!liar || !twin) throw new Error("no node");
  for (const each of [liar, twin]) {
    each.lie = (method, result) => (method === "getlastblocks"
      ? {error: {code: -5, message: "none", data: {code: "block_unknown"}}} : result);
  }
  for (const place of cloud.places) if (place.url === twin.url) place.node = liar.key.account;
  assert.deepEqual((await meanwhile(clock, cloud.call("getlastblocks"))).result, {method: "getlastblocks"});
  cloud.close();
});

test("two places of one node are no quorum of two, whatever keys they are said to have", async () => {
  const {clock, ledger, cloud} = await begin({verify: "quorum:2"}, 2);
  const [one, twin] = ledger.nodes;
  if (!one || !twin) throw new Error("no node");
  twin.key = one.key;
  for (const place of cloud.places) Object.assign(place, {isProven: false, node: place.url === one.url ? "01" : "02"});
  await assert.rejects(meanwhile(clock, cloud.call("getlastblocks", {}, {timeout: 4})), NotEnoughNodes);
  cloud.close();
});

test("a subscription begins elsewhere when nodes leave it without an answer", async () => {
  const {clock, ledger, cloud} = await begin({verify: "certificate"});
  for (const liar of ledger.nodes.slice(0, 2)) {
    const handle = liar.handle.bind(liar);
    liar.handle = (connection, request) => {
      if (request.method !== "subscribe") handle(connection, request);
    };
  }
  const begun = clock.now();
  await meanwhile(clock, cloud.subscribe("blocks").ready);
  assert.ok(clock.now() - begun < 3 * PATIENCE, `${clock.now() - begun} s`);
  cloud.close();
});

import assert from "node:assert/strict";
import {test} from "node:test";

import {fromHex} from "../src/bytes.js";
import {noble} from "../src/crypto/noble.js";
import {useCrypto} from "../src/crypto.js";
import {decodeEvidence, judge} from "../src/formats/evidence.js";
import {Epoch} from "../src/formats/epoch.js";
import {OVERDUE_HEIGHTS, OVERDUE_SECONDS} from "../src/session/censorship.js";
import {Cloud} from "../src/session/cloud.js";
import {Denied, NotEnoughNodes, RemoteError} from "../src/session/errors.js";
import {PATIENCE, REFRESH, REST} from "../src/session/nodes.js";
import {settle} from "./fakes/clock.js";
import {FakeLedger, WINDOW_HEIGHTS} from "./fakes/ledger.js";
import {URLS, begin, meanwhile, until} from "./fakes/session.js";

useCrypto(noble); // which takes no time on the tests' clock, as WebCrypto's threads would

test("answers, denials, writes and the state are proven from the genesis", async () => {
  const {clock, ledger, cloud, writer} = await begin({network: null});
  assert.equal(cloud.network, ledger.genesis.networkHex);
  const submitted = await meanwhile(clock, cloud.submit(await writer.put("film", "one", {title: "One"})));
  assert.equal(submitted.checked, "proof");
  const record = {account: writer.account, collection: "film", key: "one"};
  const answer = await meanwhile(clock, cloud.call("getrecord", record));
  assert.deepEqual([answer.result.data, answer.checked], [{title: "One"}, "proof"]);
  const denied = await meanwhile(clock, cloud.call("getrecord", {...record, key: "none"}).catch((error) => error));
  assert.ok(denied instanceof Denied);
  assert.equal(denied.checked, "proof");
  await clock.advance(REFRESH);
  assert.equal(cloud.state?.records, 1);
  assert.equal(cloud.state?.nodes.length, 3);
  assert.deepEqual((await meanwhile(clock, cloud.compare())).map((each) => each.state), ["agrees", "agrees", "agrees"]);
  cloud.close();
  assert.equal(clock.pending, 0);
});

test("items are made from the log, whatever nodes tell: each once, in order, and proven", async () => {
  const {clock, ledger, cloud, writer, node} = await begin();
  const subscription = await meanwhile(clock, cloud.subscribe("records", {collection: "film"}).ready);
  const told = [];
  for (let number = 0; number < 12; number += 1) {
    if (number === 4) node(subscription.url).kill();
    if (number === 8) for (const each of ledger.nodes) each.isUp = true;
    ledger.waiting.push(await writer.put("film", `${number}`, number), await writer.put("other", `${number}`, number));
    await ledger.block();
    await ledger.block();
    const item = (await meanwhile(clock, subscription.next())).value;
    told.push([item?.key, item?.checked, item?.data]);
  }
  assert.deepEqual(told, Array.from({length: 12}, (_, number) => [`${number}`, "proof", number]));
  cloud.close();
  assert.deepEqual(await subscription.next(), {value: undefined, done: true});
  assert.equal(clock.pending, 0);
});

test("a subscription goes on within a block, and two share what is read", async () => {
  const {clock, ledger, cloud, writer} = await begin();
  const from = ledger.height;
  for (const name of ["one", "two", "three"]) ledger.waiting.push(await writer.put("film", name, name));
  await ledger.block();
  await ledger.block();
  const after = {height: from + 1, index: 0};
  const asked = () => ledger.nodes.reduce((sum, each) => sum + each.asked.filter((call) => call.params?.limit === 200).length, 0);
  const [rest, all] = [cloud.subscribe("records", {}, after), cloud.subscribe("records", {}, {height: from, index: 0})];
  const keys = [];
  for (const each of [rest, rest, all, all, all]) keys.push((await meanwhile(clock, each.next())).value?.key);
  assert.deepEqual(keys, ["two", "three", "one", "two", "three"]);
  assert.equal(asked(), 1);
  cloud.close();
});

/** @type {[string, (method: string, result: any) => any][]} */
const LIES = [
  ["alters an operation", (_, page) => ({...page, operations: page.operations.map((/** @type {any} */ each) => ({...each, operation: `${each.operation} `}))})],
  ["leaves one out", (_, page) => ({...page, operations: page.operations.slice(0, -1)})],
  ["says that one had no effect", (_, page) => ({...page, operations: page.operations.map((/** @type {any} */ each) => ({...each, result: "rating_own"}))})],
  ["shows another block", (_, page) => ({...page, certificate: page.certificate.replace(/..$/, "00")})],
];

for (const [name, lie] of LIES) {
  test(`a node that ${name} is left, and the item comes from another`, async () => {
    const {clock, ledger, cloud, writer, accused} = await begin();
    const subscription = await meanwhile(clock, cloud.subscribe("records").ready);
    const liar = ledger.nodes[0];
    if (!liar) throw new Error("no node");
    liar.lie = (method, result) => (method === "getblock" && result.operations.length ? lie(method, result) : result);
    ledger.waiting.push(await writer.put("film", "one", 1), await writer.put("film", "two", 2));
    await ledger.block();
    await ledger.block();
    const items = [(await meanwhile(clock, subscription.next())).value, (await meanwhile(clock, subscription.next())).value];
    assert.deepEqual(items.map((each) => [each?.key, each?.checked]), [["one", "proof"], ["two", "proof"]]);
    await until(clock, () => accused.length === 1);
    assert.deepEqual([accused[0].url, accused[0].node], [liar.url, liar.key.account]);
    cloud.close();
  });
}

test("a false record is not shown, and the liar is left", async () => {
  const {clock, ledger, cloud, writer, accused} = await begin();
  await meanwhile(clock, cloud.submit(await writer.put("film", "one", 1)));
  const liar = ledger.nodes[0];
  if (!liar) throw new Error("no node");
  let count = 0;
  liar.lie = (method, result) => (method === "getrecord" ? {...result, version: (count += 1) + 1} : result);
  cloud.pin(liar.url);
  const record = {account: writer.account, collection: "film", key: "one"};
  const call = cloud.call("getrecord", record, {timeout: 3});
  call.catch(() => {});
  await clock.advance(3.1);
  await assert.rejects(call, {name: "AnswerFalse", code: "proof_row_wrong"});
  await until(clock, () => accused.length === 1);
  const verdict = await judge(decodeEvidence(fromHex(accused[0].evidence, "x")), ledger.genesis.network, () => null);
  assert.deepEqual([verdict.kind, verdict.culprit], ["answers", liar.key.account]);
  cloud.pin();
  assert.equal((await meanwhile(clock, cloud.call("getrecord", record))).result.version, 1);
  await until(clock, () => ledger.nodes.some((each) => each.count("submitevidence") === 1));
  cloud.close();
});

test("a node that signs another root is found by looking, with evidence", async () => {
  const {clock, ledger, cloud, accused} = await begin();
  const liar = ledger.nodes[2];
  if (!liar) throw new Error("no node");
  liar.falseRoot = () => new Uint8Array(32);
  await until(clock, () => accused.length === 1);
  const epoch = Epoch.ofGenesis(ledger.genesis);
  const verdict = await judge(decodeEvidence(fromHex(accused[0].evidence, "x")), ledger.genesis.network, () => epoch);
  assert.deepEqual([verdict.kind, verdict.culprit], ["answer", liar.key.account]);
  const compared = await meanwhile(clock, cloud.compare());
  assert.deepEqual(compared.map((each) => each.state).sort(), ["agrees", "agrees", "lying"]);
  assert.ok(cloud.places.at(-1)?.lie);
  assert.equal(cloud.state?.nodes.length, 2);
  // It is known by its key: at another of its places, where it tells the truth, it is not asked either.
  liar.falseRoot = (root) => root;
  liar.url = "ws://other:1";
  await assert.rejects(meanwhile(clock, cloud.ask(liar.url, "ping").then(() => cloud.compare()).then((all) => {
    if (!cloud.places.find((place) => place.url === liar.url)?.lie) throw new Error(`asked: ${JSON.stringify(all)}`);
    throw new Error("left");
  })), /left/);
  cloud.close();
});

test("a write that is not where the node says is found elsewhere, and the liar left", async () => {
  const {clock, ledger, cloud, writer, accused} = await begin();
  const liar = ledger.nodes[0];
  if (!liar) throw new Error("no node");
  liar.lie = (method, result) => (method === "submit" ? {...result, cursor: {...result.cursor, index: 5}} : result);
  const {cursor, checked} = await meanwhile(clock, cloud.submit(await writer.put("film", "one", 1)));
  assert.deepEqual([cursor?.index, checked], [0, "proof"]);
  await until(clock, () => accused.length === 1);
  cloud.close();
});

test("a quorum is of so many nodes that give the same bytes", async () => {
  const {clock, ledger, cloud, writer} = await begin({verify: "quorum:2"});
  await meanwhile(clock, cloud.submit(await writer.put("film", "one", 1)));
  const page = await meanwhile(clock, cloud.call("getlastblocks"));
  assert.equal(page.checked, "certificate");
  const liar = ledger.nodes[0];
  if (!liar) throw new Error("no node");
  liar.lie = (method, result) => (method === "getlastblocks" ? {method: "other"} : result);
  const outvoted = await meanwhile(clock, cloud.call("getlastblocks"));
  assert.deepEqual(outvoted.result, {method: "getlastblocks"});
  for (const [at, each] of ledger.nodes.entries()) each.lie = (method, result) => (method === "getlastblocks" ? at : result);
  await assert.rejects(meanwhile(clock, cloud.call("getlastblocks")), NotEnoughNodes);
  cloud.close();
});

test("a receipt that is for something else is a lie", async () => {
  const {clock, ledger, cloud, writer, accused} = await begin();
  const liar = ledger.nodes[0];
  if (!liar) throw new Error("no node");
  liar.lie = (method, result) => (method === "submit" ? {...result, receipt: {...result.receipt, expiry: 9}} : result);
  const {receipt} = await meanwhile(clock, cloud.submit(await writer.put("film", "one", 1), {wait: "accepted"}));
  assert.notEqual(receipt.node, liar.key.account);
  await until(clock, () => accused.length === 1);
  cloud.close();
});

test("an operation that a node takes and keeps is overdue, sent elsewhere, and gets into the log", async () => {
  /** @type {any[]} */
  const censored = [];
  const {clock, ledger, cloud, writer} = await begin({onCensorship: (/** @type {any} */ each) => censored.push(each)});
  const censor = ledger.nodes[0];
  if (!censor) throw new Error("no node");
  censor.censors = true;
  const operation = await writer.put("film", "one", 1);
  cloud.pin(censor.url);
  await meanwhile(clock, cloud.submit(operation, {wait: "accepted"}));
  cloud.pin();
  for (let number = 0; number <= OVERDUE_HEIGHTS; number += 1) await ledger.block();
  await clock.advance(OVERDUE_SECONDS + PATIENCE);
  assert.deepEqual(censored.map(({url, node, isExpired, evidence}) => [url, node, isExpired, evidence]), [[censor.url, censor.key.account, false, ""]]);
  assert.deepEqual(ledger.waiting.map((each) => each.id), [operation.id]);
  assert.ok(cloud.places.find((place) => place.url === censor.url)?.suspicions);
  cloud.close();
});

test("an operation whose expiry passes leaves evidence against the node that promised it", async () => {
  /** @type {any[]} */
  const censored = [];
  const {clock, ledger, cloud, writer} = await begin({onCensorship: (/** @type {any} */ each) => censored.push(each)}, 1);
  const censor = ledger.nodes[0];
  if (!censor) throw new Error("no node");
  censor.censors = true;
  const operation = await writer.put("film", "one", 1);
  await meanwhile(clock, cloud.submit(operation, {wait: "accepted"}));
  for (let number = 0; number <= WINDOW_HEIGHTS + 2; number += 1) await ledger.block();
  await until(clock, () => censored.some((each) => each.isExpired));
  const last = censored.at(-1);
  assert.deepEqual([last.operation, last.height], [operation.id, operation.expiry]);
  const epoch = Epoch.ofGenesis(ledger.genesis);
  const verdict = await judge(decodeEvidence(fromHex(last.evidence, "x")), ledger.genesis.network, () => epoch);
  assert.deepEqual([verdict.kind, verdict.culprit, verdict.isProof], ["receipt", censor.key.account, false]);
  await until(clock, () => censor.count("submitevidence") === 1);
  cloud.close();
  await settle();
  assert.equal(clock.pending, 0);
});

test("what a node tells by certificate is its word for a final block", async () => {
  const {clock, ledger, cloud, writer} = await begin({verify: "certificate"});
  const subscription = await meanwhile(clock, cloud.subscribe("blocks").ready);
  ledger.waiting.push(await writer.put("film", "one", 1));
  await ledger.block();
  const item = (await meanwhile(clock, subscription.next())).value;
  assert.deepEqual([item?.height, item?.checked], [ledger.height, "certificate"]);
  const page = await meanwhile(clock, cloud.call("listrecords"));
  assert.equal(page.checked, "certificate");
  assert.equal(cloud.height, ledger.height);
  cloud.close();
});

test("a session goes on with what an earlier one saved, without seeds", async () => {
  const {clock, ledger, cloud, writer} = await begin();
  await meanwhile(clock, cloud.submit(await writer.put("film", "one", 1)));
  const saved = await cloud.save();
  const {height} = cloud;
  cloud.close();
  for (const node of ledger.nodes) node.asked = [];
  const {connect} = ledger;
  const later = await meanwhile(clock, Cloud.connect([], {clock, connect, saved}));
  assert.deepEqual([later.network, later.height], [ledger.genesis.networkHex, height]);
  assert.equal((await meanwhile(clock, later.call("getdatahash"))).checked, "proof");
  later.close();

  const state = JSON.parse(saved);
  const wrong = [
    ["{", /damaged/], [saved.replace(ledger.genesis.networkHex, "00".repeat(32)), /damaged/],
    [JSON.stringify({...state, format: 2}), /format is 2/], ["x".repeat(300_000), /larger/],
  ];
  for (const [text, message] of wrong) {
    await assert.rejects(Cloud.connect([], {clock, connect, saved: /** @type {string} */ (text)}), (error) =>
      error instanceof Error && error.name === "StateInvalid" && /** @type {RegExp} */ (message).test(error.message));
  }
  await assert.rejects(Cloud.connect([], {clock, connect, saved, network: "ab".repeat(32)}), /is of network/);
  // Whom the earlier one did not believe is not believed: another network's nodes under these addresses.
  const other = await FakeLedger.begin(clock, ...URLS.slice(0, 3));
  other.genesis = await (await import("../src/formats/genesis.js")).decodeGenesis(other.genesis.text.replace("fake", "forged"));
  await assert.rejects(meanwhile(clock, Cloud.connect([], {clock, connect: other.connect, saved})), /is of network/);
});

test("a liar is remembered by later sessions, for a week", async () => {
  const {clock, ledger, cloud, accused} = await begin();
  const liar = ledger.nodes[2];
  if (!liar) throw new Error("no node");
  liar.falseRoot = () => new Uint8Array(32);
  await until(clock, () => accused.length === 1);
  const saved = await cloud.save();
  cloud.close();
  const {connect} = ledger;
  const later = await meanwhile(clock, Cloud.connect([], {clock, connect, saved}));
  assert.ok(later.places.find((place) => place.url === liar.url)?.lie);
  later.close();
  await clock.advance(7 * 86_400);
  const much = await meanwhile(clock, Cloud.connect([], {clock, connect, saved}));
  assert.ok(!much.places.find((place) => place.url === liar.url)?.lie);
  much.close();
});

test("an operation that is not final is sent to a second node, and takes effect once", async () => {
  const {clock, ledger, cloud, writer} = await begin();
  const slow = ledger.nodes[0];
  if (!slow) throw new Error("no node");
  slow.hangs = true;
  const submitting = cloud.submit(await writer.put("film", "one", 1));
  await clock.advance(3.1);
  const {cursor} = await meanwhile(clock, submitting);
  assert.ok(cursor);
  assert.equal(ledger.blocks.flatMap((block) => block.operations).length, 1);
  const sent = ledger.nodes.flatMap((node) => node.asked.filter((each) => each.method === "submit"));
  assert.deepEqual(new Set(sent.map((each) => each.context?.min_height)), new Set([1]));
  cloud.close();
});

test("a log that is pruned everywhere where a subscription is to begin says so at once, and where it begins", async () => {
  const {clock, ledger, cloud} = await begin();
  for (let number = 0; number < 5; number += 1) await ledger.block();
  await clock.advance(REFRESH);
  for (const node of ledger.nodes) {
    node.lie = (method, result, {params}) => (method === "getblock" && params.height < 5
      ? {error: {code: -5, message: "pruned", data: {code: "block_pruned", blocks_from: 5}}} : result);
  }
  const subscription = cloud.subscribe("records", {}, {height: 2, index: 0});
  await assert.rejects(meanwhile(clock, subscription.ready), (error) => {
    assert.ok(error instanceof RemoteError);
    assert.deepEqual([error.code, error.data.start], ["cursor_pruned", {height: 4, index: 0}]);
    return true;
  });
  await assert.rejects(subscription.next(), {code: "cursor_pruned"});
  cloud.close();
});

test("a connection that is only kept ready is tried more seldom", async () => {
  const {clock, ledger, cloud} = await begin();
  await clock.advance(REST);
  const before = ledger.nodes.map((node) => node.count("getdatahash"));
  await clock.advance(3 * REST);
  assert.deepEqual(ledger.nodes.map((node, at) => node.count("getdatahash") - (before[at] ?? 0)), [3, 3, 3]);
  cloud.close();
});

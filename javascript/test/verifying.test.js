// Answers of each method that has a proof, true and false ones, over a state with more than one page in each table.

import assert from "node:assert/strict";
import { test } from "node:test";

import { toHex, utf8 } from "../src/bytes.js";
import { sha256 } from "../src/crypto.js";
import { makeYardstick, weigh } from "../src/formats/comparing.js";
import { Epoch } from "../src/formats/epoch.js";
import { LedgerError } from "../src/formats/errors.js";
import { decodeEvidence, judge } from "../src/formats/evidence.js";
import { ProvenState, dataHashText } from "../src/formats/proof.js";
import { EpochChain } from "../src/trust/epochchain.js";
import { byName, isProvable } from "../src/trust/proving.js";
import { readFinal } from "../src/trust/told.js";
import {
  readSigned,
  verifyAnswer,
  verifyDenial,
  verifyOperationProof,
  verifyToldReceipt,
  weighState,
} from "../src/trust/verifying.js";
import { MadeState, makeContext, makeFinal, makeGenesis, makeKeys, tellReceipt } from "./network.js";
import { assertRefused, hex, testWithBoth } from "./vectors.js";

const HEIGHT = 7;
const KEYS = await makeKeys(4);
const GENESIS = await makeGenesis(KEYS);
const CHAIN = EpochChain.ofGenesis(GENESIS);
const [AUTHOR, READER, NODE] = /** @type {[any, any, any]} */ (await makeKeys(3, 50));
const OPERATION_ID = await sha256(utf8("operation"));

const DATA = '{"title": "Metropolis", "n":[1,2]}';
const place = (/** @type {number} */ height) => ({ height, index: 0 });

const STATE = new MadeState();
for (let number = 0; number < 60; number += 1) {
  const record = { account: AUTHOR.publicKey, collection: "film", key: `film-${number}`, version: 2, time: number };
  await STATE.addRecord({ ...record, created: place(1), updated: place(2), live: number !== 13, ref: null, data: number === 13 ? "" : DATA });
  const rater = (await makeKeys(1, 200 + number))[0];
  await STATE.addRating(`${AUTHOR.account}/film/film-1`, /** @type {any} */ (rater).publicKey, 1 + (number % 5), 3);
  await STATE.addOperation(await sha256(utf8(`operation ${number}`)), HEIGHT + 10, 4, 0);
  await STATE.addAccount(/** @type {any} */ (rater).publicKey, 3);
}
await STATE.addRating(`${AUTHOR.account}/film/film-1`, READER.publicKey, 4, 5);
await STATE.addAccount(AUTHOR.publicKey, 1);
await STATE.addOperation(OPERATION_ID, HEIGHT + 10, 6, 4);
const BUILT = await STATE.build();
const ROOT = toHex(BUILT.root);
const SUM = (60 / 5) * 15 + 4;

const { told: FINAL } = await makeFinal(GENESIS.network, KEYS, { height: BigInt(HEIGHT + 1), root: BUILT.root });
const PROOF = { height: HEIGHT, root: ROOT, nodes: BUILT.nodes.map(toHex), ...FINAL };
const CONTEXT = await makeContext(GENESIS.network, PROOF);

const RECORD = {
  account: AUTHOR.account,
  collection: "film",
  key: "film-1",
  data: null,
  ref: null,
  version: 2,
  deleted: false,
  created: place(1),
  updated: place(2),
  time: 1,
  ratings_sum: SUM,
  ratings_count: 61,
};
const RATING = { record: `${AUTHOR.account}/film/film-1`, account: READER.account, stars: 4, given: place(5) };

/** @param {any} record @param {string} [data] Its exact text. */
const write = (record, data = DATA) => JSON.stringify(record).replace('"data":null', () => `"data":${data}`);
/** @param {any} record */
const paramsOf = ({ account, collection, key }) => ({ account, collection, key });

/** @param {string} method @param {unknown} params @param {string} raw @param {string} [rawContext] */
const verify = (method, params, raw, rawContext = CONTEXT) => verifyAnswer(CHAIN, method, params, { raw, rawContext });

testWithBoth("records", async () => {
  const found = await verify("getrecord", paramsOf(RECORD), write(RECORD));
  assert.deepEqual([found.checked, found.height, Number(found.header.height)], ["proof", HEIGHT, HEIGHT + 1]);
  await verify("getrecord", [RECORD.account, RECORD.collection, RECORD.key], write(RECORD));
  const dead = { ...RECORD, key: "film-13", time: 13, deleted: true, ratings_sum: 0, ratings_count: 0 };
  await verify("getrecord", paramsOf(dead), write(dead, "null"));
});

test("records that are another than the state's", async () => {
  /** @type {[string, string, string][]} */
  const lies = [
    ["another version", "proof_row_wrong", write({ ...RECORD, version: 3 })],
    ["another time", "proof_row_wrong", write({ ...RECORD, time: 2 })],
    ["another place", "proof_row_wrong", write({ ...RECORD, updated: place(3) })],
    ["a ref", "proof_row_wrong", write({ ...RECORD, ref: RATING.record })],
    ["a ref of half a surrogate pair", "proof_row_wrong", write({ ...RECORD, ref: "x" }).replace('"ref":"x"', '"ref":"\\ud800"')],
    ["deleted", "proof_row_wrong", write({ ...RECORD, deleted: true })],
    ["other data", "proof_row_wrong", write(RECORD, "1")],
    ["the same data, written otherwise", "proof_row_wrong", write(RECORD, JSON.stringify(JSON.parse(DATA)))],
    ["two data", "proof_row_wrong", write(RECORD).replace('"ref"', '"data":1,"ref"')],
    ["no data", "proof_row_wrong", write(RECORD).replace(`"data":${DATA},`, "")],
    ["another sum", "proof_sums_wrong", write({ ...RECORD, ratings_sum: SUM + 1 })],
    ["another number of ratings", "proof_sums_wrong", write({ ...RECORD, ratings_count: 60 })],
    ["a sum that is text", "proof_row_wrong", write({ ...RECORD, ratings_sum: String(SUM) })],
    ["a version with a fraction", "proof_row_wrong", write({ ...RECORD, version: 2.5 })],
    ["a version beyond all numbers", "proof_row_wrong", write(RECORD).replace('"version":2', '"version":18446744073709551618')],
    ["a negative time", "proof_row_wrong", write({ ...RECORD, time: -1 })],
    ["another record", "proof_row_wrong", write({ ...RECORD, key: "film-2" })],
    ["no object", "proof_row_wrong", "[]"],
    ["no JSON", "proof_row_wrong", "{"],
    ["nothing", "proof_row_wrong", ""],
  ];
  for (const [name, code, raw] of lies) {
    await assertRefused(code, () => verify("getrecord", paramsOf(RECORD), raw), name);
  }
});

testWithBoth("ratings of a record, and one account's", async () => {
  const { record, account } = RATING;
  const page = JSON.stringify({ ratings: [RATING], sum: SUM, count: 61, next: null });
  assert.equal((await verify("getratings", { record }, page)).checked, "partly");
  assert.equal((await verify("getratings", [record, null], page)).checked, "partly");
  const one = { ratings: [RATING], sum: 4, count: 1, next: null };
  assert.equal((await verify("getratings", { record, account }, JSON.stringify(one))).checked, "proof");
  const none = JSON.stringify({ ratings: [], sum: 0, count: 0, next: null });
  assert.equal((await verify("getratings", { record, account: NODE.account }, none)).checked, "proof");
  const lies = [
    { ...one, sum: 5 },
    { ...one, count: 2 },
    { ...one, ratings: [] },
    { ...one, ratings: [RATING, RATING] },
    { ...one, ratings: [{ ...RATING, stars: 5 }] },
    { ...one, ratings: [{ ...RATING, given: place(6) }] },
    { ...one, ratings: [{ ...RATING, account: NODE.account }] },
    { ...one, ratings: [null] },
    JSON.parse(none),
    [],
  ];
  for (const lie of lies) {
    await assertRefused("proof_row_wrong", () => verify("getratings", { record, account }, JSON.stringify(lie)), JSON.stringify(lie));
  }
  const fewer = JSON.stringify({ ratings: [RATING], sum: SUM - 4, count: 60 });
  await assertRefused("proof_sums_wrong", () => verify("getratings", { record }, fewer), "one withheld");
});

testWithBoth("accounts", async () => {
  const told = { account: AUTHOR.account, first: place(1), inviter: null, records: 60 };
  const params = { account: AUTHOR.account };
  assert.equal((await verify("getaccount", params, JSON.stringify(told))).checked, "partly");
  for (const lie of [{ ...told, first: place(2) }, { ...told, inviter: READER.account }, { ...told, account: READER.account }, { ...told, inviter: "x" }]) {
    await assertRefused("proof_row_wrong", () => verify("getaccount", params, JSON.stringify(lie)), JSON.stringify(lie));
  }
});

testWithBoth("sums of everything", async () => {
  const state = await ProvenState.open(HEIGHT, BUILT.root, BUILT.nodes);
  const raw = dataHashText(state.totals());
  assert.equal((await verify("getdatahash", {}, raw)).checked, "proof");
  await assertRefused("proof_sums_wrong", () => verify("getdatahash", {}, raw.replace("61", "62")), "another number");
  await assertRefused("proof_sums_wrong", () => verify("getdatahash", {}, `${raw} `), "written otherwise");
});

testWithBoth("what does not exist, and what is denied", async () => {
  const deny = (/** @type {string} */ method, /** @type {any} */ params, /** @type {string} */ code) =>
    verifyDenial(CHAIN, method, params, { code, rawContext: CONTEXT });
  const absent = { account: AUTHOR.account, collection: "film", key: "none" };
  assert.equal((await deny("getrecord", absent, "record_unknown")).checked, "proof");
  assert.equal((await deny("getaccount", { account: NODE.account }, "account_unknown")).checked, "proof");
  const unrated = { record: `${AUTHOR.account}/film/film-2` };
  assert.equal((await deny("getratings", unrated, "record_unknown")).checked, "partly");
  await assertRefused("proof_row_wrong", () => deny("getrecord", paramsOf(RECORD), "record_unknown"), "a record");
  await assertRefused("proof_row_wrong", () => deny("getaccount", { account: AUTHOR.account }, "account_unknown"), "an account");
  await assertRefused("proof_row_wrong", () => deny("getratings", { record: RATING.record }, "record_unknown"), "ratings");
  await assertRefused("proof_row_wrong", () => deny("getrecord", absent, "pool_full"), "another error");
});

testWithBoth("operations in the log", async () => {
  const { found, height } = await verifyOperationProof(CHAIN, PROOF, OPERATION_ID, HEIGHT + 10);
  assert.deepEqual([height, found], [HEIGHT, { height: 6, index: 3, result: 4 }]);
  assert.equal((await verifyOperationProof(CHAIN, PROOF, NODE.publicKey, HEIGHT + 10)).found, null);
  await assertRefused("proof_height", () => verifyOperationProof(CHAIN, PROOF, OPERATION_ID, HEIGHT - 1), "expired");
});

testWithBoth("proofs that do not bear the answer out", async () => {
  const raw = write(RECORD);
  const refuse = async (/** @type {string} */ code, /** @type {any} */ proof, /** @type {string} */ name) => {
    const context = await makeContext(GENESIS.network, proof);
    await assertRefused(code, () => verify("getrecord", paramsOf(RECORD), raw, context), name);
  };
  const other = await makeFinal(GENESIS.network, KEYS, { height: 8n, root: new Uint8Array(32).fill(1) });
  const early = await makeFinal(GENESIS.network, KEYS, { height: 9n, rootHeight: 8n, root: BUILT.root });
  const weak = await makeFinal(GENESIS.network, KEYS, { height: 8n, root: BUILT.root }, 2);
  const away = await makeFinal(KEYS[0]?.publicKey ?? BUILT.root, KEYS, { height: 8n, root: BUILT.root });
  await refuse("proof_root", { ...PROOF, ...other.told }, "another root");
  await refuse("proof_height", { ...PROOF, ...early.told }, "another height");
  await refuse("certificate_quorum", { ...PROOF, ...weak.told }, "two of four");
  await refuse("header_network", { ...PROOF, ...away.told }, "another network");
  await refuse("proof_node_missing", { ...PROOF, nodes: [] }, "no nodes");
  await refuse("finality_malformed", { ...PROOF, nodes: "none" }, "nodes that are text");
  await refuse("finality_malformed", { ...PROOF, root: "x" }, "a root that is no hex");
  await refuse("finality_malformed", { ...PROOF, nodes: [7] }, "a node that is a number");
  await assertRefused("finality_malformed", () => verify("getrecord", paramsOf(RECORD), raw, ""), "no context");
  await assertRefused("finality_malformed", () => verify("getrecord", paramsOf(RECORD), raw, '{"height":7}'), "no proof");
  const elsewhere = JSON.stringify({ ...JSON.parse(CONTEXT), height: 8 });
  await assertRefused("proof_height", () => verify("getrecord", paramsOf(RECORD), raw, elsewhere), "another height than the context's");
});

testWithBoth("a node's state, weighed", async () => {
  const state = await ProvenState.open(HEIGHT, BUILT.root, BUILT.nodes);
  const text = dataHashText(state.totals());
  const weighed = async (/** @type {string} */ raw, proof = PROOF, root = proof.root) => {
    const signed = { node: NODE, method: "getdatahash", params: {}, raw };
    const rawContext = await makeContext(GENESIS.network, { ...proof, root }, signed);
    return weighState(CHAIN, { raw, rawContext: JSON.stringify({ ...JSON.parse(rawContext), proof }) });
  };
  const honest = await weighed(text);
  assert.deepEqual([honest.height, honest.root, honest.node, honest.evidence], [HEIGHT, ROOT, NODE.account, null]);
  assert.equal(honest.totals?.ratingsCount, 61n);
  const find = (/** @type {bigint} */ number) => (number === 0n ? Epoch.ofGenesis(GENESIS) : null);
  const sums = await weighed(text.replace('"ratings_count":61', '"ratings_count":62'));
  const root = await weighed(text.replace(ROOT, "11".repeat(32)), PROOF, "11".repeat(32));
  for (const { evidence } of [sums, root]) {
    const verdict = await judge(decodeEvidence(hex(evidence ?? "")), GENESIS.network, find);
    assert.deepEqual([verdict.culprit, verdict.isProof], [NODE.account, true]);
  }
});

testWithBoth("a signed state is weighed only as the answer that was asked for", async () => {
  const raw = dataHashText((await ProvenState.open(HEIGHT, BUILT.root, BUILT.nodes)).totals());
  const rawContext = await makeContext(GENESIS.network, PROOF, { node: NODE, method: "getdatahash", params: {}, raw });
  const signed = await readSigned({ raw, rawContext }, "getdatahash");
  const { header, finality } = readFinal(FINAL);
  const yardstick = await makeYardstick(header, finality, BUILT.nodes);
  assert.equal(await weigh(yardstick, NODE.publicKey, signed, raw), null);
  const { form } = signed;
  const others = [
    { ...form, method: "getrecord" },
    { ...form, protocol: 2 },
    { ...form, height: form.height + 1n },
    { ...form, network: NODE.publicKey },
    { ...form, paramsHash: form.root },
  ];
  for (const other of others) {
    await assertRefused("answer_other", () => weigh(yardstick, NODE.publicKey, { ...signed, form: other }, raw), JSON.stringify(Object.keys(other)));
  }
  await assertRefused("answer_other", () => weigh(yardstick, READER.publicKey, signed, raw), "another node's");
  await assertRefused("answer_other", () => weigh(yardstick, NODE.publicKey, signed, `${raw} `), "another text");
});

testWithBoth("what a node signed", async () => {
  const raw = write(RECORD);
  const rawContext = await makeContext(GENESIS.network, PROOF, { node: NODE, method: "getrecord", params: paramsOf(RECORD), raw });
  const { form } = await readSigned({ raw, rawContext }, "getrecord");
  assert.equal(toHex(form.node), NODE.account);
  await assertRefused("answer_signature", () => readSigned({ raw: `${raw} `, rawContext }, "getrecord"), "another text");
  await assertRefused("answer_signature", () => readSigned({ raw, rawContext }, "getratings"), "another method");
  await assertRefused("answer_malformed", () => readSigned({ raw, rawContext: CONTEXT }, "getrecord"), "not signed");
  const context = JSON.parse(rawContext);
  for (const [name, value] of [["params", 7], ["params", "\ud800"], ["node", "x"], ["root", "00"], ["signature", null]]) {
    const changed = JSON.stringify({ ...context, signature: { ...context.signature, [/** @type {string} */ (name)]: value } });
    await assertRefused("answer_malformed", () => readSigned({ raw, rawContext: changed }, "getrecord"), String(name));
  }
});

testWithBoth("receipts", async () => {
  const told = await tellReceipt(NODE, GENESIS.network, OPERATION_ID, 5, 17);
  const check = (/** @type {any} */ shown, id = OPERATION_ID, expiry = 17) => verifyToldReceipt(GENESIS.network, id, expiry, shown);
  assert.equal(toHex((await check(told)).node), NODE.account);
  await assertRefused("receipt_signature", () => check(told, NODE.publicKey), "for another operation");
  await assertRefused("receipt_signature", () => check(told, OPERATION_ID, 18), "for another expiry");
  await assertRefused("receipt_signature", () => check({ ...told, height: 6 }), "with another height");
  for (const odd of [null, {}, { ...told, height: -1 }, { ...told, node: "x" }, { ...told, signature: 7 }, { ...told, expiry: "17" }]) {
    await assertRefused("receipt_malformed", () => check(odd), JSON.stringify(odd));
  }
});

testWithBoth("pages of records", async () => {
  const films = [1, 2, 3].map((number) => {
    const rated = number === 1 ? {} : { ratings_sum: 0, ratings_count: 0 };
    return { ...RECORD, key: `film-${number}`, time: number, ...rated };
  });
  const page = (/** @type {any[]} */ records) => `{ "records" : [${records.map((each) => write(each)).join(" , ")}], "next":null}`;
  const [first, second] = /** @type {[any, any]} */ (films);
  assert.equal((await verify("listrecords", {}, page([]))).checked, "partly");
  assert.equal((await verify("listrecords", { collection: "film", account: AUTHOR.account }, page([first]))).checked, "partly");
  assert.equal((await verify("search", ["metropolis"], page([second]))).checked, "partly");
  // Of one place in the log two records can't be, so no page of this state has two: each lie has one fault.
  const best = [{ ...first }, { ...second }];
  assert.equal((await verify("listrecords", { order: "best" }, page(best))).checked, "partly");
  /** @type {[string, any, any[], string][]} */
  const lies = [
    ["of another collection", { collection: "post" }, [first], "proof_row_wrong"],
    ["of another account", { account: READER.account }, [first], "proof_row_wrong"],
    ["without the ref", { ref: RATING.record }, [first], "proof_row_wrong"],
    ["one twice", {}, [first, first], "proof_row_wrong"],
    ["not the best first", { order: "best" }, [second, first], "proof_row_wrong"],
    ["before the page", { after: [2, 0] }, [first], "proof_row_wrong"],
    ["before the page of the best", { order: "best", after: [1, 9, 9] }, [first], "proof_row_wrong"],
    ["another version", {}, [{ ...first, version: 9 }], "proof_row_wrong"],
    ["another sum", {}, [{ ...first, ratings_sum: 9 }], "proof_sums_wrong"],
    ["no record", {}, [null], "proof_row_wrong"],
    ["deleted", {}, [{ ...first, deleted: true }], "proof_row_wrong"],
  ];
  for (const [name, params, shown, code] of lies) {
    await assertRefused(code, () => verify("listrecords", params, page(shown)), name);
  }
  await assertRefused("proof_row_wrong", () => verify("listrecords", {}, '{"records":{}}'), "no list");
  assert.equal((await verify("listrecords", { after: [2, 1] }, page([first]))).checked, "partly");
});

test("which calls have a proof", () => {
  assert.ok(isProvable("getrecord", {}) && isProvable("getdatahash") && isProvable("getratings", { record: "x" }));
  assert.ok(isProvable("getratings", ["x"]) && !isProvable("getratings", { account: "x" }) && !isProvable("getratings"));
  assert.ok(isProvable("listrecords") && isProvable("search") && !isProvable("getblock"));
  assert.ok(!isProvable("constructor") && !isProvable("__proto__"));
  assert.deepEqual(byName("getrecord", ["a", null, "c", "d"]), { account: "a", key: "c" });
  assert.deepEqual(byName("getrecord", { account: "a", key: undefined }), { account: "a" });
});

test("whatever a node answers, an error has a name", async () => {
  // Every prefix that ends on the way, and every text with one sign changed, of an answer and of its context.
  const [raw, params] = [write(RECORD), paramsOf(RECORD)];
  const short = await makeContext(GENESIS.network, { ...PROOF, nodes: PROOF.nodes.slice(0, 1) });
  let tried = 0;
  for (let at = 0; at < Math.max(raw.length, short.length); at += 29) {
    const damaged = (/** @type {string} */ text) =>
      [text.slice(0, at), `${text.slice(0, at)}}${text.slice(at + 1)}`, `${text.slice(0, at)}9${text.slice(at + 1)}`];
    for (const shown of damaged(short)) {
      tried += 1;
      await verify("getrecord", params, raw, shown).then(
        () => assert.fail("it passed"),
        (error) => assert.ok(error instanceof LedgerError, `${error.stack}`),
      );
    }
    for (const shown of at < raw.length ? damaged(raw) : []) {
      tried += 1;
      if (shown === raw) continue;
      await verify("getrecord", params, shown).then(
        () => assert.deepEqual(JSON.parse(shown), JSON.parse(raw)),
        (error) => assert.ok(error instanceof LedgerError, `${error.stack}`),
      );
    }
  }
  assert.ok(tried > 150, `${tried}`);
});

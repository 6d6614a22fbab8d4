// Proofs: the vectors, the answers of each method that has one, and what damage does to any of it.

import assert from "node:assert/strict";

import { concat, toHex, u32, u64, u8 } from "../src/bytes.js";
import { sha256 } from "../src/crypto.js";
import { recordHash } from "../src/formats/addresses.js";
import { decodeHeader } from "../src/formats/block.js";
import { Epoch } from "../src/formats/epoch.js";
import { readFinality } from "../src/formats/finality.js";
import { decodeGenesis } from "../src/formats/genesis.js";
import { ACCOUNTS, NO_ROWS, RATINGS, RECORDS, WINDOW, buildTable, encodeEntry, encodeState, recordDigest } from "../src/formats/nodes.js";
import { ProvenState, dataHashText, verifyState } from "../src/formats/proof.js";
import { assertRefused, hex, load, testWithBoth } from "./vectors.js";

/** @typedef {import("../src/bytes.js").Bytes} Bytes */
/** @typedef {import("../src/formats/nodes.js").Entry} Entry */

const VECTORS = load("proofs.json");

/** @param {any} proof @returns {Promise<ProvenState>} */
async function verified({ header, certificate, descendants, height, root, nodes }) {
  const epoch = Epoch.ofGenesis(await decodeGenesis(VECTORS.genesis));
  const read = decodeHeader(hex(header));
  await epoch.verify(read, readFinality(hex(certificate), descendants.map(hex)));
  return verifyState(read, height, hex(root), nodes.map(hex));
}

/** @param {ProvenState} state @param {any} question @returns {Promise<unknown>} As the vectors have answers. */
async function ask(state, question) {
  if ("record" in question) return state.record(question.record);
  if ("ratings" in question) {
    const { sum, count } = await state.ratings(question.ratings);
    return [Number(sum), Number(count)];
  }
  if ("rating" in question) return plain(await state.rating(question.rating, hex(question.account)));
  if ("account" in question) return plain(await state.account(hex(question.account)));
  if ("operation" in question) return plain(await state.operation(hex(question.operation), question.expiry));
  const content = await state.system(question.system);
  return content && toHex(content);
}

/** @param {any} value */
function plain(value) {
  if (!value) return value;
  const { account: _, ...rest } = value;
  return JSON.parse(JSON.stringify(rest, (__, each) => (typeof each === "bigint" ? Number(each) : each instanceof Uint8Array ? toHex(each) : each)));
}

testWithBoth("proofs", async () => {
  const totals = (await verified(VECTORS)).totals();
  assert.deepEqual(
    [totals.ratingsSum, totals.ratingsCount, totals.records, totals.accounts].map(Number),
    Object.values(VECTORS.totals),
  );
  assert.equal(JSON.parse(dataHashText(totals)).root, VECTORS.root);
  for (const { name, question, answer, nodes } of VECTORS.proven) {
    const state = await verified({ ...VECTORS, nodes });
    if ("record" in question && answer) {
      const [created, updated] = [answer.created, answer.updated].map(([height, index]) => ({ height, index }));
      const record = { ...answer, account: hex(answer.account), created, updated };
      await state.checkRecord(record);
      await assertRefused("proof_row_wrong", () => state.checkRecord({ ...record, version: answer.version + 1 }), name);
      await assertRefused("proof_row_wrong", () => state.checkRecord({ ...record, live: !answer.live }), name);
    } else {
      assert.deepEqual(await ask(state, question), answer, name);
    }
  }
});

testWithBoth("refused proofs", async () => {
  for (const vector of VECTORS.refused) await assertRefused(vector.code, () => verified(vector), vector.name);
});

testWithBoth("without any one of its nodes a proof proves nothing", async () => {
  for (const { name, question, nodes } of VECTORS.proven) {
    for (const left of nodes.keys()) {
      const fewer = nodes.filter((/** @type {string} */ _, /** @type {number} */ at) => at !== left);
      await assertRefused("proof_node_missing", async () => ask(await verified({ ...VECTORS, nodes: fewer }), question), name);
    }
  }
});

testWithBoth("a proof with a damaged node proves nothing, whatever the damage", async () => {
  for (const { name, question, nodes } of VECTORS.proven.slice(0, 6)) {
    for (const at of nodes.keys()) {
      const damaged = hex(nodes[at]);
      damaged[damaged.length - 1] = /** @type {number} */ (damaged.at(-1)) ^ 1;
      const shown = nodes.map((/** @type {string} */ node, /** @type {number} */ which) => (which === at ? toHex(damaged) : node));
      await assertRefused("proof_node_missing", async () => ask(await verified({ ...VECTORS, nodes: shown }), question), name);
    }
  }
});

testWithBoth("a state knows nothing of operations that expired before it", async () => {
  const state = await verified(VECTORS);
  await assertRefused("proof_height", () => state.operation(new Uint8Array(32), VECTORS.height - 1), "expired");
});

// States that contradict themselves. No correct validator signs one; a client refuses them all the same.

/** Rows whose keys begin with these digits. @param {string} digits @param {number} number @param {number} stars */
function ratings(digits, number, stars) {
  return Array.from({ length: number }, (_, at) => {
    const key = hex((digits + at.toString(16).padStart(8, "0")).padEnd(128, "0"));
    return { key, value: concat(u8(stars), u64(1), u32(0)) };
  });
}

/** @param {Entry} entry Of the ratings. @param {Bytes[]} nodes @param {number} table Where it is put. */
async function stateOf(entry, nodes, table = RATINGS) {
  const entries = Array.from({ length: 5 }, (_, at) => (at === table ? entry : NO_ROWS));
  const state = encodeState(entries);
  return ProvenState.open(7, await sha256(state), [state, ...nodes]);
}

testWithBoth("entries that are not those of their nodes", async () => {
  const nodes = /** @type {Bytes[]} */ ([]);
  const entry = await buildTable(RATINGS, [...ratings("0", 20, 3), ...ratings("f", 20, 3)], nodes);
  const address = "66".repeat(32) + "/film/x";
  assert.deepEqual(await (await stateOf(entry, nodes)).ratings(address), { ...NO_ROWS });
  for (const changed of [{ sum: entry.sum + 1n }, { count: entry.count - 1n }, { rows: entry.rows + 1n }]) {
    const state = await stateOf({ ...entry, ...changed }, nodes);
    await assertRefused("proof_node_wrong", () => state.ratings(address), Object.keys(changed).join());
  }
  const asPage = await stateOf({ ...entry, rows: 32n }, nodes);
  await assertRefused("node_malformed", () => asPage.ratings(address), "an inner node where a page belongs");
  const others = /** @type {Bytes[]} */ ([]);
  const rows = Array.from({ length: 40 }, (_, at) => ({ key: concat(u64(at), new Uint8Array(32)), value: new Uint8Array(14) }));
  const elsewhere = await stateOf(await buildTable(WINDOW, rows, others), others, ACCOUNTS);
  await assertRefused("proof_node_wrong", () => elsewhere.account(hex("66".repeat(32))), "nodes of another table");
});

testWithBoth("a way that leads elsewhere proves absence without what lies there", async () => {
  const address = "66".repeat(32) + "/film/x";
  const digit = toHex(await recordHash(address)).startsWith("0") ? "f" : "0";
  const nodes = /** @type {Bytes[]} */ ([]);
  const entry = await buildTable(RATINGS, ratings(digit.repeat(8), 40, 3), nodes);
  const top = nodes.filter((node) => node[0] === 0x49).slice(-1);
  assert.deepEqual(await (await stateOf(entry, top)).ratings(address), { ...NO_ROWS });
  assert.equal(await (await stateOf(entry, top)).rating(address, hex("66".repeat(32))), null);
});

testWithBoth("nodes under a prefix that is not theirs", async () => {
  // The pages of two children change places: their entries are true, and their rows lie where nobody looks for them.
  const [low, high] = [ratings("0", 20, 3), ratings("f", 20, 3)];
  const nodes = /** @type {Bytes[]} */ ([]);
  const entry = await buildTable(RATINGS, [...low, ...high], nodes);
  const inner = /** @type {Bytes} */ (nodes.find((node) => node[0] === 0x49));
  const [first, second] = [await buildTable(RATINGS, low), await buildTable(RATINGS, high)];
  const swapped = concat(inner.subarray(0, inner.length - 112), encodeEntry(second), encodeEntry(first));
  const shown = [...nodes.filter((node) => node !== inner), swapped];
  const state = await stateOf({ ...entry, hash: await sha256(swapped) }, shown);
  const addresses = Array.from({ length: 200 }, (_, at) => `${"66".repeat(32)}/film/${at}`);
  let wrong = 0;
  for (const address of addresses) {
    const digit = toHex(await recordHash(address))[0];
    if (digit !== "0" && digit !== "f") continue;
    await assertRefused("proof_node_wrong", () => state.ratings(address), address);
    wrong += 1;
  }
  assert.ok(wrong > 5);
});

testWithBoth("a record whose flag is not that of its digest", async () => {
  const place = { height: 1, index: 0 };
  const record = { account: hex("66".repeat(32)), collection: "film", key: "x", version: 1, created: place, updated: place, time: 1, live: true, ref: null, data: "1" };
  const key = await recordHash(`${"66".repeat(32)}/film/x`);
  for (const [flag, code] of /** @type {const} */ ([[1, "ok"], [0, "proof_row_wrong"]])) {
    const nodes = /** @type {Bytes[]} */ ([]);
    const entry = await buildTable(RECORDS, [{ key, value: concat(await recordDigest(record), u8(flag)) }], nodes);
    const state = await stateOf(entry, nodes, RECORDS);
    if (code === "ok") await state.checkRecord(record);
    else await assertRefused(code, () => state.checkRecord(record), "a tombstone's flag");
  }
});

// Blocks fetched from a node that may say anything: all operations, none altered, and what became of them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { toHex, utf8 } from "../src/bytes.js";
import { decodeHeader, encodeHeader, operationsHash, signaturesHash } from "../src/formats/block.js";
import { RESULTS } from "../src/formats/codes.js";
import { buildBody, operationId, signOperation } from "../src/formats/operation.js";
import { ProvenState } from "../src/formats/proof.js";
import { fetchBlock, itemsOf } from "../src/trust/blocks.js";
import { MadeState, makeFinal, makeGenesis, makeKeys } from "./network.js";
import { assertRefused } from "./vectors.js";

const HEIGHT = 12;
const KEYS = await makeKeys(4);
const GENESIS = await makeGenesis(KEYS);
const [AUTHOR] = /** @type {[any]} */ (await makeKeys(1, 70));
const RECORD = `${AUTHOR.account}/film/a "quoted" key`;

/** @type {import("../src/formats/operation.js").Written[]} */
const WRITTEN = [
  { type: "put", collection: "film", key: 'a "quoted" key', data: { title: "é\u2028" } },
  { type: "delete", collection: "film", key: "gone" },
  { type: "rate", record: RECORD, stars: 4 },
  { type: "withdraw", record: RECORD },
  { type: "invite", invited: "11".repeat(32) },
  { type: "put", collection: "post", key: "reply", data: null, ref: RECORD },
];
const RESULT_NUMBERS = [0, 3, 0, 0, 8, 0];

/** @param {number} index */
const expiryOf = (index) => HEIGHT + (index === 2 ? 0 : 30 + index);

const TOLD = await Promise.all(
  WRITTEN.map(async (written, index) => {
    const envelope = { network: GENESIS.networkHex, account: AUTHOR.account, time: index, from: 1, expiry: expiryOf(index) };
    const body = buildBody(envelope, written);
    const result = RESULTS[/** @type {number} */ (RESULT_NUMBERS[index])]?.[0];
    const [id, signature] = [toHex(await operationId(body)), toHex(await signOperation(AUTHOR, body))];
    return { index, id, operation: new TextDecoder().decode(body), signature, result };
  }),
);
const HEADER = await makeHeader(TOLD);

/** @param {any[]} told */
async function makeHeader(told) {
  const bytes = (/** @type {string} */ text) => Uint8Array.from(text.match(/../g) ?? [], (digits) => parseInt(digits, 16));
  const { header } = await makeFinal(GENESIS.network, KEYS, { height: BigInt(HEIGHT) });
  const [ids, signatures] = [told.map((each) => bytes(each.id)), told.map((each) => bytes(each.signature))];
  const hashes = { operationsHash: await operationsHash(ids), signaturesHash: await signaturesHash(signatures) };
  return decodeHeader(encodeHeader({ ...header, ...hashes, operationsCount: told.length }));
}

/** @param {number} height Of the state. */
async function stateAt(height) {
  const made = new MadeState();
  for (const [index, { id }] of TOLD.entries()) {
    if (expiryOf(index) < height) continue;
    const bytes = Uint8Array.from(id.match(/../g) ?? [], (digits) => parseInt(digits, 16));
    await made.addOperation(bytes, expiryOf(index), HEIGHT, RESULT_NUMBERS[index] ?? 0, index);
  }
  const { root, nodes } = await made.build();
  return ProvenState.open(height, root, nodes);
}

/**
 * A node that tells pages of so many operations at most.
 *
 * @param {{told?: any[], longest?: number, newest?: number, hasStateThere?: boolean}} [how]
 */
async function makeNode({ told = TOLD, longest = 200, newest = HEIGHT + 1, hasStateThere = true } = {}) {
  const [there, now] = [await stateAt(HEIGHT), await stateAt(newest)];
  /** @type {object[]} */
  const asked = [];
  const node = {
    genesis: GENESIS,
    newest,
    /** @param {{height: number, limit: number, after?: number}} params @param {any} context */
    async getblock({ limit, after = -1 }, context) {
      asked.push({ after, limit, ...context });
      if (limit > longest) throw Object.assign(new Error(), { code: "page_too_long", data: { longest } });
      if (context.at !== undefined && !hasStateThere) throw Object.assign(new Error(), { code: "not_provable", data: {} });
      return { result: { operations: told.slice(after + 1, after + 1 + limit) }, rawContext: context.at ? "there" : "now" };
    },
    prove: async (/** @type {string} */ rawContext) => (rawContext === "there" ? there : now),
  };
  return { node, asked };
}

test("a block comes whole, in pages, with proven results", async () => {
  const { node, asked } = await makeNode({ longest: 4 });
  const block = await fetchBlock(HEADER, node);
  assert.deepEqual(block.operations.map((each) => each.result), TOLD.map((each) => each.result));
  assert.deepEqual([...block.unproven], []);
  // The third one expires with the block, so its result is in no later state: it is looked for in the one right after.
  assert.deepEqual(asked, [
    { after: -1, limit: 200, min_height: HEIGHT, proof: true },
    { after: -1, limit: 4, min_height: HEIGHT, proof: true },
    { after: 3, limit: 4, min_height: HEIGHT, proof: true },
    { after: 1, limit: 4, proof: true, at: HEIGHT },
  ]);
});

test("what expired is a node's word where no state knows it", async () => {
  const { node } = await makeNode({ hasStateThere: false });
  assert.deepEqual([...(await fetchBlock(HEADER, node)).unproven], [2]);
  const { node: late, asked } = await makeNode({ newest: HEIGHT + 5000 });
  assert.equal((await fetchBlock(HEADER, late)).unproven.size, TOLD.length);
  assert.deepEqual(asked, [{ after: -1, limit: 200, min_height: HEIGHT }]);
});

test("an empty block needs no page", async () => {
  const { node, asked } = await makeNode();
  assert.deepEqual((await fetchBlock(await makeHeader([]), node)).operations, []);
  assert.deepEqual(asked, []);
});

test("what is not the block's is refused", async () => {
  const [first, second, ...rest] = /** @type {any[]} */ (TOLD);
  const other = `${first.operation} `;
  /** @type {[string, string, any[]][]} */
  const lies = [
    ["one left out", "block_operations", [first, ...rest]],
    ["the last one left out", "block_operations", TOLD.slice(0, -1)],
    ["none", "block_operations", []],
    ["another id", "block_operations", [{ ...first, id: second.id }, second, ...rest]],
    ["another text", "block_operations", [{ ...first, operation: other }, second, ...rest]],
    ["another text with its id", "proof_row_wrong", [{ ...first, operation: other, id: toHex(await operationId(utf8(other))) }, second, ...rest]],
    ["another signature", "block_operations", [{ ...first, signature: second.signature }, second, ...rest]],
    ["another result", "proof_row_wrong", [{ ...first, result: "rating_own" }, second, ...rest]],
    ["another result of what expired", "proof_row_wrong", TOLD.map((each) => (each.index === 2 ? { ...each, result: "rating_own" } : each))],
    ["an unknown result", "block_operations", [{ ...first, result: "lost" }, second, ...rest]],
    ["no expiry", "block_operations", [{ ...first, operation: "{}" }, second, ...rest]],
    ["no object", "block_operations", [{ ...first, operation: "[" }, second, ...rest]],
    ["half a surrogate pair", "block_operations", [{ ...first, operation: '{"expiry":1,"a":"\ud800"}' }, second, ...rest]],
    ["a signature that is no hex", "block_operations", [{ ...first, signature: "x" }, second, ...rest]],
    ["null", "block_operations", [null, second, ...rest]],
  ];
  for (const [name, code, told] of lies) {
    const { node } = await makeNode({ told });
    await assertRefused(code, () => fetchBlock(HEADER, node), name);
  }
  const { node } = await makeNode();
  const small = { ...GENESIS, parameters: { ...GENESIS.parameters, max_block_bytes: 400 } };
  await assertRefused("block_operations", () => fetchBlock(HEADER, { ...node, genesis: small }), "too many bytes");
  await assertRefused("block_operations", () => fetchBlock(HEADER, { ...node, getblock: async () => ({ result: null, rawContext: "" }) }), "nothing");
});

test("a node that gives ever shorter pages, or none, is left to its error", async () => {
  const { node } = await makeNode({ longest: 0 });
  await assert.rejects(fetchBlock(HEADER, node), { code: "page_too_long" });
});

test("items are those of accepted operations, filtered", async () => {
  const { node } = await makeNode();
  const block = await fetchBlock(HEADER, node);
  const texts = (/** @type {any} */ topic, filter = {}) => itemsOf(block, topic, filter).map(({ raw }) => JSON.parse(raw));
  assert.deepEqual(texts("records").map((each) => [each.type, each.key, each.data, each.ref, each.cursor.index]), [
    ["put", 'a "quoted" key', { title: "é\u2028" }, null, 0],
    ["put", "reply", null, RECORD, 5],
  ]);
  assert.deepEqual(texts("ratings").map((each) => [each.type, each.record, each.stars]), [
    ["rate", RECORD, 4],
    ["withdraw", RECORD, null],
  ]);
  assert.deepEqual(texts("blocks"), [
    { height: HEIGHT, hash: block.hash, time: 1, operations_count: 6, root_height: HEIGHT - 1, root: "00".repeat(32) },
  ]);
  assert.deepEqual(itemsOf(block, "blocks")[0]?.cursor, { height: HEIGHT, index: 5 });
  assert.equal(texts("records", { collection: "post" }).length, 1);
  assert.equal(texts("records", { ref: RECORD }).length, 1);
  assert.equal(texts("records", { record: RECORD }).length, 1);
  assert.equal(texts("records", { account: "00".repeat(32) }).length, 0);
  assert.equal(texts("ratings", { collection: "film", record: RECORD, account: AUTHOR.account }).length, 2);
});

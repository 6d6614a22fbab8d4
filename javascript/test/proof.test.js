// Proofs: the vectors, the answers of each method that has one, and what damage does to any of it.

import assert from "node:assert/strict";

import { toHex } from "../src/bytes.js";
import { decodeHeader } from "../src/formats/block.js";
import { Epoch } from "../src/formats/epoch.js";
import { readFinality } from "../src/formats/finality.js";
import { decodeGenesis } from "../src/formats/genesis.js";
import { ProvenState, dataHashText, verifyState } from "../src/formats/proof.js";
import { assertRefused, hex, load, testWithBoth } from "./vectors.js";

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

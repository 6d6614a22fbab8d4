// Whatever bytes come, decoders give a value or an error with a name, and do so at once.

import assert from "node:assert/strict";
import { test } from "node:test";

import { decodeCertificate, decodeHeader, decodeVote } from "../src/formats/block.js";
import { LedgerError } from "../src/formats/errors.js";
import { decodeEvidence, encodeEvidence } from "../src/formats/evidence.js";
import { decodeFinality, encodeFinality } from "../src/formats/finality.js";
import { decodeGenesis } from "../src/formats/genesis.js";
import { decodeStrict, itemTexts, memberTexts } from "../src/formats/json.js";
import { decodeInner, decodeLeaf, decodeState } from "../src/formats/nodes.js";
import { decodeOperation } from "../src/formats/operation.js";
import { ProvenState } from "../src/formats/proof.js";
import { decodeReceipt, decodeSignedForm } from "../src/formats/receipt.js";
import { decodeStunData } from "../src/formats/stundata.js";
import { hex, load, unspelled } from "./vectors.js";

const [BLOCKS, EVIDENCE, NODES, PROOFS] = ["blocks", "evidence", "nodes", "proofs"].map((name) => load(`${name}.json`));
const OPERATIONS = load("operations.json");
const GENESIS = await decodeGenesis(OPERATIONS.genesis);

/** Numbers below 2^32 by a seed (mulberry32): the same damage each time. @param {number} seed */
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/**
 * Damaged forms of some bytes: cut off, prolonged, bits flipped, bytes of a place put at another.
 *
 * @param {Uint8Array} good @param {number} times
 */
function* damaged(good, times) {
  const random = randomNumbers(good.length);
  const at = () => random() % Math.max(1, good.length);
  for (let round = 0; round < times; round += 1) {
    const bytes = Uint8Array.from(good);
    for (let change = random() % 4; change >= 0; change -= 1) {
      const place = at();
      if (random() % 3) bytes[place] = /** @type {number} */ (bytes[place]) ^ (1 << random() % 8);
      else bytes.copyWithin(place, at(), at());
    }
    const kind = random() % 4;
    if (kind === 0) yield bytes.subarray(0, at());
    else if (kind === 1) yield Uint8Array.from([...bytes, random() % 256]);
    else yield bytes;
  }
}

/** @type {[string, string[], (bytes: Uint8Array) => unknown][]} */
const DECODERS = [
  ["headers", BLOCKS.headers.map((/** @type {any} */ each) => each.bytes), decodeHeader],
  ["certificates", BLOCKS.certificates.map((/** @type {any} */ each) => each.bytes), decodeCertificate],
  ["finality", BLOCKS.finality.proofs.map((/** @type {any} */ each) => each.bytes), (bytes) => encodeFinality(decodeFinality(bytes))],
  ["votes", EVIDENCE.accepted.slice(0, 2).map((/** @type {any} */ each) => each.bytes.slice(66, 66 + 230)), decodeVote],
  ["evidence", EVIDENCE.accepted.map((/** @type {any} */ each) => each.bytes), (bytes) => encodeEvidence(decodeEvidence(bytes))],
  ["leaf pages", NODES.accepted.map((/** @type {any} */ each) => each.bytes), decodeLeaf],
  ["inner nodes", NODES.accepted.map((/** @type {any} */ each) => each.bytes), decodeInner],
  ["states", PROOFS.nodes, decodeState],
  ["receipts", load("receipts.json").receipts.map((/** @type {any} */ each) => each.bytes), decodeReceipt],
  ["signed answers", load("answers.json").answers.map((/** @type {any} */ each) => each.bytes), decodeSignedForm],
  ["STUN data", load("stundata.json").accepted.map((/** @type {any} */ each) => each.bytes.slice(0, -128)), decodeStunData],
];

for (const [name, good, decode] of DECODERS) {
  test(`damaged ${name}`, () => {
    let refused = 0;
    for (const bytes of good.flatMap((each) => [...damaged(hex(each), Math.ceil(1000 / good.length))])) {
      try {
        decode(bytes);
      } catch (error) {
        assert.ok(error instanceof LedgerError, `${error instanceof Error ? error.stack : error}`);
        refused += 1;
      }
    }
    assert.ok(refused > 200, `${refused} are refused`);
  });
}

test("damaged operations, geneses and other JSON", async () => {
  const texts = OPERATIONS.accepted.map((/** @type {any} */ each) => unspelled(each.body)).filter((/** @type {Uint8Array} */ each) => each.length < 4000);
  const signature = new Uint8Array(64);
  let refused = 0;
  for (const bytes of texts.flatMap((/** @type {Uint8Array} */ each) => [...damaged(each, 60)])) {
    for (const decode of [() => decodeOperation(bytes, signature, GENESIS), () => decodeGenesis(bytes), async () => decodeStrict(bytes)]) {
      await decode().catch((/** @type {unknown} */ error) => {
        assert.ok(error instanceof LedgerError, `${error instanceof Error ? error.stack : error}`);
        refused += 1;
      });
    }
  }
  assert.ok(refused > 800);
});

test("strict JSON takes nothing that the language's parser does not, and gives the same", () => {
  const texts = load("json.json").accepted.map((/** @type {any} */ each) => unspelled(each.text)).filter((/** @type {Uint8Array} */ each) => each.length);
  for (const bytes of texts.flatMap((/** @type {Uint8Array} */ each) => [...damaged(each, 100)])) {
    try {
      const value = decodeStrict(bytes);
      assert.deepEqual(value, JSON.parse(new TextDecoder().decode(bytes)));
    } catch (error) {
      assert.ok(error instanceof LedgerError, `${error instanceof Error ? error.stack : error}`);
    }
  }
});

test("texts of members and items are those of their values", () => {
  const random = randomNumbers(7);
  /** @param {number} depth @returns {any} */
  const make = (depth) => {
    const kind = random() % (depth > 3 ? 4 : 6);
    if (kind === 0) return random() % 2 ? null : true;
    if (kind === 1) return (random() % 100000) - 50000;
    if (kind < 4) return String.fromCharCode(...Array.from({ length: random() % 6 }, () => [34, 92, 123, 93, 44, 58, 0x2028, 97][random() % 8] ?? 0));
    const items = Array.from({ length: random() % 4 }, () => make(depth + 1));
    return kind === 4 ? items : Object.fromEntries(items.map((item, at) => [`${at}"\\`, item]));
  };
  for (let round = 0; round < 2000; round += 1) {
    const value = make(0);
    const text = JSON.stringify(value, null, round % 3);
    if (Array.isArray(value)) assert.deepEqual(itemTexts(text).map((each) => JSON.parse(each)), value);
    else if (typeof value === "object" && value) {
      assert.deepEqual(Object.fromEntries([...memberTexts(text)].map(([name, each]) => [name, JSON.parse(each)])), value);
    }
  }
});

test("proofs of damaged nodes", async () => {
  for (const { question, nodes } of PROOFS.proven.slice(0, 8)) {
    const address = question.record ?? question.ratings ?? question.rating;
    if (!address) continue;
    for (const [at, node] of nodes.entries()) {
      for (const bytes of damaged(hex(node), 20)) {
        const shown = nodes.map((/** @type {string} */ each, /** @type {number} */ which) => (which === at ? bytes : hex(each)));
        try {
          const state = await ProvenState.open(PROOFS.height, hex(PROOFS.root), shown);
          await state.record(address);
          await state.ratings(address);
        } catch (error) {
          assert.ok(error instanceof LedgerError, `${error instanceof Error ? error.stack : error}`);
        }
      }
    }
  }
});

// Strict and canonical JSON: the vectors, and texts that a lax parser would take.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fromUtf8 } from "../src/bytes.js";
import { LedgerError, LocalError } from "../src/formats/errors.js";
import { canonical, decodeStrict, itemTexts, memberTexts } from "../src/formats/json.js";
import { assertRefused, load, unspelled } from "./vectors.js";

const VECTORS = load("json.json");

test("strict JSON has its values", () => {
  for (const { name, text, value } of VECTORS.accepted) assert.deepEqual(decodeStrict(unspelled(text)), value, name);
});

test("what is not strict JSON is refused by name", async () => {
  for (const { name, text, code } of VECTORS.refused) await assertRefused(code, () => decodeStrict(unspelled(text)), name);
});

test("a string is as good as its bytes", async () => {
  assert.deepEqual(decodeStrict('{"a":"é"}'), { a: "é" });
  await assertRefused("json_malformed", () => decodeStrict('"\ud800"'), "a surrogate as it is");
});

test("a member named __proto__ is a member", () => {
  const value = decodeStrict('{"__proto__":{"a":1}}');
  assert.deepEqual(Object.keys(value), ["__proto__"]);
  assert.equal(value.a, undefined);
});

test("long texts take time in proportion", () => {
  const texts = ['"' + '\\"'.repeat(500_000) + '"', "[" + "[],".repeat(300_000) + "[]]", "[" + "0,".repeat(500_000) + "0]"];
  texts.push('"' + "a".repeat(1_000_000) + '"', '"' + "\\".repeat(1_000_000) + '"', '{"a":' + "\\".repeat(1_000_000));
  for (const text of texts) {
    try {
      decodeStrict(text);
    } catch (error) {
      assert.ok(error instanceof LedgerError);
    }
  }
});

test("deep texts are refused before a parser sees them", async () => {
  await assertRefused("json_too_deep", () => decodeStrict("[".repeat(5_000_000)), "brackets");
  await assertRefused("json_too_deep", () => decodeStrict('{"a":'.repeat(100_000)), "objects");
});

test("canonical JSON is that of the vectors", () => {
  for (const { text, canonical: expected } of load("canonical.json").texts) {
    assert.equal(fromUtf8(canonical(decodeStrict(text))), expected);
  }
});

test("what has no canonical text is refused", () => {
  const circle = /** @type {unknown[]} */ ([]);
  circle.push(circle);
  for (const value of [1.5, NaN, Infinity, 2 ** 53, 1n, undefined, new Date(), new Map(), "\udc00", { "\ud800": 1 }, circle]) {
    assert.throws(() => canonical([value]), LocalError);
  }
});

test("items keep their exact texts", () => {
  assert.deepEqual(itemTexts(' [ 1.0 , {"a":[1, 2]}, "],", [ ],null ] '), ["1.0", '{"a":[1, 2]}', '"],"', "[ ]", "null"]);
  assert.deepEqual([itemTexts("[]"), itemTexts("[ ]"), itemTexts("[[1,2]]")], [[], [], ["[1,2]"]]);
});

test("members keep their exact texts", () => {
  const text = ' {"a" : [1, {"a":"}"}] ,"b\\u0041":"\\"," , "c":-1.50e2,"d":null, "e": {} } ';
  assert.deepEqual(
    [...memberTexts(text)],
    [["a", '[1, {"a":"}"}]'], ["bA", '"\\","'], ["c", "-1.50e2"], ["d", "null"], ["e", "{}"]],
  );
  assert.deepEqual([...memberTexts("{}")], []);
  assert.deepEqual([...memberTexts('{"a":1,"a":2}')], [["a", "2"]]);
});

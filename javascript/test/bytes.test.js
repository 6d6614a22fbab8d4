// Bytes, hex and fields.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Reader, compare, concat, equal, fromUtf8, i64, toHex, u16, u32, u64, u8, utf8 } from "../src/bytes.js";
import { LocalError } from "../src/formats/errors.js";
import { assertRefused, hex } from "./vectors.js";

test("hex goes there and back, and nothing else is hex", async () => {
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  assert.deepEqual(hex(toHex(all)), all);
  for (const text of ["0", "AB", "0g", " 00", "00\n", 7, null, undefined, ["00"]]) {
    await assertRefused("json_malformed", () => hex(/** @type {string} */ (text)), String(text));
  }
});

test("UTF-8 goes there and back, and nothing else is UTF-8", () => {
  assert.equal(fromUtf8(utf8("\ufeffé😀")), "\ufeffé😀");
  assert.equal(fromUtf8(hex("c3")), null);
  assert.equal(fromUtf8(hex("eda080")), null);
  assert.throws(() => utf8("\ud800"), LocalError);
});

test("fields are written big-endian, and only where they fit", () => {
  const written = concat(u8(1), u16(2), u32(3), u64(4n), i64(-1));
  assert.equal(toHex(written), "01" + "0002" + "00000003" + "0000000000000004" + "ffffffffffffffff");
  const misfits = [() => u8(256), () => u16(-1), () => u32(2 ** 32), () => u64(2n ** 64n), () => i64(2n ** 63n)];
  for (const misfit of misfits) assert.throws(misfit, LocalError);
});

test("fields are read from views as well, and what is missing or left over is an error", async () => {
  const reader = new Reader(hex("ff0100020000000300000000000000040908").subarray(1), "node_malformed");
  assert.deepEqual([reader.u8(), reader.u16(), reader.u32(), reader.u64()], [1, 2, 3, 4n]);
  await assertRefused("node_malformed", () => reader.end(), "left over");
  await assertRefused("node_malformed", () => reader.take(3), "too many");
  assert.deepEqual(reader.rest(), hex("0908"));
  reader.end();
  await assertRefused("node_malformed", () => reader.u8(), "none left");
});

test("bytes are compared in order", () => {
  assert.ok(compare(hex("01"), hex("0100")) < 0 && compare(hex("02"), hex("01ff")) > 0 && compare(hex("05"), hex("05")) === 0);
  assert.ok(equal(hex("0102"), hex("0102")) && !equal(hex("0102"), hex("01")) && !equal(hex("01"), hex("0102")));
});

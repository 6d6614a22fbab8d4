// The vector files of tests/vectors, as docs/vectors.md describes them, and both implementations of the cryptography.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { fromHex, utf8 } from "../src/bytes.js";
import { currentCrypto, useCrypto } from "../src/crypto.js";
import { noble } from "../src/crypto/noble.js";
import { LedgerError } from "../src/formats/errors.js";

/** @typedef {import("../src/bytes.js").Bytes} Bytes */

/** @param {string} name @returns {any} */
export function load(name) {
  return JSON.parse(readFileSync(new URL(`../../tests/vectors/${name}`, import.meta.url), "utf8"));
}

/** @param {string} text @returns {Bytes} */
export const hex = (text) => fromHex(text, "json_malformed");

/** @param {any} spelling @returns {Bytes} The bytes of a spelling. */
export function unspelled(spelling) {
  if (typeof spelling === "string") return utf8(spelling);
  if ("hex" in spelling) return hex(spelling.hex);
  return utf8(spelling.parts.map((/** @type {[string, number]} */ [text, times]) => text.repeat(times)).join(""));
}

/**
 * A test that runs by WebCrypto, which every Node.js that this module is for has, and by noble.
 *
 * @param {string} name
 * @param {() => Promise<void> | void} run
 */
export function testWithBoth(name, run) {
  for (const implementation of ["webcrypto", "noble"]) {
    test(`${name}, by ${implementation}`, async () => {
      useCrypto(implementation === "noble" ? noble : null);
      assert.equal((await currentCrypto()).name, implementation);
      try {
        await run();
      } finally {
        useCrypto(null);
      }
    });
  }
}

/**
 * @param {string} code
 * @param {() => unknown} call What must throw a `LedgerError` with this code, or give a promise that does.
 * @param {string} name Of the case.
 */
export async function assertRefused(code, call, name) {
  try {
    await call();
  } catch (error) {
    assert.ok(error instanceof LedgerError, `${name}: ${error}`);
    assert.equal(error.code, code, name);
    return;
  }
  assert.fail(`${name} is not refused`);
}

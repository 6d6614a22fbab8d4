// What is made from the sources and committed is what the sources make now.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { BUNDLE, writeBundle } from "../tools/bundle.js";

const HERE = fileURLToPath(new URL("..", import.meta.url));
let directory = "";

before(() => {
  directory = mkdtempSync(join(tmpdir(), "cloudnode-javascript-"));
});

after(() => rmSync(directory, { recursive: true }));

test("the bundle that nodes serve is made of these sources", async () => {
  const file = join(directory, "cloudnode.js");
  await writeBundle(file);
  assert.ok(readFileSync(file, "utf8") === readFileSync(BUNDLE, "utf8"), `${BUNDLE} is old: run make javascript`);
});

test("the bundle imports nothing", () => {
  assert.doesNotMatch(readFileSync(BUNDLE, "utf8"), /^\s*(import\s*["'{*\w]|export\s.*\sfrom\s)/m);
});

test("the declarations are made of these sources", () => {
  const types = join(directory, "types");
  execFileSync("npx", ["--no-install", "tsc", "-p", "tsconfig.types.json", "--outDir", types], { cwd: HERE });
  const made = list(types);
  const kept = list(join(HERE, "types")).filter((name) => name !== "methods.d.ts");
  assert.deepEqual(kept, made, "there are other files in javascript/types: run make javascript");
  for (const name of made) {
    const isFresh = readFileSync(join(types, name), "utf8") === readFileSync(join(HERE, "types", name), "utf8");
    assert.ok(isFresh, `javascript/types/${name} is old: run make javascript`);
  }
});

test("the module has the node's version", async () => {
  const { VERSION } = await import("../src/index.js");
  const { version } = JSON.parse(readFileSync(join(HERE, "package.json"), "utf8"));
  const [, node] = readFileSync(join(HERE, "../cloudnode/__init__.py"), "utf8").match(/__version__ = "(.*)"/) ?? [];
  assert.deepEqual([VERSION, version], [node, node]);
});

/** @param {string} root */
function list(root) {
  const entries = readdirSync(root, { recursive: true, encoding: "utf8" });
  return entries.filter((name) => name.endsWith(".ts")).sort();
}

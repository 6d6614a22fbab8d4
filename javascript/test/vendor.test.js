// What is vendored is what npm has, byte for byte.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const VENDOR = new URL("../vendor/", import.meta.url);
const PACKAGES = { "noble-ed25519": "@noble/ed25519", "noble-hashes": "@noble/hashes" };

for (const [directory, name] of Object.entries(PACKAGES)) {
  const installed = new URL(`../node_modules/${name}/`, import.meta.url);

  test(`${directory} is the package's`, () => {
    const files = readdirSync(new URL(`${directory}/`, VENDOR));
    assert.ok(files.includes("LICENSE"));
    for (const file of files) {
      const isSame = readFileSync(new URL(`${directory}/${file}`, VENDOR)).equals(readFileSync(new URL(file, installed)));
      assert.ok(isSame, `javascript/vendor/${directory}/${file} was changed`);
    }
  });

  test(`${directory} is of the version that vendor/README.md tells`, () => {
    const { version } = JSON.parse(readFileSync(new URL("package.json", installed), "utf8"));
    assert.ok(readFileSync(new URL("README.md", VENDOR), "utf8").includes(`| \`${name}\``));
    assert.match(readFileSync(new URL("README.md", VENDOR), "utf8"), new RegExp(`\`${name}\`[^|]*\\| ${version} \\|`));
  });
}

// SHA-256 and Ed25519: both implementations give the same, and judge odd signatures as the network does.

import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { test } from "node:test";

import { toHex, utf8 } from "../src/bytes.js";
import { chooseCrypto, currentCrypto, randomBytes, sha256, useCrypto, verifySignature } from "../src/crypto.js";
import { noble } from "../src/crypto/noble.js";
import { webCrypto } from "../src/crypto/web.js";
import { LocalError } from "../src/formats/errors.js";
import { OPERATION, SigningKey, VOTE, verify } from "../src/formats/keys.js";
import { assertRefused, hex, load, testWithBoth } from "./vectors.js";

const VECTORS = load("signatures.json").signatures;

test("WebCrypto is used where it is good", async () => {
  useCrypto(null);
  assert.equal((await currentCrypto()).name, "webcrypto");
});

test("noble is used without a secure context", async () => {
  assert.equal((await chooseCrypto(undefined)).name, "noble");
});

test("a WebCrypto that does not know Ed25519, or judges otherwise, is not used", async () => {
  const subtle = /** @type {SubtleCrypto} */ (webcrypto.subtle);
  const asIs = (/** @type {any} */ changes) =>
    /** @type {SubtleCrypto} */ (
      new Proxy(subtle, {
        get: (target, name) => changes[name] ?? /** @type {any} */ (target)[name].bind(target),
      })
    );
  const unknowing = asIs({ importKey: () => Promise.reject(new DOMException("unknown", "NotSupportedError")) });
  const lenient = asIs({ verify: async () => true });
  const deaf = asIs({ verify: async () => false });
  for (const odd of [unknowing, lenient, deaf]) assert.equal((await chooseCrypto(odd)).name, "noble");
  assert.equal((await chooseCrypto(asIs({}))).name, "webcrypto");
});

testWithBoth("signatures are judged as the vectors have it", async () => {
  for (const { name, public: key, message, signature, good } of VECTORS) {
    assert.equal(await verifySignature(hex(key), hex(message), hex(signature)), good, name);
  }
});

test("noble judges the same however often it has seen a key", async () => {
  useCrypto(noble);
  for (let round = 0; round < 4; round += 1) {
    for (const { name, public: key, message, signature, good } of VECTORS) {
      assert.equal(await verifySignature(hex(key), hex(message), hex(signature)), good, name);
    }
  }
  const key = await SigningKey.generate();
  for (let round = 0; round < 20; round += 1) {
    const message = await randomBytes(round);
    const signature = await key.sign(OPERATION, message);
    assert.ok(await verify(key.publicKey, OPERATION, message, signature));
    assert.ok(!(await verify(key.publicKey, VOTE, message, signature)));
  }
  useCrypto(null);
});

test("noble alone refuses what is good only once the cofactor is cleared", async () => {
  // Without the checks that come before, which need not know this: it is the equation that is another.
  for (const { name, public: key, message, signature, good } of VECTORS) {
    if (name.includes("cofactor")) assert.equal(await noble.verify(hex(key), hex(message), hex(signature)), good, name);
  }
});

testWithBoth("keys and signatures are those of RFC 8032", async () => {
  const key = await SigningKey.fromSeed("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb\n");
  assert.equal(key.account, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  assert.equal(
    toHex(await key.sign(new Uint8Array(0), hex("72"))),
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  );
});

testWithBoth("a signature has one purpose", async () => {
  const key = await SigningKey.generate();
  const signature = await key.sign(OPERATION, utf8("message"));
  assert.ok(await verify(key.publicKey, OPERATION, utf8("message"), signature));
  assert.ok(!(await verify(key.publicKey, VOTE, utf8("message"), signature)));
});

testWithBoth("a key comes back from its seed, and two keys are two", async () => {
  const [one, other] = [await SigningKey.generate(), await SigningKey.generate()];
  assert.notEqual(one.account, other.account);
  assert.equal((await SigningKey.fromSeed(one.seed)).account, one.account);
});

testWithBoth("what is no seed is refused, and is not repeated", async () => {
  for (const text of ["", "07".repeat(31), "07".repeat(33), "AB".repeat(32), `${"07".repeat(32)}\n\n`, "zz".repeat(32)]) {
    await assertRefused("key_file_malformed", () => SigningKey.fromSeed(text), text);
  }
  await assert.rejects(SigningKey.fromSeed(new Uint8Array(31)), LocalError);
});

testWithBoth("hashes are those of the standard", async () => {
  // FIPS 180-4, its examples.
  assert.equal(toHex(await sha256(utf8("a"), utf8("bc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.equal(toHex(await sha256()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
});

test("both give the same for any bytes", async () => {
  const web = webCrypto(/** @type {SubtleCrypto} */ (webcrypto.subtle));
  for (let round = 0; round < 25; round += 1) {
    const [seed, message] = [await randomBytes(32), await randomBytes(round * 7)];
    const [one, other] = [await web.keyPair(seed), await noble.keyPair(seed)];
    assert.deepEqual(one.publicKey, other.publicKey);
    const signature = await one.sign(message);
    assert.deepEqual(signature, await other.sign(message));
    const damaged = Uint8Array.from(signature);
    damaged[round * 2] = /** @type {number} */ (damaged[round * 2]) ^ (1 << round % 8);
    for (const [shown, expected] of /** @type {const} */ ([[signature, true], [damaged, false]])) {
      for (const crypto of [web, noble]) {
        useCrypto(crypto);
        assert.equal(await verifySignature(one.publicKey, message, shown), expected);
      }
    }
    const long = await randomBytes(4000 + 8 * round); // some are hashed by WebCrypto, shorter ones never
    for (const bytes of [message, long]) assert.deepEqual(await web.sha256(bytes), await noble.sha256(bytes));
  }
  useCrypto(null);
});

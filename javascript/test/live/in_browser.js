// Checks vector files with the implementation of SHA-256 and Ed25519 that the module chooses where this runs, and
// measures what verification costs there. For browsers: tests/integration/test_javascript_chromium.py serves the tree and calls.

import { currentCrypto, verifySignature } from "../../src/crypto.js";
import { decodeHeader } from "../../src/formats/block.js";
import { Epoch } from "../../src/formats/epoch.js";
import { LedgerError } from "../../src/formats/errors.js";
import { decodeEvidence, judge } from "../../src/formats/evidence.js";
import { decodeFinality, readFinality, verifyFinality } from "../../src/formats/finality.js";
import { decodeGenesis } from "../../src/formats/genesis.js";
import { decodeOperation, signOperation, verifyOperation } from "../../src/formats/operation.js";
import { SigningKey } from "../../src/formats/keys.js";
import { verifyState } from "../../src/formats/proof.js";
import { fromHex, toHex, utf8 } from "../../src/bytes.js";

/** @param {string} text */
const hex = (text) => fromHex(text, "json_malformed");

/** @param {string} name @returns {Promise<any>} */
const load = async (name) => (await fetch(`/tests/vectors/${name}.json`)).json();

/** @param {() => unknown} call @returns {Promise<string>} The code of the error that it ends with; `ok` for none. */
async function codeOf(call) {
  try {
    await call();
    return "ok";
  } catch (error) {
    return error instanceof LedgerError ? error.code : `${error}`;
  }
}

/** @returns {Promise<{implementation: string, checks: number, wrong: string[], isSecureContext: boolean}>} */
export async function check() {
  /** @type {string[]} */
  const wrong = [];
  let checks = 0;
  const expect = (/** @type {string} */ name, /** @type {unknown} */ found, /** @type {unknown} */ wanted) => {
    checks += 1;
    if (found !== wanted) wrong.push(`${name}: ${found} in place of ${wanted}`);
  };

  for (const { name, public: key, message, signature, good } of (await load("signatures")).signatures) {
    expect(name, await verifySignature(hex(key), hex(message), hex(signature)), good);
  }

  const operations = await load("operations");
  const ours = await decodeGenesis(operations.genesis);
  const author = await SigningKey.fromSeed(operations.seed);
  for (const { name, body, signature } of operations.accepted) {
    if (typeof body !== "string") continue;
    const operation = await decodeOperation(utf8(body), hex(signature), ours);
    expect(name, await verifyOperation(operation), true);
    expect(name, toHex(await signOperation(author, utf8(body))), signature);
  }

  const { genesis: text, finality } = await load("blocks");
  const { network, validators } = await decodeGenesis(text);
  const header = decodeHeader(hex(finality.header));
  for (const { name, bytes, code = "ok" } of [...finality.proofs, ...finality.refused]) {
    expect(name, await codeOf(() => verifyFinality(decodeFinality(hex(bytes)), header, network, 0n, validators)), code);
  }

  const proofs = await load("proofs");
  const epoch = Epoch.ofGenesis(await decodeGenesis(proofs.genesis));
  for (const changes of [{ name: "a proof", code: "ok" }, ...proofs.refused]) {
    const { name, code, header: raw, certificate, descendants, height, root, nodes } = { ...proofs, ...changes };
    const verify = async () => {
      const read = decodeHeader(hex(raw));
      await epoch.verify(read, readFinality(hex(certificate), descendants.map(hex)));
      await verifyState(read, height, hex(root), nodes.map(hex));
    };
    expect(name, await codeOf(verify), code);
  }

  const evidence = await load("evidence");
  const first = Epoch.ofGenesis(await decodeGenesis(evidence.genesis));
  const find = (/** @type {bigint} */ number) => (number === 0n ? first : null);
  for (const { name, bytes, code = "ok" } of [...evidence.accepted, ...evidence.refused]) {
    expect(name, await codeOf(() => judge(decodeEvidence(hex(bytes)), first.network, find)), code);
  }
  return { implementation: (await currentCrypto()).name, checks, wrong, isSecureContext };
}

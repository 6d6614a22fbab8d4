// Following epochs from the genesis alone, whatever a node tells of them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { toHex } from "../src/bytes.js";
import { decodeHeader } from "../src/formats/block.js";
import { decodeGenesis } from "../src/formats/genesis.js";
import { EpochChain } from "../src/trust/epochchain.js";
import { readFinal } from "../src/trust/told.js";
import { makeEpochs, makeFinal, makeKeys, tellEpochs } from "./network.js";
import { assertRefused, load, testWithBoth } from "./vectors.js";

testWithBoth("the vectors' epochs", async () => {
  const vectors = load("epochs.json");
  const genesis = await decodeGenesis(vectors.genesis);
  const chain = EpochChain.ofGenesis(genesis);
  await chain.follow(tellEpochs(vectors.epochs));
  for (const [number, { validators }] of vectors.epochs.entries()) {
    const epoch = chain.find(number);
    assert.deepEqual(epoch?.validators.map(toHex), validators);
    assert.equal(epoch?.base, BigInt(vectors.bases[number]));
  }
  const verify = (/** @type {unknown} */ told) => {
    const { header, finality } = readFinal(told);
    return chain.verify(header, finality);
  };
  for (const told of vectors.headers) await verify(told);
  for (const told of vectors.refused_headers) await assertRefused(told.code, () => verify(told), told.name);
  for (const { name, code, epochs } of vectors.refused) {
    const tell = async () => ({ epochs, next: null });
    await assertRefused(code, () => EpochChain.ofGenesis(genesis).follow(tell), name);
  }
});

testWithBoth("epochs are followed from the genesis, and headers of each are verified", async () => {
  const { genesis, epochs, newest } = await makeEpochs(3);
  const chain = EpochChain.ofGenesis(genesis);
  await assertRefused("header_epoch", () => chain.verify(decodeHeader(final.header.raw), readFinal(final.told).finality), "unknown");
  assert.equal((await chain.follow(tellEpochs(epochs))).number, 2n);
  assert.deepEqual(chain.find(0)?.last, 10n);
  await chain.verify(final.header, readFinal(final.told).finality);
  const { header, told } = await makeFinal(genesis.network, newest, { epoch: 2n, height: 25n });
  await chain.verify(header, readFinal(told).finality);
  const few = await makeFinal(genesis.network, newest, { epoch: 2n, height: 25n }, 2);
  await assertRefused("certificate_quorum", () => chain.verify(few.header, readFinal(few.told).finality), "by two of four");
  const old = await makeFinal(genesis.network, newest, { epoch: 1n, height: 15n });
  await assertRefused("certificate_signature", () => chain.verify(old.header, readFinal(old.told).finality), "another epoch's");
});

/** Of the epoch 1, final. */
const final = await makeFinal(
  (await makeEpochs(1)).genesis.network,
  await makeKeys(4, 4),
  { epoch: 1n, height: 15n },
);

test("an epoch's headers end with it", async () => {
  const { genesis, epochs } = await makeEpochs(2);
  const chain = EpochChain.ofGenesis(genesis);
  await chain.follow(tellEpochs(epochs));
  const keys = await makeKeys(4);
  for (const [epoch, height, validators] of /** @type {const} */ ([[0n, 11n, keys], [1n, 10n, await makeKeys(4, 4)]])) {
    const { header, told } = await makeFinal(genesis.network, validators, { epoch, height });
    await assertRefused("header_discarded", () => chain.verify(header, readFinal(told).finality), `height ${height}`);
  }
});

test("more epochs than one page, and those that come later, are followed", async () => {
  const { genesis, epochs } = await makeEpochs(120);
  const chain = EpochChain.ofGenesis(genesis);
  const early = epochs.slice(0, 60).map((each, at) => (at === 59 ? { ...each, end: null } : each));
  assert.equal((await chain.follow(tellEpochs(early))).number, 59n);
  /** @type {unknown[]} */
  const asked = [];
  const tell = tellEpochs(epochs);
  await chain.follow((method, params) => {
    asked.push(params);
    return tell(method, params);
  });
  assert.equal(chain.newest.number, 119n);
  assert.deepEqual(asked, [{ limit: 50, after: 58 }, { limit: 50, after: 108 }]);
});

testWithBoth("what a node tells of epochs is believed as far as it is signed", async () => {
  const { genesis, epochs } = await makeEpochs(4);
  const strangers = (await makeKeys(4, 100)).map((key) => key.account);
  const [first, second, third] = /** @type {any[]} */ (epochs);
  const end = second.end;
  /** @type {[string, string, any[], number][]} */
  const lies = [
    ["block_validators", "other first validators", [{ ...first, validators: strangers }], 0],
    ["block_validators", "other second validators", [first, { ...second, validators: strangers }], 0],
    ["block_validators", "in another order", [first, { ...second, validators: [...second.validators].reverse() }], 0],
    ["block_validators", "one twice", [first, { ...second, validators: [second.validators[0], ...second.validators] }], 0],
    ["block_validators", "another first epoch", [second], 0],
    ["block_validators", "an epoch left out", [first, third], 0],
    ["header_epoch", "an epoch with another number", [first, { ...second, epoch: 2 }], 0],
    ["account_invalid", "no keys", [{ ...first, validators: ["x"] }], 0],
    ["epoch_goes_on", "an end that ends nothing", [first, { ...second, end: final.told }, third], 1],
    ["certificate_malformed", "a certificate cut off", [first, { ...second, end: { ...end, certificate: "03" } }, third], 1],
    ["finality_malformed", "a certificate that is no hex", [first, { ...second, end: { ...end, certificate: "zz" } }], 1],
    ["header_malformed", "a header cut off", [first, { ...second, end: { ...end, header: end.header.slice(2) } }, third], 1],
    ["finality_malformed", "no header", [first, { ...second, end: { certificate: end.certificate } }, third], 1],
    ["finality_malformed", "an end that is a number", [first, { ...second, end: 7 }, third], 1],
    ["header_epoch", "the end of another epoch", [first, { ...second, end: first.end }, third], 1],
    ["finality_malformed", "no list", /** @type {any} */ ("epochs"), 0],
    ["finality_malformed", "an epoch that is null", [null], 0],
    ["finality_malformed", "more than were asked for", new Array(51).fill(first), 0],
  ];
  for (const [code, name, told, reached] of lies) {
    const chain = EpochChain.ofGenesis(genesis);
    await assertRefused(code, () => chain.follow(async () => ({ epochs: told, next: null })), name);
    assert.equal(chain.newest.number, BigInt(reached), name);
  }
});

test("a node that tells of epochs for ever is no endless loop", async () => {
  const { genesis, epochs } = await makeEpochs(2);
  const chain = EpochChain.ofGenesis(genesis);
  const tell = async () => ({ epochs: [epochs[0]], next: 0 });
  await assertRefused("block_validators", () => chain.follow(tell), "the same page again");
  const silent = async () => ({ epochs: [], next: 0 });
  assert.equal((await EpochChain.ofGenesis(genesis).follow(silent)).number, 0n);
});

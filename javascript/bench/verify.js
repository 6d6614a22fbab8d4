// What verification costs: proof and certificate at 4 validators, and the start from the genesis over 1,000 epochs, by
// WebCrypto and without it. Runs in Node.js and in browsers alike: `measure` is all there is to call.

import { currentCrypto, useCrypto } from "../src/crypto.js";
import { noble } from "../src/crypto/noble.js";
import { concat, toHex, u32, u64, u8 } from "../src/bytes.js";
import { accountHash, recordHash } from "../src/formats/addresses.js";
import { buildTable, decodeInner, encodeState, recordDigest, NO_ROWS } from "../src/formats/nodes.js";
import { sha256 } from "../src/crypto.js";
import { EpochChain } from "../src/trust/epochchain.js";
import { readFinal, readProof } from "../src/trust/told.js";
import { verifyAnswer } from "../src/trust/verifying.js";
import { makeContext, makeEpochs, makeFinal, makeGenesis, makeKeys, tellEpochs } from "../test/network.js";

/** @typedef {import("../src/bytes.js").Bytes} Bytes */
/** @typedef {import("../src/formats/nodes.js").Row} Row */

const VALIDATORS = 4;
const HEIGHT = 7;
const HEX = /^[0-9a-f]{64}$/;

/**
 * @typedef {object} Measured
 * @property {string} what @property {string} implementation
 * @property {number} least Milliseconds, as all below. @property {number} median @property {number} worst Of nine in ten.
 * @property {number} times How many times it was done.
 */

/**
 * @param {{rows?: number, epochs?: number, seconds?: number}} [size] `rows`: records and ratings in the state, each;
 *   `seconds`: how long each thing is done over and over.
 * @returns {Promise<Measured[]>}
 */
export async function measure({ rows = 20_000, epochs = 1_000, seconds = 2 } = {}) {
  const answer = await makeAnswer(rows);
  const made = await makeEpochs(epochs, VALIDATORS);
  const implementations = [await currentCrypto()];
  if (implementations[0] !== noble) implementations.push(noble);
  const measured = /** @type {Measured[]} */ ([]);
  for (const crypto of implementations) {
    useCrypto(crypto);
    const add = (/** @type {string} */ what, /** @type {number[]} */ times) =>
      measured.push({ what, implementation: crypto.name, ...summary(times) });
    const { chain, params, told, context } = answer;
    add("record, proof and certificate", await repeat(seconds, () => verifyAnswer(chain, "getrecord", params, told)));
    const { header, finality } = readProof(JSON.parse(context).proof);
    add("certificate alone", await repeat(seconds, () => chain.verify(header, finality)));
    const start = async () => {
      const followed = EpochChain.ofGenesis(made.genesis);
      await followed.follow(tellEpochs(made.epochs));
      if (followed.newest.number !== BigInt(epochs - 1)) throw new Error("not followed to the end");
    };
    add(`start over ${epochs.toLocaleString("en")} epochs`, await repeat(crypto === noble ? 0 : 2 * seconds, start));
  }
  useCrypto(null);
  return measured;
}

/** @param {number} seconds @param {() => Promise<unknown>} run @returns {Promise<number[]>} Milliseconds of each time. */
async function repeat(seconds, run) {
  const times = [];
  const end = performance.now() + 1000 * seconds;
  do {
    const begin = performance.now();
    await run();
    times.push(performance.now() - begin);
  } while (performance.now() < end);
  return times;
}

/** @param {number[]} times */
function summary(times) {
  const sorted = [...times].sort((one, other) => one - other);
  const at = (/** @type {number} */ share) => /** @type {number} */ (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
  return { least: at(0), median: at(0.5), worst: at(0.9), times: times.length };
}

/** A record that is rated, in a state of so many records and ratings, as a node answers it with its proof. @param {number} rows */
async function makeAnswer(rows) {
  const keys = await makeKeys(VALIDATORS);
  const genesis = await makeGenesis(keys);
  const [author] = await makeKeys(1, 1000);
  if (!author) throw new Error("no author");
  const place = { height: 1, index: 0 };
  const [collection, key] = ["film", "metropolis"];
  const account = author.publicKey;
  const data = JSON.stringify({ title: "Metropolis", year: 1927, genres: ["Drama", "Science Fiction"] });
  const record = { account, collection, key, version: 1, created: place, updated: place, time: 0, live: true, ref: null, data };
  const address = `${author.account}/${collection}/${key}`;
  const records = await randomRows(rows, "record", 32, (hash) => concat(hash, u8(1)));
  records.push({ key: await recordHash(address), value: concat(await recordDigest(record), u8(1)) });
  const ratings = await randomRows(rows, "rating", 64, () => concat(u8(4), u64(1), u32(0)));
  for (let each = 0; each < 200; each += 1) {
    const rater = await accountHash(u32(each));
    ratings.push({ key: concat(await recordHash(address), rater), value: concat(u8(5), u64(1), u32(0)) });
  }
  const tables = [records, ratings, [], [], []];
  const bag = /** @type {Bytes[]} */ ([]);
  const entries = [];
  for (const [table, some] of tables.entries()) {
    some.sort((one, other) => (toHex(one.key) < toHex(other.key) ? -1 : 1));
    entries.push(some.length ? await buildTable(table, some, bag) : NO_ROWS);
  }
  const state = encodeState(entries);
  const byHash = new Map(await Promise.all(bag.map(async (node) => /** @type {[string, Bytes]} */ ([toHex(await sha256(node)), node]))));
  const wanted = toHex(await recordHash(address));
  const nodes = [state, ...way(byHash, toHex(/** @type {any} */ (entries[0]).hash), wanted), ...way(byHash, toHex(/** @type {any} */ (entries[1]).hash), wanted)];
  const root = await sha256(state);
  const { told: final } = await makeFinal(genesis.network, keys, { height: BigInt(HEIGHT + 1), root });
  const proof = { height: HEIGHT, root: toHex(root), nodes: nodes.map(toHex), ...final };
  const context = await makeContext(genesis.network, proof);
  const { live: _, ...shown } = { ...record, account: author.account, deleted: false, ratings_sum: 1000, ratings_count: 200 };
  const raw = JSON.stringify({ ...shown, data: 0 }).replace('"data":0', () => `"data":${data}`);
  const chain = EpochChain.ofGenesis(genesis);
  await chain.verify(readFinal(final).header, readFinal(final).finality);
  return { chain, params: { account: author.account, collection, key }, told: { raw, rawContext: context }, context };
}

/**
 * @param {number} number @param {string} name @param {number} size Of the keys. @param {(hash: Bytes) => Bytes} value
 * @returns {Promise<Row[]>}
 */
async function randomRows(number, name, size, value) {
  const rows = [];
  for (let each = 0; each < number; each += 1) {
    const hash = await sha256(new TextEncoder().encode(`${name} ${each}`));
    rows.push({ key: size === 32 ? hash : concat(hash, hash), value: value(hash) });
  }
  return rows;
}

/**
 * The nodes on the way from a table's top to where the rows are that begin with a hash.
 *
 * @param {Map<string, Bytes>} byHash @param {string} top @param {string} wanted In hex.
 * @returns {Bytes[]}
 */
function way(byHash, top, wanted) {
  if (!HEX.test(top)) throw new Error("no hash");
  const nodes = [];
  for (let hash = top; ; ) {
    const node = /** @type {Bytes} */ (byHash.get(hash));
    nodes.push(node);
    if (node[0] !== 0x49) return nodes;
    const { path, children } = decodeInner(node);
    const child = wanted.startsWith(path) && children.get(wanted.charAt(path.length));
    if (!child) return nodes;
    hash = toHex(child.hash);
  }
}

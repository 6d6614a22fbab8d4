// A network made here, small but real: validators' keys, a genesis, states with their tries, final headers over them.

import { compare, concat, toHex, u16, u32, u64, u8 } from "../src/bytes.js";
import { sha256 } from "../src/crypto.js";
import { accountHash, formatAddress, recordHash } from "../src/formats/addresses.js";
import * as block from "../src/formats/block.js";
import { decodeGenesis } from "../src/formats/genesis.js";
import { ANSWER, RECEIPT, SigningKey, VOTE } from "../src/formats/keys.js";
import { buildTable, encodeState, encodeWindowKey, recordDigest } from "../src/formats/nodes.js";
import { makeReceipt, makeSignedForm, PROTOCOL } from "../src/formats/receipt.js";
import { canonical } from "../src/formats/json.js";
import { utf8 } from "../src/bytes.js";

/** @typedef {import("../src/bytes.js").Bytes} Bytes */
/** @typedef {import("../src/formats/nodes.js").RecordFields} RecordFields */

/** @param {number} size @param {number} first @returns {Promise<SigningKey[]>} */
export function makeKeys(size, first = 0) {
  const seeds = Array.from({ length: size }, (_, at) => concat(u32(first + at), new Uint8Array(28)));
  return Promise.all(seeds.map((seed) => SigningKey.fromSeed(seed)));
}

/**
 * @param {SigningKey[]} validators
 * @returns {Promise<import("../src/formats/genesis.js").Genesis>}
 */
export function makeGenesis(validators) {
  const parameters = {
    pace_ms: 200,
    heartbeat_ms: 10000,
    window: 1000,
    max_operation_bytes: 131072,
    max_block_operations: 2000,
    max_block_bytes: 4194304,
    admission: { policy: "open" },
  };
  const keys = validators.map((key) => key.account);
  return decodeGenesis(JSON.stringify({ format: 1, name: "made", time: 0, validators: keys, parameters }));
}

/**
 * A header and the certificate of it by a quorum, or by fewer or more.
 *
 * @param {Bytes} network @param {SigningKey[]} validators
 * @param {Partial<block.HeaderFields>} fields Those that are not usual.
 * @param {number} [signers]
 */
export async function makeFinal(network, validators, fields, signers = block.quorum(validators.length)) {
  const usual = {
    network,
    epoch: 0n,
    view: 0n,
    height: 1n,
    time: 1n,
    parent: network,
    operationsHash: await block.operationsHash([]),
    operationsCount: 0,
    rootHeight: (fields.height ?? 1n) - 1n,
    root: new Uint8Array(32),
    signaturesHash: await block.signaturesHash([]),
    nextValidators: block.NOTHING,
  };
  const header = block.decodeHeader(block.encodeHeader({ ...usual, ...fields }));
  const vote = { kind: block.FINALIZE, epoch: header.epoch, view: header.view, hash: await block.headerHash(header) };
  const message = block.voteMessage(network, vote);
  const signatures = await Promise.all(
    validators.slice(0, signers).map(async (key, validator) => ({ validator, signature: await key.sign(VOTE, message) })),
  );
  const certificate = block.encodeCertificate({ ...vote, signatures });
  return { header, told: { header: toHex(header.raw), certificate: toHex(certificate), descendants: /** @type {string[]} */ ([]) } };
}

/**
 * Epochs one after the other, as `getepochs` tells them: each with validators of its own, ended by its tenth block.
 *
 * @param {number} number How many epochs. @param {number} [validators] Of each.
 */
export async function makeEpochs(number, validators = 4) {
  let keys = await makeKeys(validators);
  const genesis = await makeGenesis(keys);
  const epochs = [];
  for (let epoch = 0; epoch < number; epoch += 1) {
    const next = await makeKeys(validators, (epoch + 1) * validators);
    const nextValidators = await block.validatorsHash(next.map((key) => key.publicKey));
    const height = BigInt(10 * (epoch + 1));
    const fields = { epoch: BigInt(epoch), height, operationsCount: 1, nextValidators };
    const isLast = epoch === number - 1;
    const { told } = await makeFinal(genesis.network, keys, fields);
    epochs.push({ epoch, validators: keys.map((key) => key.account), end: isLast ? null : told });
    if (!isLast) keys = next;
  }
  return { genesis, epochs, newest: keys };
}

/**
 * A node's `getepochs`.
 *
 * @param {readonly {epoch: number}[]} epochs
 * @returns {(method: string, params: {limit: number, after?: number}) => Promise<any>}
 */
export function tellEpochs(epochs) {
  return async (_, { limit, after = -1 }) => {
    const page = epochs.slice(after + 1, after + 1 + limit);
    const last = page.at(-1);
    return { epochs: page, next: last && last.epoch + 1 < epochs.length ? last.epoch : null };
  };
}

/** A state under way: records, ratings and operations, all of them made up. */
export class MadeState {
  /** Rows by table. @type {{key: Bytes, value: Bytes}[][]} */
  #rows = [[], [], [], [], []];

  /** @param {RecordFields} record */
  async addRecord(record) {
    const address = formatAddress(record.account, record.collection, record.key);
    const value = concat(await recordDigest(record), u8(record.live ? 1 : 0));
    this.#rows[0]?.push({ key: await recordHash(address), value });
  }

  /** @param {string} address @param {Uint8Array} account @param {number} stars @param {number} height */
  async addRating(address, account, stars, height) {
    const key = concat(await recordHash(address), await accountHash(account));
    this.#rows[1]?.push({ key, value: concat(u8(stars), u64(height), u32(0)) });
  }

  /** @param {Uint8Array} id @param {number} expiry @param {number} height @param {number} result @param {number} index */
  async addOperation(id, expiry, height, result, index = 3) {
    this.#rows[2]?.push({ key: encodeWindowKey(BigInt(expiry), id), value: concat(u64(height), u32(index), u16(result)) });
  }

  /** @param {Uint8Array} account @param {number} height */
  async addAccount(account, height) {
    this.#rows[3]?.push({ key: await accountHash(account), value: concat(account, new Uint8Array(32), u64(height), u32(0)) });
  }

  /** @returns {Promise<{root: Bytes, nodes: Bytes[]}>} All of its nodes, the root's preimage first. */
  async build() {
    const nodes = /** @type {Bytes[]} */ ([]);
    const entries = [];
    for (const [table, rows] of this.#rows.entries()) {
      rows.sort((one, other) => compare(one.key, other.key));
      entries.push(await buildTable(table, rows, nodes));
    }
    const state = encodeState(entries);
    return { root: await sha256(state), nodes: [state, ...nodes] };
  }
}

/**
 * An answer's context with a proof, and if a node's key is given its signature.
 *
 * @param {Bytes} network
 * @param {any} proof As nodes tell it.
 * @param {{node: SigningKey, method: string, params: unknown, raw: string}} [signed]
 * @returns {Promise<string>} Its text.
 */
export async function makeContext(network, proof, signed) {
  const context = { network: toHex(network), height: proof.height, hash: "00".repeat(32), time: 0, proof };
  if (!signed) return JSON.stringify(context);
  const { node, method, params, raw } = signed;
  const text = canonical(params);
  const form = makeSignedForm({
    network,
    node: node.publicKey,
    protocol: PROTOCOL,
    height: BigInt(proof.height),
    root: Uint8Array.from(proof.root.match(/../g).map((/** @type {string} */ digits) => parseInt(digits, 16))),
    paramsHash: await sha256(text),
    answerHash: await sha256(utf8(raw)),
    method,
  });
  const signature = toHex(await node.sign(ANSWER, form.raw));
  const told = { node: node.account, root: proof.root, params: new TextDecoder().decode(text), signature };
  return JSON.stringify({ ...context, signature: told });
}

/** @param {SigningKey} node @param {Bytes} network @param {Bytes} id @param {number} height @param {number} expiry */
export async function tellReceipt(node, network, id, height, expiry) {
  const made = makeReceipt({ network, id, node: node.publicKey, height: BigInt(height), expiry: BigInt(expiry) });
  const signature = toHex(await node.sign(RECEIPT, made.raw));
  return { network: toHex(network), id: toHex(id), node: node.account, height, expiry, signature };
}

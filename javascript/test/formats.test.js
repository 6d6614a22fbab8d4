// Geneses, operations, blocks, rows, nodes, receipts, signed answers, evidence and STUN data: the vectors.

import assert from "node:assert/strict";
import { test } from "node:test";

import { compare, toHex, utf8 } from "../src/bytes.js";
import { sha256 } from "../src/crypto.js";
import { recordHash } from "../src/formats/addresses.js";
import { approvalMessage, checkAppoint } from "../src/formats/appointment.js";
import * as block from "../src/formats/block.js";
import { Epoch } from "../src/formats/epoch.js";
import { LocalError, resultCode } from "../src/formats/errors.js";
import { decodeEvidence, encodeEvidence, epochOf, judge } from "../src/formats/evidence.js";
import { decodeFinality, encodeFinality, verifyFinality } from "../src/formats/finality.js";
import { admitsByWork, decodeGenesis } from "../src/formats/genesis.js";
import { canonical } from "../src/formats/json.js";
import { SigningKey } from "../src/formats/keys.js";
import * as nodes from "../src/formats/nodes.js";
import { buildBody, decodeOperation, signOperation, verifyOperation, writeApproval } from "../src/formats/operation.js";
import * as receipt from "../src/formats/receipt.js";
import { checkTime, readStunData, vouchesFor } from "../src/formats/stundata.js";
import { assertRefused, hex, load, testWithBoth, unspelled } from "./vectors.js";

/** @param {Uint8Array[]} keys */
const hexes = (keys) => keys.map(toHex);

testWithBoth("geneses", async () => {
  const { accepted, refused } = load("genesis.json");
  for (const { name, text, network, validators } of accepted) {
    const genesis = await decodeGenesis(unspelled(text));
    assert.deepEqual([genesis.networkHex, hexes(genesis.validators)], [network, validators], name);
    assert.equal(genesis.text, text);
  }
  for (const { name, text, code } of refused) await assertRefused(code, () => decodeGenesis(unspelled(text)), name);
});

// Operations

const OPERATIONS = load("operations.json");

/** @param {import("../src/formats/operation.js").Action} action As the vectors have the arguments of their operations. */
function argumentsOf(action) {
  switch (action.type) {
    case "put":
      return { collection: action.collection, key: action.key, data: action.data, ref: action.ref, if_version: action.ifVersion };
    case "delete":
      return { collection: action.collection, key: action.key, if_version: action.ifVersion };
    case "invite":
      return { invited: toHex(action.invited) };
    case "appoint":
      return {
        epoch: action.epoch,
        validators: hexes(action.validators),
        approvals: action.approvals.map(writeApproval),
      };
    default: {
      const { type: _, ...rest } = action;
      return rest;
    }
  }
}

/** @param {any} args */
const spelledOut = (args) => ("data" in args ? { ...args, data: new TextDecoder().decode(unspelled(args.data)) } : args);

testWithBoth("operations", async () => {
  const genesis = await decodeGenesis(OPERATIONS.genesis);
  const key = await SigningKey.fromSeed(OPERATIONS.seed);
  for (const vector of OPERATIONS.accepted) {
    const [body, signature] = [unspelled(vector.body), hex(vector.signature)];
    const read = await decodeOperation(body, signature, genesis);
    assert.deepEqual(
      [toHex(read.id), toHex(read.account), read.time, read.from, read.expiry, read.action.type],
      [vector.id, vector.account, vector.time, vector.from, vector.expiry, vector.type],
      vector.name,
    );
    assert.deepEqual(argumentsOf(read.action), spelledOut(vector.arguments), vector.name);
    assert.deepEqual(await signOperation(key, body), signature, vector.name);
    assert.ok(await verifyOperation(read), vector.name);
  }
  for (const { name, body, signature, code } of OPERATIONS.refused) {
    await assertRefused(code, () => decodeOperation(unspelled(body), hex(signature), genesis), name);
  }
  for (const { name, body, signature, code } of OPERATIONS.wrong_signatures) {
    const judged = async () => {
      const read = await decodeOperation(unspelled(body), hex(signature), genesis);
      assert.equal(await verifyOperation(read), false, name);
    };
    if (signature.length === 128) await judged();
    else await assertRefused(code, judged, name);
  }
});

testWithBoth("work for admission", async () => {
  const genesis = await decodeGenesis(OPERATIONS.work.genesis);
  for (const { name, body, signature } of OPERATIONS.work.accepted) {
    const { account } = await decodeOperation(unspelled(body), hex(signature), genesis);
    assert.ok(await admitsByWork(genesis, account), name);
  }
  for (const { name, body, signature, code } of OPERATIONS.work.refused) {
    await assertRefused(code, () => decodeOperation(unspelled(body), hex(signature), genesis), name);
  }
});

testWithBoth("appointments", async () => {
  const { genesis: text, epoch: number, validators, accepted, refused } = OPERATIONS.appointments;
  const genesis = await decodeGenesis(text);
  const epoch = new Epoch(genesis.network, BigInt(number), validators.map(hex));
  const check = async (/** @type {any} */ { body, signature }) => {
    const { action } = await decodeOperation(unspelled(body), hex(signature), genesis);
    assert.ok(action.type === "appoint");
    await checkAppoint(action, epoch);
    return action;
  };
  for (const vector of accepted) {
    const action = await check(vector);
    assert.equal(approvalMessage(genesis.network, epoch.number, action.validators).length, 40 + 32 * action.validators.length);
  }
  for (const vector of refused) await assertRefused(vector.code, () => check(vector), vector.name);
});

test("operations that are built are those of the vectors", async () => {
  const genesis = await decodeGenesis(OPERATIONS.genesis);
  let built = 0;
  for (const { body, signature, arguments: args, type, account, time, from, expiry } of OPERATIONS.accepted) {
    const members = JSON.parse(new TextDecoder().decode(unspelled(body)));
    const envelope = { network: genesis.networkHex, account, time, from, expiry };
    const { network: _1, account: _2, type: _3, time: _4, from: _5, expiry: _6, ...rest } = members;
    const made = buildBody(envelope, { type, ...rest });
    const read = await decodeOperation(made, hex(signature), genesis);
    assert.equal(read.action.type, type);
    if (type !== "put") assert.deepEqual(argumentsOf(read.action), args);
    if (toHex(made) === toHex(unspelled(body))) built += 1;
  }
  assert.ok(built >= 8, `${built} are the same to the last byte`);
});

test("an operation that nodes would refuse is not built", () => {
  const envelope = { network: "00".repeat(32), account: "11".repeat(32), time: 1, from: 1, expiry: 2 };
  const record = `${envelope.account}/film/x`;
  const data = /** @type {unknown[]} */ ([undefined, 1.5, NaN, 2 ** 53, 1n, "\ud800", Symbol("x"), { a: [Infinity] }]);
  for (const bad of data) {
    assert.throws(() => buildBody(envelope, { type: "put", collection: "film", key: "x", data: bad }), LocalError);
  }
  assert.throws(() => buildBody(envelope, { type: "rate", record, stars: 6 }), LocalError);
  assert.throws(() => buildBody(envelope, { type: "rate", record: "x", stars: 5 }), LocalError);
  assert.throws(() => buildBody({ ...envelope, time: -1 }, { type: "rate", record, stars: 5 }), LocalError);
  assert.throws(() => buildBody({ ...envelope, account: "1" }, { type: "rate", record, stars: 5 }), LocalError);
  assert.throws(() => buildBody(envelope, { type: "put", collection: "Film", key: "x", data: 1 }), LocalError);
});

// Blocks

const BLOCKS = load("blocks.json");

testWithBoth("headers and what they name", async () => {
  for (const [validators, expected] of BLOCKS.quorums) assert.equal(block.quorum(validators), expected);
  for (const { ids, hash } of BLOCKS.operations_hashes) assert.equal(toHex(await block.operationsHash(ids.map(hex))), hash);
  for (const { signatures, hash } of BLOCKS.signatures_hashes) {
    assert.equal(toHex(await block.signaturesHash(signatures.map(hex))), hash);
  }
  for (const { validators, hash } of BLOCKS.validators_hashes) {
    assert.equal(toHex(await block.validatorsHash(validators.map(hex))), hash);
  }
  for (const vector of BLOCKS.headers) {
    const header = block.decodeHeader(hex(vector.bytes));
    assert.equal(toHex(await block.headerHash(header)), vector.hash, vector.name);
    assert.equal(toHex(block.encodeHeader(header)), vector.bytes, vector.name);
    assert.deepEqual(
      [header.epoch, header.view, header.height, header.time, header.rootHeight].map(Number),
      [vector.epoch, vector.view, vector.height, vector.time, vector.root_height],
    );
    assert.equal(header.operationsCount, vector.operations_count);
    const named = { network: "network", parent: "parent", operationsHash: "operations_hash", root: "root" };
    for (const [ours, theirs] of Object.entries({ ...named, signaturesHash: "signatures_hash", nextValidators: "next_validators" })) {
      assert.equal(toHex(/** @type {any} */ (header)[ours]), vector[theirs], `${vector.name}: ${theirs}`);
    }
    assert.equal(header.endsEpoch, vector.next_validators !== "00".repeat(32));
  }
  for (const { name, bytes, code } of BLOCKS.refused_headers) await assertRefused(code, () => block.decodeHeader(hex(bytes)), name);
});

testWithBoth("a header's contents", async () => {
  const ids = [hex("11".repeat(32)), hex("22".repeat(32))];
  const fields = block.decodeHeader(hex(BLOCKS.headers[0].bytes));
  const made = { ...fields, operationsCount: 2, operationsHash: await block.operationsHash(ids) };
  const header = block.decodeHeader(block.encodeHeader(made));
  await block.checkContents(header, ids, []);
  await assertRefused("block_operations", () => block.checkContents(header, ids.slice(1), []), "one left out");
  await assertRefused("block_operations", () => block.checkContents(header, [...ids].reverse(), []), "in another order");
  await assertRefused("block_validators", () => block.checkContents(header, ids, ids), "validators");
});

testWithBoth("votes and certificates", async () => {
  const { network, validators } = await decodeGenesis(BLOCKS.genesis);
  for (const vector of BLOCKS.votes) {
    const read = { ...vector, epoch: BigInt(vector.epoch), view: BigInt(vector.view), hash: hex(vector.hash) };
    const vote = block.decodeVote(block.encodeVote({ ...read, signature: hex(vector.signature) }));
    assert.equal(toHex(block.voteMessage(network, vote)), vector.message, vector.name);
    assert.ok(await block.verifyVote(vote, network, validators), vector.name);
    assert.ok(!(await block.verifyVote({ ...vote, validator: 4 }, network, validators)));
    await assertRefused("vote_malformed", () => block.decodeVote(vote.raw.subarray(1)), "a vote cut off");
  }
  for (const vector of BLOCKS.certificates) {
    const certificate = block.decodeCertificate(hex(vector.bytes));
    assert.equal(toHex(block.encodeCertificate(certificate)), vector.bytes);
    assert.deepEqual(
      certificate.signatures.map(({ validator, signature }) => [validator, toHex(signature)]),
      vector.signatures,
    );
    await block.verifyCertificate(certificate, network, validators);
  }
  for (const { name, bytes, code } of BLOCKS.refused_certificates) {
    const check = () => block.verifyCertificate(block.decodeCertificate(hex(bytes)), network, validators);
    await assertRefused(code, check, name);
  }
});

testWithBoth("finality", async () => {
  const { network, validators } = await decodeGenesis(BLOCKS.genesis);
  const header = block.decodeHeader(hex(BLOCKS.finality.header));
  const check = async (/** @type {string} */ bytes) => {
    const finality = decodeFinality(hex(bytes));
    assert.equal(toHex(encodeFinality(finality)), bytes);
    await verifyFinality(finality, header, network, 0n, validators);
  };
  for (const { bytes } of BLOCKS.finality.proofs) await check(bytes);
  for (const { name, bytes, code } of BLOCKS.finality.refused) await assertRefused(code, () => check(bytes), name);
});

// The state

testWithBoth("rows", async () => {
  const { records, ratings, window, accounts, system, refused } = load("rows.json");
  for (const vector of records) {
    const [created, updated] = [vector.created, vector.updated].map(([height, index]) => ({ height, index }));
    const record = { ...vector, account: hex(vector.account), created, updated, data: vector.data };
    const digest = await nodes.recordDigest(record);
    assert.equal(toHex(digest), vector.digest, vector.name);
    assert.deepEqual(nodes.decodeRecordValue(hex(vector.value)), { digest, live: vector.live });
  }
  for (const { stars, height, index, value } of ratings) {
    assert.deepEqual(nodes.decodeRatingValue(hex(value)), { stars, height: BigInt(height), index });
  }
  for (const { expiry, id, height, index, result, key, value } of window) {
    assert.equal(toHex(nodes.encodeWindowKey(BigInt(expiry), hex(id))), key);
    assert.deepEqual(nodes.decodeWindowValue(hex(value)), { height: BigInt(height), index, result });
    assert.equal(resultCode(result), "rating_own");
  }
  for (const vector of accounts) {
    const { account, inviter, height, index } = nodes.decodeAccountValue(hex(vector.value));
    assert.deepEqual([toHex(account), toHex(inviter), Number(height), index], [vector.account, vector.inviter, vector.height, vector.index]);
    assert.equal(toHex(await sha256(account)), vector.key);
  }
  for (const { name, content, key, value } of system) {
    assert.deepEqual([toHex(await recordHash(name)), toHex(await sha256(hex(content)))], [key, value]);
  }
  const decoders = [nodes.decodeRecordValue, nodes.decodeRatingValue, nodes.decodeWindowValue, nodes.decodeAccountValue];
  for (const { name, table, value } of refused) await assertRefused("row_malformed", () => decoders[table]?.(hex(value)), name);
});

testWithBoth("nodes", async () => {
  const { accepted, refused, refused_states: states } = load("nodes.json");
  const decode = (/** @type {Uint8Array} */ raw) => (raw[0] === 0x49 ? nodes.decodeInner(raw) : nodes.decodeLeaf(raw));
  for (const { name, bytes, hash } of accepted) {
    if (name === "state") nodes.decodeState(hex(bytes));
    else decode(hex(bytes));
    assert.equal(toHex(await sha256(hex(bytes))), hash, name);
  }
  for (const { name, bytes, code } of refused) await assertRefused(code, () => decode(hex(bytes)), name);
  for (const { name, bytes, code } of states) await assertRefused(code, () => nodes.decodeState(hex(bytes)), name);
});

testWithBoth("tries and states", async () => {
  const { tries, states } = load("tries.json");
  const inOrder = (/** @type {[string, string][]} */ rows) =>
    rows.map(([key, value]) => ({ key: hex(key), value: hex(value) })).sort((one, other) => compare(one.key, other.key));
  for (const vector of tries) {
    const made = /** @type {import("../src/bytes.js").Bytes[]} */ ([]);
    const entry = await nodes.buildTable(vector.table, inOrder(vector.rows), made);
    assert.equal(toHex(nodes.encodeEntry(entry)), vector.entry, vector.name);
    assert.deepEqual([Number(entry.sum), Number(entry.count)], [vector.sum, vector.count]);
    const inner = made.filter((node) => node[0] === 0x49);
    assert.deepEqual(hexes(inner).sort(), [...vector.inner_nodes].sort());
    assert.equal(made.length - inner.length, vector.leaf_pages);
  }
  for (const { rows, root } of states) {
    const entries = [];
    for (const [table, some] of rows.entries()) entries.push(await nodes.buildTable(table, inOrder(some)));
    assert.equal(toHex(await sha256(nodes.encodeState(entries))), root);
  }
});

// What nodes sign

testWithBoth("receipts", async () => {
  const { receipts, refused } = load("receipts.json");
  const check = async (/** @type {any} */ { bytes, signature }) => {
    const read = receipt.decodeReceipt(hex(bytes));
    await receipt.verifyReceipt(read, hex(signature ?? ""));
    return read;
  };
  for (const vector of receipts) {
    const read = await check(vector);
    assert.equal(toHex(receipt.makeReceipt(read).raw), vector.bytes);
    assert.deepEqual([Number(read.height), Number(read.expiry), toHex(read.id)], [vector.height, vector.expiry, vector.id]);
  }
  for (const vector of refused) await assertRefused(vector.code, () => check(vector), vector.name);
});

testWithBoth("signed answers", async () => {
  const { answers, refused } = load("answers.json");
  const check = async (/** @type {any} */ { bytes, signature, answer }) => {
    const form = receipt.decodeSignedForm(hex(bytes));
    await receipt.verifySignedForm(form, hex(signature ?? ""), answer);
    return form;
  };
  for (const vector of answers) {
    const form = await check(vector);
    assert.equal(toHex(receipt.makeSignedForm(form).raw), vector.bytes);
    assert.equal(toHex(await sha256(canonical(vector.params))), vector.params_hash);
    assert.equal(toHex(await sha256(utf8(vector.answer))), vector.answer_hash);
    assert.equal(form.method, vector.method);
  }
  for (const vector of refused) await assertRefused(vector.code, () => check(vector), vector.name);
  const [form] = await Promise.all(answers.map(check));
  for (const method of ["", "a".repeat(65), "é"]) {
    assert.throws(() => receipt.makeSignedForm({ ...form, method }), LocalError);
  }
});

testWithBoth("evidence", async () => {
  const { genesis: text, accepted, refused } = load("evidence.json");
  const genesis = await decodeGenesis(text);
  const find = (/** @type {bigint} */ number) => (number === 0n ? Epoch.ofGenesis(genesis) : null);
  for (const vector of accepted) {
    const evidence = decodeEvidence(hex(vector.bytes));
    assert.equal(toHex(encodeEvidence(evidence)), vector.bytes, vector.name);
    const verdict = await judge(evidence, genesis.network, find);
    assert.deepEqual(
      [verdict.kind, verdict.culprit, verdict.epoch, verdict.isProof],
      [vector.kind, vector.culprit, vector.epoch, vector.is_proof],
      vector.name,
    );
    assert.equal(Number(epochOf(evidence) ?? 0n), vector.epoch);
  }
  for (const { name, bytes, code } of refused) {
    await assertRefused(code, () => judge(decodeEvidence(hex(bytes)), genesis.network, find), name);
  }
});

testWithBoth("STUN data", async () => {
  const { network, accepted, refused } = load("stundata.json");
  for (const vector of accepted) {
    const data = await readStunData(hex(vector.bytes), hex(network));
    assert.deepEqual(
      data.endpoints.map((each) => ({ ...each, observer: toHex(each.observer) })),
      vector.endpoints,
      vector.name,
    );
    assert.deepEqual(data.nat, vector.nat);
    assert.deepEqual([toHex(data.node), String(data.sequence), Number(data.expiry)], [vector.node, vector.sequence, vector.expiry]);
    assert.deepEqual(
      data.certificates.map(({ hash, notBefore, notAfter }) => [toHex(hash), Number(notBefore), Number(notAfter)]),
      vector.certificates.map((/** @type {any} */ each) => [each.hash, each.not_before, each.not_after]),
    );
    for (const { hash, signature } of data.certificates) {
      assert.ok(await vouchesFor(data.node, hash, signature));
      assert.ok(!(await vouchesFor(data.node, data.node, signature)));
    }
    checkTime(data, vector.expiry);
    checkTime(data, vector.issued - 600);
    await assertRefused("stun_data_expired", () => checkTime(data, vector.expiry + 1), vector.name);
    await assertRefused("stun_data_future", () => checkTime(data, vector.issued - 601), vector.name);
  }
  for (const { name, bytes, code } of refused) await assertRefused(code, () => readStunData(hex(bytes), hex(network)), name);
});

// A second implementation of docs/protocol.md, checked against the vectors: node tests/vectors/check.mjs
// It needs nothing but Node.js 20 or later. Each check prints its name; the exit code is 1 if any failed.

import { createHash, createPublicKey, verify as verifySignature } from "node:crypto";
import { readFileSync } from "node:fs";

const load = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));
const hex = (text) => Buffer.from(text, "hex");
const utf8 = (text) => Buffer.from(text, "utf8");
const hash = (...parts) => createHash("sha256").update(Buffer.concat(parts.map((part) => Buffer.from(part)))).digest();
const u16 = (value) => hexNumber(value, 2), u32 = (value) => hexNumber(value, 4), u64 = (value) => hexNumber(value, 8);
const hexNumber = (value, size) => hex(BigInt(value).toString(16).padStart(2 * size, "0"));
const number = (raw, at, size) => BigInt("0x" + raw.subarray(at, at + size).toString("hex"));

let failures = 0;
function check(name, isRight) {
  console.log((isRight ? "ok    " : "FAILED ") + name);
  if (!isRight) failures += 1;
}

function verify(account, purpose, message, signature) {
  if (signature.length !== 64) return false;
  const key = createPublicKey({ key: Buffer.concat([hex("302a300506032b6570032100"), account]), format: "der", type: "spki" });
  return verifySignature(null, Buffer.concat([utf8(`cloudnode ${purpose} 1\n`), message]), key, signature);
}

function unspelled(spelling) {
  if (typeof spelling === "string") return utf8(spelling);
  return spelling.hex ? hex(spelling.hex) : utf8(spelling.parts.map(([text, times]) => text.repeat(times)).join(""));
}

function canonical(value) {
  if (Array.isArray(value)) return "[" + value.map(canonical).join(",") + "]";
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return "{" + Object.keys(value).sort().map((name) => JSON.stringify(name) + ":" + canonical(value[name])).join(",") + "}";
}

const networkOf = (text) => hash(utf8("cloudnode genesis 1\n"), utf8(text));

// The trie

const keySizes = [32, 64, 40, 32, 32], valueSizes = [33, 13, 14, 76, 32];

function sums(table, rows) {
  if (table === 0) return [0, rows.filter(([, value]) => value[32] === 1).length];
  if (table === 1) return [rows.reduce((sum, [, value]) => sum + value[0], 0), rows.length];
  return [0, 0];
}

function entry(table, rows, at = 0) {
  if (rows.length === 0) return Buffer.alloc(56);
  let node;
  if (rows.length <= 32) node = Buffer.concat([utf8("L"), Buffer.from([table]), u16(rows.length), ...rows.flat()]);
  else {
    const [first, last] = [rows[0][0].toString("hex"), rows[rows.length - 1][0].toString("hex")];
    while (first[at] === last[at]) at += 1;
    const below = [...Array(16).keys()].map((nibble) => rows.filter(([key]) => parseInt(key.toString("hex")[at], 16) === nibble));
    const bitmap = below.reduce((bits, some, nibble) => bits | (some.length ? 1 << nibble : 0), 0);
    const prefix = first.slice(0, at) + (at % 2 ? "0" : "");
    const entries = below.filter((some) => some.length).map((some) => entry(table, some, at + 1));
    node = Buffer.concat([utf8("I"), Buffer.from([table]), u16(at), hex(prefix), u16(bitmap), ...entries]);
  }
  const [sum, count] = sums(table, rows);
  return Buffer.concat([hash(node), u64(sum), u64(count), u64(rows.length)]);
}

// The walk from a root down: what is at a key, or the sum and count below a prefix. Throws where a node is missing.

function walk(root, nodes, table, wanted, isPrefix) {
  const bag = new Map(nodes.map((node) => [hash(node).toString("hex"), node]));
  const find = (hashed) => {
    const node = bag.get(hashed.toString("hex"));
    if (!node) throw new Error("proof_node_missing");
    return node;
  };
  let at = find(root).subarray(18 + 56 * table, 18 + 56 * table + 56), slot = "";
  while (number(at, 48, 8) > 0n && !(isPrefix && slot.startsWith(wanted))) {
    const node = find(at.subarray(0, 32)), isLeaf = number(at, 48, 8) <= 32n;
    if (node[0] !== (isLeaf ? 0x4c : 0x49) || node[1] !== table) throw new Error("proof_node_wrong");
    if (isLeaf) {
      const width = keySizes[table] + valueSizes[table], rows = [];
      for (let start = 4; start < node.length; start += width)
        rows.push([node.subarray(start, start + keySizes[table]), node.subarray(start + keySizes[table], start + width)]);
      if (BigInt(rows.length) !== number(at, 48, 8)) throw new Error("proof_node_wrong");
      const found = rows.filter(([key]) => key.toString("hex").startsWith(wanted));
      return isPrefix ? sums(table, found) : found.length ? found[0][1] : null;
    }
    const length = node.readUInt16BE(2), packed = Math.ceil(length / 2);
    const path = node.subarray(4, 4 + packed).toString("hex").slice(0, length), bitmap = node.readUInt16BE(4 + packed);
    if (!path.startsWith(slot)) throw new Error("proof_node_wrong");
    if (isPrefix && path.startsWith(wanted)) break;
    const nibble = parseInt(wanted[length], 16);
    if (!wanted.startsWith(path) || !(bitmap & (1 << nibble))) return isPrefix ? [0, 0] : null;
    let before = 0;
    for (let bit = 0; bit < nibble; bit += 1) before += (bitmap >> bit) & 1;
    at = node.subarray(6 + packed + 56 * before, 62 + packed + 56 * before);
    slot = path + wanted[length];
  }
  return isPrefix ? [Number(number(at, 32, 8)), Number(number(at, 40, 8))] : null;
}

function certifies(certificate, header, network, validators) {
  const blockHash = hash(utf8("cloudnode header 1\n"), header), count = certificate.readUInt16BE(49);
  if (certificate.length !== 51 + 66 * count) return false;
  const message = Buffer.concat([network, certificate.subarray(0, 49)]);
  let last = -1;
  for (let at = 51; at < certificate.length; at += 66) {
    const index = certificate.readUInt16BE(at);
    if (index <= last || index >= validators.length) return false;
    if (!verify(validators[index], "vote", message, certificate.subarray(at + 2, at + 66))) return false;
    last = index;
  }
  const quorum = validators.length - Math.floor((validators.length - 1) / 3);
  const isOf = certificate[0] === 3 && blockHash.equals(certificate.subarray(17, 49));
  return isOf && count >= quorum && network.equals(header.subarray(0, 32));
}

function isFinal(proof, header, network, validators) {
  if (proof.length < 2) return false;
  const end = 2 + 236 * proof.readUInt16BE(0);
  let last = header;
  if (proof.readUInt16BE(0) > 1024 || proof.length < end + 51) return false;
  for (let at = 2; at < end; at += 236) {
    const child = proof.subarray(at, at + 236);
    const isSame = child.subarray(0, 40).equals(header.subarray(0, 40));
    const follows = hash(utf8("cloudnode header 1\n"), last).equals(child.subarray(64, 96)) && number(child, 48, 8) === number(last, 48, 8) + 1n;
    if (!isSame || !follows || number(child, 40, 8) <= number(last, 40, 8)) return false;
    last = child;
  }
  const certificate = proof.subarray(end);
  return certificate.subarray(1, 17).equals(last.subarray(32, 48)) && certifies(certificate, last, network, validators);
}

function recordDigest(record) {
  const sized = (size, text) => [size(utf8(text ?? "").length), utf8(text ?? "")];
  return hash(
    utf8("cloudnode record 1\n"), hex(record.account), ...sized((n) => Buffer.from([n]), record.collection), ...sized(u16, record.key),
    u64(record.version), u64(record.created[0]), u32(record.created[1]), u64(record.updated[0]), u32(record.updated[1]),
    u64(record.time), Buffer.from([record.live ? 1 : 0]), ...sized(u16, record.ref), ...sized(u32, record.data),
  );
}

// The checks

check("canonical JSON", load("canonical.json").texts.every((each) => canonical(JSON.parse(each.text)) === each.canonical));
check("strict JSON is JSON", load("json.json").accepted.every((each) => canonical(JSON.parse(unspelled(each.text))) === canonical(each.value)));
check("network ids", load("genesis.json").accepted.every((each) => networkOf(each.text).toString("hex") === each.network));

const operations = load("operations.json");
check("operation ids", operations.accepted.every((each) => hash(unspelled(each.body)).toString("hex") === each.id));
const isSigned = (each, account) => verify(hex(account), "operation", unspelled(each.body), hex(each.signature));
check("operation signatures", operations.accepted.every((each) => isSigned(each, each.account)));
check("wrong signatures", operations.wrong_signatures.every((each) => !isSigned(each, operations.accepted[0].account)));

const appointments = operations.appointments, present = appointments.validators.map(hex);
function appoints({ body }) {
  const { epoch, validators, approvals } = JSON.parse(body);
  const message = Buffer.concat([networkOf(appointments.genesis), u64(epoch), ...validators.map(hex)]);
  const isTrue = (each) => each.validator < present.length && verify(present[each.validator], "appoint", message, hex(each.signature));
  const enough = approvals.length >= present.length - Math.floor((present.length - 1) / 3);
  return epoch === appointments.epoch && enough && approvals.every(isTrue);
}
check("appointments", appointments.accepted.every(appoints));
check("refused appointments", !appointments.refused.some(appoints));

const blocks = load("blocks.json");
check("block hashes", blocks.headers.every((each) => hash(utf8("cloudnode header 1\n"), hex(each.bytes)).toString("hex") === each.hash));
check("operations hashes", blocks.operations_hashes.every((each) => hash(utf8("cloudnode operations 1\n"), ...each.ids.map(hex)).toString("hex") === each.hash));
check("signatures hashes", blocks.signatures_hashes.every((each) => hash(utf8("cloudnode signatures 1\n"), ...each.signatures.map(hex)).toString("hex") === each.hash));
const setHash = (keys) => keys.length ? hash(utf8("cloudnode validators 1\n"), ...keys) : Buffer.alloc(32);
check("validators hashes", blocks.validators_hashes.every((each) => setHash(each.validators.map(hex)).toString("hex") === each.hash));
const voters = JSON.parse(blocks.genesis).validators.map(hex);
check("votes", blocks.votes.every((each) => verify(voters[each.validator], "vote", hex(each.message), hex(each.signature))));

const isProof = (each) => isFinal(hex(each.bytes), hex(blocks.finality.header), networkOf(blocks.genesis), voters);
check("finality proofs", blocks.finality.proofs.every(isProof));
check("refused finality proofs", !blocks.finality.refused.some(isProof));

// Epochs: those that follow from the genesis alone, each with its validators and where it begins and ends.
const finality = ({ certificate, descendants }) => Buffer.concat([u16(descendants.length), ...descendants.map(hex), hex(certificate)]);
function follow(genesis, told) {
  const network = networkOf(genesis);
  let validators = JSON.parse(genesis).validators.map(hex), base = 0n;
  const epochs = [];
  for (const [index, { epoch, validators: keys, end }] of told.entries()) {
    if (epoch !== index || !Buffer.concat(keys.map(hex)).equals(Buffer.concat(validators))) return null;
    epochs.push({ validators, base, last: null });
    if (end === null) break;
    const header = hex(end.header), next = told[index + 1];
    const isOf = number(header, 32, 8) === BigInt(epoch) && number(header, 48, 8) > base;
    if (!isOf || !isFinal(finality(end), header, network, validators)) return null;
    validators = next.validators.map(hex);
    if (!setHash(validators).equals(header.subarray(204, 236))) return null;
    base = epochs[index].last = number(header, 48, 8);
  }
  return epochs;
}
const history = load("epochs.json"), followed = follow(history.genesis, history.epochs);
check("epochs", canonical(followed.map(({ base }) => Number(base))) === canonical(history.bases));
check("refused epochs", history.refused.every((each) => follow(history.genesis, each.epochs) === null));
function isInChain(each) {
  const header = hex(each.header), epoch = followed[Number(number(header, 32, 8))], height = number(header, 48, 8);
  if (!epoch || height <= epoch.base || (epoch.last !== null && height > epoch.last)) return false;
  return isFinal(finality(each), header, networkOf(history.genesis), epoch.validators);
}
check("headers of several epochs", history.headers.every(isInChain));
check("refused headers of several epochs", !history.refused_headers.some(isInChain));

const inOrder = (rows) => rows.map(([key, value]) => [hex(key), hex(value)]).sort(([one], [other]) => Buffer.compare(one, other));
const tries = load("tries.json");
check("tries", tries.tries.every((each) => entry(each.table, inOrder(each.rows)).toString("hex") === each.entry));
const rootOf = (tables) => hash(utf8("cloudnode state 1\n"), ...tables.map((rows, table) => entry(table, inOrder(rows)))).toString("hex");
check("state roots", tries.states.every((each) => rootOf(each.rows) === each.root));
check("record digests", load("rows.json").records.every((each) => recordDigest(each).toString("hex") === each.digest));

const proofs = load("proofs.json"), header = hex(proofs.header), root = hex(proofs.root);
const network = networkOf(proofs.genesis), validators = JSON.parse(proofs.genesis).validators.map(hex);
check("certified header", certifies(hex(proofs.certificate), header, network, validators));
check("header carries the root", header.subarray(140, 172).equals(root) && Number(number(header, 132, 8)) === proofs.height);

function answer({ question }, nodes) {
  const at = (table, key) => walk(root, nodes, table, key.toString("hex"), false);
  const place = (value, start) => ({ height: Number(number(value, start, 8)), index: value.readUInt32BE(start + 8) });
  if (question.record) return at(0, hash(utf8(question.record)))?.toString("hex") ?? null;
  if (question.ratings) return walk(root, nodes, 1, hash(utf8(question.ratings)).toString("hex"), true);
  if (question.system) return at(4, hash(utf8(question.system)))?.toString("hex") ?? null;
  if (question.rating) {
    const value = at(1, Buffer.concat([hash(utf8(question.rating)), hash(hex(question.account))]));
    return value && { stars: value[0], ...place(value, 1) };
  }
  if (question.account) {
    const value = at(3, hash(hex(question.account)));
    return value && { inviter: value.subarray(32, 64).toString("hex"), ...place(value, 64) };
  }
  const value = at(2, Buffer.concat([u64(question.expiry), hex(question.operation)]));
  return value && { ...place(value, 0), result: value.readUInt16BE(12) };
}

for (const each of proofs.proven) {
  const nodes = each.nodes.map(hex);
  const isRecord = each.question.record && each.answer;
  const wanted = isRecord ? recordDigest(each.answer).toString("hex") + (each.answer.live ? "01" : "00") : each.answer;
  check(`proof: ${each.name}`, canonical(answer(each, nodes)) === canonical(wanted));
  for (const left of nodes.keys()) {
    let isMissed = false;
    try { answer(each, nodes.filter((_, index) => index !== left)); } catch { isMissed = true; }
    if (!isMissed) check(`proof without node ${left}: ${each.name}`, false);
  }
}

for (const [file, list, purpose] of [["receipts.json", "receipts", "receipt"], ["answers.json", "answers", "answer"]])
  for (const each of load(file)[list]) {
    check(`signed ${purpose}`, verify(hex(each.node), purpose, hex(each.bytes), hex(each.signature)));
    if (each.params) {
      check("hash of parameters", hash(utf8(canonical(each.params))).toString("hex") === each.params_hash);
      check("hash of the answer", hash(utf8(each.answer)).toString("hex") === each.answer_hash);
    }
  }

// Evidence: what it is and whom it names, or an error.
const evidence = load("evidence.json"), judges = JSON.parse(evidence.genesis).validators.map(hex), home = networkOf(evidence.genesis);
const need = (holds) => { if (!holds) throw new Error("shows nothing"); };
const comparable = ["getrecord", "listrecords", "getratings", "getaccount", "getdatahash"];

function judge(raw) {
  need(raw.length >= 33 && raw.length <= 65536 && raw.subarray(1, 33).equals(home));
  let at = 33;
  const take = (size) => { need(at + size <= raw.length); at += size; return raw.subarray(at - size, at); };
  const counted = () => take(take(2).readUInt16BE(0));
  const inOrder = (one, other) => need(at === raw.length && Buffer.compare(one, other) <= 0);
  const signedAnswer = () => {
    const start = at, bytes = counted(), signature = take(64);
    need(bytes.length === 173 + bytes[172]);
    const node = bytes.subarray(32, 64), method = bytes.subarray(173).toString();
    const isSigned = () => need(bytes.subarray(0, 32).equals(home) && verify(node, "answer", bytes, signature));
    return { raw: raw.subarray(start, at), bytes, node, method, root: bytes.subarray(76, 108), isSigned };
  };
  const final = (header) => need(isFinal(raw.subarray(at), header, home, judges));
  if (raw[0] === 1) {
    const [one, other] = [take(115), take(115)], field = (vote, from, to) => vote.subarray(from, to).toString("hex");
    const vote = (each) => ({ kind: each[0], slot: field(each, 1, 17), hash: field(each, 17, 49), index: each.readUInt16BE(49), each });
    const [first, second] = [vote(one), vote(other)], kinds = [first.kind, second.kind];
    inOrder(one, other);
    need(first.slot === second.slot && first.index === second.index && number(one, 1, 8) === 0n);
    need(kinds[0] !== kinds[1] && kinds.includes(2) ? kinds.includes(3) : first.hash !== second.hash);
    for (const { kind, each } of [first, second])
      need(verify(judges[first.index], "vote", Buffer.concat([home, Buffer.from([kind]), each.subarray(1, 49)]), each.subarray(51)));
    return ["votes", judges[first.index]];
  }
  if (raw[0] === 2) {
    const [one, other] = [signedAnswer(), signedAnswer()];
    const question = ({ bytes }) => Buffer.concat([bytes.subarray(0, 76), bytes.subarray(108, 140), bytes.subarray(172)]);
    inOrder(one.raw, other.raw);
    need(question(one).equals(question(other)) && !one.bytes.equals(other.bytes) && comparable.includes(one.method));
    one.isSigned(), other.isSigned();
    return ["answers", one.node];
  }
  if (raw[0] === 3) {
    const answer = signedAnswer(), header = take(236), state = counted(), root = header.subarray(140, 172);
    need(number(header, 132, 8) === number(answer.bytes, 68, 8));
    if (!state.length) need(!root.equals(answer.root));
    else {
      const sum = (table, offset) => number(state, 18 + 56 * table + offset, 8);
      const text = `{"height":${number(header, 132, 8)},"root":"${root.toString("hex")}","ratings_sum":${sum(1, 32)},` +
        `"ratings_count":${sum(1, 40)},"records":${sum(0, 40)},"accounts":${sum(3, 48)}}`;
      need(answer.method === "getdatahash" && hash(state).equals(root) && root.equals(answer.root));
      need(answer.bytes.subarray(108, 140).equals(hash(utf8("{}"))) && !hash(utf8(text)).equals(answer.bytes.subarray(140, 172)));
    }
    answer.isSigned(), final(header);
    return ["answer", answer.node];
  }
  need(raw[0] === 4);
  const receipt = take(112), signature = take(64), header = take(236);
  const nodes = Array.from({ length: take(2).readUInt16BE(0) }, counted), expiry = receipt.subarray(104);
  need(expiry.equals(header.subarray(132, 140)) && verify(receipt.subarray(64, 96), "receipt", receipt, signature));
  final(header);
  const key = Buffer.concat([expiry, receipt.subarray(32, 64)]);
  need(!walk(header.subarray(140, 172), nodes, 2, key.toString("hex"), false));
  return ["receipt", receipt.subarray(64, 96)];
}

for (const each of evidence.accepted) {
  let found = [];
  try { found = judge(hex(each.bytes)); } catch (error) { found = [error.message]; }
  check(`evidence: ${each.name}`, found[0] === each.kind && found[1]?.toString("hex") === each.culprit);
}
for (const each of evidence.refused) {
  let isRefused = false;
  try { judge(hex(each.bytes)); } catch { isRefused = true; }
  check(`refused evidence: ${each.name}`, isRefused);
}

// STUN data

const stunData = load("stundata.json");
const natNames = { mapping: ["unknown", "none", "endpoint-independent", "address-dependent", "address-and-port-dependent"],
  ports: ["unknown", "no", "yes"], syn: ["unknown", "accepted", "dropped", "reset"] };
natNames.filtering = natNames.mapping; natNames.hairpin = natNames.ports;

function readStunData(bytes) {
  const raw = bytes.subarray(0, -64), data = { endpoints: [], certificates: [], nat: {} };
  let at = 0;
  const take = (size) => { if (at + size > raw.length) throw new Error("malformed"); return raw.subarray(at, at += size); };
  const named = (names) => { const name = names[take(1)[0]]; if (name === undefined) throw new Error("malformed"); return name; };
  if (bytes.length > 4096) throw new Error("too_large");
  Object.assign(data, { network: take(32).toString("hex"), node: take(32).toString("hex") });
  for (const name of ["sequence", "issued", "expiry"]) data[name] = number(take(8), 0, 8);
  if (data.expiry < data.issued || data.expiry > data.issued + 3600n) throw new Error("malformed");
  for (const name of ["mapping", "filtering", "ports", "hairpin", "syn"]) data.nat[name] = named(natNames[name]);
  for (let left = take(1)[0]; left > 0; left -= 1) {
    const [protocol, source] = [named(["udp", "tcp"]), named(["stun", "interface", "router"])];
    const [port, observer, length] = [take(2).readUInt16BE(), take(32).toString("hex"), take(1)[0]], address = [...take(length)];
    const [a, b] = address, isMapped = length === 16 && address.slice(0, 12).join() === "0,0,0,0,0,0,0,0,0,0,255,255";
    if (![4, 16].includes(length) || port === 0 || isMapped) throw new Error("malformed");
    if (length === 4 && ([0, 10, 127].includes(a) || a >= 224 || (a === 100 && b >> 6 === 1) || (a === 169 && b === 254)
        || (a === 172 && b >> 4 === 1) || (a === 192 && b === 168))) throw new Error("malformed");
    data.endpoints.push({ protocol, source, port, observer });
  }
  for (let left = take(1)[0]; left > 0; left -= 1)
    data.certificates.push({ hash: take(32).toString("hex"), not_before: number(take(8), 0, 8), not_after: number(take(8), 0, 8), signature: take(64) });
  if (at !== raw.length || data.endpoints.length > 64 || data.certificates.length > 4) throw new Error("malformed");
  if (data.network !== stunData.network) throw new Error("network");
  if (!verify(hex(data.node), "stun data", raw, bytes.subarray(-64))) throw new Error("signature");
  return data;
}

for (const each of stunData.accepted) {
  const data = readStunData(hex(each.bytes));
  const same = data.endpoints.every((one, index) => ["protocol", "source", "port", "observer"].every((name) => one[name] === each.endpoints[index][name]));
  const vouched = data.certificates.every((one, index) => one.hash === each.certificates[index].hash && verify(hex(data.node), "tls", hex(one.hash), one.signature));
  check(`STUN data: ${each.name}`, same && vouched && data.endpoints.length === each.endpoints.length
    && String(data.sequence) === each.sequence && Object.entries(each.nat).every(([name, value]) => data.nat[name] === value));
}
for (const each of stunData.refused) {
  let code = "none";
  try { readStunData(hex(each.bytes)); } catch (error) { code = `stun_data_${error.message}`; }
  check(`refused STUN data: ${each.name}`, code === each.code);
}

process.exit(failures ? 1 : 0);

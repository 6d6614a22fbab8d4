// Checks a record at a node that nobody need trust, as a stranger would: written from docs/protocol.md and docs/api.md alone,
// with nothing of this project's code and nothing but Node.js 18 or later.
//
//   node examples/stranger.mjs http://localhost:38081 NETWORK ACCOUNT/COLLECTION/KEY
//
// NETWORK is the network's id, from whoever you trust to tell it. Prints what is proven and ends with 0, or says what is
// wrong and ends with 1. The numbers in brackets are chapters of docs/protocol.md.

import { createHash, createPublicKey, verify } from "node:crypto";

const utf8 = (text) => Buffer.from(text, "utf8");
const hash = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();

function ensure(holds, problem) {
  if (!holds) throw new Error(problem);
}

function hex(text) {
  ensure(typeof text === "string" && /^([0-9a-f]{2})*$/.test(text), "the node sent something else than hex");
  return Buffer.from(text, "hex");
}

function unsigned(value, size) {
  return Buffer.from(BigInt(value).toString(16).padStart(2 * size, "0"), "hex");
}

// Reads fields from the front of bytes; fails if there are too few, or some are left over.
class Fields {
  constructor(raw) {
    this.raw = raw;
    this.at = 0;
  }
  bytes(size) {
    ensure(this.at + size <= this.raw.length, "the node sent too few bytes");
    return this.raw.subarray(this.at, (this.at += size));
  }
  number(size) {
    return Number(BigInt("0x" + this.bytes(size).toString("hex")));
  }
  end() {
    ensure(this.at === this.raw.length, "the node sent bytes that nothing explains");
  }
}

// [2] An Ed25519 signature over a purpose tag and a message.
function isSigned(key, purpose, message, signature) {
  const prefix = hex("302a300506032b6570032100"); // RFC 8410: what comes before the 32 bytes of a key
  const known = createPublicKey({ key: Buffer.concat([prefix, key]), format: "der", type: "spki" });
  return verify(null, Buffer.concat([utf8(`cloudnode ${purpose} 1\n`), message]), known, signature);
}

// [9] A header.
function readHeader(raw) {
  const fields = new Fields(raw);
  const header = {
    raw,
    hash: hash(utf8("cloudnode header 1\n"), raw),
    network: fields.bytes(32),
    epoch: fields.number(8),
    view: fields.number(8),
    height: fields.number(8),
    time: fields.number(8),
    parent: fields.bytes(32),
    operations: fields.bytes(36),
    rootHeight: fields.number(8),
    root: fields.bytes(32),
    signatures: fields.bytes(32),
    nextValidators: fields.bytes(32),
  };
  fields.end();
  ensure(header.rootHeight < header.height, "header_malformed");
  return header;
}

// [11] Whether a header is final by a quorum of these validators. `epoch` has number and validators.
function checkFinal(network, epoch, header, proof) {
  let last = header;
  ensure(header.network.equals(network), "header_network");
  ensure(header.epoch === epoch.number, "header_epoch");
  ensure(proof.descendants.length <= 1024, "finality_malformed");
  for (const text of proof.descendants) {
    const next = readHeader(hex(text));
    ensure(next.network.equals(network), "header_network");
    ensure(next.epoch === epoch.number, "header_epoch");
    ensure(next.parent.equals(last.hash) && next.height === last.height + 1 && next.view > last.view, "finality_chain");
    last = next;
  }
  const fields = new Fields(hex(proof.certificate));
  const [kind, number, view] = [fields.number(1), fields.number(8), fields.number(8)];
  const block = fields.bytes(32);
  const votes = fields.number(2);
  ensure(kind === 3, "certificate_kind");
  ensure(number === epoch.number, "header_epoch");
  ensure(view === last.view && block.equals(last.hash), "certificate_block");
  // [10] What each of them signed.
  const vote = Buffer.concat([network, unsigned(kind, 1), unsigned(number, 8), unsigned(view, 8), block]);
  let before = -1;
  for (let count = 0; count < votes; count += 1) {
    const index = fields.number(2);
    const signature = fields.bytes(64);
    ensure(index > before, "certificate_malformed");
    ensure(index < epoch.validators.length, "certificate_validator");
    ensure(isSigned(epoch.validators[index], "vote", vote, signature), "certificate_signature");
    before = index;
  }
  fields.end();
  const all = epoch.validators.length;
  ensure(votes >= all - Math.floor((all - 1) / 3), "certificate_quorum");
}

// [12] Sizes of keys and values by table.
const SIZES = [[32, 33], [64, 13], [40, 14], [32, 76], [32, 32]];
const RECORDS = 0;
const RATINGS = 1;

function readEntry(fields) {
  return { hash: fields.bytes(32), sum: fields.number(8), count: fields.number(8), rows: fields.number(8) };
}

// [13] Walk from an entry of a table towards a key, or the beginning of keys, in hex. What is found: the value of that key or
// null, and the sum and number over all rows that begin with it.
function descend(nodes, table, entry, wanted) {
  let slot = "";
  const nothing = { value: null, sum: 0, count: 0 };
  for (;;) {
    if (entry.rows === 0) return nothing;
    if (slot.startsWith(wanted)) return { value: null, sum: entry.sum, count: entry.count };
    const raw = nodes.get(entry.hash.toString("hex"));
    ensure(raw, "proof_node_missing");
    const fields = new Fields(raw);
    const isLeaf = entry.rows <= 32;
    ensure(fields.number(1) === (isLeaf ? 0x4c : 0x49) && fields.number(1) === table, "proof_node_wrong");
    if (isLeaf) {
      const found = { ...nothing };
      let [sum, count, before] = [0, 0, ""];
      const rows = fields.number(2);
      for (let row = 0; row < rows; row += 1) {
        const key = fields.bytes(SIZES[table][0]).toString("hex");
        const value = fields.bytes(SIZES[table][1]);
        const [stars, one] = table === RATINGS ? [value[0], 1] : [0, table === RECORDS ? value[32] : 0];
        ensure(key > before && key.startsWith(slot), "proof_node_wrong");
        before = key;
        sum += stars;
        count += one;
        if (!key.startsWith(wanted)) continue;
        if (key === wanted) found.value = value;
        found.sum += stars;
        found.count += one;
      }
      fields.end();
      ensure(rows === entry.rows && sum === entry.sum && count === entry.count, "proof_node_wrong");
      return found;
    }
    const length = fields.number(2);
    const prefix = fields.bytes(Math.ceil(length / 2)).toString("hex").slice(0, length);
    ensure(prefix.startsWith(slot), "proof_node_wrong");
    const bitmap = fields.number(2);
    const children = new Map();
    for (let nibble = 0; nibble < 16; nibble += 1) if (bitmap & (1 << nibble)) children.set(nibble, readEntry(fields));
    fields.end();
    const total = (name) => [...children.values()].reduce((sum, child) => sum + child[name], 0);
    ensure(["sum", "count", "rows"].every((name) => total(name) === entry[name]), "proof_node_wrong");
    if (prefix.startsWith(wanted)) return { value: null, sum: entry.sum, count: entry.count };
    if (!wanted.startsWith(prefix)) return nothing;
    const next = parseInt(wanted[length], 16);
    if (!children.has(next)) return nothing;
    entry = children.get(next);
    slot = prefix + wanted[length];
  }
}

// The exact text of a member of the outermost object inside a JSON text: of `data` its author's bytes count, which
// parsing would lose.
function textOf(text, names) {
  const string = /"(?:[^"\\]|\\.)*"/y;
  const value = (from) => {
    let depth = 0;
    for (let at = from; at < text.length; at += 1) {
      string.lastIndex = at;
      const quoted = text[at] === '"' && string.exec(text);
      if (quoted) at += quoted[0].length - 1;
      else if ("{[".includes(text[at])) depth += 1;
      else if ("}]".includes(text[at]) && depth-- === 0) return at;
      else if (text[at] === "," && depth === 0) return at;
    }
    throw new Error("the node sent something else than JSON");
  };
  let [from, to] = [0, text.length];
  for (const name of names) {
    let at = text.indexOf("{", from) + 1;
    for (;;) {
      string.lastIndex = text.indexOf('"', at);
      const [member] = string.exec(text);
      const begin = text.indexOf(":", string.lastIndex) + 1;
      const end = value(begin);
      ensure(end < to, `the answer has no ${name}`);
      if (JSON.parse(member) === name) {
        [from, to] = [begin, end];
        break;
      }
      at = end + 1;
    }
  }
  return text.slice(from, to).trim();
}

// [12] The digest of a record, from all that the node says of it.
function recordDigest(record, data) {
  const place = ({ height, index }) => Buffer.concat([unsigned(height, 8), unsigned(index, 4)]);
  const counted = (raw, size) => Buffer.concat([unsigned(raw.length, size), raw]);
  return hash(
    utf8("cloudnode record 1\n"), hex(record.account), counted(utf8(record.collection), 1), counted(utf8(record.key), 2),
    unsigned(record.version, 8), place(record.created), place(record.updated), unsigned(record.time, 8),
    unsigned(record.deleted ? 0 : 1, 1), counted(utf8(record.ref ?? ""), 2),
    counted(record.deleted ? Buffer.alloc(0) : utf8(data), 4),
  );
}

async function ask(url, method, params, context) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params, ...(context && { context }) });
  const text = await (await fetch(url, { method: "POST", body, headers: { "content-type": "application/json" } })).text();
  return { text, answer: JSON.parse(text) };
}

async function result(url, method, params) {
  const { answer } = await ask(url, method, params);
  ensure(answer.result, `${method}: ${answer.error?.message}`);
  return answer.result;
}

// [16] From the genesis over all epochs to the present one.
async function followEpochs(url, network) {
  const { genesis } = await result(url, "getgenesis", {});
  ensure(hash(utf8("cloudnode genesis 1\n"), utf8(genesis)).equals(network), "the node has the genesis of another network"); // [6]
  const epochs = [{ number: 0, validators: JSON.parse(genesis).validators.map(hex), base: 0 }];
  for (let after = null; ; ) {
    const page = await result(url, "getepochs", { after });
    for (const { epoch, validators, end } of page.epochs) {
      const known = epochs[epoch];
      ensure(known && known.validators.every((key, index) => key.equals(hex(validators[index]))), "block_validators");
      if (end === null) continue;
      known.last = readHeader(hex(end.header));
      checkFinal(network, known, known.last, end);
      ensure(known.last.height > known.base, "header_discarded");
      ensure(known.last.nextValidators.some((byte) => byte !== 0), "epoch_goes_on");
      const next = page.epochs.find((other) => other.epoch === epoch + 1) ?? (await result(url, "getepochs", { after: epoch })).epochs[0];
      const keys = next.validators.map(hex);
      ensure(hash(utf8("cloudnode validators 1\n"), ...keys).equals(known.last.nextValidators), "block_validators");
      epochs[epoch + 1] = { number: epoch + 1, validators: keys, base: known.last.height };
    }
    after = page.next;
    if (after === null) return epochs;
  }
}

async function checkRecord(url, network, address) {
  const [account, collection, ...rest] = address.split("/");
  const { text, answer } = await ask(url, "getrecord", { account, collection, key: rest.join("/") }, { proof: true });
  ensure(answer.result || answer.error?.data?.code === "record_unknown", `getrecord: ${answer.error?.message}`);
  const proof = answer.context.proof;
  // The root is that of a final header.
  const header = readHeader(hex(proof.header));
  const epochs = await followEpochs(url, network);
  ensure(epochs[header.epoch], "header_epoch");
  const { base, last } = epochs[header.epoch];
  ensure(header.height > base && (!last || header.height <= last.height), "header_discarded");
  checkFinal(network, epochs[header.epoch], header, proof);
  ensure(header.rootHeight === proof.height && proof.height === answer.context.height, "proof_height");
  ensure(header.root.equals(hex(proof.root)), "proof_root");
  // The state is that of the root.
  const nodes = new Map(proof.nodes.map(hex).map((raw) => [hash(raw).toString("hex"), raw]));
  const state = nodes.get(header.root.toString("hex"));
  ensure(state, "proof_node_missing");
  const fields = new Fields(state);
  ensure(fields.bytes(18).equals(utf8("cloudnode state 1\n")), "node_malformed");
  const tables = SIZES.map(() => readEntry(fields));
  fields.end();
  // The answer is what the state says.
  const key = hash(utf8(address)).toString("hex");
  const { value } = descend(nodes, RECORDS, tables[RECORDS], key);
  if (!answer.result) {
    ensure(value === null, "the node denies a record that there is");
    return { height: proof.height, record: null };
  }
  const record = answer.result;
  ensure(`${record.account}/${record.collection}/${record.key}` === address, "the node answered for another record");
  ensure(value !== null, "there is no such record");
  ensure(value.subarray(0, 32).equals(recordDigest(record, textOf(text, ["result", "data"]))), "proof_row_wrong");
  ensure(value[32] === (record.deleted ? 0 : 1), "proof_row_wrong");
  const ratings = descend(nodes, RATINGS, tables[RATINGS], key);
  ensure(ratings.sum === record.ratings_sum && ratings.count === record.ratings_count, "the sum of the ratings is wrong");
  return { height: proof.height, record };
}

const [url, network, address] = process.argv.slice(2);
if (!address || !/^[0-9a-f]{64}$/.test(network)) {
  console.error("usage: node stranger.mjs URL NETWORK ACCOUNT/COLLECTION/KEY");
  process.exit(2);
}
try {
  const { height, record } = await checkRecord(url, hex(network), address);
  if (record === null) console.log(`PROVEN at height ${height}: there is no such record.`);
  else {
    console.log(`PROVEN at height ${height}: version ${record.version}, ${record.ratings_count} ratings, sum ${record.ratings_sum}`);
    console.log(JSON.stringify(record.data));
  }
} catch (error) {
  console.error(`NOT PROVEN: ${error.message}`);
  process.exitCode = 1;
}

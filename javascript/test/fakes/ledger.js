/**
 * A network in memory whose nodes sign and prove as real ones do: one validator, blocks of operations, a state of the
 * window table and of records. What a node is to lie about, a test changes.
 */

import {concat, compare, toHex, u16, u32, u64, u8, utf8} from "../../src/bytes.js";
import {sha256} from "../../src/crypto.js";
import {recordHash} from "../../src/formats/addresses.js";
import {
  FINALIZE, NOTHING, encodeCertificate, encodeHeader, headerHash, operationsHash, signaturesHash, validatorsHash,
  voteMessage,
} from "../../src/formats/block.js";
import {RESULTS} from "../../src/formats/codes.js";
import {decodeGenesis} from "../../src/formats/genesis.js";
import {ANSWER, RECEIPT, SigningKey, VOTE} from "../../src/formats/keys.js";
import {NO_ROWS, RECORDS, WINDOW, buildTable, encodeState, encodeWindowKey, recordDigest} from "../../src/formats/nodes.js";
import {dataHashText} from "../../src/formats/proof.js";
import {PROTOCOL, makeReceipt, makeSignedForm} from "../../src/formats/receipt.js";
import {Client} from "../../src/session/client.js";
import {ConnectionFailed} from "../../src/session/errors.js";
import {FakeConnection, FakeNode} from "./network.js";

/** @typedef {import("../../src/bytes.js").Bytes} Bytes */
/** @typedef {import("../../src/session/writer.js").SignedOperation} SignedOperation */
/** @typedef {{id: string, body: string, signature: string, expiry: number, result: string, written: any}} Logged */

export const WINDOW_HEIGHTS = 20;

/** @param {number} number */
const key = (number) => SigningKey.fromSeed(new Uint8Array(32).fill(number));

export class FakeLedger {
  /** @type {{raw: Bytes, hash: Bytes, certificate: Bytes, operations: Logged[]}[]} */
  blocks = [];
  /** By height. @type {{root: Bytes, nodes: Bytes[], text: string}[]} */
  states = [];
  /** Operations that wait for a block. @type {SignedOperation[]} */
  waiting = [];
  /** @type {LedgerNode[]} */
  nodes = [];
  /** As `getepochs` tells them. @type {{epoch: number, validators: string[], end: any}[]} */
  epochs;

  /** @param {import("../../src/formats/genesis.js").Genesis} genesis @param {SigningKey} validator @param {import("./clock.js").FakeClock} clock */
  constructor(genesis, validator, clock) {
    this.genesis = genesis;
    this.validator = validator;
    this.clock = clock;
    this.epochs = [{epoch: 0, validators: [validator.account], end: null}];
  }

  /** @param {import("./clock.js").FakeClock} clock @param {...string} urls */
  static async begin(clock, ...urls) {
    const validator = await key(1);
    const parameters = {
      pace_ms: 200, heartbeat_ms: 10000, window: WINDOW_HEIGHTS, max_operation_bytes: 131072, max_block_operations: 2000,
      max_block_bytes: 4194304, admission: {policy: "open"},
    };
    const genesis = await decodeGenesis(
      JSON.stringify({format: 1, name: "fake", time: 0, validators: [validator.account], parameters}),
    );
    const ledger = new FakeLedger(genesis, validator, clock);
    await ledger.#execute();
    for (const [at, url] of urls.entries()) ledger.nodes.push(new LedgerNode(ledger, url, await key(100 + at)));
    await ledger.block();
    await ledger.block();
    return ledger;
  }

  get height() {
    return this.blocks.length;
  }

  /** Make a block of what waits. @param {SigningKey | null} [next] Who decides from then on, if it ends the epoch. */
  async block(next = null) {
    const height = this.height + 1;
    const operations = this.waiting.map((each) => ({...each, written: JSON.parse(each.body), result: "ok"}));
    this.waiting = [];
    const state = this.states[height - 1];
    const bytes = (/** @type {string} */ hex) => Uint8Array.from(Buffer.from(hex, "hex"));
    const fields = {
      height: BigInt(height), parent: this.blocks.at(-1)?.hash ?? this.genesis.network,
      operationsHash: await operationsHash(operations.map((each) => bytes(each.id))), operationsCount: operations.length,
      rootHeight: BigInt(height - 1), root: state?.root ?? NOTHING,
      signaturesHash: await signaturesHash(operations.map((each) => bytes(each.signature))),
      nextValidators: next ? await validatorsHash([next.publicKey]) : NOTHING,
    };
    const made = await this.finalize(fields);
    this.blocks.push({...made, operations});
    await this.#execute();
    const ended = next && this.epochs.at(-1);
    if (next && ended) {
      ended.end = tellFinal(made);
      this.epochs.push({epoch: ended.epoch + 1, validators: [next.account], end: null});
      this.validator = next;
    }
    for (const node of this.nodes) for (const each of node.connections) each.pump();
  }

  /**
   * A final header of the epoch that goes on.
   *
   * @param {Omit<import("../../src/formats/block.js").HeaderFields, "network" | "epoch" | "view" | "time">} fields
   */
  async finalize(fields) {
    const [epoch, view] = [BigInt(this.epochs.length - 1), fields.height];
    const raw = encodeHeader({...fields, network: this.genesis.network, epoch, view, time: fields.height});
    const hash = await headerHash({raw});
    const vote = {kind: FINALIZE, epoch, view, hash};
    const signature = await this.validator.sign(VOTE, voteMessage(this.genesis.network, vote));
    return {raw, hash, certificate: encodeCertificate({...vote, signatures: [{validator: 0, signature}]})};
  }

  /**
   * End the epoch with a block of the one operation that waits.
   *
   * @param {SigningKey} next Who decides from then on.
   * @returns {Promise<any>} What was built on it before that was known: final by the epoch's validators, and discarded.
   */
  async endEpoch(next) {
    const {validator, epochs} = this;
    await this.block(next);
    const nothing = {operationsHash: await operationsHash([]), operationsCount: 0, signaturesHash: await signaturesHash([])};
    const [last, state] = [this.blocks.at(-1), this.states[this.height]];
    const before = {genesis: this.genesis, validator, epochs: epochs.slice(0, -1)};
    const made = await FakeLedger.prototype.finalize.call(before, {
      ...nothing, height: BigInt(this.height + 1), parent: last?.hash ?? NOTHING, rootHeight: BigInt(this.height),
      root: state?.root ?? NOTHING, nextValidators: NOTHING,
    });
    return {...tellFinal(made), operations: []};
  }

  /** The operations that the window table knows at a height. @param {number} height */
  #window(height) {
    return this.blocks.slice(0, height).flatMap(({operations}, at) => operations.map((each, index) => ({...each, height: at + 1, index})))
      .filter((each) => each.expiry >= height);
  }

  /** Its records at a height, each as last written. @param {number} height */
  records(height) {
    const records = new Map();
    this.blocks.slice(0, height).forEach(({operations}, at) => operations.forEach(({written}, index) => {
      const place = {height: at + 1, index};
      const {account, collection, key: name, data, time, ref = null} = written;
      const address = `${account}/${collection}/${name}`;
      const before = records.get(address);
      records.set(address, {
        account, collection, key: name, data, ref, version: (before?.version ?? 0) + 1, deleted: false,
        created: before?.created ?? place, updated: place, time, ratings_sum: 0, ratings_count: 0,
      });
    }));
    return records;
  }

  async #execute() {
    const height = this.height;
    const window = this.#window(height).map(({id, expiry, height: at, index, result}) => ({
      key: encodeWindowKey(BigInt(expiry), Uint8Array.from(Buffer.from(id, "hex"))),
      value: concat(u64(at), u32(index), u16(RESULTS.findIndex(([name]) => name === result))),
    }));
    const records = await Promise.all([...this.records(height)].map(async ([address, record]) => ({
      key: await recordHash(address),
      value: concat(
        await recordDigest({
          ...record, account: Uint8Array.from(Buffer.from(record.account, "hex")), live: true, data: JSON.stringify(record.data),
        }),
        u8(1),
      ),
    })));
    const inOrder = (/** @type {{key: Bytes, value: Bytes}[]} */ rows) => rows.sort((one, other) => compare(one.key, other.key));
    /** @type {Bytes[]} */
    const nodes = [];
    const entries = [NO_ROWS, NO_ROWS, NO_ROWS, NO_ROWS, NO_ROWS];
    entries[RECORDS] = await buildTable(RECORDS, inOrder(records), nodes);
    entries[WINDOW] = await buildTable(WINDOW, inOrder(window), nodes);
    const state = encodeState(entries);
    const root = await sha256(state);
    const totals = {height: BigInt(height), root, ratingsSum: 0n, ratingsCount: 0n, records: BigInt(records.length), accounts: 0n};
    this.states.push({root, nodes: [state, ...nodes], text: dataHashText(totals)});
  }

  /** What a session connects with in place of the transports. @type {(place: import("../../src/session/directory.js").Place) => Promise<Client>} */
  connect = async (place) => {
    const node = this.nodes.find((each) => each.url === place.url);
    if (!node?.isUp) throw new ConnectionFailed(`Cannot reach ${place.url}.`);
    return new Client(new FakeConnection(node), this.clock, {url: place.url});
  };
}

/** @param {{raw: Bytes, certificate: Bytes}} made */
function tellFinal({raw, certificate}) {
  return {header: toHex(raw), certificate: toHex(certificate), descendants: []};
}

/** A node that signs with a key of its own. */
export class LedgerNode extends FakeNode {
  /** Changes what it is about to answer. @type {(method: string, result: any, request: any) => any} */
  lie = (_, result) => result;
  /** Whether it passes on what it takes. */
  censors = false;
  /** Changes the root that it signs. @type {(root: Bytes) => Bytes} */
  falseRoot = (root) => root;
  /** Of its receipts; null for the newest. @type {number | null} */
  receiptHeight = null;
  /** Changes what it proves a state with. @type {(proof: any) => any} */
  otherProof = (proof) => proof;

  /** @param {FakeLedger} ledger @param {string} url @param {SigningKey} key */
  constructor(ledger, url, key) {
    super(/** @type {any} */ ({log: []}), url);
    this.ledger = ledger;
    this.key = key;
  }

  /** @override */
  get height() {
    return (this.ledger?.height ?? 0) - this.lag;
  }

  /** @override Blocks: whatever else is subscribed to is told by certificate alone. @param {any} after */
  news(after) {
    const blocks = this.ledger.blocks.slice(after.height, this.height);
    return blocks.map(({operations}, at) => {
      const height = after.height + at + 1;
      return {cursor: {height, index: Math.max(operations.length - 1, 0)}, height, operations_count: operations.length};
    });
  }

  /** @override @param {FakeConnection} connection @param {any} request */
  handle(connection, request) {
    this.#answer(connection, request).catch((error) => {
      connection.tell({jsonrpc: "2.0", id: request.id, error: {code: -8, message: String(error.message ?? error), data: {code: error.code ?? "internal_error"}}});
    });
  }

  /** @param {FakeConnection} connection @param {any} request */
  async #answer(connection, request) {
    const {id, method, params, context = {}} = request;
    const {ledger} = this;
    const least = context.min_height ?? 0;
    const proves = context.proof || method === "getproof";
    while (proves && context.at === undefined && this.height - 1 < least) await ledger.block();
    if (least > this.height) throw Object.assign(new Error("not yet"), {code: "height_not_reached"});
    const height = context.at ?? (proves ? this.height - 1 : this.height);
    const told = this.lie(method, await this.#result(connection, method, params, height), request);
    const raw = typeof told === "string" ? told : JSON.stringify(told);
    const block = ledger.blocks[height - 1];
    const said = {network: ledger.genesis.networkHex, height, hash: block ? toHex(block.hash) : ledger.genesis.networkHex, time: height};
    const proof = context.proof && this.#proof(height);
    const signature = context.sign && (await this.#sign(method, params, height, raw));
    const full = {...said, ...(proof && {proof}), ...(signature && {signature})};
    if (told?.error) connection.tell(`{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(told.error)},"context":${JSON.stringify(full)}}`);
    else connection.tell(`{"jsonrpc":"2.0","id":${id},"result":${raw},"context":${JSON.stringify(full)}}`);
    if (method === "subscribe") connection.pump();
  }

  /** @param {number} height */
  #proof(height) {
    const [state, next] = [this.ledger.states[height], this.ledger.blocks[height]];
    if (!state || !next) throw Object.assign(new Error("no proof"), {code: "not_provable"});
    return this.otherProof({height, root: toHex(state.root), nodes: state.nodes.map(toHex), ...tellFinal(next)});
  }

  /** @param {string} method @param {any} params @param {number} height @param {string} raw */
  async #sign(method, params, height, raw) {
    const text = JSON.stringify(params ?? {});
    const root = this.falseRoot(this.ledger.states[height]?.root ?? NOTHING);
    const form = makeSignedForm({
      network: this.ledger.genesis.network, node: this.key.publicKey, protocol: PROTOCOL, height: BigInt(height), root,
      paramsHash: await sha256(utf8(text)), answerHash: await sha256(utf8(raw)), method,
    });
    return {node: this.key.account, root: toHex(root), params: text, signature: toHex(await this.key.sign(ANSWER, form.raw))};
  }

  /** @param {FakeConnection} connection @param {string} method @param {any} params @param {number} height @returns {Promise<any>} */
  async #result(connection, method, params, height) {
    const {ledger} = this;
    switch (method) {
      case "getnodeinfo":
        return {node: this.key.account, network: ledger.genesis.networkHex, interfaces: []};
      case "getgenesis":
        return {network: ledger.genesis.networkHex, genesis: ledger.genesis.text};
      case "getepochs":
        return {epochs: ledger.epochs.slice((params.after ?? -1) + 1), next: null};
      case "getpeerinfo":
        return [];
      case "getstuninfo":
        return {nodes: []};
      case "getdatahash":
        return ledger.states[height]?.text;
      case "getproof":
        return this.#proof(height);
      case "getblock": {
        const block = ledger.blocks[params.height - 1];
        if (!block || params.height > this.height) throw Object.assign(new Error("none"), {code: "block_unknown"});
        const first = params.after === undefined ? 0 : params.after + 1;
        const operations = block.operations.map(({id, body, signature, result}, index) => ({index, id, operation: body, signature, result}));
        return {
          header: toHex(block.raw), certificate: toHex(block.certificate), descendants: [],
          operations: operations.slice(first, first + params.limit),
        };
      }
      case "getrecord": {
        const record = ledger.records(height).get(`${params.account}/${params.collection}/${params.key}`);
        return record ?? {error: {code: -5, message: "none", data: {code: "record_unknown"}}};
      }
      case "listrecords":
        return {records: [...ledger.records(height).values()], next: null};
      case "submit":
        return this.#submit(params);
      case "subscribe": {
        const cursor = params.after ?? {height: this.height, index: 0};
        return {subscription: connection.subscribe(cursor), cursor};
      }
      case "submitevidence":
        return {is_new: true};
      default:
        return {method};
    }
  }

  /** @param {any} params */
  async #submit({operation, signature, wait}) {
    const {ledger} = this;
    const id = toHex(await sha256(utf8(operation)));
    const {expiry} = JSON.parse(operation);
    const height = ledger.blocks.findIndex(({operations}) => operations.some((each) => each.id === id)) + 1;
    if (!height && !this.censors && !ledger.waiting.some((each) => each.id === id)) ledger.waiting.push({id, body: operation, signature, expiry, leastHeight: 0});
    if (wait === "accepted") {
      const at = this.receiptHeight ?? ledger.height;
      const receipt = makeReceipt({
        network: ledger.genesis.network, id: Uint8Array.from(Buffer.from(id, "hex")), node: this.key.publicKey,
        height: BigInt(at), expiry: BigInt(expiry),
      });
      const signed = toHex(await this.key.sign(RECEIPT, receipt.raw));
      return {id, receipt: {network: ledger.genesis.networkHex, id, node: this.key.account, height: at, expiry, signature: signed}};
    }
    if (!height) await ledger.block();
    const at = height || ledger.height;
    const index = ledger.blocks[at - 1]?.operations.findIndex((each) => each.id === id) ?? 0;
    return {id, cursor: {height: at, index}, result: "ok"};
  }
}

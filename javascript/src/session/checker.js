/**
 * What a session believes: what follows from the genesis, and as much of it as the caller asks for.
 *
 * The network's id is all that is trusted. The genesis with that hash names the first validators, and the epochs are
 * followed from there; any node may bring both. A proof leads from a header that the validators finalized to the answer.
 * An answer without a proof names the block that it holds at, and that block is checked to be final, once for each
 * height: so no node can make a session wait for a height that does not exist, or pass an old state off as a new one.
 */

import {equal, fromHex, toHex} from "../bytes.js";
import {decodeAccount} from "../formats/addresses.js";
import {headerHash} from "../formats/block.js";
import {Epoch} from "../formats/epoch.js";
import {LedgerError} from "../formats/errors.js";
import {answersEvidence, encodeEvidence, judge} from "../formats/evidence.js";
import {decodeGenesis} from "../formats/genesis.js";
import {EpochChain} from "../trust/epochchain.js";
import {readContext, readFinal, readProof} from "../trust/told.js";
import {
  readSigned, verifyAnswer, verifyDenial, verifyProof, verifyToldReceipt, weighState,
} from "../trust/verifying.js";
import {Lock} from "./clock.js";
import {ClientError, ConnectionFailed, messageOf} from "./errors.js";
import {tell} from "./telltales.js";
import {isObject, isText, take} from "./told.js";

/** Blocks whose finality is remembered. */
const HEIGHTS_KEPT = 4096;

/** Nodes whose newest state is remembered. */
const NODES_KEPT = 256;

/**
 * How far an answer was checked: it follows from the state that the validators signed; parts of it do, the rest is the
 * node's word; it is the node's word, for a block that is final; not at all.
 *
 * @typedef {"proof" | "partly" | "certificate" | "none"} Checked
 *
 * @typedef {object} NodeState A node whose state was what the validators signed.
 * @property {string} node Its key in hex. @property {string} url Where it was asked.
 * @property {number} height Of the newest state that it proved.
 *
 * @typedef {object} State The newest state that was proven: what `getdatahash` answers.
 * @property {number} height @property {string} root In hex. @property {number} ratings_sum
 * @property {number} ratings_count @property {number} records @property {number} accounts
 * @property {NodeState[]} nodes Those that proved a state, each its newest; the newest first.
 *
 * @typedef {object} Weighed
 * @property {number} height Of the newest state that the node proves.
 * @property {string} node The key that it signs with, in hex.
 * @property {string | null} evidence In hex, that it signed another state than the validators; null if it did not.
 *
 * @typedef {{header: Header, hash: string}} Final A block that is final; its hash in hex.
 *
 * @typedef {object} OperationProof Whether an operation is in the log, and what shows it.
 * @property {{height: number, index: number, result: number} | null} found With the number of its result; null if no
 *   block up to the proof's height holds it.
 * @property {number} height Of the state that shows it.
 * @property {{header: Header, finality: import("../formats/finality.js").Finality, nodes: import("../bytes.js").Bytes[]}}
 *   shown
 */

/** @typedef {import("../formats/block.js").Header} Header */
/** @typedef {import("./client.js").Client} Client */
/** @typedef {import("./messages.js").Answer} Answer */

/** The epochs, and the blocks that are known to be final: signatures are verified once for each block. */
class FinalChain extends EpochChain {
  /** By height. @type {Map<number, Final>} */
  #final = new Map();
  /** The newest height that is known to be final. */
  newestHeight = 0;
  /** The number of the epoch that is trusted, and the epochs before it, once they were followed. */
  #first;
  /** @type {EpochChain | null} */
  #older = null;

  /** @param {Epoch} trusted */
  constructor(trusted) {
    super(trusted);
    this.#first = trusted;
  }

  /** @param {number} height @returns {Final | undefined} */
  findFinal(height) {
    return this.#final.get(height);
  }

  /** @override @param {bigint | number} number */
  find(number) {
    return super.find(number) ?? (BigInt(number) < this.#first.number ? this.#older?.find(number) : undefined);
  }

  /** Whether there are epochs before the trusted one that were not followed yet. */
  get hasOlder() {
    return !this.#older && this.#first.number > 0n;
  }

  /**
   * Ask a node for the epochs between the genesis and the one that is trusted, and check them: they have to lead there.
   *
   * @param {Parameters<EpochChain["follow"]>[0]} ask
   * @param {import("../formats/genesis.js").Genesis} genesis
   * @throws {LedgerError} What the node told is not so, or leads elsewhere (`block_validators`).
   * @throws {ClientError} It did not answer, or does not know of so many epochs.
   */
  async followBack(ask, genesis) {
    const older = EpochChain.ofGenesis(genesis);
    await older.follow(ask);
    const [told, {number, base, validators}] = [older.find(this.#first.number), this.#first];
    if (!told) throw new ConnectionFailed(`The node does not tell of the epochs up to ${number}.`);
    if (told.base !== base || told.validators.map(toHex).join() !== validators.map(toHex).join()) {
      throw new LedgerError("block_validators", `Epoch ${number} is told with other validators.`);
    }
    this.#older = older;
  }

  /** A header that an earlier session verified. @param {Header} header */
  async trust(header) {
    const final = {header, hash: toHex(await headerHash(header))};
    if (!this.isDiscarded(header)) this.#keep(final);
    if (header.endsEpoch) this.close(header);
  }

  /** @param {Final} final */
  #keep(final) {
    const height = Number(final.header.height);
    this.#final.set(height, final);
    this.newestHeight = Math.max(this.newestHeight, height);
    if (this.#final.size > HEIGHTS_KEPT) this.#final.delete(Math.min(...this.#final.keys()));
  }

  /** Forget the blocks that were discarded with the end of their epoch. @override @param {Epoch} epoch */
  epochClosed(epoch) {
    for (const [height, {header}] of this.#final) if (this.isDiscarded(header)) this.#final.delete(height);
    this.newestHeight = Math.max(Number(epoch.last), ...this.#final.keys());
  }

  /**
   * @override
   * @param {Header} header
   * @param {import("../formats/finality.js").Finality} finality
   */
  async verify(header, finality) {
    const height = Number(header.height);
    if (equal(this.#final.get(height)?.header.raw ?? new Uint8Array(0), header.raw)) return;
    await this.verifyAnew(header, finality);
    const hash = toHex(await headerHash(header));
    if (this.isDiscarded(header)) throw new LedgerError("header_discarded"); // its epoch ended meanwhile
    const known = this.#final.get(height);
    if (known && !equal(known.header.raw, header.raw)) {
      throw new LedgerError("finality_chain", `Two blocks of height ${height} are final.`);
    }
    this.#keep({header, hash});
  }

  /** Verify the signatures, even of a block that is known: for who hands them on. @type {EpochChain["verify"]} */
  verifyAnew(header, finality) {
    return super.verify(header, finality);
  }
}

/** Checks answers against one network. */
export class Checker {
  #chain;
  #following = new Lock();
  #onState;
  /** @type {Map<string, NodeState>} */
  #nodes = new Map();
  /** @type {Omit<State, "nodes"> | null} */
  #totals = null;

  /**
   * @param {import("../formats/genesis.js").Genesis} genesis The network's beginning.
   * @param {Epoch} trusted The epoch to begin with.
   * @param {(state: State) => unknown} [onState] Told of each newer state that is proven.
   */
  constructor(genesis, trusted, onState = () => {}) {
    this.genesis = genesis;
    /** The network's id in hex. */
    this.network = genesis.networkHex;
    this.#chain = new FinalChain(trusted);
    this.#onState = onState;
  }

  /**
   * Begin with what a node brings.
   *
   * @param {Client} client
   * @param {string | null} network The id that the genesis must have, in hex; null to trust the node in this alone.
   * @param {{onState?: (state: State) => unknown, saved?: import("./saved.js").SavedSession | null}} [options] `saved`: what
   *   an earlier session verified.
   * @returns {Promise<Checker>}
   * @throws {ConnectionFailed} It brings no genesis with this id, or epochs that do not follow from what is believed.
   */
  static async learn(client, network, {onState, saved = null} = {}) {
    try {
      const genesis = await fetchGenesis(client, network);
      const checker = new Checker(genesis, saved?.epoch ?? Epoch.ofGenesis(genesis), onState);
      await checker.#chain.follow(askOf(client));
      if (saved?.header) await checker.#chain.trust(saved.header);
      return checker;
    } catch (error) {
      if (!(error instanceof ClientError || error instanceof LedgerError)) throw error;
      throw new ConnectionFailed(`${client.url} brought no genesis with its epochs: ${messageOf(error)}`);
    }
  }

  /** For a later session: the newest epoch, and the newest header that is known to be final. */
  save() {
    return {epoch: this.#chain.newest, header: this.findFinal(this.newest)?.header ?? null};
  }

  /** The newest height that is known to be final. */
  get newest() {
    return this.#chain.newestHeight;
  }

  /** Whether a block that was taken for one of the chain is known by now to be above its epoch's end. @param {Final} final */
  isDiscarded(final) {
    return this.#chain.isDiscarded(final.header);
  }

  /** A block that is known to be final; undefined if it is not known (any more). @param {number} height */
  findFinal(height) {
    return this.#chain.findFinal(height);
  }

  /** The newest state that was proven, and who proved one; null as long as none was. @returns {State | null} */
  get state() {
    if (!this.#totals) return null;
    return {...this.#totals, nodes: [...this.#nodes.values()].sort((one, other) => other.height - one.height)};
  }

  /** It lied: what it proved before counts for nothing. @param {string} node */
  forgetNode(node) {
    this.#nodes.delete(node);
  }

  // Answers

  /**
   * Check a result.
   *
   * @param {Client} client Who answered.
   * @param {string} method
   * @param {unknown} params
   * @param {Answer} answer
   * @param {{proof: boolean}} options Whether a proof was asked for.
   * @returns {Promise<Checked>}
   * @throws {LedgerError} It is not so. @throws {ClientError} The node did not bring what the check needs.
   */
  async check(client, method, params, answer, {proof}) {
    if (proof) return (await this.#verify(client, () => verifyAnswer(this.#chain, method, params, answer))).checked;
    const {network, height, hash} = readContext(answer.rawContext);
    if (toHex(network) !== this.network) throw new LedgerError("header_network");
    await this.checkFinal(client, height, toHex(hash));
    return "certificate";
  }

  /**
   * Check an error that says what does not exist, for which a proof was asked.
   *
   * @param {Client} client
   * @param {string} method
   * @param {unknown} params
   * @param {import("./errors.js").RemoteError} error
   * @returns {Promise<Checked>}
   * @throws {LedgerError} It exists. @throws {ClientError} The node did not bring what the check needs.
   */
  async checkDenial(client, method, params, error) {
    return (await this.#verify(client, () => verifyDenial(this.#chain, method, params, error))).checked;
  }

  /**
   * Have a node prove where in the log an operation is.
   *
   * @param {Client} client
   * @param {{id: string, expiry: number}} operation
   * @param {number} height At this height or above, which is not above the expiry.
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<OperationProof>}
   * @throws {RangeError} The height is above the expiry, where no node could prove anything.
   * @throws {LedgerError} It is not so. @throws {ClientError} The node has no proof.
   */
  async proveOperation(client, {id, expiry}, height, options) {
    if (height > expiry) throw new RangeError(`No state above ${expiry} tells of the operation.`);
    const params = {of: "operation", id, expiry};
    let {result} = await client.call("getproof", params, {min_height: height}, options);
    let {state} = await this.#verify(client, () => verifyProof(this.#chain, result));
    if (state.height > BigInt(expiry)) { // which forgot it
      ({result} = await client.call("getproof", params, {at: expiry}, options));
      ({state} = await this.#verify(client, () => verifyProof(this.#chain, result)));
    }
    const at = Number(state.height);
    if (at < height || at > expiry) throw new LedgerError("proof_height");
    const row = await state.operation(decodeAccount(id), expiry);
    const {header, finality, nodes} = readProof(result);
    if (!row) await this.#chain.verifyAnew(header, finality); // that is shown to others
    const found = row && {height: Number(row.height), index: row.index, result: row.result};
    return {found, height: at, shown: {header, finality, nodes}};
  }

  /**
   * Have a node sign and prove its newest state, and compare what it signed with what the validators signed.
   *
   * @param {Client} client
   * @param {{timeout?: number}} [options]
   * @returns {Promise<Weighed>}
   * @throws {LedgerError} It brings no signature, or no proof. @throws {ClientError} It does not answer.
   */
  async weighState(client, options) {
    const answer = await client.call("getdatahash", {}, {sign: true, proof: true}, options);
    const {totals, height, node, evidence} = await this.#verify(client, () => weighState(this.#chain, answer));
    if (!totals && evidence === null) throw new LedgerError("proof_node_missing");
    if (evidence !== null) {
      const {header, finality} = readProof(readContext(answer.rawContext).told.proof);
      await this.#chain.verifyAnew(header, finality); // that is shown to others
    }
    if (evidence === null) this.#agrees({node, url: client.url, height}, answer.result);
    return {height, node, evidence};
  }

  /** A node has proven its newest state. @param {NodeState} node @param {any} totals */
  #agrees(node, totals) {
    this.#nodes.delete(node.node);
    this.#nodes.set(node.node, node);
    for (const oldest of this.#nodes.keys()) if (this.#nodes.size > NODES_KEPT) this.#nodes.delete(oldest);
    if (this.#totals && this.#totals.height >= node.height) return;
    this.#totals = totals;
    if (this.state) tell(this.#onState, this.state);
  }

  /**
   * What shows that a node signed two different answers to one question.
   *
   * @param {Answer[]} answers Of one node, the newest last.
   * @param {string} method
   * @returns {Promise<{node: string, evidence: string} | null>} In hex; null if they show nothing.
   */
  async contradiction(answers, method) {
    const [first, last] = [answers[0], answers.at(-1)];
    if (!first || !last || first === last) return null;
    try {
      const evidence = answersEvidence(await readSigned(first, method), await readSigned(last, method));
      const verdict = await judge(evidence, this.genesis.network, () => null);
      return {node: verdict.culprit, evidence: toHex(encodeEvidence(evidence))};
    } catch (error) {
      if (error instanceof LedgerError) return null; // the same, or not signed
      throw error;
    }
  }

  /**
   * Check a node's receipt for an operation.
   *
   * @param {{id: string, expiry: number}} operation
   * @param {unknown} told As the node answered it.
   * @returns {Promise<import("./censorship.js").Promised>}
   * @throws {LedgerError} `receipt_malformed`, or `receipt_signature`: it is for something else, or not signed.
   */
  async checkReceipt({id, expiry}, told) {
    const receipt = await verifyToldReceipt(this.genesis.network, decodeAccount(id), expiry, told);
    const signature = isObject(told) ? fromHex(told.signature, "receipt_malformed") : new Uint8Array(0);
    return {receipt, signature};
  }

  /**
   * Check that the block at which an answer holds is final, once for each height.
   *
   * @param {Client} client
   * @param {number} height
   * @param {string} hash What a node told of it, in hex.
   * @throws {LedgerError} It is not, or the node brings another. @throws {ClientError} The node did not bring it.
   */
  async checkFinal(client, height, hash) {
    const found = this.findFinal(height)?.hash ?? (height ? undefined : this.network);
    // What is known may have been discarded at the end of an epoch, which the node's own block tells.
    const known = found === hash ? found : height ? (await this.learnFinal(client, height)).hash : this.network;
    if (known !== hash) {
      throw new LedgerError("finality_chain", `Block ${height} is another than the one which the node names.`);
    }
  }

  /**
   * Have a node show a block's header and that it is final.
   *
   * @param {Client} client
   * @param {number} height From 1.
   * @param {{waits?: boolean, signal?: AbortSignal}} [options] `waits`: whether the node is to wait until it has the block.
   * @returns {Promise<Final>}
   * @throws {LedgerError} It is not final. @throws {ClientError} The node does not have it, or did not answer.
   */
  async learnFinal(client, height, {waits = false, ...options} = {}) {
    const context = waits ? {min_height: height} : {};
    const {result} = await client.call("getblock", {height, limit: 1}, context, options);
    const {header, finality} = readFinal(result);
    if (header.height !== BigInt(height)) {
      throw new LedgerError("finality_chain", `The node shows block ${header.height} in place of ${height}.`);
    }
    await this.#verify(client, () => this.#chain.verify(header, finality));
    return {header, hash: toHex(await headerHash(header))};
  }

  /**
   * The state that is proven by what came with an answer.
   *
   * @param {Client} client
   * @param {string} rawContext What the answer says of itself.
   * @returns {Promise<import("../formats/proof.js").ProvenState>}
   * @throws {LedgerError} It is not proven. @throws {ClientError} The node did not bring what the check needs.
   */
  async prove(client, rawContext) {
    const {height, told} = readContext(rawContext);
    const {state} = await this.#verify(client, () => verifyProof(this.#chain, told.proof));
    if (state.height !== BigInt(height)) throw new LedgerError("proof_height");
    return state;
  }

  /**
   * The lowest height at which the same data stands as at one that was seen: the one before, if its block is empty. A
   * network at rest makes an empty block now and then, whose state can't be proven until the next one comes.
   *
   * @param {number} height
   */
  leastHeight(height) {
    return this.findFinal(height)?.header.operationsCount === 0 ? height - 1 : height;
  }

  // Inside

  /**
   * Verify something, after following the epochs if it is of one that is not known yet.
   *
   * @template T
   * @param {Client} client Who brought it.
   * @param {() => Promise<T>} verify
   * @returns {Promise<T>}
   */
  async #verify(client, verify) {
    const newest = this.#chain.newest.number;
    const ask = askOf(client);
    /** @type {(() => Promise<unknown>)[]} */
    const steps = [
      async () => this.#chain.newest.number === newest && this.#chain.follow(ask),
      async () => this.#chain.hasOlder && this.#chain.followBack(ask, this.genesis),
    ];
    for (const step of steps) {
      try {
        return await verify();
      } catch (error) {
        if (!(error instanceof LedgerError) || error.code !== "header_epoch") throw error;
      }
      await this.#following.run(step);
    }
    return verify();
  }
}

/** @param {Client} client What an `EpochChain` follows with. */
function askOf(client) {
  return async (/** @type {string} */ method, /** @type {object} */ params) => (await client.call(method, params)).result;
}

/**
 * A network's genesis, as a node brings it.
 *
 * @param {Client} client
 * @param {string | null} network The id that it must have, in hex; null for any.
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<import("../formats/genesis.js").Genesis>}
 * @throws {LedgerError} `header_network`: it is another's; or a code of its form.
 */
export async function fetchGenesis(client, network, options) {
  const told = take((await client.call("getgenesis", {}, undefined, options)).result, isObject, "getgenesis");
  const genesis = await decodeGenesis(take(told.genesis, isText, "genesis"));
  if (network !== null && genesis.networkHex !== network) {
    throw new LedgerError("header_network", `The node is of network ${genesis.networkHex}.`);
  }
  return genesis;
}

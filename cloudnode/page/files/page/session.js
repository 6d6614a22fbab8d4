/**
 * The page's session with the network: one `Cloud`, begun at whichever node serves the page or was named, and what it
 * finds out again and again. Whoever wants to know is told.
 */

import {Cloud} from "../cloudnode.js";
import {NODES_MAX} from "./network.js";

/** Seconds between two comparisons, and between two questions what nodes tell of themselves. */
const COMPARE = 3;
const ASK = 10;

/** Blocks that are asked for at the beginning. */
const BLOCKS = 48;

/** Seconds without a block after which they are asked for: a node may be reached by HTTP alone. */
const SILENCE = 12;

/** @typedef {import("./network.js").Compared} Compared */
/** @typedef {import("./network.js").Facts} Facts */

/** What is known now, and who wants to be told. */
export class PageSession {
  /** @type {any} */
  cloud = null;
  /** Whether the reader named the network. */
  isNamed = false;
  /** @type {Compared[]} */
  compared = [];
  /** @type {Map<string, Facts>} */
  facts = new Map();
  /** @type {any[]} */
  stun = [];
  /** The key of the node that served the page; empty if none did. */
  own = "";
  /** @type {Set<() => void>} */
  #told = new Set();
  /** @type {Set<(blocks: any[]) => void>} */
  #blocks = new Set();
  #newestBlock = 0;

  /** @param {() => void} told Called when anything changed. */
  whenChanged(told) {
    this.#told.add(told);
  }

  /** @param {(blocks: any[]) => void} told Called with blocks. */
  whenBlocks(told) {
    this.#blocks.add(told);
  }

  /**
   * Begin.
   *
   * @param {string[]} seeds @param {string | null} network The network's id, if the reader knows it.
   * @param {string} origin The URL of the node that served the page; empty if none did.
   * @throws {Error} No seed answers, or one is no URL.
   */
  async begin(seeds, network, origin) {
    this.cloud = await Cloud.connect(seeds, {
      network, onLiar: () => this.#change(), onState: () => this.#change(),
    });
    this.isNamed = network !== null;
    this.#change();
    if (origin) this.#findOwn(origin);
    repeat(COMPARE, () => this.#compare());
    repeat(ASK, () => this.#askAll());
    repeat(SILENCE, () => this.#catchUp());
    this.#follow();
  }

  #change() {
    for (const told of this.#told) told();
  }

  /** Learn which node served the page. @param {string} origin */
  async #findOwn(origin) {
    try {
      this.own = String((await this.cloud.ask(origin, "getnodeinfo")).node);
      this.#change();
    } catch {
      // It is gone already; nothing depends on it.
    }
  }

  async #compare() {
    const onEach = (/** @type {Compared} */ one) => {
      const others = this.compared.filter((each) => each.node !== one.node && each.url !== one.url);
      this.compared = [...others, one];
      this.#change();
      if (one.state !== "silent" && one.node && !this.facts.has(one.node)) this.#askOne(one);
    };
    this.compared = await this.cloud.compare({most: NODES_MAX, onEach});
    for (const id of this.facts.keys()) if (!this.compared.some((each) => each.node === id)) this.facts.delete(id);
    this.#change();
  }

  /** Have a node tell of itself. @param {Compared} compared */
  async #askOne({url, node}) {
    try {
      const [info, peers] = await Promise.all([this.cloud.ask(url, "getnodeinfo"), this.cloud.ask(url, "getpeerinfo")]);
      this.facts.set(node, {info, peers: Array.isArray(peers) ? peers : []});
      this.#change();
    } catch {
      // It is silent; the comparison says so.
    }
  }

  /** Have all nodes that are reached tell of themselves, and one of how nodes are reached. */
  async #askAll() {
    const reached = this.compared.filter((each) => each.state !== "silent" && each.node);
    await Promise.all(reached.map((each) => this.#askOne(each)));
    const {result} = await this.cloud.call("getstuninfo");
    this.stun = Array.isArray(result.nodes) ? result.nodes : [];
    this.#change();
  }

  async #catchUp() {
    const {result, checked} = await this.cloud.call("getlastblocks", {limit: BLOCKS});
    this.#tellBlocks(result.map((/** @type {any} */ each) => ({...each, checked})));
  }

  async #follow() {
    await this.#catchUp().catch(() => {});
    for (;;) {
      try {
        for await (const item of this.cloud.subscribe("blocks")) this.#tellBlocks([item]);
      } catch {
        await pause(SILENCE);
      }
    }
  }

  /** @param {any[]} blocks */
  #tellBlocks(blocks) {
    for (const told of this.#blocks) told(blocks);
    this.#newestBlock = Math.max(this.#newestBlock, ...blocks.map((each) => each.height));
  }
}

/** @param {number} seconds */
function pause(seconds) {
  return new Promise((done) => {
    setTimeout(done, seconds * 1000);
  });
}

/** Do something now and again and again; what fails is tried the next time. @param {number} seconds @param {() => Promise<void>} work */
async function repeat(seconds, work) {
  for (;;) {
    await work().catch(() => {});
    await pause(seconds);
  }
}

/**
 * A network of nodes in memory: each answers calls over a carrier as a real one does over its transport, from a log that
 * all share, and can hang, be cut off, lag or refuse. They sign nothing, so that sessions with them check nothing.
 */

import {Client} from "../../src/session/client.js";
import {ConnectionFailed} from "../../src/session/errors.js";

export const NETWORK = "ab".repeat(32);

/** @typedef {{id: number, method: string, params: any, context: any}} Request */

export class FakeNode {
  /** Whether connections can be made. */
  isUp = true;
  /** Whether it answers. */
  hangs = false;
  /** How many heights it is behind. */
  lag = 0;
  /** Requests that it got. @type {Request[]} */
  asked = [];
  /** What it answers in place of what it would. @type {(request: Request) => any} */
  instead = () => undefined;
  /** @type {Set<FakeConnection>} */
  connections = new Set();

  /** @param {FakeNetwork} network @param {string} url */
  constructor(network, url) {
    this.network = network;
    this.url = url;
  }

  get height() {
    return this.network.height - this.lag;
  }

  /** Break all connections, and take none. */
  kill() {
    this.isUp = false;
    for (const each of [...this.connections]) each.break("it was killed");
  }

  /** Answer a request. @param {FakeConnection} connection @param {Request} request */
  handle(connection, {id, method, params, context = {}}) {
    const {network} = this;
    const height = context.at ?? this.height;
    const said = {network: NETWORK, height, hash: "00".repeat(32), time: 0};
    const answer = (/** @type {any} */ result) => connection.tell({jsonrpc: "2.0", id, result, context: said});
    const refuse = (/** @type {string} */ code, /** @type {any} */ data = {}, number = -8) =>
      connection.tell({jsonrpc: "2.0", id, error: {code: number, message: code, data: {code, ...data}}, context: said});
    const instead = this.instead({id, method, params, context});
    if (instead?.error) return refuse(instead.error, instead.data, instead.number);
    if (instead?.silent) return;
    if (instead) return connection.tell({jsonrpc: "2.0", id, ...instead});
    if ((context.min_height ?? 0) > this.height) return refuse("height_not_reached", {height: this.height});
    switch (method) {
      case "getnodeinfo":
        return answer({node: this.url.length.toString(16).padStart(64, "0"), network: NETWORK, interfaces: []});
      case "getpeerinfo":
        return answer(network.peers);
      case "getstuninfo":
        return answer({nodes: []});
      case "getdatahash":
        return answer({height, ratings_sum: height});
      case "submit":
        return answer({id: params.signature, cursor: network.write(params.signature), result: "ok"});
      case "subscribe": {
        const subscription = connection.subscribe(params.after ?? {height: this.height, index: 0});
        answer({subscription, cursor: connection.subscriptions.get(subscription)});
        return connection.pump();
      }
      case "unsubscribe":
        connection.subscriptions.delete(params.subscription);
        return answer({subscription: params.subscription, cursor: {height, index: 0}});
      default:
        return answer({method});
    }
  }

  /** What happened after a place in the log, as far as it knows. @param {any} after @returns {any[]} */
  news(after) {
    return this.network.log.filter(({cursor}) => cursor.height > after.height && cursor.height <= this.height);
  }

  /** @param {string} method How often it was asked that. */
  count(method) {
    return this.asked.filter((each) => each.method === method).length;
  }
}

export class FakeConnection {
  keepsConnection = true;
  /** @type {import("../../src/session/client.js").Receiver | null} */
  #receiver = null;
  /** Where each stands, by its id. @type {Map<string, any>} */
  subscriptions = new Map();

  /** @param {FakeNode} node */
  constructor(node) {
    this.node = node;
    node.connections.add(this);
  }

  /** @param {import("../../src/session/client.js").Receiver} receiver */
  start(receiver) {
    this.#receiver = receiver;
  }

  close() {
    this.#receiver = null;
    this.node.connections.delete(this);
  }

  /** @param {string} why */
  break(why) {
    const receiver = this.#receiver;
    this.close();
    receiver?.connectionLost(new ConnectionFailed(`${this.node.url}: ${why}`));
  }

  /** @param {unknown} message */
  tell(message) {
    this.#receiver?.messageReceived(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** @param {number} _ @param {string} message */
  send(_, message) {
    const request = JSON.parse(message);
    this.node.asked.push(request);
    queueMicrotask(() => {
      if (!this.node.hangs) this.node.handle(this, request);
    });
  }

  /** @param {any} after @returns {string} The subscription's id. */
  subscribe(after) {
    const id = `${this.subscriptions.size + 1}`;
    this.subscriptions.set(id, after);
    return id;
  }

  /** Tell subscribers what happened since. */
  pump() {
    if (this.node.hangs) return;
    for (const [subscription, after] of this.subscriptions) {
      const items = this.node.news(after);
      const cursor = items.at(-1)?.cursor;
      if (!cursor) continue;
      this.subscriptions.set(subscription, cursor);
      this.tell({jsonrpc: "2.0", method: "subscription", params: {subscription, cursor, items}});
    }
  }
}

export class FakeNetwork {
  height = 10;
  /** What nodes tell of their peers. @type {any[]} */
  peers = [];
  /** @type {{cursor: {height: number, index: number}, id: string}[]} */
  log = [];
  /** @type {FakeNode[]} */
  nodes = [];
  #clock;

  /** @param {import("./clock.js").FakeClock} clock @param {...string} urls */
  constructor(clock, ...urls) {
    this.#clock = clock;
    for (const url of urls) this.nodes.push(new FakeNode(this, url));
  }

  /** A block with one operation, unless it has a block already. @param {string} id */
  write(id) {
    const known = this.log.find((each) => each.id === id);
    if (known) return known.cursor;
    this.height += 1;
    const cursor = {height: this.height, index: 0};
    this.log.push({cursor, id});
    for (const node of this.nodes) for (const each of node.connections) each.pump();
    return cursor;
  }

  /** What a session connects with in place of the transports. @type {(place: import("../../src/session/directory.js").Place) => Promise<Client>} */
  connect = async (place) => {
    const node = this.nodes.find((each) => each.url === place.url);
    if (!node?.isUp) throw new ConnectionFailed(`Cannot reach ${place.url}.`);
    return new Client(new FakeConnection(node), this.#clock, {url: place.url});
  };
}

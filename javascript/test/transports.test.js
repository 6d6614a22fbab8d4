import assert from "node:assert/strict";
import {test} from "node:test";

import {parseUrl} from "../src/session/address.js";
import {Client} from "../src/session/client.js";
import {AnswerMalformed, ConnectionFailed, RemoteError, TimedOut} from "../src/session/errors.js";
import {FrameReader, encodeFrame} from "../src/transports/frames.js";
import {openHttp} from "../src/transports/http.js";
import {MESSAGE_MAX, openWebSocket} from "../src/transports/websocket.js";
import {openWebTransport} from "../src/transports/webtransport.js";
import {FakeClock, settle} from "./fakes/clock.js";

const HASH = "cd".repeat(32);

/** @param {FakeClock} clock */
const limits = (clock, signal = new AbortController().signal) => ({clock, timeout: 5, signal});

/** What a node would answer. @param {string} message */
const answer = (message) => {
  const {id, method} = JSON.parse(message);
  return JSON.stringify({jsonrpc: "2.0", id, result: method});
};

// Frames

test("frames are put together from any pieces", () => {
  const messages = ["", "hello", "å".repeat(1000), "x"];
  const bytes = Buffer.concat(messages.map(encodeFrame));
  for (const size of [1, 3, 4, 7, bytes.length]) {
    const reader = new FrameReader(4096);
    const got = [];
    for (let at = 0; at < bytes.length; at += size) got.push(...reader.feed(bytes.subarray(at, at + size)));
    assert.deepEqual(got, messages);
  }
});

test("a frame too long or not UTF-8 is refused before it is kept", () => {
  assert.throws(() => new FrameReader(10).feed(Uint8Array.of(0, 0, 0, 11)), AnswerMalformed);
  assert.throws(() => new FrameReader(10).feed(Uint8Array.of(0, 0, 0, 1, 0xff)), /not UTF-8/);
});

// WebSocket

class FakeSocket {
  /** @type {FakeSocket[]} */
  static made = [];
  /** @type {string[]} */
  sent = [];
  isClosed = false;
  /** @type {((event: any) => void) | null} */
  onopen = null;
  /** @type {((event: any) => void) | null} */
  onmessage = null;
  /** @type {((event: any) => void) | null} */
  onerror = null;
  /** @type {((event: any) => void) | null} */
  onclose = null;

  /** @param {string} url */
  constructor(url) {
    this.url = url;
    FakeSocket.made.push(this);
  }

  /** @param {string} text */
  send(text) {
    this.sent.push(text);
  }

  close() {
    this.isClosed = true;
  }
}

async function openSocket() {
  const clock = new FakeClock();
  const opening = openWebSocket("ws://a:1", FakeSocket, limits(clock));
  const socket = /** @type {FakeSocket} */ (FakeSocket.made.at(-1));
  socket.onopen?.({});
  return {clock, socket, client: new Client(await opening, clock, {url: "ws://a:1"})};
}

test("calls over a WebSocket are answered by their numbers", async () => {
  const {socket, client, clock} = await openSocket();
  const calls = [client.call("one"), client.call("two")];
  for (const sent of [...socket.sent].reverse()) socket.onmessage?.({data: answer(sent)});
  assert.deepEqual((await Promise.all(calls)).map((each) => each.result), ["one", "two"]);
  assert.equal(client.isIdle, true);
  client.close();
  assert.ok(socket.isClosed);
  assert.equal(clock.pending, 0);
});

test("what no node sends ends a WebSocket by name", async () => {
  for (const data of [new ArrayBuffer(3), "<html>", "[]", "x".repeat(MESSAGE_MAX + 1)]) {
    const {socket, client} = await openSocket();
    const call = client.call("one");
    socket.onmessage?.({data});
    await assert.rejects(call, AnswerMalformed);
    assert.ok(socket.isClosed && !client.isConnected);
    await assert.rejects(client.call("two"), ConnectionFailed);
  }
});

test("a WebSocket that breaks fails all calls, once", async () => {
  const {socket, client} = await openSocket();
  /** @type {any[]} */
  const lost = [];
  client.onLost.add((reason) => lost.push(reason));
  const call = client.call("one");
  socket.onclose?.({code: 1006, reason: ""});
  socket.onclose?.({code: 1006, reason: ""});
  await assert.rejects(call, /broke \(1006\)/);
  assert.equal(lost.length, 1);
});

test("a WebSocket that does not open in time is given up", async () => {
  const clock = new FakeClock();
  const opening = openWebSocket("ws://a:1", FakeSocket, limits(clock));
  opening.catch(() => {});
  await clock.advance(5.1);
  await assert.rejects(opening, /within 5 s/);
  assert.ok(FakeSocket.made.at(-1)?.isClosed);
});

test("a WebSocket that nobody waits for is given up", async () => {
  const controller = new AbortController();
  const opening = openWebSocket("ws://a:1", FakeSocket, limits(new FakeClock(), controller.signal));
  controller.abort();
  await assert.rejects(opening, /given up/);
  assert.ok(FakeSocket.made.at(-1)?.isClosed);
});

test("a WebSocket that can't be made says so", async () => {
  class Refusing extends FakeSocket {
    /** @param {string} url */
    constructor(url) {
      super(url);
      throw new SyntaxError("not from here");
    }
  }
  await assert.rejects(openWebSocket("ws://a:1", Refusing, limits(new FakeClock())), /Cannot reach ws:\/\/a:1: not from/);
});

// Calls

test("calls above those on their way wait, and are sent in order", async () => {
  const {socket, client} = await openSocket();
  const calls = Array.from({length: 600}, (_, number) => client.call(`${number}`));
  assert.equal(socket.sent.length, 512);
  for (let at = 0; at < 600; at += 1) socket.onmessage?.({data: answer(socket.sent[at] ?? "")});
  assert.deepEqual((await Promise.all(calls)).map((each) => each.result), calls.map((_, number) => `${number}`));
});

test("a call is over in time, or when it is given up, and makes room", async () => {
  const {socket, client, clock} = await openSocket();
  const late = client.call("late", {}, undefined, {timeout: 1});
  const controller = new AbortController();
  const given = client.call("given", {}, undefined, {signal: controller.signal});
  given.catch(() => {});
  late.catch(() => {});
  controller.abort();
  await clock.advance(1.1);
  await assert.rejects(late, TimedOut);
  await assert.rejects(given, /given up/);
  assert.ok(client.isIdle);
  for (const sent of socket.sent) socket.onmessage?.({data: answer(sent)}); // nobody's
  assert.equal(clock.pending, 0);
});

test("an error without an id is about the oldest call", async () => {
  const {socket, client} = await openSocket();
  const call = client.call("one");
  socket.onmessage?.({data: '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no","data":{"code":"x"}}}'});
  await assert.rejects(call, (error) => error instanceof RemoteError && error.code === "x" && error.number === -32600);
});

test("an answer keeps the exact text of what it says", async () => {
  const {socket, client} = await openSocket();
  const call = client.call("one");
  socket.onmessage?.({data: '{"result": {"b":1,  "a":"\\u00e5"} ,"id":1,"context":{"height":7},"jsonrpc":"2.0"}'});
  const {raw, rawContext, result} = await call;
  assert.deepEqual([raw, rawContext, result], ['{"b":1,  "a":"\\u00e5"}', '{"height":7}', {b: 1, a: "å"}]);
});

// HTTP

test("each request is a POST, so many at once", async () => {
  /** @type {{body: string, answer: (text: string, status?: number) => void}[]} */
  const posts = [];
  const fetch = (/** @type {string} */ url, /** @type {any} */ {body}) => new Promise((resolve) => {
    assert.equal(url, "http://a:1");
    posts.push({body, answer: (text, status = 200) => resolve(new Response(text, {status}))});
  });
  const client = new Client(openHttp("http://a:1", /** @type {any} */ (fetch)), new FakeClock(), {url: "http://a:1"});
  const calls = Array.from({length: 18}, (_, number) => client.call(`${number}`));
  for (const call of calls) call.catch(() => {});
  await settle();
  assert.equal(posts.length, 16);
  posts[0]?.answer(answer(posts[0].body));
  posts[1]?.answer("<html>", 200);
  posts[2]?.answer("wait", 429);
  assert.equal((await calls[0])?.result, "0");
  await assert.rejects(calls[1] ?? calls[0], /is it a cloudnode/);
  await assert.rejects(calls[2] ?? calls[0], (error) => error instanceof RemoteError && error.number === 429);
  await settle();
  assert.equal(posts.length, 18);
  assert.equal(client.keepsConnection, false);
  client.close();
  await assert.rejects(calls[7] ?? calls[0], /closed/);
});

test("a request that nobody waits for any more makes room", async () => {
  const clock = new FakeClock();
  let [sent, given] = [0, 0];
  const fetch = (/** @type {string} */ _, /** @type {any} */ {signal}) => new Promise((__, reject) => {
    sent += 1;
    signal.addEventListener("abort", () => {
      given += 1;
      reject(signal.reason);
    });
  });
  const client = new Client(openHttp("http://a:1", /** @type {any} */ (fetch)), clock, {timeout: 2});
  const calls = Array.from({length: 20}, () => client.call("one"));
  for (const call of calls) call.catch(() => {});
  await clock.advance(2.1);
  for (const call of calls) await assert.rejects(call, TimedOut);
  assert.equal(given, sent);
  client.close();
});

test("an answer by HTTP that is too long is not kept", async () => {
  let sent = 0;
  const endless = new ReadableStream({
    pull(controller) {
      sent += 1;
      controller.enqueue(new Uint8Array(1024 * 1024).fill(32));
    },
  });
  const fetch = async () => new Response(endless);
  const client = new Client(openHttp("http://a:1", /** @type {any} */ (fetch)), new FakeClock());
  await assert.rejects(client.call("one"), AnswerMalformed);
  assert.ok(sent < 20);
});

// WebTransport

/** A session in memory; the test is the node. */
class FakeTransport {
  /** @type {FakeTransport[]} */
  static made = [];
  isClosed = false;
  closed = new Promise(() => {});
  ready = Promise.resolve();
  /** @type {Uint8Array[]} */
  written = [];
  /** @type {any} */
  incoming = null;

  /** @param {string} url @param {any} options */
  constructor(url, options) {
    this.url = url;
    this.options = options;
    FakeTransport.made.push(this);
  }

  async createBidirectionalStream() {
    return {
      writable: new WritableStream({write: (bytes) => void this.written.push(bytes)}),
      readable: new ReadableStream({start: (controller) => void (this.incoming = controller)}),
    };
  }

  close() {
    this.isClosed = true;
  }
}

test("a WebTransport stream carries calls, with the certificates' hashes", async () => {
  const clock = new FakeClock();
  const carrier = await openWebTransport(parseUrl("ws+udp://[2001:db8::1]:4"), [HASH], FakeTransport, limits(clock));
  const transport = /** @type {FakeTransport} */ (FakeTransport.made.at(-1));
  const [hash] = transport.options.serverCertificateHashes;
  assert.deepEqual([transport.url, hash.algorithm, hash.value[0], hash.value.length], ["https://[2001:db8::1]:4/", "sha-256", 0xcd, 32]);
  const client = new Client(carrier, clock, {url: "ws+udp://a"});
  const call = client.call("one");
  await settle();
  const [message] = new FrameReader(1000).feed(/** @type {Uint8Array} */ (transport.written[0]));
  transport.incoming.enqueue(encodeFrame(answer(message ?? "")));
  assert.equal((await call).result, "one");
  const lost = client.call("two");
  transport.incoming.enqueue(Uint8Array.of(255, 0, 0, 0));
  await assert.rejects(lost, /announces a message/);
  assert.ok(transport.isClosed);
});

test("a WebTransport stream that ends, and a session that does not begin, say so", async () => {
  const clock = new FakeClock();
  const client = new Client(await openWebTransport(parseUrl("ws+udp://a"), [HASH], FakeTransport, limits(clock)), clock);
  const call = client.call("one");
  FakeTransport.made.at(-1)?.incoming.close();
  await assert.rejects(call, /ended the connection/);
  class Failing extends FakeTransport {
    ready = Promise.reject(new Error("Opening handshake failed."));
  }
  await assert.rejects(openWebTransport(parseUrl("ws+udp://a"), [HASH], Failing, limits(clock)), /Opening handshake/);
});

test("of a node's error no more is kept than people read", async () => {
  const {socket, client} = await openSocket();
  const call = client.call("one");
  const error = {code: -8, message: "m".repeat(100_000), data: {code: "c".repeat(100_000)}};
  socket.onmessage?.({data: JSON.stringify({jsonrpc: "2.0", id: 1, error})});
  await assert.rejects(call, (told) => told instanceof RemoteError && told.message.length === 1000 && told.code.length === 64);
});

import assert from "node:assert/strict";
import {test} from "node:test";

import {formatUrl} from "../src/session/address.js";
import {placesOfInfo, placesOfPeers, placesOfStun} from "../src/session/telling.js";

const NODE = "0a".repeat(32);
const PEER = "0b".repeat(32);
const HASH = "cd".repeat(32);
const NOW = 1000;

/** Records here are their own names; what is signed is for test/session of real nodes. @type {Record<string, any>} */
const RECORDS = {};

/** @type {import("../src/session/telling.js").Reader} */
const reader = {
  record: async (hex) => RECORDS[hex] ?? null,
  certificates: async (_, told) => (Array.isArray(told) ? told : []),
};

/** @param {import("../src/session/telling.js").ToldPlace[]} places */
const summary = (places) => places.map((each) => `${formatUrl(each.address)} ${each.node.slice(0, 2)} ${each.certificates.length}`);

const CERTIFICATE = {hash: HASH, notAfter: NOW + 1};

/** @param {object} [changes] */
const record = (changes) => ({node: PEER, expiry: NOW + 1, endpoints: [], nat: {filtering: "unknown", syn: "unknown"}, certificates: [CERTIFICATE], ...changes});

test("a node's own interfaces are at the host where it is reached", async () => {
  const info = {
    node: NODE,
    certificates: [CERTIFICATE, {hash: "ee".repeat(32), notAfter: NOW}],
    interfaces: [
      {transport: "http", address: "0.0.0.0", port: 1}, {transport: "ws", address: "10.0.0.1", port: 2},
      {transport: "webtransport", address: "0.0.0.0", port: 3}, {transport: "stun", port: 4}, {transport: "ws", port: 0}, 7,
    ],
  };
  const expected = ["http://192.0.2.1:1 0a 0", "ws://192.0.2.1:2 0a 0", "ws+udp://192.0.2.1:3 0a 1"];
  assert.deepEqual(summary(await placesOfInfo(info, "192.0.2.1", reader, NOW)), expected);
  const old = {...info, certificates: []};
  assert.deepEqual(summary(await placesOfInfo(old, "192.0.2.1", reader, NOW)), expected.slice(0, 2));
  for (const wrong of [null, 7, {}, {node: 1}, {node: NODE, interfaces: {}}]) {
    assert.deepEqual(await placesOfInfo(wrong, "192.0.2.1", reader, NOW), []);
  }
});

test("peers are where they say, or where they are seen, with certificates that are their own", async () => {
  RECORDS.good = record();
  RECORDS.other = record({node: NODE});
  const peer = (/** @type {object} */ changes) => ({
    id: PEER, addr: "[2001:db8::1]:5000", stun: {record: "good"},
    interfaces: [{transport: "webtransport", address: "", port: 3}, {transport: "ws", address: "198.51.100.1", port: 2}],
    ...changes,
  });
  const places = async (/** @type {any[]} */ ...peers) => summary(await placesOfPeers(peers, reader, NOW));
  assert.deepEqual(await places(peer({})), ["ws+udp://[2001:db8::1]:3 0b 1", "ws://198.51.100.1:2 0b 0"]);
  assert.deepEqual(await places(peer({stun: {record: "other"}})), ["ws://198.51.100.1:2 0b 0"]);
  assert.deepEqual(await places(peer({stun: null})), ["ws://198.51.100.1:2 0b 0"]);
  assert.deepEqual(await places(null, 7, {}, peer({addr: 7}), peer({addr: "x"}), peer({id: "short", stun: null})).then((all) => all.length), 1);
});

test("mapped ports are places where the NAT lets strangers in", async () => {
  const endpoint = (/** @type {object} */ changes) => ({protocol: "udp", source: "stun", address: "203.0.113.7", port: 7, ...changes});
  const cases = /** @type {const} */ ([
    [{filtering: "endpoint-independent"}, {}, ["ws+udp://203.0.113.7:7 0b 1"]],
    [{filtering: "none"}, {}, ["ws+udp://203.0.113.7:7 0b 1"]],
    [{filtering: "address-dependent"}, {}, []],
    [{filtering: "unknown"}, {}, []],
    [{filtering: "unknown"}, {source: "router"}, ["ws+udp://203.0.113.7:7 0b 1"]],
    [{filtering: "unknown"}, {source: "interface", protocol: "tcp"}, ["ws://203.0.113.7:7 0b 0"]],
    [{syn: "accepted"}, {protocol: "tcp"}, ["ws://203.0.113.7:7 0b 0"]],
    [{syn: "dropped"}, {protocol: "tcp"}, []],
  ]);
  for (const [nat, changes, expected] of cases) {
    RECORDS.one = record({nat, endpoints: [endpoint(changes), endpoint(changes)]});
    assert.deepEqual(summary(await placesOfStun({nodes: [{record: "one"}, {record: "bad"}, 7]}, reader, NOW)), expected);
  }
  RECORDS.old = record({expiry: NOW, nat: {filtering: "none"}, endpoints: [endpoint({})]});
  assert.deepEqual(await placesOfStun({nodes: [{record: "old"}]}, reader, NOW), []);
  RECORDS.many = record({nat: {filtering: "none"}, endpoints: Array.from({length: 64}, (_, port) => endpoint({port: port + 1}))});
  assert.equal((await placesOfStun({nodes: [{record: "many"}]}, reader, NOW)).length, 4);
});

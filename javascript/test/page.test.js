// The page's own modules that only compute: what they say of nodes, where they place them, and what becomes of hostile
// text. How they look and behave in a browser is shown by tests/integration/test_page.py.

import assert from "node:assert/strict";
import { test } from "node:test";

import { members, plainText, recordTitle, recordWords } from "../../cloudnode/page/files/page/hostile.js";
import { linkPath, placeNodes } from "../../cloudnode/page/files/page/layout.js";
import { buildNetwork, summarize } from "../../cloudnode/page/files/page/network.js";
import {
  auditSentence, dialbackSentence, mappingSentence, natMeaning, natName, punchSentence, routerSentence, shortInterfaces,
  syncSentence,
} from "../../cloudnode/page/files/page/plain.js";
import { ago, average, count, duration, list, number, short } from "../../cloudnode/page/files/page/words.js";

const NOW = 1_790_000_100;
const [A, B, C] = ["aa", "bb", "cc"].map((each) => each.repeat(32));

/** @param {Partial<import("../../cloudnode/page/files/page/network.js").Compared>} some */
const compared = (some) => ({
  node: A, url: "ws://192.0.2.1:38082", state: /** @type {const} */ ("agrees"), height: 9, behind: 0, latency: 0.01,
  reason: "", ...some,
});

test("numbers, times and lists are as people read them", () => {
  assert.equal(number(1234567), "1,234,567");
  assert.equal(number(null), "unknown");
  assert.equal(count(1, "node"), "1 node");
  assert.equal(count(2, "reply", "replies"), "2 replies");
  assert.deepEqual([0.0001, 0.25, 3, 300, 8000, 400_000].map(duration), ["1 ms", "250 ms", "3 s", "5 min", "2 h", "5 days"]);
  assert.equal(ago(NOW - 12, NOW), "12 s ago");
  assert.equal(ago(NOW, NOW), "just now");
  assert.equal(list(["a", "b", "c"]), "a, b and c");
  assert.equal(list(["a"]), "a");
  assert.deepEqual([average(9, 2), average(0, 0)], ["4.50", "–"]);
  assert.equal(short(A), "aaaaaaaa");
});

test("kinds of NAT have the names that people know, and a meaning", () => {
  /** @type {[string, string, string][]} */
  const kinds = [
    ["none", "none", "no NAT"],
    ["none", "address-and-port-dependent", "firewall, no NAT"],
    ["endpoint-independent", "endpoint-independent", "full-cone NAT"],
    ["endpoint-independent", "address-dependent", "restricted-cone NAT"],
    ["endpoint-independent", "address-and-port-dependent", "port-restricted NAT"],
    ["address-dependent", "address-dependent", "symmetric NAT"],
    ["address-and-port-dependent", "address-and-port-dependent", "symmetric NAT"],
    ["unknown", "unknown", "not known yet"],
  ];
  for (const [mapping, filtering, name] of kinds) {
    assert.equal(natName({ mapping, filtering }), name);
    assert.ok(natMeaning({ mapping, filtering }).length >= 40, name);
  }
  assert.equal(natName(null), "not known yet");
  assert.equal(natMeaning({ mapping: "none", filtering: "none", meaning: "In its own words." }), "In its own words.");
});

test("mappings, ports and dial-backs are told in sentences", () => {
  const mapping = {
    transport: "udp", local: "10.0.0.2:45001", address: "203.0.113.7", port: 40001, observer: B, last_seen: NOW - 5,
    keepalive: 15, confirmed: true,
  };
  const told = mappingSentence(mapping, NOW);
  assert.match(told, /UDP socket 10\.0\.0\.2:45001 is seen from outside as 203\.0\.113\.7:40001, as node bbbbbbbb told by STUN 5 s ago/);
  assert.match(told, /a packet every 15 s keeps it open\. A node that it never wrote to has reached it there/);
  assert.match(mappingSentence({ ...mapping, confirmed: false }, NOW), /do not reach it/);
  assert.match(mappingSentence({ ...mapping, confirmed: null }, NOW), /not been tried/);
  assert.match(mappingSentence({ ...mapping, address: "2001:db8::7" }, NOW), /\[2001:db8::7\]:40001/);
  const port = { transport: "tcp", port: 38082, address: "203.0.113.7", external_port: 38082, method: "pcp", confirmed: true, trouble: null };
  assert.equal(routerSentence(port), "The router forwards 203.0.113.7:38082 to TCP port 38082, asked by PCP. A peer has reached it there.");
  assert.equal(routerSentence({ ...port, address: null, trouble: "It did not answer." }), "The router does not forward TCP port 38082: It did not answer.");
  assert.equal(
    dialbackSentence({ transport: "tcp", port: 38082, address: "203.0.113.7", reached: false, observer: B, time: NOW - 60 }, NOW),
    "Node bbbbbbbb tried 203.0.113.7:38082 over TCP 60 s ago and could not reach it.",
  );
});

test("punches are told by role, way and outcome", () => {
  const punch = {
    role: "requester", transport: "udp", strategy: "direct", began: NOW - 30, outcome: "open", seconds: 0.046, packets: 3,
    path: { address: "198.51.100.9", port: 40001, kind: "observed" }, reason: "",
  };
  assert.equal(
    punchSentence(punch, B, NOW),
    "It asked for a hole to node bbbbbbbb, over UDP, 30 s ago; both sides sent at once. " +
      "It came through at 198.51.100.9:40001 after 46 ms and 3 packets.",
  );
  assert.match(punchSentence({ ...punch, role: "coordinator", outcome: "told", path: null }, B, NOW), /^It brought somebody together with node bbbbbbbb.*only they know\.$/);
  assert.match(punchSentence({ ...punch, outcome: "failed", path: null, reason: "Nothing came." }, B, NOW), /It failed after 46 ms: Nothing came\.$/);
  assert.match(punchSentence({ ...punch, role: "target", strategy: "spread", outcome: "under way" }, B, NOW), /through node bbbbbbbb.*many ports\. It is under way\.$/);
});

test("sync and audit are told in sentences", () => {
  const sync = { state: "serving", height: 9, target: 9, seconds_left: 0, phase: "replay", rows: 0, total: 0, trouble: null };
  assert.equal(syncSentence(sync), "It has every final block that it knows of.");
  assert.equal(syncSentence({ ...sync, height: 4, seconds_left: 2 }), "It serves, and is catching up. 5 blocks behind, about 2 s left.");
  assert.match(syncSentence({ ...sync, state: "syncing", phase: "state", rows: 5, total: 10 }), /5 of 10 rows/);
  assert.match(syncSentence({ ...sync, trouble: "The disk is full." }), /The disk is full\.$/);
  for (const state of ["starting", "repairing", "corrupt", "diverged", "stopped"]) assert.match(syncSentence({ ...sync, state }), /^It/);
  const audit = { state: "ok", height: 9, finished: NOW - 60, rows: 12, progress: 1, findings: [] };
  assert.equal(auditSentence(audit, NOW), "It recomputed every hash and sum 60 s ago, 12 rows up to block 9: all is as it should be.");
  assert.match(auditSentence({ ...audit, state: "running", progress: 0.4 }, NOW), /40 %/);
  assert.match(auditSentence({ ...audit, state: "corrupt", findings: ["One.", "Two."] }, NOW), /found damage: One\. and Two\.$/);
  assert.match(auditSentence({ ...audit, state: "never" }, NOW), /not audited/);
});

test("nodes of many tellings come together by their keys", () => {
  const peer = { id: C, validator: "dd".repeat(32), protocol: "ws-udp", interfaces: [{ transport: "ws", address: "192.0.2.3", port: 1, secure: true }] };
  const info = {
    sync: { role: "validator" }, interfaces: [{ transport: "http", protocol: "tcp", address: "", port: 38081, secure: false }],
    stun: { nat: null, interfaces: [{ transport: "tcp", port: 38081, reached: true, address: "192.0.2.2", observer: B }] },
  };
  const { nodes, links } = buildNetwork({
    compared: [compared({}), compared({ node: B, url: "http://192.0.2.2:38081", state: "silent", reason: "It is gone." })],
    facts: new Map([[A, { info, peers: [peer, { id: A, protocol: "ws" }] }], [B, { info, peers: [{ id: A, protocol: "ws" }] }]]),
    stun: [{ node: C, nat: { mapping: "endpoint-independent", filtering: "endpoint-independent" } }],
    own: B,
    places: [{ url: "http://192.0.2.1:38081", node: A, latency: 0.01, failures: 0 }],
  });
  assert.deepEqual(nodes.map((each) => each.id), [B, A, C], "the one that served the page is first");
  const [b, a, c] = nodes;
  assert.deepEqual([a.state, b.state, c.state], ["good", "idle", "idle"]);
  assert.deepEqual([a.isValidator, c.isValidator, b.isOwn], [true, true, true]);
  assert.deepEqual([a.height, b.height, b.detail], [9, null, "It is gone."]);
  assert.equal(a.interfaces[0].reached, "from this browser");
  assert.equal(b.interfaces[0].reached, "by node bbbbbbbb");
  assert.equal(c.interfaces[0].reached, "");
  assert.equal(a.interfaces[0].at, "192.0.2.1:38081", "the node itself names no address");
  assert.equal(natName(c.nat), "full-cone NAT");
  assert.deepEqual(links, [{ from: A, to: C, over: "ws-udp" }, { from: A, to: B, over: "ws" }]);
});

test("the verdict names liars, laggards and silent ones, each for what it is", () => {
  const of = (/** @type {("agrees" | "behind" | "lying" | "silent")[]} */ ...states) => {
    const { state, title } = summarize(states.map((each) => compared({ state: each })));
    return `${state}: ${title}`;
  };
  assert.equal(of(), "wait: Asking the nodes …");
  assert.equal(of("agrees"), "good: One node, and what it says is true.");
  assert.equal(of("agrees", "agrees"), "good: All 2 nodes hold the same data.");
  assert.equal(of("agrees", "agrees", "lying"), "bad: 2 nodes hold the true data; 1 lies.");
  assert.equal(of("agrees", "behind", "silent", "silent"), "warn: 1 node holds the true data; 1 is behind and 2 do not answer.");
  assert.equal(of("silent"), "wait: No node answers.");
  assert.deepEqual(summarize([compared({})], 3), { state: "good", title: "1 node holds the true data; 2 were not asked yet." });
  assert.equal(of("lying"), "bad: 1 lies.");
});

test("interfaces have short names", () => {
  const told = [{ transport: "http", reached: "" }, { transport: "ws-udp", reached: "" }, { transport: "webtransport", reached: "from this browser" }];
  assert.deepEqual(shortInterfaces(told), [{ name: "HTTP", isReached: false }, { name: "UDP", isReached: true }]);
});

test("nodes stand apart, inside the map, and where they stood before", () => {
  for (const many of [1, 2, 7, 8, 12, 24]) {
    const nodes = Array.from({ length: many }, (_, place) => ({ id: String(place).padStart(2, "0"), isValidator: place % 3 === 0 }));
    const spots = placeNodes(nodes, 700, 420, 70);
    assert.deepEqual(placeNodes([...nodes].reverse(), 700, 420, 70), spots);
    assert.equal(new Set([...spots.values()].map(({ x, y }) => `${x} ${y}`)).size, many);
    for (const { x, y } of spots.values()) assert.ok(x >= 70 && x <= 630 && y >= 70 && y <= 350);
  }
  assert.match(linkPath({ x: 0, y: 0, angle: 0 }, { x: 10, y: 0, angle: 0 }, 100, 100), /^M0 0Q[\d.]+ [\d.]+ 10 0$/);
});

test("hostile text is text, with what hides or reorders made visible, and not endless", () => {
  assert.equal(plainText("a\u202eb\u0000c\u200bd\ne"), "a\ufffdb\ufffdc\ufffdd\ne");
  assert.equal(plainText("x".repeat(20), 10), `${"x".repeat(10)} …`);
  assert.equal(plainText({ a: 1 }), '{"a":1}');
  assert.equal(plainText(undefined), "");
  assert.equal(recordTitle({ key: "k", data: { title: "<b>" } }), "<b>");
  assert.equal(recordTitle({ key: "k", data: { title: 7, name: " " } }), "k");
  assert.equal(recordTitle({ key: "k", data: null }), "k");
  assert.equal(recordWords({ data: { year: 1927, genres: ["Drama", { toString: 1 }] } }), "1927 · Drama");
  assert.equal(recordWords({ data: [1] }), "");
  assert.deepEqual(members({ a: ["x", 1], b: { c: null }, __proto__: null }), [["a", "x, 1"], ["b", '{"c":null}']]);
  assert.deepEqual(members("text"), []);
});

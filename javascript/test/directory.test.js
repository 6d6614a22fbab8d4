import assert from "node:assert/strict";
import {test} from "node:test";

import {formatUrl, parseUrl} from "../src/session/address.js";
import {Directory, LAG, PLACES_MAX, TOLD_MAX, readPin} from "../src/session/directory.js";
import {AddressInvalid} from "../src/session/errors.js";

const OPEN = {isSecurePage: false, hasWebTransport: true};
const NODE = "0a".repeat(32);
const OTHER = "0b".repeat(32);
const HASH = "cd".repeat(32);

/** @param {string[]} seeds */
function directory(...seeds) {
  return new Directory(seeds, OPEN, () => 0);
}

/** @param {string} url @param {string} [node] @param {string[]} [certificates] */
function told(url, node = NODE, certificates = []) {
  return {address: parseUrl(url), node, certificates};
}

test("URLs of nodes are read, and have one form", () => {
  assert.equal(formatUrl(parseUrl("ws://One.Example")), "ws://one.example:38082");
  assert.equal(formatUrl(parseUrl("http://[::1]:80/")), "http://[::1]:80");
  assert.equal(formatUrl(parseUrl("wss://a.example/ws")), "wss://a.example:38082/ws");
  assert.deepEqual(parseUrl(`ws+udp://192.0.2.7#${HASH}`).certificates, [HASH]);
  const wrong = ["", "ws://", "ftp://a", "ws://a b", "ws://u@a", "ws://a?x=1", "ws://a:0", "ws://a:65536", "constructor://a",
    `ws://a#${HASH}`, "ws+udp://a#ff"];
  for (const url of wrong) assert.throws(() => parseUrl(url), AddressInvalid, url);
});

test("a page from https uses nothing in the clear, but of its own machine", () => {
  const page = {isSecurePage: true, hasWebTransport: true};
  assert.throws(() => new Directory(["ws://192.0.2.7"], page), /from https may not use ws/);
  assert.throws(() => new Directory(["http://192.0.2.7"], page), AddressInvalid);
  assert.equal(new Directory(["wss://a.example", "ws://127.0.0.1", "ws+udp://192.0.2.7"], page).size, 3);
});

test("without WebTransport there are no places that need it, told or named", () => {
  const old = new Directory(["ws://192.0.2.7"], {isSecurePage: false, hasWebTransport: false});
  old.told([told("ws+udp://192.0.2.7", NODE, [HASH]), told("http://192.0.2.7")]);
  assert.deepEqual([...old].map((place) => place.url), ["ws://192.0.2.7:38082", "http://192.0.2.7:38081"]);
  assert.throws(() => old.name("ws+udp://192.0.2.7"), /no WebTransport here/);
});

test("places that answered come first, then those that keep up, then the near ones", () => {
  const places = directory("ws://far", "ws://near", "ws://stale", "ws://failed");
  const [far, near, stale, failed] = places;
  places.watched(far, 0.3);
  places.watched(near, 0.01);
  places.watched(stale, 0.01);
  places.toldHeight(stale, 10, 10 + LAG + 1);
  places.failed(failed, 0, "lost");
  assert.deepEqual(places.rank(0.1), [near, far, stale, failed]);
  places.toldHeight(stale, 16, 16);
  assert.ok(places.rank(0.1).indexOf(stale) < 2);
});

test("connections are kept with different nodes, and not given up for little", () => {
  const places = directory("ws://a", "http://a", "ws://b", "ws://c", "ws://d");
  const [a, same, b, c, d] = places;
  for (const [place, node, latency] of /** @type {const} */ ([[a, NODE, 0.01], [same, NODE, 0.01], [b, OTHER, 0.03], [c, "", 0.04], [d, "", 0.05]])) {
    place.node = node;
    places.watched(place, latency);
  }
  assert.deepEqual([...places.ready(0, [], 3)], [a, b, c]);
  assert.deepEqual([...places.ready(0, [d], 3)], [a, d, b], "the one that is connected stays");
  places.watched(c, -0.1);
  assert.ok(places.ready(0, [d], 3).has(c));
  places.failed(a, 0, "lost");
  assert.deepEqual([...places.ready(1, [], 2)].includes(a), true, "it is tried again");
  assert.ok([...places.ready(1, [], 2)].filter((each) => !each.failures).length === 2);
});

test("a place that fails comes last for a time that doubles, and a minute at most", () => {
  const places = directory("ws://a");
  const [place] = places;
  const penalties = Array.from({length: 9}, () => {
    places.failed(place, 0, "lost");
    return place.retryAt;
  });
  assert.deepEqual(penalties, [0.5, 1, 2, 4, 8, 16, 32, 60, 60]);
  places.answered(place);
  assert.deepEqual([place.retryAt, place.failures, place.trouble], [0, 0, ""]);
});

test("a liar is not asked again, HTTP not for subscriptions", () => {
  const places = directory("ws://liar", "ws://honest", "http://honest");
  const [liar, honest, http] = places;
  places.lied(liar, "proof_row_wrong");
  assert.deepEqual(places.rank(0), [honest, http]);
  assert.deepEqual(places.rank(0, {keeping: true}), [honest]);
  assert.deepEqual(places.rank(0, {without: new Set([honest])}), [http]);
});

test("so many places are kept, seeds always, liars before what fails, and so many of one teller", () => {
  const places = directory("ws://seed");
  const urls = (/** @type {number} */ from, /** @type {number} */ count) =>
    Array.from({length: count}, (_, at) => told(`ws://node${from + at}`));
  places.told(urls(0, 100));
  assert.equal(places.size, 1 + TOLD_MAX);
  for (let from = 100; from < 700; from += 30) places.told(urls(from, 30));
  assert.equal(places.size, PLACES_MAX);
  const [seed, liar, failing] = places;
  places.lied(liar, "x");
  places.failed(failing, 0, "lost");
  places.told(urls(800, 1));
  assert.equal(places.size, PLACES_MAX);
  assert.ok(places.find(seed.url) && places.find(liar.url) && places.find("ws://node800:38082"));
  assert.equal(places.find(failing.url), undefined);
  places.told(urls(801, 1));
  assert.ok(places.find(seed.url) && places.find("ws://node801:38082"));
  assert.equal(places.find(liar.url), undefined);
});

test("certificates are those that the place's node signed, or that the caller named", () => {
  const places = directory(`ws+udp://named#${HASH}`);
  const mine = "ef".repeat(32);
  places.told([told("ws+udp://named", NODE, [mine]), told("ws+udp://told", NODE, [mine])]);
  const [named, learned] = places;
  assert.deepEqual([named.certificates, learned.certificates], [[HASH], [mine]]);
  places.told([told("ws+udp://told", OTHER, [HASH])]);
  assert.deepEqual([learned.node, learned.certificates], [NODE, [mine]], "another node has no say");
  places.failed(learned, 0, "wrong certificate");
  places.told([told("ws+udp://told", OTHER, [HASH])]);
  assert.deepEqual([learned.node, learned.certificates], [OTHER, [HASH]], "unless the first one was wrong");
});

test("places and nodes can be pinned", () => {
  assert.deepEqual(readPin("ws://a/"), {url: "ws://a:38082"});
  assert.deepEqual(readPin(`node:${NODE}`), {node: NODE});
  assert.throws(() => readPin("node:ff"), /64 lower-case hex digits/);
});

/** What one node tells of itself: its health, sync and audit, how it is reached, its mappings and punches in words. */

import {byId, el, show} from "./dom.js";
import {plainText} from "./hostile.js";
import {mark} from "./marks.js";
import {
  auditSentence, dialbackSentence, endpoint, mappingSentence, natMeaning, natName, punchSentence, routerSentence, syncSentence, transportName,
} from "./plain.js";
import {ago, clock, count, duration, number, short} from "./words.js";

/** Punches that are told of at most. */
const PUNCHES = 20;

let chosen = "";

/** @param {() => void} changed Called when another node was chosen. */
export function startNodeView(changed) {
  byId("node-choice").addEventListener("change", (/** @type {Event} */ event) => {
    chosen = /** @type {HTMLSelectElement} */ (event.target).value;
    history.replaceState(null, "", `#node/${chosen}`);
    changed();
  });
}

/** @param {string} rest A node's key, of the fragment. */
export function chooseNode(rest) {
  if (/^[0-9a-f]{64}$/.test(rest)) chosen = rest;
}

/** @param {import("./network.js").NetworkNode[]} nodes */
export function showNode(nodes) {
  const node = nodes.find((each) => each.id === chosen) ?? nodes.find((each) => each.isOwn) ?? nodes.find((each) => each.facts) ?? nodes[0];
  show(byId("node-choice"), nodes.map((each) => el("option", {key: each.id, value: each.id},
    `${short(each.id)}${each.isOwn ? " (served this page)" : ""}, ${each.verdict}`)));
  if (node) byId("node-choice").value = node.id;
  if (!node) return show(byId("node-parts"), el("p", {}, "No node has told of itself yet."));
  if (!node.facts) {
    return show(byId("node-parts"), card("wide", `Node ${short(node.id)}`, [el("p", {}, mark(node.state, node.verdict), ` ${node.detail}`), reach(node)]));
  }
  const {info, peers} = node.facts;
  return show(byId("node-parts"), health(info), audit(info), interfaces(node), nat(node, info), mappings(info), punches(peers), links(peers));
}

/** @param {string} kind @param {string} title @param {any} children */
function card(kind, title, children) {
  return el("section", {key: title, class: `card ${kind}`}, el("div", {class: "head"}, el("h2", {}, title)), children);
}

/** @param {[string, any][]} pairs */
function facts(pairs) {
  return el("dl", {class: "facts"}, pairs.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

/** @param {string[]} texts @param {string} none */
function sentences(texts, none) {
  return texts.length ? el("ul", {class: "sentences"}, texts.map((text) => el("li", {}, plainText(text, 600)))) : el("p", {class: "soft"}, none);
}

/** @param {any} info */
function health(info) {
  const {sync, repair} = info;
  const isWell = sync.state === "serving" && !sync.trouble && sync.height >= sync.target - 5;
  return card("", "Health and sync", [
    el("p", {}, mark(isWell ? "good" : sync.state === "serving" ? "warn" : "bad", isWell ? "well" : sync.state), ` ${plainText(syncSentence(sync), 500)}`),
    facts([
      ["Key", el("code", {}, plainText(info.node, 64))],
      ["Role", sync.role === "validator" ? "validator: it makes blocks with others" : "follower: it checks every block"],
      ["Height", `${number(sync.height)} of ${number(sync.target)}`],
      ["Writes", `${number(Math.round(sync.operations_second))} operations a second, lately`],
      ["Blocks kept", `from ${number(sync.blocks_from)} on`],
      ["Peers", `${number(info.peers.inbound + info.peers.outbound)} linked, ${number(info.peers.known)} addresses known`],
      ["Running", `${plainText(info.software.name, 40)} ${plainText(info.software.version, 40)}, started ${ago(info.started)}`],
      ["Repairs", repair.doing ? plainText(repair.doing) : repair.trouble ? plainText(repair.trouble) : repair.repairs ? `${number(repair.repairs)}; last: ${plainText(repair.last ?? "")}` : "none was needed"],
    ]),
  ]);
}

/** @param {any} info */
function audit({audit: told}) {
  const state = told.state === "ok" ? "good" : told.state === "corrupt" ? "bad" : "idle";
  return card("", "Audit of its database", [
    el("p", {}, mark(state, told.state === "ok" ? "sound" : told.state), ` ${plainText(auditSentence(told), 600)}`),
    facts([
      ["Finished", told.finished === null ? "never" : clock(told.finished)],
      ["Rows", number(told.rows)],
      ["Up to", told.height === null ? "nothing yet" : `block ${number(told.height)}`],
    ]),
  ]);
}

/** @param {import("./network.js").NetworkNode} node */
function interfaces(node) {
  return card("", "Interfaces", [reach(node), el("p", {class: "soft"}, "Reached means that this browser, or a node that tried, got an answer there. The others may be reached as well; nobody has told.")]);
}

/** @param {import("./network.js").NetworkNode} node */
function reach(node) {
  if (!node.interfaces.length) return el("p", {class: "soft"}, "Nobody has told which interfaces it serves.");
  return el("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of interfaces, which scrolls"},
    el("table", {class: "stack"}, el("caption", {class: "unseen"}, "Interfaces and how they are reached"),
    el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "Interface"), el("th", {scope: "col"}, "Where"), el("th", {scope: "col"}, "Reached"))),
    el("tbody", {}, node.interfaces.map((each) => el("tr", {key: `${each.transport} ${each.port}`},
      el("th", {scope: "row"}, plainText(transportName(each.transport), 40)),
      el("td", {"data-label": "Where"}, el("code", {}, plainText(each.address ? endpoint(each.address, each.port) : `port ${each.port}`, 80)), each.secure && el("span", {class: "small"}, each.protocol === "tcp" ? "in the clear or TLS" : "QUIC")),
      el("td", {"data-label": "Reached"}, each.reached ? [mark("good", each.reached), each.at && el("span", {class: "small"}, `at ${plainText(each.at, 80)}`)] : each.failed ? mark("bad", "a node tried in vain") : mark("idle", "not tried")))))));
}

/** @param {import("./network.js").NetworkNode} node @param {any} info */
function nat(node, info) {
  const told = info.stun.nat;
  return card("", "NAT and firewall", [
    el("p", {}, el("strong", {}, natName(node.nat)), ". ", plainText(natMeaning(node.nat), 400)),
    told?.advice && el("p", {class: "notice"}, plainText(told.advice, 400)),
    told && facts([
      ["Seen from outside at", told.external ?? "not known"],
      ["Mapping", `${told.mapping}`], ["Filtering", `${told.filtering}`],
      ["Keeps port numbers", told.ports], ["UDP", told.udp],
      ["Silence survived over UDP", survived(told.lifetime_held)], ["over TCP", survived(told.lifetime_held_tcp)],
      ["Found out", `${ago(told.checked)}, with ${count(told.observers, "node")}`],
    ].map(([name, value]) => [name, plainText(value, 80)])),
  ]);
}

/** @param {number | null | undefined} seconds An older node tells nothing of TCP. */
function survived(seconds) {
  return typeof seconds === "number" ? duration(seconds) : "not tried";
}

/** @param {any} info */
function mappings({stun}) {
  return card("", "STUN mappings", [
    sentences(stun.mappings.map((/** @type {any} */ each) => mappingSentence(each)), "It keeps no port open at a NAT: it has none, or needs none."),
    stun.router.length > 0 && [el("h3", {}, "Ports at the router"), sentences(stun.router.map(routerSentence), "")],
    stun.interfaces.length > 0 && [el("h3", {}, "Who tried to reach it"), sentences(stun.interfaces.map((/** @type {any} */ each) => dialbackSentence(each)), "")],
  ]);
}

/** @param {any[]} peers */
function punches(peers) {
  const all = peers.flatMap((peer) => (peer.punches ?? []).map((/** @type {any} */ punch) => ({punch, peer: peer.id})));
  all.sort((one, other) => other.punch.began - one.punch.began);
  return card("", "Punch attempts", sentences(all.slice(0, PUNCHES).map(({punch, peer}) => punchSentence(punch, peer)), "It had a part in none lately: nobody needed a hole."));
}

/** @param {any[]} peers */
function links(peers) {
  if (!peers.length) return card("wide", "Links with other nodes", el("p", {class: "soft"}, "None."));
  const titles = ["Node", ...linkCells(peers[0]).map(([label]) => label)];
  const rows = peers.map((peer) => el("tr", {key: peer.id},
    el("th", {scope: "row"}, el("a", {href: /^[0-9a-f]{64}$/.test(peer.id) ? `#node/${peer.id}` : "#node"},
      el("code", {}, plainText(short(peer.id), 8)))),
    linkCells(peer).map(([label, value]) => el("td", {"data-label": label}, value))));
  const name = "Table of links, which scrolls";
  return card("wide", "Links with other nodes", el("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": name},
    el("table", {class: "stack"}, el("caption", {class: "unseen"}, "Links with other nodes"),
      el("thead", {}, el("tr", {}, titles.map((title) => el("th", {scope: "col"}, title)))), el("tbody", {}, rows))));
}

/** @param {any} peer @returns {[string, string][]} What each column has of it. */
function linkCells(peer) {
  return [
    ["Address", plainText(peer.addr, 60)],
    ["Over", peer.protocol === "ws" ? "TCP" : "QUIC"],
    ["Dialled by", peer.inbound ? "the other" : "this one"],
    ["Round trip", peer.pingtime ? duration(peer.pingtime / 1e6) : "–"],
    ["Height", number(peer.synced_blocks)],
    ["Blocks from", number(peer.blocks_from)],
    ["Since", ago(peer.conntime)],
  ];
}

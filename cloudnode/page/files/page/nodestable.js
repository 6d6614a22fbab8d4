/** The map in words: a row for each node. */

import {byId, el, show} from "./dom.js";
import {mark} from "./marks.js";
import {natName, shortInterfaces} from "./plain.js";
import {duration, number, short} from "./words.js";

/** @param {import("./network.js").NetworkNode[]} nodes @param {import("./network.js").Link[]} links */
export function showNodes(nodes, links) {
  show(byId("nodes"), el("table", {class: "stack"},
    el("caption", {class: "unseen"}, "Nodes, whether they agree, how they are reached, and their links"),
    el("thead", {}, el("tr", {}, ["Node", "Verdict", "Height", "From here", "Interfaces", "NAT", "Links"].map((title) =>
      el("th", {scope: "col"}, title)))),
    el("tbody", {}, nodes.map((node) => row(node, links)))));
}

/** @param {import("./network.js").NetworkNode} node @param {import("./network.js").Link[]} links */
function row(node, links) {
  const linked = links.filter(({from, to}) => from === node.id || to === node.id)
    .map(({from, to, over}) => ({id: from === node.id ? to : from, over}));
  return el("tr", {key: node.id, "data-node": node.id, "data-state": node.state},
    el("th", {scope: "row"}, el("a", {href: `#node/${node.id}`}, el("code", {}, short(node.id))),
      el("span", {class: "small"}, `${node.isValidator ? "validator" : "follower"}${node.isOwn ? ", served this page" : ""}`)),
    el("td", {"data-label": "Verdict"}, mark(node.state, node.verdict),
      node.state === "bad" && el("span", {class: "small"}, node.detail)),
    el("td", {"data-label": "Height"}, node.height === null ? "–" : number(node.height)),
    el("td", {"data-label": "From here"}, node.url ? [node.url.split(":")[0], el("span", {class: "small"}, node.latency === null ? "" : duration(node.latency))] : "not reached"),
    el("td", {"data-label": "Interfaces"}, interfaces(node)),
    el("td", {"data-label": "NAT"}, natName(node.nat)),
    el("td", {"data-label": "Links"}, linked.length ? [String(linked.length), el("span", {class: "small"}, linked.map(({id}) => short(id, 4)).join(" "))] : "none known"));
}

/** @param {import("./network.js").NetworkNode} node */
function interfaces({interfaces}) {
  if (!interfaces.length) return "not told";
  const named = shortInterfaces(interfaces);
  const [reached, others] = [true, false].map((wanted) => named.filter((each) => each.isReached === wanted).map((each) => each.name).join(", "));
  return [
    reached ? `${reached} reached` : "none reached yet",
    others && el("span", {class: "small"}, `serves ${others} as well`),
  ];
}

/** The network as a drawing. The table below it says the same in words, and is what a screen reader is given. */

import {byId, show, svg, el} from "./dom.js";
import {linkPath, placeNodes} from "./layout.js";
import {glyph} from "./marks.js";
import {natName, shortInterfaces} from "./plain.js";
import {count, duration, short} from "./words.js";

/** @typedef {import("./network.js").NetworkNode} NetworkNode */

const RADIUS = 21;
/** @type {{nodes: NetworkNode[], links: import("./network.js").Link[]} | null} */
let drawn = null;
let width = 0;
let flashes = 0;
/** @type {(id: string) => void} */
let choose = () => {};

/** @param {(id: string) => void} chosen Told of a node that was clicked. */
export function startMap(chosen) {
  choose = chosen;
  new ResizeObserver(([{contentRect}]) => {
    if (Math.round(contentRect.width) === width) return;
    width = Math.round(contentRect.width);
    if (drawn) drawMap(drawn);
  }).observe(byId("map"));
}

/** A block became final: its news goes through the network. */
export function flashMap() {
  flashes += 1;
  if (drawn) drawMap(drawn);
}

/** @param {{nodes: NetworkNode[], links: import("./network.js").Link[]}} network */
export function drawMap(network) {
  drawn = network;
  if (!width) return;
  const isNarrow = width < 480;
  const rows = network.nodes.length > 8 ? 1.2 : 1;
  const height = Math.round((isNarrow ? Math.max(340, width * 1.05) : Math.min(470, width * 0.62)) * rows);
  const spots = placeNodes(network.nodes, width, height, isNarrow ? 58 : 74);
  const links = network.links.flatMap(({from, to, over}) => {
    const [one, other] = [spots.get(from), spots.get(to)];
    return one && other
      ? [svg("path", {key: `${from} ${to}`, class: "tie", "data-over": over, d: linkPath(one, other, width, height)})]
      : [];
  });
  const nodes = network.nodes.map((node) => drawNode(node, /** @type {any} */ (spots.get(node.id))));
  show(byId("map"), svg("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "map-says"},
    svg("title", {id: "map-says"}, describe(network)), svg("g", {key: "links"}, links), svg("g", {key: "nodes"}, nodes)));
  byId("map-caption").textContent = `${count(network.nodes.length, "node")}, ${count(network.links.length, "link")}`;
  drawLegend(network);
}

/** @param {{nodes: NetworkNode[], links: any[]}} network */
function describe({nodes, links}) {
  return `Map of ${count(nodes.length, "node")} and ${count(links.length, "link")} between them. The table of nodes says the same.`;
}

/** @param {NetworkNode} node @param {import("./layout.js").Spot} spot */
function drawNode(node, {x, y}) {
  const isBehindNat = node.nat && node.nat.mapping !== "unknown" && node.nat.mapping !== "none";
  const below = node.height === null ? node.verdict : node.state === "good" ? `block ${node.height}` : node.verdict;
  const speed = node.latency === null || width < 480 ? "" : ` · ${duration(node.latency)}`;
  return svg("g", {key: node.id, class: "node", "data-state": node.state, transform: `translate(${x} ${y})`, onclick: () => choose(node.id)},
    node.state === "good" && svg("circle", {key: `flash ${flashes}`, class: flashes ? "flash" : "flash none", r: RADIUS}),
    node.isOwn && svg("circle", {class: "own", r: RADIUS + 5}),
    isBehindNat && svg("path", {class: "wall", d: WALL}),
    node.isValidator ? svg("path", {class: "body", d: HEXAGON}) : svg("circle", {class: "body", r: RADIUS - 1}),
    svg("path", {class: "glyph", d: glyph(node.state), transform: "translate(-12 -12)"}),
    svg("text", {class: "name", y: RADIUS + 19}, short(node.id)),
    svg("text", {class: "small", y: RADIUS + 34}, `${below}${speed}`),
    isBehindNat && svg("text", {class: "small", y: -RADIUS - 16}, natName(node.nat)),
    width >= 480 && svg("text", {class: "small", y: RADIUS + 49}, pips(node)));
}

/** Which interfaces are reached. @param {NetworkNode} node */
function pips({interfaces}) {
  return shortInterfaces(interfaces).map(({name, isReached}) =>
    svg("tspan", {class: isReached ? "reached" : "", dx: 5}, `${isReached ? "●" : "○"} ${name}`));
}

const HEXAGON = `M${[0, 1, 2, 3, 4, 5].map((corner) => {
  const angle = (corner / 6) * 2 * Math.PI - Math.PI / 2;
  return `${(Math.cos(angle) * RADIUS * 1.06).toFixed(1)} ${(Math.sin(angle) * RADIUS * 1.06).toFixed(1)}`;
}).join("L")}Z`;

/** A wall before the node: above it, where no name stands. */
const WALL = `M${-RADIUS - 8} -6A${RADIUS + 10} ${RADIUS + 10} 0 0 1 ${RADIUS + 8} -6`;

/** @param {{nodes: NetworkNode[], links: any[]}} network */
function drawLegend({nodes, links}) {
  /** @type {[boolean, string, any[]][]} */
  const entries = [
    [nodes.some((each) => each.isValidator), "validator", [svg("path", {d: HEXAGON, transform: "translate(12 8) scale(.33)", "stroke-width": 6})]],
    [nodes.some((each) => !each.isValidator), "follower", [svg("circle", {cx: 12, cy: 8, r: 6})]],
    [nodes.some((each) => each.isOwn), "served this page", [svg("circle", {cx: 12, cy: 8, r: 4}), svg("circle", {cx: 12, cy: 8, r: 7, "stroke-width": 1})]],
    [links.some((each) => each.over === "ws"), "link over TCP", [svg("path", {d: "M2 8h20"})]],
    [links.some((each) => each.over === "ws-udp"), "link over QUIC", [svg("path", {d: "M2 8h20", "stroke-dasharray": "1 4", "stroke-linecap": "round"})]],
    [nodes.some((each) => each.interfaces.some(({reached}) => reached)), "interface reached", [svg("circle", {cx: 12, cy: 8, r: 3.5, fill: "currentColor"})]],
    [nodes.some((each) => each.interfaces.some(({reached}) => !reached)), "served, not tried", [svg("circle", {cx: 12, cy: 8, r: 3.5, "stroke-width": 1.5})]],
    [nodes.some((each) => each.nat && !["unknown", "none"].includes(each.nat.mapping)), "behind a NAT", [svg("path", {d: "M3 12a10 10 0 0 1 18 0", "stroke-dasharray": "6 3"})]],
  ];
  show(byId("legend"), entries.filter(([isThere]) => isThere).map(([, text, shapes]) =>
    el("span", {key: text}, svg("svg", {viewBox: "0 0 24 16", "aria-hidden": "true"}, ...shapes), text)));
}

/** Blocks as they become final. */

import {byId, el, show, svg} from "./dom.js";
import {ago, count, number, short} from "./words.js";

/** @typedef {{height: number, hash: string, time: number, operations_count: number, checked: string}} Block */

const KEPT = 48;
const LISTED = 7;

/** @type {Map<number, Block>} */
const blocks = new Map();

/** @param {Block[]} told */
export function addBlocks(told) {
  for (const {height, hash, time, operations_count, checked} of told) {
    if (checked === "proof" || blocks.get(height)?.checked !== "proof") {
      blocks.set(height, {height, hash, time, operations_count, checked});
    }
  }
  const oldest = Math.max(0, ...blocks.keys()) - KEPT;
  for (const height of blocks.keys()) if (height <= oldest) blocks.delete(height);
  showBlocks();
}

/** Show them with their ages now. */
export function showBlocks() {
  const newest = [...blocks.values()].sort((one, other) => other.height - one.height);
  if (!newest.length) return;
  byId("blocks-caption").textContent = newest[0].checked === "proof"
    ? "as they become final, each proven here" : "as they become final";
  const most = Math.max(1, ...newest.map((each) => each.operations_count));
  const bar = 100 / KEPT;
  show(byId("block-bars"), svg("svg", {viewBox: "0 0 100 40", preserveAspectRatio: "none", role: "img",
    "aria-label": `Operations in the last ${count(newest.length, "block")}; ${number(most)} at most`},
  [...newest].reverse().map((block, index) => {
    const tall = 2 + 38 * Math.sqrt(block.operations_count / most);
    return svg("rect", {key: block.height, x: (100 - (newest.length - index) * bar).toFixed(2), y: (40 - tall).toFixed(2), width: (bar * 0.72).toFixed(2), height: tall.toFixed(2)});
  })));
  show(byId("blocks"), el("table", {},
    el("caption", {class: "unseen"}, "The newest blocks"),
    el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "Height"), el("th", {scope: "col", class: "right"}, "Operations"),
      el("th", {scope: "col"}, "When"), el("th", {scope: "col"}, "Hash"))),
    el("tbody", {}, newest.slice(0, LISTED).map((block) => el("tr", {key: block.height},
      el("th", {scope: "row"}, number(block.height)), el("td", {class: "right"}, number(block.operations_count)),
      el("td", {}, ago(block.time / 1000)), el("td", {}, el("code", {}, short(block.hash))))))));
}

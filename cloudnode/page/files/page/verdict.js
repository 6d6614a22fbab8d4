/** The answer to the question that one comes with: is it true, and do all agree? */

import {announce, byId, el, show} from "./dom.js";
import {mark} from "./marks.js";
import {summarize} from "./network.js";
import {number, short} from "./words.js";

/**
 * @typedef {object} Verified What was verified here, see `Cloud.state`.
 * @property {number} height @property {string} root
 * @property {number} ratings_sum @property {number} ratings_count @property {number} records @property {number} accounts
 */

/**
 * @param {Verified | null} state
 * @param {import("./network.js").Compared[]} compared
 * @param {{network: string, isNamed: boolean, known: number}} trust Whether the reader named the network, or the first
 *   node did; how many nodes are known.
 */
export function showVerdict(state, compared, {network, isNamed, known}) {
  const {state: kind, title} = summarize(compared, known);
  const verdict = byId("verdict");
  verdict.dataset.state = kind;
  show(verdict,
    el("div", {},
      state ? mark("good", "verified in your browser") : mark("wait", "verifying"),
      el("p", {class: "title"}, title),
      el("p", {class: "why"}, state
        ? `Checked here at height ${number(state.height)}: the validators' signatures, from the genesis on; then each node's own signed answer against that.`
        : "The nodes are asked for their signed state and its proof."),
      network && !isNamed && el("p", {class: "why"}, "That this is network ", el("code", {}, short(network, 12)),
        " is the first node's word. ", el("a", {href: "#proof"}, "What is proven"))),
    state && el("dl", {class: "figures"},
      figure("Height", number(state.height), "height"),
      figure("Ratings sum", number(state.ratings_sum), "ratings-sum"),
      figure("Ratings", number(state.ratings_count), "ratings-count"),
      figure("Records", number(state.records), "records-count"),
      figure("Accounts", number(state.accounts), "accounts-count"),
      figure("Agree", `${compared.filter((each) => each.state === "agrees").length} of ${compared.length}`, "agree"),
      el("div", {class: "wide"}, el("dt", {}, "Data hash"), el("dd", {class: "hex", id: "data-hash"}, state.root.slice(0, 32), el("wbr"), state.root.slice(32)))));
  if (state) announce(title);
}

/** @param {string} name @param {string} value @param {string} id */
function figure(name, value, id) {
  return el("div", {key: id}, el("dt", {}, name), el("dd", {id}, value));
}

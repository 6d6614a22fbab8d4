/** Signs for states that do not need colour: a tick, a clock, a cross, a question mark. */

import {el, svg} from "./dom.js";

/** @type {Record<string, string>} Paths in a square of 24. */
const GLYPHS = {
  good: "M5 12.5 10 17.5 19 7",
  warn: "M12 4.5a7.5 7.5 0 1 0 .01 0M12 8.5v4l2.5 1.5",
  bad: "M7 7l10 10M17 7 7 17",
  idle: "M8.5 9.5a3.5 3.5 0 1 1 5 3.2c-1 .5-1.5 1-1.5 2.3M12 18.2v.3",
  wait: "M6 12h.01M12 12h.01M18 12h.01",
};

/** @param {string} state */
export function glyph(state) {
  return GLYPHS[state] ?? GLYPHS.idle;
}

/** A pill with a sign and a word. @param {string} state @param {string} text */
export function mark(state, text) {
  return el("span", {class: "mark", "data-state": state},
    svg("svg", {viewBox: "0 0 24 24", "aria-hidden": "true"}, svg("path", {d: glyph(state)})), text);
}

/** How far an answer was checked. @param {string} checked As `Cloud.call` tells. */
export function checkedMark(checked) {
  if (checked === "proof") return mark("good", "proven here");
  if (checked === "partly") return mark("good", "sum and number proven here");
  if (checked === "certificate") return mark("warn", "of a final block, content unproven");
  return mark("idle", "the node’s word");
}

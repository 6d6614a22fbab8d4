/**
 * Which part of the page is shown: the address's fragment says, so that "back" works and every view can be linked to.
 *
 * `#records`, `#records/ACCOUNT/COLLECTION/KEY`, `#node/KEY`: the first word is the view, the rest is the view's own.
 */

import {byId} from "./dom.js";

/** @typedef {{shown: (rest: string) => void, hidden?: () => void}} View */

/** @type {Map<string, View>} */
const views = new Map();
let current = "";

/** @param {string} name The id of its section is `view-NAME`. @param {View} view */
export function addView(name, view) {
  views.set(name, view);
}

/** Show what the address says now, and from now on. */
export function startRouter() {
  addEventListener("hashchange", () => route(true));
  route(false);
}

/** @param {boolean} isMove Whether the reader went there, and did not open the page there. */
function route(isMove) {
  const [, name = "", rest = ""] = /^#([^/]*)\/?(.*)$/s.exec(location.hash) ?? [];
  const chosen = views.has(name) ? name : "network";
  if (current && current !== chosen) views.get(current)?.hidden?.();
  for (const each of views.keys()) byId(`view-${each}`).hidden = each !== chosen;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#${chosen}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const isOther = current !== chosen;
  current = chosen;
  views.get(chosen)?.shown(rest);
  if (isMove && isOther) {
    const heading = byId(`view-${chosen}`).querySelector("h1");
    heading?.focus({preventScroll: true});
    scrollTo(0, 0);
  }
}

/** The view that is shown. */
export function currentView() {
  return current;
}

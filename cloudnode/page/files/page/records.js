/** Finding records: a search or a list, page after page. */

import {announce, byId, el, show} from "./dom.js";
import {plainText, recordTitle, recordWords} from "./hostile.js";
import {currentRecord} from "./record.js";
import {average, count, short} from "./words.js";

const PAGE = 50;

/** @type {any} */
let session = null;
/** @type {any[]} */
let found = [];
/** @type {any} Where the next page begins; null at the end. */
let next = null;
let asked = 0;
let hasSearched = false;

/** @param {import("./session.js").PageSession} begun */
export function startRecords(begun) {
  session = begun;
  const form = byId("search");
  form.addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    search(false);
  });
  byId("search-order").addEventListener("change", () => search(false));
  byId("search-text").addEventListener("input", () => {
    byId("search-order").disabled = byId("search-text").value.trim() !== "";
  });
  byId("more").addEventListener("click", () => search(true));
}

/** The view is shown: with something in it. */
export function recordsShown() {
  if (!hasSearched) search(false);
  else showResults();
}

/** @param {boolean} isMore Whether the next page is wanted. */
async function search(isMore) {
  hasSearched = true;
  const number = (asked += 1);
  const text = byId("search-text").value.trim();
  const collection = byId("search-collection").value.trim() || null;
  /** @type {Record<string, any>} */
  const params = {limit: PAGE};
  if (collection) params.collection = collection;
  if (isMore && next) params.after = next;
  if (text) params.text = text;
  else params.order = byId("search-order").value;
  byId("results-caption").textContent = "asking …";
  try {
    const answer = await session.cloud.call(text ? "search" : "listrecords", params);
    if (number !== asked) return;
    found = isMore ? [...found, ...answer.result.records] : answer.result.records;
    next = answer.result.next;
    byId("results-caption").textContent = found.length
      ? `${next ? "the first " : ""}${count(found.length, "record")}${answer.checked === "partly" ? ", each proven here" : ""}` : "";
    announce(found.length ? `${count(found.length, "record")} found.` : "Nothing found.");
    offerCollections();
    showResults();
    if (isMore) byId("results").querySelectorAll("a")[found.length - answer.result.records.length]?.focus();
  } catch (error) {
    if (number !== asked) return;
    byId("results-caption").textContent = "";
    show(byId("results"), el("li", {class: "error"}, plainText(/** @type {Error} */ (error).message)));
  }
}

/** The address of a record within the page. @param {{account: string, collection: string, key: string}} record */
export function recordLink({account, collection, key}) {
  return `#records/${account}/${collection}/${encodeURIComponent(key)}`;
}

/** Show what was found, and which of it is open. */
export function showResults() {
  byId("more").hidden = next === null;
  if (!found.length) {
    show(byId("results"), el("li", {}, el("p", {class: "soft"}, "Nothing found. Words are searched as they begin; try fewer of them.")));
    return;
  }
  show(byId("results"), found.map((record) => {
    const link = recordLink(record);
    return el("li", {key: link}, el("a", {href: link, "aria-current": link === currentRecord() ? "true" : null},
      el("bdi", {class: "title"}, recordTitle(record)),
      el("span", {class: "score"}, average(record.ratings_sum, record.ratings_count)),
      el("bdi", {class: "small"}, recordWords(record) || `${record.collection}, by ${short(record.account)}`),
      el("span", {class: "small"}, count(record.ratings_count, "rating"))));
  }));
}

function offerCollections() {
  const names = [...new Set(found.map((each) => String(each.collection)))].slice(0, 20);
  show(byId("collections"), names.map((name) => el("option", {key: name, value: name})));
}

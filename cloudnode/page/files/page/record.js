/** One record with its ratings, proven, and the reader's own rating of it. */

import {announce, byId, el, show, svg} from "./dom.js";
import {members, plainText, recordTitle} from "./hostile.js";
import {currentKey, ensureKey, whenKeyChanges} from "./keys.js";
import {checkedMark, mark} from "./marks.js";
import {showResults} from "./records.js";
import {average, clock, count, number, short} from "./words.js";

/** Ratings that are fetched to show how they spread. */
const SPREAD = 200;
const STAR = "M12 3.2l2.7 5.6 6.1.8-4.5 4.3 1.1 6.1L12 17.1 6.6 20l1.1-6.1-4.5-4.3 6.1-.8z";

/** @type {any} */
let session = null;
let link = "";
/** @type {{account: string, collection: string, key: string} | null} */
let address = null;
/** @type {any} What was found out of it. */
let known = {};
let chosen = 0;
let isBusy = false;
/** @type {{state: string, text: string} | null} */
let outcome = null;

/** @param {import("./session.js").PageSession} begun */
export function startRecord(begun) {
  session = begun;
  whenKeyChanges(() => address && load());
}

/** The link of the record that is open; empty if none is. */
export function currentRecord() {
  return link;
}

/** @param {string} rest `ACCOUNT/COLLECTION/KEY` of the fragment; else no record is open. */
export function openRecord(rest) {
  const [, account, collection, encoded] = /^([0-9a-f]{64})\/([a-z0-9._-]{1,64})\/([^/]+)$/.exec(rest) ?? [];
  const key = decode(encoded);
  const isOther = link !== `#records/${rest}`;
  byId("record").hidden = key === null;
  if (key === null) {
    address = null;
    link = "";
    return;
  }
  link = `#records/${rest}`;
  address = {account, collection, key};
  if (isOther) {
    known = {};
    chosen = 0;
    outcome = null;
    show(byId("record"), el("h2", {key: "title", id: "record-title"}, "Asking …"));
  }
  load();
  if (isOther) byId("record").focus({preventScroll: true});
}

/** @param {string | undefined} encoded */
function decode(encoded) {
  try {
    return encoded === undefined ? null : decodeURIComponent(encoded);
  } catch {
    return null;
  }
}

async function load() {
  const {cloud} = session;
  const [wanted, at] = [address, link];
  if (!wanted) return;
  const name = `${wanted.account}/${wanted.collection}/${wanted.key}`;
  const key = currentKey();
  try {
    const [record, ratings, mine] = await Promise.all([
      cloud.call("getrecord", wanted),
      cloud.call("getratings", {record: name, limit: SPREAD}),
      key ? cloud.call("getratings", {record: name, account: key.account}) : null,
    ]);
    if (at !== link) return;
    const before = known.mine;
    known = {record, ratings, mine: mine?.result.ratings[0]?.stars ?? 0, error: null};
    if (!chosen || before !== known.mine) chosen = known.mine;
  } catch (error) {
    if (at !== link) return;
    known = {error};
  }
  draw();
}

function draw() {
  if (known.error) {
    show(byId("record"), back(), el("h2", {key: "title", id: "record-title"}, "Not found"),
      el("p", {key: "why"}, plainText(known.error.message)), known.error.checked === "proof" && checkedMark("proof"));
    return;
  }
  const {record: {result: record, checked, context}, ratings} = known;
  show(byId("record"), back(),
    el("h2", {key: "title", id: "record-title"}, el("bdi", {}, recordTitle(record))),
    el("div", {key: "big", class: "big"}, el("strong", {class: "score"}, average(record.ratings_sum, record.ratings_count)),
      el("span", {class: "soft"}, `${count(record.ratings_count, "rating")}, sum `, el("span", {id: "record-sum"}, number(record.ratings_sum)))),
    el("p", {key: "proof"}, checkedMark(checked), ` at height ${number(context?.height ?? 0)}`),
    spread(ratings.result),
    rateForm(record),
    record.deleted && el("p", {key: "deleted", class: "notice"}, "Its author deleted this record."),
    el("dl", {key: "data", class: "data"}, members(record.data).map(([name, value]) => [el("dt", {}, el("bdi", {}, name)), el("dd", {}, el("bdi", {}, value))])),
    el("details", {key: "more"}, el("summary", {}, "All of it"),
      el("dl", {class: "facts"}, facts(record).map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
      el("pre", {tabindex: 0, "aria-label": "The record's data as JSON"}, plainText(JSON.stringify(record.data, null, 2) ?? "null", 20_000))));
}

function back() {
  return el("a", {key: "back", class: "back", href: "#records"}, "All results");
}

/** @param {any} record @returns {[string, any][]} */
function facts(record) {
  return [
    ["Author", el("code", {}, record.account)],
    ["Collection", plainText(record.collection, 64)],
    ["Key", el("bdi", {}, plainText(record.key, 256))],
    ["Version", number(record.version)],
    ["Changed", `${clock(record.time / 1000)}, block ${number(record.updated.height)}`],
    ["Refers to", record.ref ? el("bdi", {}, plainText(record.ref, 400)) : "nothing"],
  ];
}

/** @param {{ratings: {stars: number}[], next: any}} ratings */
function spread({ratings, next}) {
  if (!ratings.length) return el("p", {key: "spread", class: "soft"}, "Nobody has rated it yet.");
  const counts = [5, 4, 3, 2, 1].map((stars) => [stars, ratings.filter((each) => each.stars === stars).length]);
  const most = Math.max(...counts.map(([, many]) => many));
  return el("div", {key: "spread"},
    next !== null && el("p", {class: "soft"}, `Of ${count(ratings.length, "rating")} among them:`),
    el("div", {class: "spread", role: "img", "aria-label": counts.map(([stars, many]) => `${stars} stars: ${many}`).join(", ")},
      counts.map(([stars, many]) => [el("span", {}, String(stars)), svg("svg", {viewBox: "0 0 100 8", preserveAspectRatio: "none"},
        svg("rect", {class: "track", width: 100, height: 8}), svg("rect", {class: "fill", width: (100 * many) / most, height: 8})), el("span", {}, number(many))])));
}

/** @param {any} record */
function rateForm(record) {
  const key = currentKey();
  if (record.deleted) return null;
  if (key?.account === record.account) return el("p", {key: "own", class: "soft"}, "It is yours: nobody rates a record of their own.");
  return el("form", {key: "rate", id: "rate", onsubmit: (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    rate(chosen || null);
  }},
  el("fieldset", {disabled: isBusy},
    el("legend", {}, "Your rating"),
    el("div", {class: "stars"}, [1, 2, 3, 4, 5].map((stars) => el("label", {"data-on": stars <= chosen ? "" : null},
      el("input", {type: "radio", name: "stars", value: stars, checked: stars === chosen, onchange: () => {
        chosen = stars;
        draw();
      }}),
      el("span", {class: "unseen"}, count(stars, "star")),
      svg("svg", {viewBox: "0 0 24 24", "aria-hidden": "true"}, svg("path", {d: STAR}))))),
    el("div", {class: "row"},
      el("button", {type: "submit", class: "primary", id: "rate-send", disabled: !chosen || (chosen === known.mine && chosen > 0)},
        known.mine ? "Change it" : "Rate"),
      known.mine > 0 && el("button", {type: "button", id: "rate-withdraw", onclick: () => rate(null)}, "Withdraw it")),
    el("p", {class: "soft"}, key ? ["Signed by your key ", el("code", {}, short(key.account)), "."]
      : ["A key is made in this browser to sign it. ", el("a", {href: "#key"}, "Your key")])),
  outcome && el("p", {id: "rate-outcome"}, mark(outcome.state, outcome.text)));
}

/** @param {number | null} stars Null to withdraw. */
async function rate(stars) {
  if (isBusy || !address) return;
  const name = `${address.account}/${address.collection}/${address.key}`;
  isBusy = true;
  outcome = {state: "wait", text: "waiting for a block …"};
  draw();
  try {
    const writer = await session.cloud.writer(await ensureKey());
    const submitted = await session.cloud.submit(await (stars === null ? writer.withdraw(name) : writer.rate(name, stars)));
    const block = `block ${number(submitted.cursor.height)}`;
    outcome = {state: "good", text: stars === null ? `withdrawn in ${block}, proven` : `${count(stars, "star")} final in ${block}, proven`};
    if (stars === null) chosen = 0;
  } catch (error) {
    outcome = {state: "bad", text: plainText(/** @type {Error} */ (error).message)};
  }
  isBusy = false;
  announce(outcome.text);
  await load();
  showResults();
}

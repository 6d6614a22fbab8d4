/** The reader's key: made in this browser, kept in it, taken out and put in by the reader alone. */

import {SigningKey} from "../cloudnode.js";
import {announce, byId, el, show} from "./dom.js";
import {recall, remember} from "./storage.js";

const NAME = "key";
const SEED = /^[0-9a-f]{64}$/;

/** @type {any} */
let key = null;
/** @type {Set<() => void>} */
const told = new Set();

/** The reader's key, or null. */
export function currentKey() {
  return key;
}

/** @param {() => void} call When there is another key, or none. */
export function whenKeyChanges(call) {
  told.add(call);
}

/** Make a key unless there is one. @returns {Promise<any>} */
export async function ensureKey() {
  if (!key) await use(await SigningKey.generate());
  return key;
}

/** @param {any} chosen Null to forget. */
async function use(chosen) {
  key = chosen;
  const lasts = remember(NAME, chosen ? chosen.seed : null);
  showKey(lasts);
  for (const call of told) call();
}

/** The key that was kept, and the forms. */
export async function startKeys() {
  const kept = recall(NAME);
  if (kept && SEED.test(kept)) key = await SigningKey.fromSeed(kept);
  byId("key-import").addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    bringIn();
  });
  if (location.protocol === "file:") byId("key-origin").hidden = true;
  showKey(true);
}

async function bringIn() {
  const field = byId("key-seed");
  const seed = /[0-9a-f]{64}/.exec(field.value.trim().toLowerCase())?.[0];
  const error = byId("key-error");
  if (!seed) {
    error.textContent = "That is no key: give 64 hex digits, as an exported file has them.";
    field.setAttribute("aria-invalid", "true");
    field.focus();
    return;
  }
  error.textContent = "";
  field.removeAttribute("aria-invalid");
  field.value = "";
  await use(await SigningKey.fromSeed(seed));
  announce("The key is in use.");
}

/** @param {boolean} lasts */
function showKey(lasts) {
  if (!key) {
    show(byId("key-parts"), el("h2", {key: "none"}, "There is no key in this browser"),
      el("p", {key: "why"}, "One is made when you rate something, or now."),
      el("div", {key: "buttons", class: "row"}, el("button", {type: "button", class: "primary", id: "key-make", onclick: () => ensureKey()}, "Make a key")));
    return;
  }
  show(byId("key-parts"), el("h2", {key: "there"}, "This browser has a key"),
    el("dl", {key: "facts", class: "facts"}, el("dt", {}, "Account"), el("dd", {class: "hex", id: "account"}, key.account)),
    !lasts && el("p", {key: "short", class: "notice"}, "This browser keeps nothing for this page: the key is gone when the page closes. Export it."),
    el("div", {key: "buttons", class: "row"},
      el("button", {type: "button", class: "primary", id: "key-export", onclick: exportKey}, "Export it to a file"),
      el("button", {type: "button", id: "key-forget", onclick: forget}, "Forget it")));
}

function exportKey() {
  const text = `${key.seed}\n`;
  const url = URL.createObjectURL(new Blob([text], {type: "text/plain"}));
  const link = document.createElement("a");
  link.href = url;
  link.download = `cloudnode-key-${key.account.slice(0, 8)}.txt`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
  announce("The key was written to a file.");
}

async function forget() {
  if (!confirm("Forget this key? Without an exported copy nobody can sign with it again.")) return;
  await use(null);
  announce("The key is forgotten.");
}

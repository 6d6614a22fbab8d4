/** What was checked here, with the numbers of this very session. */

import {byId, el, show} from "./dom.js";
import {number} from "./words.js";

/** @param {import("./session.js").PageSession} session @param {string} crypto What signatures are checked with. */
export function showProof(session, crypto) {
  const {cloud, isNamed} = session;
  const state = cloud?.state;
  show(byId("proof-parts"),
    el("ol", {class: "sentences"},
      el("li", {}, "The network's id is the hash of its genesis, which names the first validators. ",
        isNamed ? "You named it." : "The first node said which it is: compare it with one that you have from elsewhere.",
        el("br"), el("code", {id: "network-id"}, cloud?.network ?? "")),
      el("li", {}, "From there each change of validators is followed by the signatures of a quorum of those before."),
      el("li", {}, "A block counts if a quorum of its validators signed it. It carries the data hash, which binds all records, all ratings, and their sum and number.",
        state && [el("br"), `The newest that was checked here: height ${number(state.height)}, ratings sum ${number(state.ratings_sum)} of ${number(state.ratings_count)}.`]),
      el("li", {}, "Each node signs its own state, and is compared with that. One that signed another has given evidence against itself, which is handed to the others; one that lacks blocks is only behind."),
      el("li", {}, "A record, a record's sum and number of ratings, a rating and what became of your own are each followed down to the data hash."),
      el("li", {}, crypto)));
  if (location.protocol === "file:") {
    byId("download").parentElement.textContent = "You are reading that copy now.";
  }
}

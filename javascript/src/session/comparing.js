/** Every node that is known, asked one by one for its signed and proven state: who agrees with the validators. */

import {LAG} from "./directory.js";
import {ClientError, messageOf} from "./errors.js";

/** @typedef {import("./directory.js").Place} Place */

/**
 * A node that was asked.
 *
 * @typedef {object} Compared
 * @property {string} node Its key in hex; as it or others say if it is silent.
 * @property {string} url Where it was asked.
 * @property {"agrees" | "behind" | "lying" | "silent"} state `agrees`: it signed the state that the validators signed.
 *   `behind`: that of a height more than `LAG` below the newest.
 * @property {number} height Of the newest state that it proved. @property {number} behind Heights below the newest.
 * @property {number | null} latency Seconds to an answer and back.
 * @property {string} reason Why, of a liar or a silent one.
 */

/**
 * @param {import("./nodes.js").Nodes} nodes
 * @param {object} options
 * @param {number} options.most Nodes that are asked at most.
 * @param {(compared: Compared) => void} options.onEach Told of each as soon as it is known.
 * @returns {Promise<Compared[]>} Each node once.
 */
export async function compareNodes(nodes, {most, onEach}) {
  /** @type {Map<string, Compared>} */
  const found = new Map();
  const add = (/** @type {Compared} */ compared) => {
    const key = compared.node || compared.url;
    if (found.has(key)) return; // at another of its places
    found.set(key, compared);
    onEach(compared);
  };
  for (const {node, url, reason} of nodes.accusations) add(judge({node, url, state: "lying", reason}));
  // Of a node's places first those that do not fail, and of these where it has proven to be.
  const rank = (/** @type {Place} */ place) => 2 * Number(nodes.isResting(place)) + Number(!place.isProven);
  const ranked = nodes.ranked().map((place) => ({place, rank: rank(place)})).sort((one, other) => one.rank - other.rank);
  const places = choosePlaces(ranked.map((each) => each.place), new Set(found.keys())).slice(0, most);
  await Promise.all(places.map(async (place) => add(await ask(nodes, place))));
  return [...found.values()];
}

/**
 * One place for each node.
 *
 * @param {Place[]} ranked The best first.
 * @param {Set<string>} without Leave these nodes out.
 */
function choosePlaces(ranked, without) {
  /** @type {Map<string, Place>} */
  const chosen = new Map();
  for (const place of ranked) {
    const key = place.node || place.url;
    if (!chosen.has(key) && !without.has(key)) chosen.set(key, place);
  }
  return [...chosen.values()];
}

/** @param {import("./nodes.js").Nodes} nodes @param {Place} place @returns {Promise<Compared>} */
async function ask(nodes, place) {
  const {url} = place;
  if (nodes.isResting(place)) return judge({node: place.node, url, state: "silent", reason: place.trouble});
  try {
    await nodes.look(place);
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    return judge({node: place.node, url, state: place.lie === null ? "silent" : "lying", reason: place.lie ?? messageOf(error)});
  }
  const {node, height, latency} = place;
  const behind = Math.max(0, nodes.newestProven - height);
  return {node, url, state: behind > LAG ? "behind" : "agrees", height, behind, latency, reason: ""};
}

/** @param {Pick<Compared, "node" | "url" | "state" | "reason">} told @returns {Compared} */
function judge(told) {
  return {height: 0, behind: 0, latency: null, ...told};
}

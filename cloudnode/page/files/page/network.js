/**
 * One picture of the network out of what many nodes tell. Pure.
 *
 * What was verified here (whether a node signs the true state, how far it is) and what is only somebody's word (its
 * links, its NAT) come together by the nodes' keys.
 */

import {endpoint} from "./plain.js";

/** @typedef {Record<string, any>} Told A part of what the API answers, see docs/api.md. */

/**
 * @typedef {object} Compared What comparing found of a node, see `Cloud.compare`.
 * @property {string} node Its key. @property {string} url
 * @property {"agrees" | "behind" | "lying" | "silent"} state
 * @property {number} height @property {number} behind
 * @property {number | null} latency Seconds. @property {string} reason Why, of a liar or a silent one.
 */

/**
 * @typedef {object} Facts What a node tells of itself.
 * @property {Told} info @property {Told[]} peers
 */

/**
 * @typedef {object} NetworkNode
 * @property {string} id @property {boolean} isOwn Whether it served this page. @property {boolean} isValidator
 * @property {"good" | "warn" | "bad" | "idle"} state @property {string} verdict One or two words.
 * @property {string} detail A sentence. @property {number | null} height @property {number} behind
 * @property {string} url Where it was asked from here; empty if it was not. @property {number | null} latency Seconds.
 * @property {Told | null} nat @property {ReachedInterface[]} interfaces
 * @property {Facts | null} facts
 */

/**
 * @typedef {object} ReachedInterface
 * @property {string} transport @property {string} address @property {number} port @property {boolean} secure
 * @property {string} protocol `tcp` or `udp`.
 * @property {string} reached How it is known to be reached; empty if it is not.
 * @property {string} at Where, if that is elsewhere than the node says of itself.
 * @property {boolean} failed Whether a node tried it in vain.
 */

/** @typedef {{from: string, to: string, over: string}} Link `over` is `ws` (TCP) or `ws-udp` (QUIC). */

/** Nodes that are drawn and asked at most. */
export const NODES_MAX = 32;

/**
 * @param {object} known
 * @param {Compared[]} known.compared @param {Map<string, Facts>} known.facts By node.
 * @param {Told[]} known.stun The STUN data of nodes, as `getstuninfo` has it.
 * @param {string} known.own The node that served the page; empty if none did.
 * @param {{url: string, node: string, latency: number | null, failures: number}[]} known.places Tried from here.
 * @returns {{nodes: NetworkNode[], links: Link[]}}
 */
export function buildNetwork({compared, facts, stun, own, places}) {
  const seenAs = peersById(facts);
  const ids = new Set([...compared.map((each) => each.node), ...facts.keys(), ...seenAs.keys()]);
  ids.delete("");
  const nodes = [...ids].slice(0, NODES_MAX).map((id) => {
    const found = compared.find((each) => each.node === id) ?? null;
    const told = facts.get(id) ?? null;
    const peer = seenAs.get(id) ?? null;
    const record = stun.find((each) => each.node === id) ?? null;
    return {
      id,
      isOwn: id === own,
      isValidator: told ? told.info.sync?.role === "validator" : Boolean(peer?.validator),
      ...judge(found),
      height: found && found.state !== "silent" ? found.height : null,
      behind: found?.behind ?? 0,
      url: found && found.state !== "silent" ? found.url : "",
      latency: found && found.state !== "silent" ? found.latency : null,
      nat: told?.info.stun?.nat ?? record?.nat ?? null,
      interfaces: readInterfaces(id, told, peer, places),
      facts: told,
    };
  });
  nodes.sort((one, other) => Number(other.isOwn) - Number(one.isOwn) || (one.id < other.id ? -1 : 1));
  return {nodes, links: findLinks(facts, new Set(nodes.map((each) => each.id)))};
}

/** @param {Compared | null} found @returns {{state: "good" | "warn" | "bad" | "idle", verdict: string, detail: string}} */
function judge(found) {
  if (!found) return {state: "idle", verdict: "not asked", detail: "It is not reached from this browser; others have links with it."};
  if (found.state === "agrees") {
    return {state: "good", verdict: "agrees", detail: "It signed the state that the validators signed."};
  }
  if (found.state === "behind") {
    const blocks = found.behind === 1 ? "1 block" : `${found.behind} blocks`;
    return {state: "warn", verdict: `${blocks} behind`, detail: `What it signed is true, but ${blocks} old: it lags and does not lie.`};
  }
  if (found.state === "lying") return {state: "bad", verdict: "lies", detail: found.reason};
  return {state: "idle", verdict: "silent", detail: found.reason || "It does not answer."};
}

/** What other nodes tell of each: the first that has a link with it. @param {Map<string, Facts>} facts */
function peersById(facts) {
  /** @type {Map<string, Told>} */
  const found = new Map();
  for (const {peers} of facts.values()) {
    for (const peer of peers) if (typeof peer.id === "string" && !found.has(peer.id)) found.set(peer.id, peer);
  }
  return found;
}

/** @param {Map<string, Facts>} facts @param {Set<string>} shown @returns {Link[]} Each link once. */
function findLinks(facts, shown) {
  /** @type {Map<string, Link>} */
  const links = new Map();
  for (const [id, {peers}] of facts) {
    for (const peer of peers) {
      if (!shown.has(peer.id) || peer.id === id || !shown.has(id)) continue;
      const [from, to] = id < peer.id ? [id, peer.id] : [peer.id, id];
      links.set(`${from} ${to}`, {from, to, over: String(peer.protocol)});
    }
  }
  return [...links.values()];
}

/** The schemes of places, by the names of interfaces. */
const SCHEMES = new Map([["http", ["http", "https"]], ["ws", ["ws", "wss"]], ["webtransport", ["ws+udp"]], ["ws-udp", ["ws+udp"]]]);

/**
 * Each interface with how it is known to be reached: from this browser, by a node that tried, or not at all.
 *
 * @param {string} id @param {Facts | null} told @param {Told | null} peer
 * @param {{url: string, node: string, latency: number | null, failures: number}[]} places
 * @returns {ReachedInterface[]}
 */
function readInterfaces(id, told, peer, places) {
  const listed = told?.info.interfaces ?? peer?.interfaces ?? [];
  const tried = told?.info.stun?.interfaces ?? [];
  return listed.filter((/** @type {Told} */ each) => each.transport !== "stun").map((/** @type {Told} */ each) => {
    const place = places.find((at) => at.node === id && at.latency !== null && !at.failures &&
      SCHEMES.get(each.transport)?.includes(at.url.split(":")[0]));
    const protocol = each.protocol ?? (each.transport === "http" || each.transport === "ws" ? "tcp" : "udp");
    const dialled = tried.find((/** @type {Told} */ by) => by.transport === protocol && by.port === each.port);
    const reached = place ? "from this browser" : dialled?.reached ? `by node ${dialled.observer.slice(0, 8)}` : "";
    const where = place ? place.url.replace(/^[a-z+]+:\/\/([^/#]*).*$/, "$1") : reached ? endpoint(dialled.address, dialled.port) : "";
    const at = where === endpoint(each.address, each.port) ? "" : where;
    return {...each, protocol, reached, at, failed: Boolean(dialled && !dialled.reached)};
  });
}

/**
 * What the comparison says of all nodes together.
 *
 * @param {Compared[]} compared @param {number} [known] Nodes that are known, asked or not.
 * @returns {{state: "good" | "warn" | "bad" | "wait", title: string}}
 */
export function summarize(compared, known = 0) {
  const named = (/** @type {string} */ state) => compared.filter((each) => each.state === state).length;
  const [agree, behind, lying, silent] = ["agrees", "behind", "lying", "silent"].map(named);
  const nodes = (/** @type {number} */ many) => (many === 1 ? "1 node" : `${many} nodes`);
  if (!agree && !behind && !lying) return {state: "wait", title: silent ? "No node answers." : "Asking the nodes …"};
  const parts = [];
  if (lying) parts.push(lying === 1 ? "1 lies" : `${lying} lie`);
  if (behind) parts.push(behind === 1 ? "1 is behind" : `${behind} are behind`);
  if (silent) parts.push(silent === 1 ? "1 does not answer" : `${silent} do not answer`);
  const isTrouble = parts.length > 0;
  const others = known - compared.length;
  if (others > 0) parts.push(others === 1 ? "1 was not asked yet" : `${others} were not asked yet`);
  if (!parts.length) {
    return {state: "good", title: agree === 1 ? "One node, and what it says is true." : `All ${agree} nodes hold the same data.`};
  }
  const last = parts.pop();
  const rest = parts.length ? `${parts.join(", ")} and ${last}` : last;
  return {
    state: lying ? "bad" : isTrouble ? "warn" : "good",
    title: agree ? `${nodes(agree)} ${agree === 1 ? "holds" : "hold"} the true data; ${rest}.` : `${rest?.charAt(0).toUpperCase()}${rest?.slice(1)}.`,
  };
}

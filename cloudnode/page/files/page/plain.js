/** What nodes tell of NATs, mappings, ports and punches, in sentences. Pure. */

import {ago, count, duration, list, short} from "./words.js";

/** @typedef {Record<string, any>} Told A part of what the API answers, see docs/api.md. */

/** The names that people know kinds of NAT by, of how they map and filter (RFC 4787). @param {Told | null} nat */
export function natName(nat) {
  if (!nat || nat.mapping === "unknown") return "not known yet";
  if (nat.mapping === "none") return nat.filtering === "none" ? "no NAT" : "firewall, no NAT";
  if (nat.mapping !== "endpoint-independent") return "symmetric NAT";
  /** @type {Record<string, string>} */
  const names = {
    none: "full-cone NAT",
    "endpoint-independent": "full-cone NAT",
    "address-dependent": "restricted-cone NAT",
    "address-and-port-dependent": "port-restricted NAT",
  };
  return names[nat.filtering] ?? "NAT";
}

/** What that means for somebody who wants to reach the node. @param {Told | null} nat */
export function natMeaning(nat) {
  if (!nat || nat.mapping === "unknown") {
    return "It has not found out yet whether a NAT is before it. That takes other nodes at other addresses.";
  }
  if (nat.meaning) return nat.meaning;
  if (nat.mapping === "none") {
    return nat.filtering === "none"
      ? "Everybody reaches it at its own address."
      : "It has an address of its own, but a firewall lets in only those whom it wrote to first.";
  }
  if (nat.mapping !== "endpoint-independent") {
    return "Its NAT gives another port for each partner, so a port that one sees is of no use to others: it is reached by relay, or by luck.";
  }
  return nat.filtering === "endpoint-independent" || nat.filtering === "none"
    ? "Its NAT lets everybody in at a port that it keeps open: it is reached as if there were none."
    : "Its NAT keeps one port for all partners but lets in only those whom it wrote to first: a hole has to be punched, which works as a rule.";
}

/** @type {Record<string, string>} */
const TRANSPORTS = {
  http: "HTTP", ws: "WebSocket over TCP", "ws-udp": "WebSocket over UDP (HTTP/3)", webtransport: "WebTransport (UDP)",
  stun: "STUN", tcp: "TCP", udp: "UDP",
};

/** @param {string} transport */
export function transportName(transport) {
  return TRANSPORTS[transport] ?? transport;
}

/** @type {Record<string, string>} */
const SHORT = {http: "HTTP", ws: "WS", "ws-udp": "UDP", webtransport: "UDP"};

/**
 * Interfaces by a short name, and whether one of that name is reached.
 *
 * @param {{transport: string, reached: string}[]} interfaces @returns {{name: string, isReached: boolean}[]}
 */
export function shortInterfaces(interfaces) {
  const names = [...new Set(interfaces.map((each) => SHORT[each.transport]).filter(Boolean))];
  return names.map((name) => ({name, isReached: interfaces.some((each) => SHORT[each.transport] === name && each.reached !== "")}));
}

/** `address:port`, with brackets where they belong. @param {string} address @param {number} port */
export function endpoint(address, port) {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** An address that a NAT keeps for the node. @param {Told} mapping @param {number} [now] */
export function mappingSentence(mapping, now) {
  const where = endpoint(mapping.address, mapping.port);
  const reached = mapping.confirmed === true
    ? "A node that it never wrote to has reached it there, so everybody can."
    : mapping.confirmed === false
      ? "Nodes that it did not write to first do not reach it there."
      : "Whether strangers reach it there has not been tried yet.";
  return `Its ${mapping.transport.toUpperCase()} socket ${mapping.local} is seen from outside as ${where}, as node ` +
    `${short(mapping.observer)} told by STUN ${ago(mapping.last_seen, now)}; a packet every ` +
    `${duration(mapping.keepalive)} keeps it open. ${reached}`;
}

/** A port that the router was asked for. @param {Told} port */
export function routerSentence(port) {
  /** @type {Record<string, string>} */
  const names = {pcp: "PCP", "nat-pmp": "NAT-PMP", upnp: "UPnP"};
  const what = `${port.transport.toUpperCase()} port ${port.port}`;
  if (!port.address) {
    return `The router does not forward ${what}${port.trouble ? `: ${port.trouble}` : "."}`;
  }
  const where = endpoint(port.address, port.external_port ?? port.port);
  const tried = port.confirmed ? "A peer has reached it there." : "No peer has tried it there yet.";
  return `The router forwards ${where} to ${what}, asked by ${names[port.method] ?? port.method}. ${tried}`;
}

/** What a dial-back found. @param {Told} reached @param {number} [now] */
export function dialbackSentence(reached, now) {
  const where = endpoint(reached.address, reached.port);
  const result = reached.reached ? "reached it" : "could not reach it";
  return `Node ${short(reached.observer)} tried ${where} over ${reached.transport.toUpperCase()} ${ago(reached.time, now)} and ${result}.`;
}

/** A punch with a peer. @param {Told} punch @param {string} peer The peer's key. @param {number} [now] */
export function punchSentence(punch, peer, now) {
  const who = short(peer);
  /** @type {Record<string, string>} */
  const roles = {
    coordinator: `It brought somebody together with node ${who}`,
    requester: `It asked for a hole to node ${who}`,
    target: `Somebody asked, through node ${who}, for a hole to it`,
  };
  /** @type {Record<string, string>} */
  const ways = {
    direct: "both sides sent at once",
    opener: "one side opened its NAT with packets that end on the way",
    spread: "one side tried many ports",
  };
  const path = punch.path ? ` at ${endpoint(punch.path.address, punch.path.port)}` : "";
  /** @type {Record<string, string>} */
  const outcomes = {
    open: `It came through${path} after ${duration(punch.seconds)} and ${count(punch.packets, "packet")}.`,
    failed: `It failed after ${duration(punch.seconds)}${punch.reason ? `: ${punch.reason}` : "."}`,
    told: "Both have their orders; how it went, only they know.",
    "under way": "It is under way.",
  };
  return `${roles[punch.role] ?? `A punch with node ${who}`}, over ${punch.transport.toUpperCase()}, ` +
    `${ago(punch.began, now)}; ${ways[punch.strategy] ?? punch.strategy}. ${outcomes[punch.outcome] ?? punch.outcome}`;
}

/** How far a node is. @param {Told} sync */
export function syncSentence(sync) {
  /** @type {Record<string, string>} */
  const states = {
    serving: sync.height >= sync.target ? "It has every final block that it knows of." : "It serves, and is catching up.",
    syncing: sync.phase === "state"
      ? `It is fetching the state: ${sync.rows} of ${sync.total || "unknown"} rows are there.`
      : "It is replaying the blocks that it lacks.",
    starting: "It is starting.",
    repairing: "It is repairing its database, and serves no data meanwhile.",
    corrupt: "It found its database damaged, and serves no data from it.",
    diverged: "Its state is not the one that the validators signed, so it serves none.",
    stopped: "It has stopped.",
  };
  const behind = sync.target - sync.height;
  const left = behind > 0 && sync.seconds_left !== null ? `, about ${duration(sync.seconds_left)} left` : "";
  const lag = behind > 0 ? ` ${count(behind, "block")} behind${left}.` : "";
  return `${states[sync.state] ?? sync.state}${lag}${sync.trouble ? ` ${sync.trouble}` : ""}`;
}

/** What the audit found. @param {Told} audit @param {number} [now] */
export function auditSentence(audit, now) {
  if (audit.state === "never") return "It has not audited its database yet.";
  if (audit.state === "running") return `It is auditing its database now: ${Math.round(audit.progress * 100)} % done.`;
  const when = audit.finished === null ? "" : ` ${ago(audit.finished, now)}`;
  if (audit.state === "ok") {
    return `It recomputed every hash and sum${when}, ${count(audit.rows, "row")} up to block ${audit.height}: all is as it should be.`;
  }
  return `Its audit${when} found damage: ${list(audit.findings)}`;
}

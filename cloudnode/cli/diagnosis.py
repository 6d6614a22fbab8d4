"""How a node is reached from outside, in words, from what it tells of itself. Nothing is asked or printed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs

from cloudnode.formats.stundata import is_local

Verdict = Literal["direct", "punched", "inside", "relayed", "alone", "unknown"]

SUMMARIES: dict[Verdict, str] = {
    "direct": "anybody reaches this node directly",
    "punched": "this node is reached directly with the help of a node that both know",
    "inside": "nodes of its own private network reach this node directly; none outside is linked that could tell more",
    "relayed": "this node is reached through other nodes only: it works, more slowly and within their limits",
    "alone": "nobody can tell: this node has no link with another",
    "unknown": "not known yet",
}

_DIALLED = ("ws", "ws-udp", "webtransport")
"""What other nodes dial."""

_RESTRICTED = ("address-dependent", "address-and-port-dependent")
_NAT_WORDS = {
    "mapping": {
        "none": "no address is translated",
        "endpoint-independent": "a port is mapped once, for everybody",
        "address-dependent": "a port is mapped anew for each address",
        "address-and-port-dependent": "a port is mapped anew for each address and port (symmetric)",
    },
    "filtering": {
        "none": "nothing is kept out",
        "endpoint-independent": "strangers get in at a mapped port",
        "address-dependent": "only addresses that were written to get in",
        "address-and-port-dependent": "only addresses and ports that were written to get in",
    },
}


@attrs.frozen
class Interface:
    """One of the node's ports.

    :ivar name: ``ws 38082/tcp``. :ivar is_reached: Whether another node outside reached it; None if none tried.
    :ivar why: What is known. :ivar is_reached_inside: Whether a node of its private network did.
    :ivar is_dialled: Whether other nodes dial it at all.
    """

    name: str
    is_reached: bool | None
    why: str
    is_reached_inside: bool = False
    is_dialled: bool = True


@attrs.frozen
class Diagnosis:
    """What a node's own answers say.

    :ivar interfaces: Its ports. :ivar mappings: Ports that a NAT or router keeps for it, a line each.
    :ivar nat: What its NAT does, a line each. :ivar advice: What its operator can do, most useful first.
    """

    verdict: Verdict
    interfaces: Sequence[Interface]
    mappings: Sequence[str]
    nat: Sequence[str]
    advice: Sequence[str]


def diagnose(info: Mapping[str, Any], stun: Mapping[str, Any]) -> Diagnosis:
    """Find out how a node is reached.

    :param info: The result of ``getnodeinfo``. :param stun: That of ``getstuninfo``.
    """
    links = info["peers"]["inbound"] + info["peers"]["outbound"]
    nat = stun["nat"]
    interfaces = [_interface(each, stun["interfaces"], info["time"]) for each in _ports(info["interfaces"])]
    verdict = _judge(links, interfaces, stun)
    return Diagnosis(
        verdict,
        interfaces,
        [*map(_mapping, stun["mappings"]), *map(_forwarded, stun["router"])],
        _nat(nat),
        _advise(verdict, interfaces, nat, stun["server"]),
    )


def _judge(links: int, interfaces: Sequence[Interface], stun: Mapping[str, Any]) -> Verdict:
    outside = [
        each
        for each in (*stun["mappings"], *stun["router"])
        if each["address"] is not None and not is_local(each["address"])
    ]
    if any(each.is_reached for each in interfaces) or any(each["confirmed"] for each in outside):
        return "direct"
    if not links:
        return "alone"
    mapping, filtering = ("unknown",) * 2 if stun["nat"] is None else (stun["nat"]["mapping"], stun["nat"]["filtering"])
    is_shut = any(each.is_reached is False for each in interfaces)
    # A firewall without NAT lets in whom this node was told of and wrote to; the node's own ports need no mapping.
    # Behind a symmetric NAT it takes longer, and fails with others behind such a NAT.
    if (mapping == "none" and (is_shut or filtering in _RESTRICTED)) or (
        mapping not in ("none", "unknown") and stun["mappings"]
    ):
        return "punched"
    if any(each.is_reached_inside for each in interfaces):
        return "inside"
    return "relayed" if is_shut and not stun["mappings"] else "unknown"


def _ports(interfaces: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """One interface a port: WebTransport shares that of WebSocket over UDP."""
    return list({(each["protocol"], each["port"]): each for each in reversed(interfaces)}.values())[::-1]


def _interface(interface: Mapping[str, Any], tries: Sequence[Mapping[str, Any]], now: int) -> Interface:
    name = f"{interface['transport']} {interface['port']}/{interface['protocol']}"
    matching = [
        each for each in tries if (each["transport"], each["port"]) == (interface["protocol"], interface["port"])
    ]
    is_dialled = interface["transport"] in _DIALLED
    if not matching:
        why = "no other node has tried it yet" if is_dialled else "other nodes try the ports for WebSocket alone"
        return Interface(name, None, why, is_dialled=is_dialled)
    outside = [each for each in matching if not is_local(each["address"])]
    # What was found over IPv4 says nothing of IPv6: the best and newest of each.
    best = {":" in each["address"]: each for each in sorted(outside or matching, key=_rank)}
    found = sorted(best.values(), key=_rank, reverse=True)
    return Interface(
        name,
        found[0]["reached"] if outside else None,
        "; ".join(_outcome(each, now) for each in found),
        any(each["reached"] for each in matching if is_local(each["address"])),
        is_dialled,
    )


def _rank(tried: Mapping[str, Any]) -> tuple[bool, int]:
    return tried["reached"], tried["time"]


def _outcome(tried: Mapping[str, Any], now: int) -> str:
    did = "reached it" if tried["reached"] else "tried in vain"
    where = f"{tried['address']}, from inside its own network," if is_local(tried["address"]) else tried["address"]
    return f"node {tried['observer'][:12]} {did} at {where} {_ago(now - tried['time'])}"


def _mapping(mapping: Mapping[str, Any]) -> str:
    state = {True: "strangers get in", False: "strangers do not get in", None: "nobody tried as a stranger"}
    return (
        f"{_place(mapping['address'], mapping['port'])}/{mapping['transport']} for {mapping['local']}, seen by node "
        f"{mapping['observer'][:12]}, kept every {mapping['keepalive']:g} s; {state[mapping['confirmed']]}"
    )


def _forwarded(port: Mapping[str, Any]) -> str:
    own = f"{port['port']}/{port['transport']}"
    if port["address"] is None:
        return f"the router does not forward {own}: {port['trouble'] or 'not asked yet'}"
    reached = "a node has reached it there" if port["confirmed"] else "no node has tried it yet"
    outer = _place(port["address"], port["external_port"])
    return f"the router forwards {outer} to {own} ({port['method']}); {reached}"


def _nat(nat: Mapping[str, Any] | None) -> list[str]:
    if nat is None:
        return ["its kind has not been measured yet"]
    lines = [nat["meaning"]]
    for member, words in _NAT_WORDS.items():
        if nat[member] in words:
            lines.append(f"{member}: {words[nat[member]]}")
    if nat["ports"] != "unknown":
        lines.append("port numbers: " + ("kept" if nat["ports"] == "yes" else "changed"))
    if nat["hairpin"] != "unknown":
        reach = "reach" if nat["hairpin"] == "yes" else "do not reach"
        lines.append(f"hairpin: nodes behind it {reach} each other by their outer addresses")
    for protocol, suffix in (("UDP", ""), ("TCP", "_tcp")):
        # Older nodes tell nothing of TCP.
        held, lost = nat.get(f"lifetime_held{suffix}"), nat.get(f"lifetime_lost{suffix}")
        known = [f"kept for {held:g} s of silence"] if held is not None else []
        known += [f"gone after {lost:g} s"] if lost is not None else []
        if known:
            lines.append(f"{protocol} mappings: " + ", ".join(known))
    return lines


def _advise(
    verdict: Verdict, interfaces: Sequence[Interface], nat: Mapping[str, Any] | None, server: Mapping[str, int]
) -> list[str]:
    if verdict == "alone":
        return ["Name a node of the network with --join, and look at this node's log for why it has no link."]
    if verdict == "unknown":
        return ["Wait a minute, then ask again: other nodes have yet to try."]
    advice = []
    shut = [each.name for each in interfaces if each.is_reached is False]
    if verdict == "inside":
        advice.append("To have it reached from elsewhere as well, name a node outside its network with --join.")
    elif verdict != "direct":
        ports = ", ".join(each.name.partition(" ")[2] for each in interfaces if each.is_dialled)
        is_translated = nat is None or nat["mapping"] != "none"
        how = "switch on UPnP or PCP at the router, or forward these ports to this machine" if is_translated else (
            "let traffic from outside to these ports through the firewall"
        )  # fmt: skip
        advice.append(
            "Nothing has to be done for this node to take part. To have it reached by anybody, and faster: "
            f"{how}: {ports}."
        )
        if is_translated and nat is not None and nat["advice"]:
            advice.append(nat["advice"])
    elif shut:
        advice.append(f"Nobody gets in at {', '.join(shut)}: look whether a firewall keeps it, if it should be open.")
    if not server["udp"] and not server["tcp"]:
        advice.append("Its STUN server is off (--stun): nodes behind NATs can't find their ports by this one.")
    return advice


def _place(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _ago(seconds: int) -> str:
    seconds = max(0, seconds)
    if seconds < 120:
        return f"{seconds} s ago"
    return f"{seconds // 60} min ago" if seconds < 7200 else f"{seconds // 3600} h ago"

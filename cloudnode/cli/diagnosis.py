"""How a node is reached from outside, in words, from what it tells of itself. Nothing is asked or printed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs

Verdict = Literal["direct", "punched", "relayed", "alone", "unknown"]

SUMMARIES: dict[Verdict, str] = {
    "direct": "anybody reaches this node directly",
    "punched": "this node is reached directly with the help of a node that both know",
    "relayed": "this node is reached through other nodes only: it works, more slowly and within their limits",
    "alone": "nobody can tell: this node has no link with another",
    "unknown": "not known yet",
}

_OPEN = ("none", "endpoint-independent")
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

    :ivar name: ``ws 38082/tcp``. :ivar is_reached: Whether another node reached it; None if none tried.
    :ivar why: What is known.
    """

    name: str
    is_reached: bool | None
    why: str


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
    verdict = _judge(links, interfaces, [*stun["mappings"], *stun["router"]], nat)
    return Diagnosis(
        verdict,
        interfaces,
        [*map(_mapping, stun["mappings"]), *map(_forwarded, stun["router"])],
        _nat(nat),
        _advise(verdict, interfaces, nat, stun["server"]),
    )


def _judge(
    links: int,
    interfaces: Sequence[Interface],
    mappings: Sequence[Mapping[str, Any]],
    nat: Mapping[str, Any] | None,
) -> Verdict:
    if any(each.is_reached for each in interfaces) or any(each["confirmed"] for each in mappings):
        return "direct"
    if not links:
        return "alone"
    if not mappings:
        return "relayed" if any(each.is_reached is False for each in interfaces) else "unknown"
    mapping = "unknown" if nat is None else nat["mapping"]
    if mapping == "unknown":
        return "unknown"
    return "punched" if mapping in _OPEN else "relayed"


def _ports(interfaces: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """One interface a port: WebTransport shares that of WebSocket over UDP."""
    return list({(each["protocol"], each["port"]): each for each in reversed(interfaces)}.values())[::-1]


def _interface(interface: Mapping[str, Any], tries: Sequence[Mapping[str, Any]], now: int) -> Interface:
    name = f"{interface['transport']} {interface['port']}/{interface['protocol']}"
    matching = [
        each for each in tries if (each["transport"], each["port"]) == (interface["protocol"], interface["port"])
    ]
    if not matching:
        return Interface(name, None, "no other node has tried it yet")
    newest = max(matching, key=lambda each: (each["reached"], each["time"]))
    ago = _ago(now - newest["time"])
    did = "reached it" if newest["reached"] else "tried in vain"
    return Interface(name, newest["reached"], f"node {newest['observer'][:12]} {did} at {newest['address']} {ago}")


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
    if verdict != "direct":
        ports = ", ".join(each.name.partition(" ")[2] for each in interfaces)
        advice.append(
            "Nothing has to be done for this node to take part. To have it reached by anybody, and faster: switch on "
            f"UPnP or PCP at the router, or forward these ports to this machine: {ports}."
        )
        if nat is not None and nat["advice"]:
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

"""What a NAT's kind means for the operator of a node behind it, and what could be done (pure)."""

from __future__ import annotations

import attrs

from cloudnode.formats.stundata import is_local
from cloudnode.reach.nat.deciding import NatReport

_FORWARD = "forward the node's TCP and UDP ports to it in the router, or switch on UPnP or PCP there"


def describe_nat(report: NatReport, *, is_forwarded: bool = False) -> tuple[str, str]:
    """One sentence that says what it means, and one that says what could be done, which may be empty.

    :param is_forwarded: Whether a peer reached a port of the node's that the router forwards.
    """
    kind = report.kind
    if report.external is not None and is_local(report.external) and not is_forwarded:
        meaning, _ = describe_nat(attrs.evolve(report, external=None))
        return f"None but nodes of its own private network have answered. There: {meaning}", ""
    if is_forwarded:
        name = _name(report)
        return f"{name}, but the router forwards the node's ports: anybody reaches it there.", ""
    if report.udp == "blocked":
        return (
            "UDP is blocked: only TCP reaches this node, and nothing by QUIC.",
            "Allow UDP to and from the node's ws-udp port in the firewall.",
        )
    meaning, advice = _describe_kind(report)
    if kind.mapping not in ("unknown", "none") and kind.syn == "reset":
        meaning += " It answers unexpected TCP connections with a reset, which makes punching over TCP slower."
    return meaning, advice


def _name(report: NatReport) -> str:
    kind = report.kind
    if kind.mapping == "endpoint-independent":
        return {
            "endpoint-independent": "Full-cone NAT",
            "address-dependent": "Restricted-cone NAT",
            "address-and-port-dependent": "Port-restricted NAT",
        }.get(kind.filtering, "NAT")
    return "Symmetric NAT" if kind.mapping not in ("unknown", "none") else "NAT or firewall"


def _describe_kind(report: NatReport) -> tuple[str, str]:
    kind = report.kind
    if kind.mapping == "unknown":
        return ("Too few peers have answered yet to tell.", "")
    if kind.mapping == "none":
        return _describe_firewall(report)
    if kind.mapping != "endpoint-independent":
        order = {
            "sequential": " The ports can be foretold, as each is given out after the one before.",
            "random": " The ports are drawn at random.",
        }.get(report.allocation.order, "")
        return (
            f"{_name(report)}: each peer sees this node at another port, so that others reach it by guessing ports, "
            f"or through a peer that relays.{order}",
            f"For direct connections, {_FORWARD}.",
        )
    match kind.filtering:
        case "endpoint-independent":
            return (f"{_name(report)}: anybody reaches this node at the addresses that STUN found.", "")
        case "address-dependent":
            return (
                f"{_name(report)}: others reach this node once a common peer has told it of them.",
                f"To be reached without that help, {_FORWARD}.",
            )
        case "address-and-port-dependent":
            return (
                f"{_name(report)}: others reach this node once a common peer has told it of them, "
                "unless they are behind a symmetric NAT themselves.",
                f"To be reached without that help, {_FORWARD}.",
            )
    return ("NAT that keeps one port for all peers; whom it lets in is not known yet.", "")


def _describe_firewall(report: NatReport) -> tuple[str, str]:
    match report.kind.filtering:
        case "none":
            return ("No NAT, and nothing is filtered: anybody reaches this node.", "")
        case "unknown":
            return ("No NAT; whether a firewall filters is not known yet.", "")
    return (
        "No NAT, but a firewall: others reach this node once a common peer has told it of them.",
        "To be reached without that help, allow inbound traffic to the node's TCP and UDP ports in the firewall.",
    )

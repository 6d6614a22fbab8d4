"""What was observed, and what it means for the kind of a NAT (pure).

Mapping: one socket asks several STUN servers where they see it. Filtering: a socket that asked one server only is sent
something by a peer at an address to which it never sent, and by the server's node from a port to which it never sent.
A sender to which the socket sent before would be let in by any NAT, and a restricted one would seem to be open.

Nothing is guessed in an operator's favour: what was not observed is ``unknown``, and where a mapping was seen to depend
on the server but not on what of it, the worse is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median_low
from typing import Literal

import attrs

from cloudnode.formats.stundata import Filtering, Mapping, NatKind, Tristate
from cloudnode.stun.attributes import Address

UdpState = Literal["unknown", "works", "blocked"]
Allocation = Literal["unknown", "sequential", "random"]

SMALL_STEP = 16
"""Ports of mappings made in turn that are no further apart were given out in sequence: others may have some between."""

STEPS_MIN = 3
_PORTS = 65_536


@attrs.frozen
class Seen:
    """An answer of a STUN server.

    :ivar server: Where it was asked. :ivar local_port: The port of the socket that asked.
    :ivar external: Where it saw that socket.
    """

    server: Address
    local_port: int
    external: Address


@attrs.frozen
class PortAllocation:
    """How a NAT that does not keep port numbers chooses them.

    :ivar step: From a mapping's port to the next one's, where they are sequential; else 0.
    """

    order: Allocation = "unknown"
    step: int = 0


@attrs.frozen
class NatReport:
    """What a survey found out.

    :ivar udp: Whether UDP passes at all. :ivar external: The IP address that others see; None if nobody told.
    :ivar at: When it ended, unix seconds. :ivar observers: How many peers' STUN servers answered.
    """

    kind: NatKind
    udp: UdpState = "unknown"
    allocation: PortAllocation = PortAllocation()
    external: str | None = None
    at: float = 0.0
    observers: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether more peers could tell nothing more of importance."""
        return "unknown" not in (self.kind.mapping, self.kind.filtering, self.kind.syn)


def decide_mapping(seen: Sequence[Seen], *, is_own: bool) -> Mapping:
    """On what the mapping of one socket depends.

    :param seen: The answers to that socket. :param is_own: Whether the external address is one of this machine's.
    """
    if not seen:
        return "unknown"
    if len({each.external for each in seen}) == 1:
        if is_own and seen[0].external[1] == seen[0].local_port:
            return "none"
        return "endpoint-independent" if len({each.server[0] for each in seen}) > 1 else "unknown"
    by_address: dict[str, set[Address]] = {}
    asked: dict[str, int] = {}
    for each in seen:
        by_address.setdefault(each.server[0], set()).add(each.external)
        asked[each.server[0]] = asked.get(each.server[0], 0) + 1
    if any(len(externals) > 1 for externals in by_address.values()):
        return "address-and-port-dependent"
    # One server was asked at two ports and saw the same: so it is the address that counts.
    return "address-dependent" if any(count > 1 for count in asked.values()) else "address-and-port-dependent"


def decide_filtering(mapping: Mapping, stranger: bool | None, other_port: bool | None) -> Filtering:
    """Whom a NAT or firewall lets in.

    :param stranger: Whether something came from an address to which the socket never sent; None: nobody tried.
    :param other_port: The same for another port of an address to which it had sent.
    """
    if stranger:
        return "none" if mapping == "none" else "endpoint-independent"
    if other_port is False:
        return "address-and-port-dependent"
    return "address-dependent" if other_port and stranger is False else "unknown"


def decide_ports(seen: Sequence[Seen]) -> Tristate:
    """Whether port numbers are kept: those of all sockets."""
    if not seen:
        return "unknown"
    return "yes" if all(each.external[1] == each.local_port for each in seen) else "no"


def decide_allocation(seen: Sequence[Seen]) -> PortAllocation:
    """How ports are chosen.

    :param seen: Answers in the order of the questions, of several sockets.
    """
    ports = list(dict.fromkeys(each.external[1] for each in seen if each.external[1] != each.local_port))
    steps = [(after - before) % _PORTS for before, after in pairwise(ports)]
    if len(steps) < STEPS_MIN:
        return PortAllocation()
    small = [step for step in steps if 0 < step <= SMALL_STEP]
    # Where the sequence begins anew there is a large step, and a packet may have come out of turn.
    if 3 * len(small) >= 2 * len(steps):
        return PortAllocation("sequential", median_low(small))
    return PortAllocation("random")


def decide_udp(udp_answers: int, tcp_answers: int) -> UdpState:
    """Whether UDP passes.

    :param udp_answers: From how many of the servers that were asked over UDP answers came.
    :param tcp_answers: The same for TCP; a single server may be at fault itself, so it takes two.
    """
    if udp_answers:
        return "works"
    return "blocked" if tcp_answers > 1 else "unknown"

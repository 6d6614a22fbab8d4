"""Who calls on a path that is being opened, and what the coordinator of an attempt is to its requester."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred

from cloudnode.formats.stundata import is_local
from cloudnode.reach.punching.allowance import Allowance
from cloudnode.reach.punching.choosing import choose_candidates
from cloudnode.reach.punching.readyport import ReadyPorts
from cloudnode.reach.punching.values import (
    TRANSPORTS,
    Candidate,
    Endpoint,
    Mapping,
    Order,
    Strategy,
    Transport,
    find_family,
)
from cloudnode.transports.quic.listener import QuicSocket


class PunchFailed(Exception):
    """No path came about; the text says why, for the log."""


class PunchUnmapped(PunchFailed):
    """The coordinator can tell no endpoint of the target's that packets from this side's address get to."""


@attrs.frozen
class PunchRequest:
    """What a requester asks its coordinator for, with credentials that it made up for this attempt."""

    node: bytes
    transport: Transport
    strategy: Strategy
    username: str
    key: bytes
    local: tuple[Endpoint, ...]
    mapping: Mapping


@attrs.frozen
class Grant:
    """What it gets.

    :ivar certificates: SHA-256 of those that the target may show; its own key vouches for each.
    :ivar mapping: What is known of the target's NAT.
    """

    order: Order
    certificates: frozenset[bytes]
    mapping: Mapping


def check_order(told: Order, request: PunchRequest, coordinator: str) -> Order:
    """An order for this side as far as it is obeyed.

    :param coordinator: The address of who told it.
    :raises PunchFailed: Nothing of it is.
    """
    if told.strategy not in (request.strategy, Strategy.DIRECT):
        raise PunchFailed("the coordinator wants more sent than this side asked for")
    candidates = choose_candidates(told.candidates, told.own, coordinator)
    if not candidates:
        raise PunchFailed("the coordinator tells no endpoint that may be tried")
    return attrs.evolve(told, candidates=candidates)


@attrs.frozen
class Via:
    """A coordinator.

    :ivar host: Its address. :ivar udp: Where its STUN server answers; a second port shows what a NAT does.
    :ivar tcp: The same over TCP, or None. :ivar request: Asks it; fails with whatever names the reason.
    :ivar round_trip: Seconds to it and back, if known. :ivar ready: Has a port for an attempt over TCP ready.
    :ivar other: The same node at an address of the other family (IPv4, IPv6), to which this machine has a route; None
        if there is none.
    :ivar allowance: What may be sent on its word, and others' for whom it is the same.
    """

    host: str
    udp: tuple[Endpoint, ...]
    tcp: Endpoint | None
    request: Callable[[PunchRequest], Awaitable[Grant]]
    round_trip: float = 0.0
    ready: ReadyPorts | None = None
    other: Via | None = None
    allowance: Allowance = attrs.field(factory=Allowance)


def add_other(via: Via, told: Iterable[tuple[Transport, Endpoint]], has_route: Callable[[str], object]) -> Via:
    """A coordinator with what may be its address of the other family.

    :param told: Where it says that it is reached: at the ports for WebSocket, which answer STUN as well.
    :param has_route: Whether packets can be sent to an address.
    """
    usable = [
        (transport, endpoint)
        for transport, endpoint in told
        if {find_family(endpoint[0]), find_family(via.host)} == {4, 6} and not is_local(endpoint[0])
    ]
    host = next((endpoint[0] for _, endpoint in usable if has_route(endpoint[0])), None)
    if host is None:
        return via
    udp, tcp = (
        [each for kind, each in usable if each[0] == host and kind == transport] for transport in TRANSPORTS
    )
    other = Via(
        host, tuple(dict.fromkeys(udp))[:2], tcp[0] if tcp else None, via.request, via.round_trip,
        allowance=via.allowance,
    )  # fmt: skip
    return attrs.evolve(via, other=other)


class Calling(Protocol):
    """One call on a path."""

    @property
    def done(self) -> Deferred[Any]:
        """Fires with the open connection, or fails."""

    @property
    def is_answered(self) -> bool:
        """Whether anything came back yet that only the one who was called can have sent."""

    def cancel(self) -> None:
        """Give up: ``done`` fails."""


CallFrom = Callable[[Endpoint, Grant], Calling]
"""Calls at an endpoint, from a socket that is known already."""

CallUdp = Callable[[QuicSocket], CallFrom]
"""Makes what can be made before it is known where a socket calls, and returns what calls from it. That may take
milliseconds, which are best spent while the coordinator's answer is on its way."""


CallTcp = Callable[[socket.socket, Endpoint, Grant], Calling]
"""Calls on a TCP connection that is open; takes the socket."""


@attrs.frozen
class Path:
    """A path that is open.

    :ivar connection: What was opened on it. :ivar candidate: The other side's endpoint, and where it was known from.
    """

    connection: Any
    transport: Transport
    candidate: Candidate
    strategy: Strategy
    packets: int
    seconds: float

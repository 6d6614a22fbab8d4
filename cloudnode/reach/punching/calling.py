"""Who calls on a path that is being opened, and what the coordinator of an attempt is to its requester."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred

from cloudnode.reach.punching.readyport import ReadyPorts
from cloudnode.reach.punching.values import Candidate, Endpoint, Mapping, Order, Strategy, Transport
from cloudnode.transports.quic.listener import QuicSocket


class PunchFailed(Exception):
    """No path came about; the text says why, for the log."""


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


@attrs.frozen
class Via:
    """A coordinator.

    :ivar host: Its address. :ivar udp: Where its STUN server answers; a second port shows what a NAT does.
    :ivar tcp: The same over TCP, or None. :ivar request: Asks it; fails with whatever names the reason.
    :ivar round_trip: Seconds to it and back, if known. :ivar ready: Has a port for an attempt over TCP ready.
    """

    host: str
    udp: tuple[Endpoint, ...]
    tcp: Endpoint | None
    request: Callable[[PunchRequest], Awaitable[Grant]]
    round_trip: float = 0.0
    ready: ReadyPorts | None = None


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

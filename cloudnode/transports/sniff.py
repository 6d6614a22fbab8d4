"""One TCP port for everything, told apart by its first bytes.

Ports that a NAT maps are precious, so one port serves TLS (first byte 0x16, with the node's own certificate),
HTTP and WebSocket in the clear (an ASCII letter), links between nodes and relayed streams (inside TLS, requests for
``/peer`` and below ``/relay/``), and STUN (RFC 8489: first byte 0 or 1, the magic cookie at byte 4). Inside TLS the
stream is looked at again. Whatever else comes is closed and counted.

A connection is *unfinished* until its WebSocket is open, or it was handed to STUN. Unfinished connections are
bounded, in all and by address, and each is closed after a few seconds. Refusing the new one when all places
are taken would let whoever holds them keep everyone out, so the oldest unfinished connection gives way; an
address that has too many of its own is refused.
"""

from __future__ import annotations

import enum
from collections import Counter
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    INegotiated,
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import Factory, Protocol, ServerFactory, connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from cloudnode.transports.addresses import LOCAL, address_group, peer_address
from cloudnode.transports.timers import TimerWheel, WheelCall

STUN_COOKIE = bytes.fromhex("2112a442")
PEER_REQUEST = b"GET /peer HTTP/1.1\r\n"
"""How a link between nodes begins, inside TLS."""
RELAY_REQUEST = b"GET /relay/"
"""How a relayed stream begins, inside TLS."""
_TLS_HANDSHAKE = 0x16


class Speech(enum.Enum):
    """What the first bytes of a connection say it speaks."""

    UNDECIDED = "undecided"
    TLS = "tls"
    HTTP = "http"
    PEER = "peer"
    RELAY = "relay"
    STUN = "stun"
    UNKNOWN = "unknown"


def recognize(begin: bytes) -> Speech:
    """Tell what a connection speaks.

    :param begin: All bytes received so far; at most 8 are needed.
    """
    if not begin:
        return Speech.UNDECIDED
    first = begin[0]
    if first == _TLS_HANDSHAKE:
        return Speech.TLS
    if begin[:1].isalpha():
        return Speech.HTTP
    if first > 1:
        return Speech.UNKNOWN
    cookie = begin[4:8]
    if not STUN_COOKIE.startswith(cookie):
        return Speech.UNKNOWN
    return Speech.STUN if len(cookie) == len(STUN_COOKIE) else Speech.UNDECIDED


def recognize_request(begin: bytes) -> Speech:
    """Tell inside TLS what an HTTP request is for.

    :param begin: All bytes received so far; at most as many as :data:`PEER_REQUEST` has are needed.
    """
    for request, speech in ((PEER_REQUEST, Speech.PEER), (RELAY_REQUEST, Speech.RELAY)):
        if begin.startswith(request):
            return speech
    return Speech.UNDECIDED if PEER_REQUEST.startswith(begin) or RELAY_REQUEST.startswith(begin) else Speech.HTTP


@attrs.frozen
class SniffLimits:
    """What the connections of a port may take before they are of use to anyone.

    :ivar handshake_timeout: Seconds from the first packet to an open WebSocket, TLS included.
    :ivar max_unfinished: Unfinished connections in all.
    :ivar max_unfinished_by_address: Unfinished connections of one IPv4 address or IPv6 /64 network.
    """

    handshake_timeout: float = 5.0
    max_unfinished: int = 1024
    max_unfinished_by_address: int = 64


@attrs.define
class SniffCounters:
    """What came to a port, for metrics.

    :ivar accepted: Connections. :ivar unfinished: Those that are unfinished now.
    :ivar tls: :ivar http: :ivar peer: :ivar relay: :ivar stun: What they spoke; what is inside TLS is counted as well.
    :ivar stun_refused: STUN connections closed because nothing here speaks it.
    :ivar unknown: Connections closed because of their first bytes.
    :ivar timed_out: Connections closed because they did not finish their handshake in time.
    :ivar refused: Connections closed because their address had too many unfinished ones.
    :ivar displaced: Unfinished connections closed because newer ones came.
    """

    accepted: int = 0
    unfinished: int = 0
    tls: int = 0
    http: int = 0
    peer: int = 0
    relay: int = 0
    stun: int = 0
    stun_refused: int = 0
    unknown: int = 0
    timed_out: int = 0
    refused: int = 0
    displaced: int = 0


class UnfinishedConnections:
    """The connections of a port that have yet to finish their handshakes, oldest first."""

    def __init__(self, wheel: TimerWheel, limits: SniffLimits, counters: SniffCounters) -> None:
        self._wheel = wheel
        self._limits = limits
        self._counters = counters
        self._calls: dict[SniffedConnection, WheelCall] = {}
        self._groups: Counter[str] = Counter()

    def admit(self, connection: SniffedConnection) -> bool:
        """Take a connection in, if its address has not too many."""
        group = connection.group
        if group != LOCAL and self._groups[group] >= self._limits.max_unfinished_by_address:
            self._counters.refused += 1
            return False
        if len(self._calls) >= self._limits.max_unfinished:
            self._counters.displaced += 1
            oldest = next(iter(self._calls))
            self.finish(oldest)
            oldest.abort()
        self._groups[group] += 1
        self._calls[connection] = self._wheel.call_later(self._limits.handshake_timeout, self._time_out, connection)
        self._counters.unfinished = len(self._calls)
        return True

    def finish(self, connection: SniffedConnection) -> None:
        """A connection finished its handshake, or is gone. Harmless when it is called again."""
        call = self._calls.pop(connection, None)
        if call is None:
            return
        call.cancel()
        self._counters.unfinished = len(self._calls)
        self._groups[connection.group] -= 1
        if not self._groups[connection.group]:
            del self._groups[connection.group]

    def _time_out(self, connection: SniffedConnection) -> None:
        self._counters.timed_out += 1
        self.finish(connection)
        connection.abort()


class Sniffer(Protocol):
    """Looks at the first bytes of a stream and then is out of its way.

    From then on the transport's calls of ``dataReceived`` go straight to the protocol that took over.
    """

    transport: Any
    _begin = b""
    _successor: IProtocol | None = None

    def __init__(self, connection: SniffedConnection, inside_tls: bool = False) -> None:
        self._connection = connection
        self._inside_tls = inside_tls

    @property
    def carries_nodes(self) -> bool:
        """Whether a link between two nodes is on the connection."""
        return self._connection.carries_nodes

    def connectionMade(self) -> None:
        """Take the connection in."""
        if not self._inside_tls:
            self._connection.begin(self.transport)

    def dataReceived(self, data: bytes) -> None:
        """Take the first bytes."""
        self._begin += data
        speech = recognize(self._begin)
        if speech is Speech.UNDECIDED:
            return
        if speech is Speech.TLS and self._inside_tls:
            speech = Speech.UNKNOWN
        if speech is Speech.HTTP and (self._inside_tls or INegotiated.providedBy(self.transport)):
            speech = recognize_request(self._begin)
            if speech is Speech.UNDECIDED:
                return
        successor = self._connection.choose(speech)
        if successor is None:
            self.transport.abortConnection()
            return
        begin, self._begin = self._begin, b""
        self._successor = successor
        self.dataReceived = successor.dataReceived  # type: ignore[method-assign]
        successor.makeConnection(self.transport)
        successor.dataReceived(begin)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        if not self._inside_tls:
            self._connection.end()
        successor, self._successor = self._successor, None
        if successor is not None:
            # The instance's attribute makes a circle, which ten thousand connections should not leave.
            del self.dataReceived
            successor.connectionLost(reason)


class SniffedConnection:
    """One connection of a port, through its layers.

    :ivar carries_nodes: Whether a link between two nodes is on it.
    """

    __slots__ = ("_factory", "_peer", "_transport", "carries_nodes", "group")

    def __init__(self, factory: SniffingFactory, peer: IAddress) -> None:
        self._factory = factory
        self._peer = peer
        self._transport: Any = None
        self.carries_nodes = False
        self.group = address_group(peer_address(peer))

    def begin(self, transport: Any) -> None:
        """The transport is there."""
        self._transport = transport
        self._factory.counters.accepted += 1
        if not self._factory.unfinished.admit(self):
            self.abort()

    def choose(self, speech: Speech) -> IProtocol | None:
        """Make the protocol for what is spoken; None if there is none."""
        return self._factory.make_protocol(self, self._peer, speech)

    def finish(self, result: object = None) -> None:
        """The handshake is done."""
        self._factory.unfinished.finish(self)

    def end(self) -> None:
        """The connection is gone."""
        self._factory.unfinished.finish(self)
        self._transport = None

    def abort(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abortConnection()


class SniffingFactory(ServerFactory):
    """Serves all that one TCP port speaks; listens at any stream endpoint.

    :ivar counters: What came to the port.
    :ivar unfinished: The connections that have not finished their handshakes.
    """

    noisy = False
    _log = Logger()

    def __init__(
        self,
        websocket: IProtocolFactory,
        clock: IReactorTime,
        tls: IOpenSSLServerConnectionCreator | None = None,
        stun: IProtocolFactory | None = None,
        limits: SniffLimits | None = None,
        peers: IProtocolFactory | None = None,
        relays: IProtocolFactory | None = None,
    ) -> None:
        """
        :param websocket: Serves HTTP and WebSocket. Its protocols have a Deferred ``is_open``, which fires
            when the handshake is done (Autobahn's have).
        :param clock: What tells the time and calls later.
        :param tls: Begins TLS connections; None for a port that is inside TLS already, or has none.
        :param stun: Serves STUN over TCP, from its first byte and under its own limits; None refuses it.
        :param limits: What unfinished connections may take; the defaults if None.
        :param peers: Serves links between nodes, and :param relays: relayed streams, which both come inside TLS. Their
            protocols have ``is_open`` too. Without one, these requests are answered as any other for a path that is
            not served.
        """
        self.counters = SniffCounters()
        self._peers = peers
        self._relays = relays
        self.unfinished = UnfinishedConnections(TimerWheel(clock), limits or SniffLimits(), self.counters)
        self._websocket = websocket
        self._stun = stun
        self._tls = None if tls is None else TLSMemoryBIOFactory(tls, False, Factory(), clock)

    def doStart(self) -> None:
        """The port listens."""
        super().doStart()  # type: ignore[no-untyped-call]
        self._websocket.doStart()
        if self._stun is not None:
            self._stun.doStart()

    def doStop(self) -> None:
        """The port listens no longer."""
        if self._stun is not None:
            self._stun.doStop()
        self._websocket.doStop()
        super().doStop()  # type: ignore[no-untyped-call]

    def buildProtocol(self, addr: IAddress | None) -> Sniffer:
        """A connection came."""
        assert addr is not None
        return Sniffer(SniffedConnection(self, addr))

    def make_protocol(self, connection: SniffedConnection, peer: IAddress, speech: Speech) -> IProtocol | None:
        """Make the protocol for what a connection speaks, or count why there is none."""
        if speech is Speech.TLS and self._tls is not None:
            self.counters.tls += 1
            return self._tls.protocol(self._tls, Sniffer(connection, inside_tls=True))
        if speech in (Speech.HTTP, Speech.PEER, Speech.RELAY):
            factory = self._websocket
            if speech is Speech.PEER and self._peers is not None:
                self.counters.peer += 1
                connection.carries_nodes = True
                factory = self._peers
            elif speech is Speech.RELAY and self._relays is not None:
                self.counters.relay += 1
                factory = self._relays
            else:
                self.counters.http += 1
            protocol = factory.buildProtocol(peer)
            is_open: Deferred[object] | None = getattr(protocol, "is_open", None)
            if is_open is not None:
                is_open.addCallback(connection.finish)
            return protocol
        if speech is Speech.STUN:
            self.counters.stun += 1
            if self._stun is not None:
                connection.finish()
                return self._stun.buildProtocol(peer)
            self.counters.stun_refused += 1
            return None
        self.counters.unknown += 1
        return None

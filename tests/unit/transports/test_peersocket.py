"""Channels between nodes over TCP: TLS and WebSocket in memory, from the sniffed port to the end."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from cloudnode.transports.peerchannel import PeerChannel, PeerRefused, PeerSocketFactory
from cloudnode.transports.peersocket import OVER_TCP, dial_peer
from cloudnode.transports.sniff import SniffingFactory
from cloudnode.transports.tls import RotatingTLS
from cloudnode.transports.websocket import WebSocketFactory
from tests.unit.transports.behaviour import EchoOpener
from tests.unit.transports.channels import LIMITS, ChannelBehaviour, Side
from tests.unit.transports.memory import PEER, MemoryTransport
from tests.unit.transports.test_certificates import make_keeper

NODE = IPv4Address("TCP", "192.0.2.80", 38082)
WINDOW = 65_536


@implementer(IStreamClientEndpoint)
class Wire:
    """TCP connections to a factory, in memory; takes no more from a side than the other side reads."""

    def __init__(self, factory: Any) -> None:
        self._factory = factory
        self.pairs: list[tuple[MemoryTransport, MemoryTransport]] = []

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        client = protocolFactory.buildProtocol(None)
        there = MemoryTransport(self._factory.buildProtocol(PEER))
        here = MemoryTransport(client, NODE)
        self.pairs.append((here, there))
        done: Deferred[Any] = Deferred()
        done.callback(client)
        return done

    def carry(self) -> bool:
        """Carry bytes, and the ends of connections; whether anything moved."""
        moved = False
        for pair in self.pairs:
            for source, sink in (pair, pair[::-1]):
                if sink.is_reading or len(sink._in) < WINDOW:
                    data = source.take()
                    moved = moved or bool(data)
                    sink.deliver(data)
                if source.is_lost and not sink.is_lost:
                    sink.lose()
                    moved = True
        return moved


class PeerSocketTests(ChannelBehaviour, SynchronousTestCase):
    transport_name = "ws"

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_790_000_000)
        self.keeper = make_keeper(self, self.clock)
        self.here, self.there = Side(), Side()
        peers = PeerSocketFactory(OVER_TCP, self.clock, self.there.check_admission, self.there.make_end, LIMITS)
        self.websockets = WebSocketFactory(EchoOpener(), self.clock, "ws")
        self.port = SniffingFactory(self.websockets, self.clock, RotatingTLS(self.keeper), peers=peers)
        self.wire = Wire(self.port)
        self.before = len(self.clock.getDelayedCalls())

    def dial(self, wire: Wire | None = None) -> Deferred[PeerChannel]:
        """Begin a channel."""
        dialling = dial_peer(
            self.clock, "192.0.2.80", 38082, self.here.make_end, timeout=5.0, limits=LIMITS, endpoint=wire or self.wire
        )
        return Deferred.fromCoroutine(dialling)

    def advance(self, seconds: float) -> None:
        """Let time pass and bytes travel."""
        steps = max(1, round(seconds * 20))
        for _ in range(steps):
            self.clock.advance(seconds / steps)
            while self.wire.carry():
                self.clock.advance(0)

    def leave_nothing(self) -> None:
        self.assertEqual(len(self.clock.getDelayedCalls()), self.before)
        self.assertTrue(all(side.is_lost for pair in self.wire.pairs for side in pair))

    def test_bindings_differ(self) -> None:
        """Each connection has a binding of its own."""
        (one, _), (other, _) = self.open(), self.open()
        self.assertNotEqual(one.channel.binding, other.channel.binding)

    def test_no_node(self) -> None:
        """A port that takes no links says so, and the dialler is told with which status."""
        port = SniffingFactory(self.websockets, self.clock, RotatingTLS(self.keeper))
        self.wire = Wire(port)
        dialling = self.dial()
        self.advance(6)
        self.assertIn("404", str(self.failureResultOf(dialling, PeerRefused).value))

    def test_silence(self) -> None:
        """Whoever says nothing is given up after the time-out."""

        class Silent:
            def buildProtocol(self, address: object) -> Any:
                from twisted.internet.protocol import Protocol

                return Protocol()

        self.wire = Wire(Silent())
        dialling = self.dial()
        self.advance(5.5)
        self.failureResultOf(dialling, PeerRefused)
        self.leave_nothing()

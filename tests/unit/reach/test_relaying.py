"""Relayed streams in memory: a caller, the relay, and the node that comes, with real TLS and WebSocket between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client.trust import PinnedTLS
from cloudnode.peers.messages import Interface, RelayDeclined, RelayInvitation
from cloudnode.reach.relaying.accepting import COMING_BY_PEER_MAX, RelayAcceptor, relay_ways
from cloudnode.reach.relaying.limits import HOUR, CallerBytes, RelayLimits
from cloudnode.reach.relaying.relay import Relay
from cloudnode.transports.peerchannel import RELAYS, PeerChannel, PeerRefused, PeerSocketFactory
from cloudnode.transports.peersocket import OVER_TCP, dial_peer
from cloudnode.transports.relay.endpoint import RelayEndpoint
from cloudnode.transports.relay.stream import LIMITS as CHANNEL_LIMITS
from cloudnode.transports.relay.stream import RelayedStream
from cloudnode.transports.sniff import SniffingFactory
from cloudnode.transports.tls import RotatingTLS
from cloudnode.transports.websocket import WebSocketFactory
from tests.unit.transports.behaviour import EchoOpener
from tests.unit.transports.memory import UPGRADE, MemoryTransport
from tests.unit.transports.test_certificates import make_keeper
from tests.unit.transports.test_peersocket import Wire

RELAY, NODE = bytes([1]) * 32, bytes([2]) * 32
LIMITS = RelayLimits(
    seconds=20.0, bytes=1_000_000, accept_seconds=5.0, streams=4, streams_by_caller=3, streams_by_node=3,
    caller_bytes=1_500_000,
)  # fmt: skip


class LinkedPeer:
    """The link with a node as relaying uses it: who it is, where, and what it is sent."""

    def __init__(self, key: bytes, heard: Callable[[Any], None]) -> None:
        self.id = key
        self.address = "192.0.2.80"
        self.way = ("ws", 38082)
        self.hello = SimpleNamespace(interfaces=())
        self.send = heard


class Collected(Protocol):
    """The caller's end of a stream in the clear, or of TLS on it."""

    def connectionMade(self) -> None:
        self.data = b""
        self.lost: str | None = None

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = reason.getErrorMessage()


class RelayingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_790_000_000)
        self.keeper = make_keeper(self, self.clock)
        secrets = iter(range(1, 100))
        self.relay = Relay(self.clock, RELAY, self.find, lambda size: bytes([next(secrets)]) * size, LIMITS)
        relays = PeerSocketFactory(
            OVER_TCP, self.clock, self.relay.check_admission, self.relay.make_end, CHANNEL_LIMITS, RELAYS
        )
        websockets = WebSocketFactory(EchoOpener(), self.clock, "ws")
        self.relay_wire = Wire(SniffingFactory(websockets, self.clock, RotatingTLS(self.keeper), relays=relays))
        # The node that is reached, and the links between it and the relay.
        self.served = WebSocketFactory(EchoOpener(), self.clock, "ws")
        self.node_port = SniffingFactory(self.served, self.clock, RotatingTLS(self.keeper))
        self.acceptor = RelayAcceptor(self.clock, self.dial_relay, self.node_port)
        self.invitations: list[RelayInvitation] = []
        self.is_deaf = False
        self.node_at_relay: Any = LinkedPeer(NODE, self.told_node)
        self.relay_at_node: Any = LinkedPeer(RELAY, self.told_relay)

    def find(self, node: bytes) -> Any:
        return self.node_at_relay if node == NODE else None

    def told_node(self, message: RelayInvitation) -> None:
        self.invitations.append(message)
        if not self.is_deaf:
            self.acceptor.invited(self.relay_at_node, message)

    def told_relay(self, message: RelayDeclined) -> None:
        self.relay.declined(self.node_at_relay, message.token, message.reason)

    def dial_relay(
        self, transport: str, host: str, port: int, path: str, make_end: Callable[[PeerChannel], RelayedStream]
    ) -> Awaitable[object]:
        return self.dial(path, make_end)

    def dial(self, path: str, make_end: Callable[[PeerChannel], RelayedStream]) -> Awaitable[object]:
        return dial_peer(
            self.clock, "192.0.2.80", 38082, make_end, timeout=5.0, limits=CHANNEL_LIMITS,
            endpoint=self.relay_wire, purpose=RELAYS, path=path,
        )  # fmt: skip

    def call(self, node: bytes = NODE, *, tls: bool = False) -> tuple[Deferred[Collected], RelayEndpoint]:
        endpoint = RelayEndpoint(self.clock, self.dial, node, 10.0)
        factory: Any = Factory.forProtocol(Collected)
        if not tls:
            return endpoint.connect(factory), endpoint
        pinned = PinnedTLS("192.0.2.81", self.keeper.current.hash)
        connecting = endpoint.connect(TLSMemoryBIOFactory(pinned, True, factory, self.clock))
        return connecting.addCallback(lambda secured: secured.wrappedProtocol), endpoint

    def advance(self, seconds: float = 1.0) -> None:
        for _ in range(20):
            self.clock.advance(seconds / 20)
            while self.relay_wire.carry():
                self.clock.advance(0)

    def open(self, **how: bool) -> Collected:
        calling, _ = self.call(**how)
        self.advance()
        caller = self.successResultOf(calling)
        caller.transport.write(UPGRADE % (b"/", b""))
        self.advance()
        self.assertIn(b"101 Switching", caller.data)
        return caller

    def refusal(self, node: bytes = NODE) -> str:
        calling, _ = self.call(node)
        self.advance()
        return str(self.failureResultOf(calling, PeerRefused).value)

    def test_carries(self) -> None:
        """A stream reaches what the node serves on its ports; the terms say who carries it, how long and how much."""
        calling, endpoint = self.call()
        self.advance()
        caller = self.successResultOf(calling)
        assert endpoint.terms is not None
        self.assertEqual(endpoint.terms.relay, RELAY.hex())
        self.assertEqual((endpoint.terms.seconds, endpoint.terms.bytes), (20.0, 1_000_000))
        caller.transport.write(b"GET /elsewhere HTTP/1.1\r\nHost: n\r\n\r\n")
        self.advance()
        self.assertIn(b"HTTP/1.1 4", caller.data)
        self.assertIn(b"This port speaks WebSocket", caller.data)
        counters = self.relay.counters
        self.assertEqual((counters.opened, self.acceptor.accepted), (1, 1))
        self.assertGreater(counters.bytes, len(caller.data))

    def test_relay_reads_nothing(self) -> None:
        """TLS is spoken from end to end: what the relay carries is not the text."""
        seen: list[bytes] = []
        carried = RelayedStream.frame_received

        def listen(stream: RelayedStream, frame: bytes) -> None:
            seen.append(frame)
            carried(stream, frame)

        self.patch(RelayedStream, "frame_received", listen)
        self.open(tls=True)
        self.assertGreater(len(b"".join(seen)), 500)
        self.assertNotIn(b"Switching", b"".join(seen))
        self.assertNotIn(b"Sec-WebSocket-Key", b"".join(seen))

    def test_other_certificate(self) -> None:
        """A relay that answers in the node's place has not its certificate."""
        endpoint = RelayEndpoint(self.clock, self.dial, NODE, 10.0)
        factory: Any = Factory.forProtocol(Collected)
        secured = TLSMemoryBIOFactory(PinnedTLS("192.0.2.81", bytes(32)), True, factory, self.clock)
        opened: list[Collected] = []
        calling = endpoint.connect(secured).addCallback(lambda tls: opened.append(tls.wrappedProtocol))
        self.advance()
        self.successResultOf(calling)
        self.assertIn("certificate verify failed", opened[0].lost or "")

    def test_unknown_node(self) -> None:
        """A node without a link is not called."""
        self.assertIn("relay_node_unknown", self.refusal(bytes(32)))
        self.assertEqual((self.relay.counters.refused, self.invitations), (1, []))

    def test_does_not_come(self) -> None:
        """A node that does not come is waited for as long as the limit says."""
        self.is_deaf = True
        calling, _ = self.call()
        self.advance(4.0)
        self.assertNoResult(calling)
        self.advance(2.0)
        self.assertIn("relay_not_accepted", str(self.failureResultOf(calling, PeerRefused).value))
        self.assertEqual(self.relay.counters.failed, 1)

    def test_declines(self) -> None:
        """A node that stops says so at once; who else says so is not heard."""
        self.is_deaf = True
        calling, _ = self.call()
        self.advance()
        other: Any = LinkedPeer(bytes(32), self.told_node)
        self.relay.declined(other, self.invitations[0].token, "I say so")
        self.advance()
        self.assertNoResult(calling)
        self.acceptor.stop()
        self.acceptor.invited(self.relay_at_node, self.invitations[0])
        self.advance()
        self.assertIn("relay_declined: the node is stopping", str(self.failureResultOf(calling, PeerRefused).value))

    def test_wrong_token(self) -> None:
        """A token that was not given out, or was used, opens nothing."""
        self.open()
        for token in (self.invitations[0].token.hex(), "00" * 16, "zz", ""):
            with self.assertRaises(PeerRefused):
                self.relay.check_admission("192.0.2.1", f"/relay/accept/{token}")

    def test_limits(self) -> None:
        """A caller has so many streams and no more, in all and in bytes an hour."""
        first, *_ = [self.open() for _ in range(LIMITS.streams_by_caller)]
        self.assertIn("relay_", self.refusal())
        first.transport.loseConnection()
        self.advance(5.0)
        self.assertEqual(self.relay.counters.open, LIMITS.streams_by_caller - 1)
        again = self.open()
        self.assertIsNone(again.lost)

    def test_bytes(self) -> None:
        """A stream ends at its bytes; a caller who has had an hour's worth waits for the next."""
        self.acceptor = RelayAcceptor(self.clock, self.dial_relay, Factory.forProtocol(Collected))
        for _ in range(2):
            calling, _ = self.call()
            self.advance()
            caller = self.successResultOf(calling)
            for _ in range(36):
                caller.transport.write(b"G" * 32_000)
                self.advance(0.1)
            self.assertIsNotNone(caller.lost)
        self.assertIn("relay_bytes_spent", self.refusal())
        self.clock.advance(HOUR)
        calling, _ = self.call()
        self.advance()
        self.successResultOf(calling)

    def test_time(self) -> None:
        """A stream ends at its time, and leaves nothing."""
        caller = self.open()
        self.advance(18.0)
        self.assertEqual(self.relay.counters.open, 1)
        self.advance(8.0)
        self.assertIn("relay_time_over", caller.lost or "")
        self.assertEqual(self.relay.counters.open, 0)

    def test_link_lost(self) -> None:
        """When the link is over, what waits for the node is told; what is carried goes on."""
        caller = self.open()
        self.is_deaf = True
        calling, _ = self.call()
        self.advance()
        self.relay.peer_lost(self.node_at_relay)
        self.advance()
        self.assertIn("relay_node_unknown", str(self.failureResultOf(calling, PeerRefused).value))
        self.assertIsNone(caller.lost)

    def test_stop(self) -> None:
        """A relay that stops ends all, and takes nothing more."""
        caller = self.open()
        self.relay.stop()
        self.advance(5.0)
        self.assertIsNotNone(caller.lost)
        self.assertIn("relay_going_away", self.refusal())

    def test_back_pressure(self) -> None:
        """Who takes nothing has the other end paused, not the relay's memory filled."""
        sent: list[int] = []

        class Sender(Protocol):
            def connectionMade(self) -> None:
                self.transport.registerProducer(self, False)  # type: ignore[union-attr,arg-type]

            def resumeProducing(self) -> None:
                if sum(sent) < LIMITS.bytes - 10_000:
                    sent.append(10_000)
                    self.transport.write(b"x" * 10_000)  # type: ignore[union-attr]
                else:
                    self.transport.unregisterProducer()  # type: ignore[union-attr]

            def stopProducing(self) -> None:
                """The stream is over."""

        self.patch(MemoryTransport, "high_water", 20_000)
        self.acceptor = RelayAcceptor(self.clock, self.dial_relay, Factory.forProtocol(Sender))
        calling, _ = self.call()
        callers: list[Collected] = []

        def pause(caller: Collected) -> None:
            callers.append(caller)
            caller.transport.pauseProducing()

        calling.addCallback(pause)
        self.advance()
        [caller] = callers
        before, sent_before = len(caller.data), sum(sent)
        self.advance()
        self.assertEqual((len(caller.data), sum(sent)), (before, sent_before))
        self.assertLess(sent_before, LIMITS.bytes - 10_000)
        caller.transport.resumeProducing()
        self.advance()
        self.assertEqual((len(caller.data), sum(sent)), (LIMITS.bytes - 10_000,) * 2)

    def test_called_too_often(self) -> None:
        """A relay that calls all the time has the node come so often at once and no more."""
        told: list[Any] = []
        busy: Any = LinkedPeer(RELAY, told.append)
        waiting: Deferred[object] = Deferred()
        acceptor = RelayAcceptor(self.clock, lambda *arguments: waiting, self.node_port)
        for number in range(COMING_BY_PEER_MAX + 3):
            acceptor.invited(busy, RelayInvitation(bytes([number]) * 16, "192.0.2.1"))
        self.assertEqual([message.token[0] for message in told], [COMING_BY_PEER_MAX + more for more in range(3)])
        acceptor.stop()

    def test_ways(self) -> None:
        """A relay is dialled at the address of its link alone."""
        peer: Any = LinkedPeer(RELAY, lambda message: None)
        peer.way = None
        peer.hello.interfaces = (
            Interface("http", "", 38081, False),
            Interface("ws", "", 38082, True),
            Interface("ws-udp", "192.0.2.80", 38083, True),
            Interface("ws", "198.51.100.9", 38082, True),
        )
        self.assertEqual(relay_ways(peer), [("ws", 38082), ("ws-udp", 38083)])


class CallerBytesTests(SynchronousTestCase):
    def test_hours(self) -> None:
        """An hour's bytes are forgotten with the hour, and old callers with the number of new ones."""
        spent = CallerBytes()
        spent.spend("a", 5, 0.0)
        spent.spend("a", 7, HOUR - 1)
        self.assertEqual((spent.spent("a", HOUR - 1), spent.spent("a", HOUR)), (12, 0))
        for number in range(5000):
            spent.spend(str(number), 1, HOUR)
        self.assertEqual((spent.spent("0", HOUR), spent.spent("4999", HOUR)), (0, 1))



"""The search of a mapping's lifetime with a socket that is silent, behind a NAT that the test plays."""

from __future__ import annotations

import errno
import gc
from typing import Any, cast

import attrs
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectError, ConnectionAborted, ConnectionLost
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ClientFactory
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.stundata import Protocol
from cloudnode.peers.messages import DialBack, DialledBack
from cloudnode.reach.asking import ServerAccess
from cloudnode.reach.keeper import MappingKeeper
from cloudnode.reach.lifetime import LifetimeSearch
from cloudnode.reach.mapping import External
from cloudnode.reach.silence import ARRIVAL_SECONDS, PAUSE_SHARE, LifetimeProber
from cloudnode.reach.silentsockets import SilentConnection, SilentDatagrams
from cloudnode.stun.answering import BindingServer, StunCounters
from cloudnode.stun.attributes import Address
from cloudnode.stun.credentials import Credential, CredentialTable
from cloudnode.stun.limiting import RateLimiter, RateLimits
from cloudnode.stun.transaction import make_indication
from cloudnode.transports.stun.stream import StunStreamFactory
from tests.unit.transports.memory import MemoryTransport

SERVER, SERVER6 = ("192.0.2.1", 3478), ("2001:db8::1", 3478)
OUTSIDE, OUTSIDE6 = ("203.0.113.7", 40_001), ("2001:db8::7", 40_001)
PAUSE_SECONDS = PAUSE_SHARE * 15.0
DELAY = 0.03


class FakeReactor(Clock):
    """A clock, and sockets whose packets go through a NAT to a STUN server.

    :ivar lifetime: Seconds for which the NAT keeps a mapping after the last packet that went out.
    :ivar is_plugged: Whether anything can be sent.
    """

    def __init__(self, server: Address = SERVER, outside: Address = OUTSIDE) -> None:
        super().__init__()
        self.server, self.outside = server, outside
        self.lifetime = 50.0
        self.is_plugged = True
        self.outcome = "reached"
        self.host = outside[0]
        self.sockets: list[SilentDatagrams | FakeConnection] = []
        self.closed = 0
        self.sent = 0.0
        credentials = CredentialTable()
        credentials.grant("name", Credential(b"k" * 32))
        self._server = BindingServer(credentials, RateLimiter(RateLimits()), StunCounters())
        self.streams = StunStreamFactory(self, self._server, None, self.seconds)

    @property
    def is_mapped(self) -> bool:
        """Whether the mapping of the newest socket is still there."""
        return self.seconds() - self.sent < self.lifetime

    # UDP

    def listenUDP(self, port: int, protocol: SilentDatagrams, interface: str) -> FakeReactor:
        assert interface == ("::" if ":" in self.server[0] else "")
        self.sockets.append(protocol)
        protocol.transport = cast(Any, self)
        return self

    def stopListening(self) -> None:
        self.closed += 1

    def write(self, data: bytes, server: Address) -> None:
        if not self.is_plugged:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        self.sent = self.seconds()
        reply = self._server.answer(data, self.outside, self.seconds())
        assert reply is not None and server == self.server
        self.callLater(DELAY, self.receive, reply.data)

    def receive(self, datagram: bytes) -> None:
        """A datagram comes to the newest socket."""
        cast(SilentDatagrams, self.sockets[-1]).datagramReceived(datagram, self.server)

    # TCP

    def connectTCP(
        self, host: str, port: int, factory: ClientFactory, timeout: float, bindAddress: tuple[object, ...]
    ) -> FakeReactor:
        assert (host, port) == self.server
        if self.is_plugged:
            self.sockets.append(FakeConnection(self, factory))
        else:
            self.callLater(DELAY, factory.clientConnectionFailed, cast(Any, self), Failure(ConnectError()))
        return self

    def disconnect(self) -> None:
        """Give up a connection that is not open yet."""

    # What the peer is asked

    is_open = True
    version = 2

    def ask(self, question: type[DialBack], way: str, port: int, hashes: object, transaction: bytes) -> Deferred[Any]:
        """The peer sends an indication, which gets in while the mapping lives."""
        assert question is DialBack and port == self.outside[1]
        data = make_indication(transaction)
        if self.outcome == "reached":
            if way == "stun":
                self.callLater(DELAY, self.receive, data if self.is_mapped else b"")
            else:
                assert way == "stun-tcp" and self.streams.indicate("name", self.outside, data)
                cast(FakeConnection, self.sockets[-1]).carry()
        return succeed(DialledBack(1, self.outcome, self.host))  # type: ignore[arg-type]


class FakeConnection:
    """A connection through the NAT, seen from inside; its other end is the server's.

    :ivar outer: The other end.
    """

    def __init__(self, reactor: FakeReactor, factory: ClientFactory) -> None:
        kind = IPv6Address if ":" in reactor.server[0] else IPv4Address
        self._peer = kind("TCP", *reactor.server)
        self._reactor = reactor
        self.is_lost = False
        outside = kind("TCP", *reactor.outside)
        self.outer = MemoryTransport(reactor.streams.buildProtocol(outside), outside)
        self._protocol: Any = factory.buildProtocol(self._peer)
        reactor.callLater(DELAY, self._protocol.makeConnection, self)

    def carry(self) -> None:
        """What the server sent comes in while the mapping lives."""
        data = self.outer.take()
        if data and self._reactor.is_mapped:
            self._reactor.callLater(DELAY, self._protocol.dataReceived, data)

    def write(self, data: bytes) -> None:
        self._reactor.sent = self._reactor.seconds()
        self.outer.deliver(data)
        self.carry()

    def lose(self, why: Exception) -> None:
        """The connection ends on both sides."""
        if not self.is_lost:
            self.is_lost = True
            self._reactor.closed += 1
            self._reactor.callLater(0, self._protocol.connectionLost, Failure(why))
            self.outer.lose()

    def abortConnection(self) -> None:
        self.lose(ConnectionAborted())

    def setTcpNoDelay(self, enabled: bool) -> None:
        assert enabled

    def getPeer(self) -> IAddress:
        return self._peer


@attrs.define(eq=False)
class FakeMapping:
    """As much of a mapping as is looked at."""

    external: External = attrs.field(factory=lambda: External(*OUTSIDE))


@attrs.define(eq=False)
class FakeSocket:
    """The same of its socket."""

    protocol: Protocol


@attrs.define(eq=False)
class FakeKept:
    """The same of both."""

    peer: FakeReactor
    socket: FakeSocket
    server: ServerAccess
    mapping: FakeMapping = attrs.field(factory=FakeMapping)

    @property
    def family(self) -> int:
        return 6 if ":" in self.server.address[0] else 4


class FakeKeeper(list[FakeKept]):
    """The same of their keeper."""

    def __init__(self) -> None:
        super().__init__()
        self.lifetimes: dict[Protocol, LifetimeSearch] = {
            "udp": LifetimeSearch(15.0, 120.0), "tcp": LifetimeSearch(15.0, 120.0)
        }  # fmt: skip
        self.learnings = 0

    def learned(self) -> None:
        self.learnings += 1


class SilenceOver:
    """What holds over UDP and TCP alike."""

    kind: type[SilentDatagrams] | type[SilentConnection]
    server, outside = SERVER, OUTSIDE

    def setUp(self: Any) -> None:
        self.reactor = FakeReactor(self.server, self.outside)
        self.keeper = FakeKeeper()
        self.lifetime = self.keeper.lifetimes[self.kind.protocol]
        self.prober = LifetimeProber(
            self.reactor, cast(MappingKeeper, self.keeper), self.kind, lambda size: b"t" * size, self.reactor.seconds
        )
        self.prober.start()
        self.addCleanup(self.reactor.streams.close_all)

    def keep(self: Any) -> None:
        """There is a mapping now, and one over the other protocol."""
        for protocol in ("udp", "tcp"):
            access = ServerAccess(self.server, "name", b"k" * 32)
            self.keeper.append(FakeKept(self.reactor, FakeSocket(cast(Protocol, protocol)), access))

    def pass_time(self: Any, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.reactor.advance(0.1)

    def test_found(self: Any) -> None:
        """Silences are tried one after the other until it is known which one is safe; each socket is closed again."""
        self.keep()
        self.pass_time(500)
        self.assertIsNone(self.lifetime.candidate)
        self.assertTrue(30 < self.lifetime.interval < 50, self.lifetime.interval)
        self.assertEqual((self.reactor.closed, self.keeper.learnings), (len(self.reactor.sockets), self.prober.rounds))
        others = [each for protocol, each in self.keeper.lifetimes.items() if protocol != self.kind.protocol]
        self.assertEqual([each.interval for each in others], [15.0])

    def test_long(self: Any) -> None:
        """Where mappings live long, the interval grows to the longest that is wanted."""
        self.reactor.lifetime = 7440.0
        self.keep()
        self.pass_time(30 + 60 + 120 + 134 + 5 * PAUSE_SECONDS)
        self.assertEqual((self.lifetime.interval, self.lifetime.candidate, self.prober.rounds), (120.0, None, 4))

    def test_over_ipv4_first(self: Any) -> None:
        """How long an IPv6 firewall stays open says nothing of the NAT, and is tried only where there is none."""
        tried: list[str] = []

        async def note(kept: FakeKept, silence: float) -> None:
            tried.append(kept.server.address[0])

        self.prober._try = note
        for host in ("2001:db8::7", "192.0.2.7", "192.0.2.8"):
            access = ServerAccess((host, 3478), "name", b"k" * 32)
            self.keeper.append(FakeKept(self.reactor, FakeSocket(self.kind.protocol), access))
        self.pass_time(100)
        self.assertEqual(set(tried), {"192.0.2.7", "192.0.2.8"})
        del self.keeper[1:]
        self.pass_time(100)
        self.assertEqual(tried[-1], "2001:db8::7")

    def test_nothing_to_learn(self: Any) -> None:
        """Without a mapping nothing is tried; and nothing is concluded where nothing was sent to the mapping."""
        self.pass_time(100)
        self.assertEqual(self.reactor.sockets, [])
        self.keep()
        for outcome, host in (("refused", ""), ("failed", self.outside[0]), ("reached", "203.0.113.8")):
            self.reactor.outcome, self.reactor.host = outcome, host
            self.pass_time(60)
        self.assertEqual((self.prober.rounds, self.lifetime.interval), (0, 15.0))
        self.assertGreaterEqual(len(self.reactor.sockets), 3)

    def test_unplugged(self: Any) -> None:
        """A cable that is pulled as the question is to be sent costs time, and leaves no failure that nobody takes."""
        self.keep()
        self.reactor.is_plugged = False
        self.pass_time(PAUSE_SECONDS + 1)
        self.reactor.is_plugged = True
        self.pass_time(36)
        self.assertEqual((self.prober.rounds, self.lifetime.held), (1, 30.0))
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_stop(self: Any) -> None:
        """It can be stopped at any moment, and leaves nothing behind."""
        for seconds in (0.1, PAUSE_SECONDS, PAUSE_SECONDS + 10, PAUSE_SECONDS + 31):
            self.setUp()
            self.reactor.lifetime = 1.0
            self.keep()
            self.pass_time(seconds)
            self.prober.stop()
            self.reactor.streams.close_all()
            self.reactor.advance(0.1)
            self.assertEqual(self.reactor.getDelayedCalls(), [], seconds)
            self.assertEqual(self.reactor.closed, len(self.reactor.sockets))


class UdpSilenceTests(SilenceOver, SynchronousTestCase):
    kind = SilentDatagrams

    def test_junk(self) -> None:
        """Whatever else comes to the socket is passed over."""
        self.keep()
        self.pass_time(PAUSE_SECONDS + 1)
        [socket] = self.reactor.sockets
        for datagram in (b"", b"x" * 100, make_indication(b"u" * 12)):
            socket.datagramReceived(datagram, ("198.51.100.9", 1))
        self.pass_time(31 + ARRIVAL_SECONDS)
        self.assertEqual(self.lifetime.held, 30.0)


class TcpSilenceTests(SilenceOver, SynchronousTestCase):
    kind = SilentConnection

    def test_another_indication(self) -> None:
        """An indication that is not waited for changes nothing, and ends nothing."""
        self.keep()
        self.pass_time(PAUSE_SECONDS + 1)
        [connection] = self.reactor.sockets
        self.assertTrue(self.reactor.streams.indicate("name", OUTSIDE, make_indication(b"u" * 12)))
        connection.carry()
        self.pass_time(31 + ARRIVAL_SECONDS)
        self.assertEqual((self.lifetime.held, self.prober.rounds), (30.0, 1))

    def test_ended(self) -> None:
        """A connection that is ended while it is silent did not survive; unless the peer went away with it."""
        for is_open, lost in ((True, 30.0), (False, None)):
            self.setUp()
            self.keep()
            self.reactor.is_open = is_open
            for _ in range(2):
                self.pass_time(PAUSE_SECONDS + 20)
                self.reactor.sockets[-1].lose(ConnectionLost())
                self.pass_time(10.5)
            self.assertEqual((self.lifetime.lost, self.lifetime.held), (lost, None))

    def test_old_peer(self) -> None:
        """Of a peer whose link speaks a version that does not know it nothing is asked, and the interval stays."""
        self.keep()
        self.reactor.version = 1
        self.pass_time(100)
        self.assertEqual((self.reactor.sockets, self.lifetime.interval), ([], 15.0))
        self.reactor.version = 2
        self.pass_time(PAUSE_SECONDS + 32)
        self.assertEqual(self.lifetime.held, 30.0)

    def test_by_turns(self) -> None:
        """Peers are asked by turns, so that one which never sends keeps nothing from being learned."""
        self.keep()
        asked: list[str] = []
        for name in ("first", "second"):
            peer = cast(Any, attrs.make_class("Peer", ["name", "version"])(name, 2))
            peer.ask = lambda *question, name=name: asked.append(name) or succeed(DialledBack(1, "failed", OUTSIDE[0]))
            peer.is_open = True
            self.keeper[:] = [*self.keeper, attrs.evolve(self.keeper[1], peer=peer)]
        del self.keeper[:2]
        self.pass_time(4 * (PAUSE_SECONDS + 31))
        self.assertEqual(asked[:3], ["first", "second", "first"])


class TcpSilenceOverIPv6Tests(SilenceOver, SynchronousTestCase):
    kind = SilentConnection
    server, outside = SERVER6, OUTSIDE6


class UdpSilenceOverIPv6Tests(SilenceOver, SynchronousTestCase):
    kind = SilentDatagrams
    server, outside = SERVER6, OUTSIDE6

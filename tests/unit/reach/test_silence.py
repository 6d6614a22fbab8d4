"""The search of a mapping's lifetime with a socket that is silent, behind a NAT that the test plays."""

from __future__ import annotations

import errno
import gc
from typing import Any, cast

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.peers.messages import DialBack, DialledBack
from cloudnode.reach.asking import ServerAccess
from cloudnode.reach.keeper import MappingKeeper
from cloudnode.reach.lifetime import LifetimeSearch
from cloudnode.reach.mapping import External
from cloudnode.reach.silence import ARRIVAL_SECONDS, PAUSE_SECONDS, LifetimeProber, SilentSocket
from cloudnode.stun.answering import BindingServer, StunCounters
from cloudnode.stun.credentials import Credential, CredentialTable
from cloudnode.stun.limiting import RateLimiter, RateLimits
from cloudnode.stun.message import BINDING, Kind, Message, encode

SERVER = ("192.0.2.1", 3478)
OUTSIDE = ("203.0.113.7", 40_001)


class FakeReactor(Clock):
    """A clock, and UDP sockets whose datagrams go through a NAT to a STUN server.

    :ivar lifetime: Seconds for which the NAT keeps a mapping after the last datagram that went out.
    :ivar is_plugged: Whether anything can be sent.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lifetime = 50.0
        self.is_plugged = True
        self.outcome = "reached"
        self.host = OUTSIDE[0]
        self.sockets: list[SilentSocket] = []
        self.closed = 0
        self._sent = 0.0
        credentials = CredentialTable()
        credentials.grant("name", Credential(b"k" * 32))
        self._server = BindingServer(credentials, RateLimiter(RateLimits()), StunCounters())

    def listenUDP(self, port: int, protocol: SilentSocket, interface: str) -> FakeReactor:
        self.sockets.append(protocol)
        protocol.transport = cast(Any, self)
        return self

    def stopListening(self) -> None:
        self.closed += 1

    def write(self, data: bytes, server: tuple[str, int]) -> None:
        if not self.is_plugged:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        self._sent = self.seconds()
        reply = self._server.answer(data, OUTSIDE, self.seconds())
        assert reply is not None and server == SERVER
        self.callLater(0.03, self.sockets[-1].datagramReceived, reply.data, SERVER)

    def ask(self, question: type[DialBack], way: str, port: int, hashes: object, transaction: bytes) -> Deferred[Any]:
        """The peer sends an indication, which gets in while the mapping lives."""
        assert (way, port) == ("stun", OUTSIDE[1])
        if self.outcome == "reached" and self.seconds() - self._sent < self.lifetime:
            indication = encode(Message(BINDING, Kind.INDICATION, transaction, ()))
            self.callLater(0.03, self.sockets[-1].datagramReceived, indication, SERVER)
        return succeed(DialledBack(1, self.outcome, self.host))  # type: ignore[arg-type]


@attrs.define(eq=False)
class FakeMapping:
    """As much of a mapping as is looked at."""

    external: External = attrs.field(factory=lambda: External(*OUTSIDE))


@attrs.define(eq=False)
class FakeSocket:
    """The same of its socket."""

    protocol: str = "udp"


@attrs.define(eq=False)
class FakeKept:
    """The same of both."""

    peer: FakeReactor
    server: ServerAccess = attrs.field(factory=lambda: ServerAccess(SERVER, "name", b"k" * 32))
    mapping: FakeMapping = attrs.field(factory=FakeMapping)
    socket: FakeSocket = attrs.field(factory=FakeSocket)


class FakeKeeper(list[FakeKept]):
    """The same of their keeper."""

    def __init__(self) -> None:
        super().__init__()
        self.lifetime = LifetimeSearch(15.0, 120.0)
        self.learnings = 0

    def learned(self) -> None:
        self.learnings += 1


class SilenceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.keeper = FakeKeeper()
        self.prober = LifetimeProber(
            self.reactor, cast(MappingKeeper, self.keeper), lambda size: b"t" * size, self.reactor.seconds
        )
        self.prober.start()

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.reactor.advance(0.1)

    def test_found(self) -> None:
        """Silences are tried one after the other until it is known which one is safe; each socket is closed again."""
        self.keeper.append(FakeKept(self.reactor))
        self.pass_time(500)
        lifetime = self.keeper.lifetime
        self.assertIsNone(lifetime.candidate)
        self.assertTrue(30 < lifetime.interval < 50, lifetime.interval)
        self.assertEqual((self.reactor.closed, self.keeper.learnings), (len(self.reactor.sockets), self.prober.rounds))

    def test_nothing_to_learn(self) -> None:
        """Without a mapping nothing is tried; and nothing is concluded where nothing was sent to the mapping."""
        self.pass_time(100)
        self.assertEqual(self.reactor.sockets, [])
        self.keeper.append(FakeKept(self.reactor))
        for outcome, host in (("refused", ""), ("failed", OUTSIDE[0]), ("reached", "203.0.113.8")):
            self.reactor.outcome, self.reactor.host = outcome, host
            self.pass_time(60)
        self.assertEqual((self.prober.rounds, self.keeper.lifetime.interval), (0, 15.0))
        self.assertGreaterEqual(len(self.reactor.sockets), 3)

    def test_junk(self) -> None:
        """Whatever else comes to the socket is passed over."""
        self.keeper.append(FakeKept(self.reactor))
        self.pass_time(PAUSE_SECONDS + 1)
        [socket] = self.reactor.sockets
        for datagram in (b"", b"x" * 100, encode(Message(BINDING, Kind.INDICATION, b"u" * 12, ()))):
            socket.datagramReceived(datagram, ("198.51.100.9", 1))
        self.pass_time(31 + ARRIVAL_SECONDS)
        self.assertEqual(self.keeper.lifetime.held, 30.0)

    def test_unplugged(self) -> None:
        """A cable that is pulled as the question is to be sent costs time, and leaves no failure that nobody takes."""
        self.keeper.append(FakeKept(self.reactor))
        self.reactor.is_plugged = False
        self.pass_time(PAUSE_SECONDS + 1)
        self.reactor.is_plugged = True
        self.pass_time(35)
        self.assertEqual((self.prober.rounds, self.keeper.lifetime.held), (1, 30.0))
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_stop(self) -> None:
        """It can be stopped at any moment, and leaves nothing behind."""
        self.keeper.append(FakeKept(self.reactor))
        self.pass_time(PAUSE_SECONDS + 10)
        self.prober.stop()
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(self.reactor.closed, 1)

"""Closing what is open, whether the other end takes part in it or not."""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from cloudnode.service.live import LiveConnections, LiveSessions
from cloudnode.transports.seam import Caller, Connection, Refused, Session

CALLER = Caller("192.0.2.1", "ws")
PEER = IPv4Address("TCP", "192.0.2.1", 1)


class QuietSession:
    """A session that answers nothing."""

    def message_received(self, message: bytes) -> None: ...
    def pause_sending(self) -> None: ...
    def resume_sending(self) -> None: ...
    def connection_lost(self) -> None: ...


class RecordingConnection:
    """A connection that notes how it was closed."""

    caller = CALLER

    def __init__(self) -> None:
        self.closed: tuple[int, str] | None = None

    def send_message(self, message: bytes) -> None: ...

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


class Opener:
    """Opens sessions until it is told to refuse."""

    full = False

    def check_admission(self, caller: Caller) -> None:
        if self.full:
            raise Refused(429, "full")

    def open_session(self, connection: Connection) -> Session:
        return QuietSession()


class LiveSessionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.opener = Opener()
        self.count = 0
        self.live = LiveSessions(self.opener, lambda: self.count)

    def close(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.live.close(0.5, self.clock))

    def test_close(self) -> None:
        """Every connection is told that the node goes away, and waited for."""
        connections = [RecordingConnection(), RecordingConnection()]
        for connection in connections:
            self.live.open_session(connection)
        self.count = 2
        closing = self.close()
        self.assertEqual([each.closed for each in connections], [(1001, "the node is stopping")] * 2)
        self.clock.advance(0.1)
        self.assertNoResult(closing)
        self.count = 0
        self.clock.advance(0.1)
        self.successResultOf(closing)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_time_is_up(self) -> None:
        """Who does not leave is not waited for beyond the time."""
        self.count = 1
        closing = self.close()
        self.clock.pump([0.1] * 6)
        self.successResultOf(closing)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_none_open(self) -> None:
        """Nothing open is closed at once."""
        self.successResultOf(self.close())

    def test_refuse(self) -> None:
        """Once it closes no session is opened any more."""
        self.successResultOf(self.close())
        self.assertEqual(self.assertRaises(Refused, self.live.check_admission, CALLER).status, 503)
        self.assertEqual(self.assertRaises(Refused, self.live.open_session, RecordingConnection()).status, 503)

    def test_opener_refuses(self) -> None:
        """What the opener refuses is refused, and not remembered."""
        self.opener.full = True
        connection = RecordingConnection()
        self.assertEqual(self.assertRaises(Refused, self.live.open_session, connection).status, 429)
        self.successResultOf(self.close())
        self.assertIsNone(connection.closed)

    def test_forgotten(self) -> None:
        """A connection that ended is kept by nobody."""
        self.live.open_session(RecordingConnection())
        self.assertEqual(len(self.live._connections), 0)


class SlowTransport(StringTransport):
    """A transport whose other end takes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.connected = True
        self.aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        self.connected = False


class LiveConnectionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.live = LiveConnections(Factory.forProtocol(Protocol))

    def connect(self) -> tuple[Protocol, SlowTransport]:
        protocol, transport = self.live.buildProtocol(PEER), SlowTransport()
        protocol.makeConnection(transport)
        return protocol, transport

    def test_interface(self) -> None:
        """It is a factory like any other."""
        verifyObject(IProtocolFactory, self.live)

    def test_close(self) -> None:
        """Connections are closed in order; those that are still there when the time is up are aborted."""
        (_first, quick), (_second, slow) = connections = [self.connect(), self.connect()]
        closing = Deferred.fromCoroutine(self.live.close(0.2, self.clock))
        self.assertEqual([transport.disconnecting for _, transport in connections], [True, True])
        quick.connected = False
        self.clock.advance(0.1)
        self.assertNoResult(closing)
        self.clock.advance(0.1)
        self.successResultOf(closing)
        self.assertEqual((quick.aborted, slow.aborted), (False, True))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_refused(self) -> None:
        """A factory may build nothing."""

        class Refusing(Factory):
            def buildProtocol(self, addr: object) -> None:
                return None

        live = LiveConnections(Refusing())
        self.assertIsNone(live.buildProtocol(PEER))
        self.successResultOf(Deferred.fromCoroutine(live.close(0.2, self.clock)))

"""STUN on QUIC sockets, over a network in memory."""

from __future__ import annotations

import errno
from random import Random

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.stun.attributes import Address
from cloudnode.stun.errors import StunError
from cloudnode.stun.message import BINDING, Kind, Message, encode
from cloudnode.stun.transaction import Answer, Timing, make_indication
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.stun.socket import Questions, StunSocket
from tests.unit.transports.quic.network import MemoryNetwork, Weather
from tests.unit.transports.stun.servers import BARE, KEY, Scene

SERVER = ("192.0.2.1", 38_083)


class SocketTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork(seed=1)
        self.scene = Scene()
        self.quic, self.stun = self.open(SERVER[0])
        self.asking, self.asker = self.open("192.0.2.2")

    def open(self, host: str) -> tuple[QuicSocket, StunSocket]:
        reactor = self.network.host(host)
        seconds = self.network.clock.seconds
        quic = QuicSocket(reactor, monotonic=seconds)
        stun = StunSocket(reactor, quic, self.scene.server, monotonic=seconds, random=Random(host).randbytes)
        quic.listen(38_083)
        self.addCleanup(lambda: self.assertEqual(self.network.clock.getDelayedCalls(), []))
        self.addCleanup(self.network.advance, 0.1)
        self.addCleanup(quic.stop)
        self.addCleanup(stun.stop)
        return quic, stun

    def test_ask(self) -> None:
        """A question from a socket is answered by another node's, and tells where the first one is seen."""
        asked = self.asker.questions.ask(SERVER)
        self.network.advance(0.1)
        answer = self.successResultOf(asked)
        self.assertEqual((answer.mapped, answer.server), (("192.0.2.2", 38_083), SERVER))
        self.assertEqual(self.quic.counters.stun_received, 1)
        self.assertEqual(self.asking.counters.datagrams_sent, 1)

    def test_known(self) -> None:
        """With a key the server knows who asks, where it is, and at which socket."""
        asked = self.asker.questions.ask(SERVER, username="peer", key=KEY)
        self.network.advance(0.1)
        self.successResultOf(asked)
        [seen] = self.scene.observed
        self.assertEqual((seen.username, seen.address, seen.via), ("peer", ("192.0.2.2", 38_083), self.quic))

    def test_losses(self) -> None:
        """Over a network that loses two of three datagrams, questions come through in the end."""
        self.network.weather = Weather(loss=0.6)
        asked = [self.asker.questions.ask(SERVER, timing=Timing(rto=0.1)) for _ in range(20)]
        answered: list[Answer] = []
        for each in asked:
            each.addCallbacks(answered.append, lambda failure: failure.trap(StunError) and None)
        self.network.advance(10, 0.05)
        self.assertGreater(len(answered), 12)
        self.assertEqual(len(self.asker.questions), 0)

    def test_silence(self) -> None:
        """Where nobody answers, a question fails by its name, after its time."""
        asked: Deferred[Answer] = self.asker.questions.ask(("192.0.2.9", 1))
        self.network.advance(39.4, 0.1)
        self.assertNoResult(asked)
        self.network.advance(0.3, 0.1)
        self.assertEqual(self.failureResultOf(asked, StunError).value.name, "timed_out")

    def test_indication(self) -> None:
        """An indication that is waited for is told with its source, once; others, and junk, are passed over."""
        questions = Questions(self.network.clock, lambda data, server: None)
        arrived, late = questions.expect(b"a" * 12), questions.expect(b"b" * 12)
        other_method = encode(Message(3, Kind.INDICATION, b"a" * 12))
        request = encode(Message(BINDING, Kind.REQUEST, b"a" * 12))
        cut = make_indication(b"a" * 12)[:19]
        for data in (b"", b"x" * 30, make_indication(b"c" * 12), other_method, request, cut):
            questions.receive(data, SERVER)
        self.assertNoResult(arrived)
        for _ in range(2):
            questions.receive(make_indication(b"a" * 12), SERVER)
        self.assertEqual(self.successResultOf(arrived), SERVER)
        late.cancel()
        self.failureResultOf(late, CancelledError)
        questions.receive(make_indication(b"b" * 12), SERVER)

    def test_cancel(self) -> None:
        """A question that is cancelled is forgotten, its answer is passed over."""
        asked = self.asker.questions.ask(SERVER)
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.network.advance(0.1)
        self.assertEqual(len(self.asker.questions), 0)

    def test_stop(self) -> None:
        """What waits when the socket stops fails; STUN is dropped from then on."""
        asked = self.asker.questions.ask(("192.0.2.9", 1))
        self.asker.stop()
        self.assertEqual(self.failureResultOf(asked, StunError).value.name, "disconnected")
        self.asking.demultiplexer.datagramReceived(BARE, SERVER)
        self.assertEqual(self.scene.counters.requests_udp, 0)

    def test_answer_in_a_callback(self) -> None:
        """A question that is asked when another one is answered is sent as any other."""
        again: list[Deferred[Answer]] = []
        self.asker.questions.ask(SERVER).addCallback(lambda _: again.append(self.asker.questions.ask(SERVER)))
        self.network.advance(0.2)
        self.successResultOf(again[0])


class UnsentTests(SynchronousTestCase):
    """Sockets that can't send just now, as when a cable is pulled."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.scene = Scene()
        self.is_plugged = False
        self.questions = Questions(self.clock, self.send, monotonic=self.clock.seconds, random=Random(1).randbytes)

    def send(self, data: bytes, server: Address) -> None:
        if not self.is_plugged:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        reply = self.scene.server.answer(data, ("192.0.2.2", 9), self.clock.seconds())
        assert reply is not None
        self.clock.callLater(0.01, self.questions.receive, reply.data, server)

    def test_sent_again(self) -> None:
        """What could not be sent is lost as any other datagram may be: it is sent again when that is due."""
        asked = self.questions.ask(SERVER, timing=Timing(rto=0.5))
        self.clock.advance(0.6)
        self.is_plugged = True
        self.clock.pump([0.1] * 12)
        self.assertEqual(self.successResultOf(asked).mapped, ("192.0.2.2", 9))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_given_up(self) -> None:
        """It fails by its name, to whoever asked, where nothing can be sent all the time."""
        asked = self.questions.ask(SERVER, timing=Timing(rto=0.5))
        self.clock.pump([0.1] * 500)
        self.assertEqual(self.failureResultOf(asked, StunError).value.name, "timed_out")
        self.assertEqual(self.clock.getDelayedCalls(), [])

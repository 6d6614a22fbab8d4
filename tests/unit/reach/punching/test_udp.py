"""Attempts over UDP on both sides, over a network in memory: what is sent, who is heard, and what is left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.reach.punching import attempt as attempts
from cloudnode.reach.punching.allowance import SPREADS_TO_MOST, Allowance
from cloudnode.reach.punching.answering import DIRECT_SECONDS, PunchTarget, TargetSockets
from cloudnode.reach.punching.calling import CallFrom, Grant, Path, PunchFailed, PunchRequest, PunchUnmapped, Via
from cloudnode.reach.punching.port import Observing, PunchPort
from cloudnode.reach.punching.probing import CALLED_SECONDS
from cloudnode.reach.punching.strategies import Step
from cloudnode.reach.punching.tracing import Tracer
from cloudnode.reach.punching.udp import GRACE, PREPARED_AFTER, UdpAttempt
from cloudnode.reach.punching.values import Candidate, Endpoint, Order, Strategy
from cloudnode.stun.message import Kind, Message
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.stun.socket import StunSocket
from tests.unit.transports.quic.network import MemoryNetwork
from tests.unit.transports.stun.servers import Scene

COORDINATOR, REQUESTER, TARGET = ("10.0.0.9", 3478), "10.0.0.1", ("10.0.0.2", 5_000)
NODE, COORDINATOR_KEY = b"n" * 32, b"c" * 32
NAME, KEY = "a" * 16, b"k" * 32


class FakeCall:
    """A call that succeeds when the test says so."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.done: Deferred[str] = Deferred()
        self.is_answered = False
        self.was_cancelled = False

    def cancel(self) -> None:
        self.was_cancelled = True
        self.done.cancel()


class UdpTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork(seed=1)
        self.patch(attempts, "local_host", lambda towards: REQUESTER)
        self.calls: list[FakeCall] = []
        self.prepared: list[float] = []
        self.began, self.round_trip, self.late = self.network.clock.seconds(), 0.0, 0.0
        self.requests: list[PunchRequest] = []
        self.tracer, self.target_tracer = Tracer(lambda: 0.0), Tracer(lambda: 0.0)
        server, _ = self.open(COORDINATOR[0], COORDINATOR[1])
        seconds = self.network.clock.seconds
        stun = StunSocket(self.network.host(COORDINATOR[0]), server, Scene().server, monotonic=seconds)
        self.socket, self.port = self.open(*TARGET)
        sockets = TargetSockets(lambda *_: self.socket, lambda *_: None, self.make_socket)
        self.target = PunchTarget(self.network.host(TARGET[0]), self.target_tracer, sockets, Allowance())
        self.addCleanup(lambda: self.assertEqual(self.network.clock.getDelayedCalls(), []))
        self.addCleanup(self.network.advance, 0.1)
        for cleanup in (self.socket.stop, server.stop, stun.stop, self.target.stop):
            self.addCleanup(cleanup)

    def make_socket(self) -> QuicSocket:
        raise AssertionError("no further socket is needed")

    def open(self, host: str, port: int = 0) -> tuple[QuicSocket, PunchPort]:
        reactor = self.network.host(host)
        quic = QuicSocket(reactor, monotonic=self.network.clock.seconds)
        quic.listen(port)
        return quic, PunchPort(reactor, quic)

    def call(self, quic: QuicSocket) -> CallFrom:
        self.prepared.append(self.network.clock.seconds() - self.began)

        def call_from(endpoint: Endpoint, grant: Grant) -> FakeCall:
            self.calls.append(FakeCall(endpoint))
            return self.calls[-1]

        return call_from

    async def request(self, request: PunchRequest) -> Grant:
        """What a coordinator does: tell both where the other one is."""
        self.requests.append(request)
        if self.round_trip:
            await deferLater(self.network.host(REQUESTER), self.round_trip)
        if self.late:
            self.network.host(REQUESTER).callLater(self.late, self.order, request, request.local[0])
        else:
            self.order(request, request.local[0])
        candidates = (Candidate(TARGET, "observed"),)
        order = Order("udp", request.strategy, candidates, request.local[0])
        return Grant(order, frozenset((b"h" * 32,)), "independent")

    def order(self, request: PunchRequest, endpoint: Endpoint) -> None:
        order = Order("udp", request.strategy, (Candidate(endpoint, "observed"),))
        refusal = self.target.carry_out(COORDINATOR_KEY, order, request.username, request.key)
        self.assertIs(refusal, None)

    def attempt(
        self, strategy: Strategy = Strategy.DIRECT, seconds: float = 0.6, allowance: Allowance | None = None
    ) -> UdpAttempt:
        via = Via(COORDINATOR[0], (COORDINATOR,), None, self.request, allowance=allowance or Allowance())
        reactor = self.network.host(REQUESTER)
        return UdpAttempt(reactor, via, NODE, Step(strategy, seconds), self.call, self.tracer)

    def stopped(self, attempt: UdpAttempt) -> None:
        """Nothing of an attempt is left at its host."""
        self.network.advance(0.1)
        self.assertEqual([each for each in self.network.ports if each[0] == REQUESTER], [])


class AttemptTests(UdpTestCase):
    def test_opens(self) -> None:
        """The call begins with the order; once it succeeds the path is told, and the socket is kept for it."""
        attempt = self.attempt()
        self.network.advance(0.01)
        [call] = self.calls
        self.assertEqual(call.endpoint, TARGET)
        [trace] = self.target_tracer
        self.assertEqual((trace.outcome, trace.path), ("open", Candidate(self.requests[0].local[0], "observed")))
        call.is_answered = True
        call.done.callback("connection")
        path: Path = self.successResultOf(attempt.done)
        self.assertEqual((path.connection, path.transport, path.candidate.endpoint), ("connection", "udp", TARGET))
        self.assertEqual(path.packets, next(trace.packets for trace in self.tracer))
        self.assertGreaterEqual(path.packets, 2)
        self.network.advance(1.0)
        self.assertIn(self.requests[0].local[0], self.network.ports)
        attempt.socket.stop()
        self.stopped(attempt)
        self.network.advance(DIRECT_SECONDS)

    def test_prepared(self) -> None:
        """A call is made ready while the coordinator's answer is on its way, once; at the latest when it is needed."""
        for round_trip, expected in ((0.05, PREPARED_AFTER), (0.0, 0.0)):
            self.prepared.clear()
            self.began, self.round_trip = self.network.clock.seconds(), round_trip
            attempt = self.attempt()
            self.network.advance(0.15, 0.00025)
            self.assertEqual([round(each, 6) for each in self.prepared], [expected])
            self.assertGreater(len(self.calls), 1)
            attempt.done.cancel()
            self.failureResultOf(attempt.done, CancelledError)
            self.stopped(attempt)

    def test_calls_before_probes(self) -> None:
        """What is called at once gets its first probe some time later."""
        probed: list[float] = []
        self.network.spy = lambda datagram, source, to: (
            probed.append(self.network.clock.seconds() - self.began)
            if source[0] == REQUESTER and to == TARGET and datagram[:2] == b"\x00\x01"
            else None
        )
        attempt = self.attempt()
        self.assertEqual(len(self.calls), 1)
        self.network.advance(0.1, 0.00025)
        self.assertAlmostEqual(probed[0], CALLED_SECONDS, places=6)
        attempt.done.cancel()
        self.failureResultOf(attempt.done, CancelledError)
        self.stopped(attempt)

    def test_far_away(self) -> None:
        """A call is not made anew before its answer can have come, which is as long after a probe as that took."""
        self.network.weather.delay = 0.2
        attempt = self.attempt(seconds=1.2)
        self.network.advance(0.4 + GRACE - 0.01, 0.005)
        self.assertEqual(len(self.calls), 1)
        self.network.advance(0.02, 0.005)
        self.assertEqual(len(self.calls), 2)
        attempt.done.cancel()
        self.failureResultOf(attempt.done, CancelledError)
        self.network.advance(0.4)
        self.stopped(attempt)

    def test_told_late(self) -> None:
        """Where the other side was told so late that what was called is lost, it is called anew while there is time."""
        for late in (0.3, 0.4, 0.5):
            self.calls.clear()
            began = self.network.clock.seconds()
            self.late = late
            attempt = self.attempt()
            while len(self.calls) < 2 and self.network.clock.seconds() < began + 0.6:
                self.network.advance(0.005, 0.005)
            self.assertEqual(len(self.calls), 2, late)
            self.assertLess(self.network.clock.seconds() - began, late + 0.15)
            attempt.done.cancel()
            self.failureResultOf(attempt.done, CancelledError)
            self.network.advance(1)
            self.stopped(attempt)

    def test_called_anew(self) -> None:
        """A call that went out too early is followed by another one when a probe has come, unless it was answered."""
        for is_answered in (False, True):
            self.calls.clear()
            attempt = self.attempt()
            self.network.advance(0.01)
            self.calls[0].is_answered = is_answered
            self.network.advance(0.1)
            self.assertEqual({each.endpoint for each in self.calls}, {TARGET})
            self.assertEqual(len(self.calls) == 1, is_answered)
            attempt.done.cancel()
            self.failureResultOf(attempt.done, CancelledError)
            self.assertTrue(all(each.was_cancelled for each in self.calls))
            self.stopped(attempt)

    def test_opener(self) -> None:
        """With openers nothing is called before the other side was heard of."""
        self.network.routers = 3
        attempt = self.attempt(Strategy.OPENER)
        self.network.advance(0.09)
        self.assertEqual((self.calls, [trace.outcome for trace in self.target_tracer]), ([], ["under way"]))
        self.network.advance(0.05)
        self.assertEqual({each.endpoint for each in self.calls}, {TARGET})
        attempt.done.cancel()
        self.failureResultOf(attempt.done, CancelledError)
        self.stopped(attempt)

    def test_nothing_comes(self) -> None:
        """Where nothing comes through, the attempt fails by its time and leaves nothing behind, on neither side."""
        self.network.weather.loss = 1.0
        attempt = self.attempt()
        self.network.advance(0.5)
        self.assertNoResult(attempt.done)
        self.network.advance(0.2)
        failure = self.failureResultOf(attempt.done, PunchFailed)
        self.assertEqual(str(failure.value), "nothing came through in 0.6 s")
        self.assertTrue(all(each.was_cancelled for each in self.calls))
        self.stopped(attempt)
        self.network.advance(DIRECT_SECONDS)
        self.assertEqual([trace.reason for trace in self.target_tracer], ["no answer came from the requester"])

    def test_many_in_vain(self) -> None:
        """A requester, too, sends many probes to a place that does not answer a few times, and says why no more."""
        allowance = Allowance()
        self.patch(self, "order", lambda *_: None)
        for _ in range(int(SPREADS_TO_MOST)):
            attempt = self.attempt(Strategy.SPREAD, allowance=allowance)
            self.network.advance(0.01)
            self.assertNoResult(attempt.done)
            attempt.done.cancel()
            self.failureResultOf(attempt.done, CancelledError)
        attempt = self.attempt(Strategy.SPREAD, allowance=allowance)
        self.assertIn("in vain", str(self.failureResultOf(attempt.done, PunchFailed).value))
        self.stopped(attempt)

    def test_opened_again(self) -> None:
        """Where a path comes about, another one may follow as often as that happens."""
        self.patch(self, "order", lambda *_: None)
        allowance = Allowance()
        for _ in range(100):
            attempt = self.attempt(allowance=allowance)
            self.calls[-1].done.callback("connection")
            self.successResultOf(attempt.done)
            attempt.socket.stop()
        self.stopped(attempt)

    def test_broken(self) -> None:
        """An error of this program's own ends the attempt at once, and is told in the log."""

        def fail(quic: QuicSocket) -> CallFrom:
            raise RuntimeError("as it happens")

        via = Via(COORDINATOR[0], (COORDINATOR,), None, self.request)
        attempt = UdpAttempt(self.network.host(REQUESTER), via, NODE, Step(Strategy.DIRECT, 0.6), fail, self.tracer)
        self.assertIn("as it happens", str(self.failureResultOf(attempt.done, PunchFailed).value))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.stopped(attempt)
        self.network.advance(DIRECT_SECONDS)

    def test_refused(self) -> None:
        """What the coordinator refuses with is what the attempt fails with."""

        async def refuse(request: PunchRequest) -> Grant:
            raise PunchFailed("punch_unlinked")

        via = Via(COORDINATOR[0], (COORDINATOR,), None, refuse)
        attempt = UdpAttempt(
            self.network.host(REQUESTER), via, NODE, Step(Strategy.DIRECT, 0.6), self.call, self.tracer
        )
        self.assertEqual(str(self.failureResultOf(attempt.done, PunchFailed).value), "punch_unlinked")
        self.stopped(attempt)

    def test_other_family(self) -> None:
        """Endpoints that this side's socket can't send to, and what is none, are passed over; with no other it ends."""
        useless = [Candidate(("2001:db8::2", 5_000), "served"), Candidate(("nowhere", 1), "observed")]
        for candidates, expected in (([*useless, Candidate(TARGET, "observed")], [TARGET]), (useless, [])):

            async def grant(request: PunchRequest, told: Any = tuple(candidates)) -> Grant:
                return Grant(Order("udp", request.strategy, told, request.local[0]), frozenset(), "independent")

            self.calls.clear()
            via = Via(COORDINATOR[0], (COORDINATOR,), None, grant)
            attempt = UdpAttempt(
                self.network.host(REQUESTER), via, NODE, Step(Strategy.DIRECT, 0.6), self.call, self.tracer
            )
            self.network.advance(0.01)
            self.assertEqual([each.endpoint for each in self.calls], expected)
            self.failureResultOf(attempt.done, PunchUnmapped) if not expected else attempt.done.cancel()
            attempt.done.addErrback(lambda _: None)
            self.stopped(attempt)


class PortTests(UdpTestCase):
    def ask(self, key: bytes, username: str = NAME) -> list[Endpoint]:
        """Ask the target's socket from another one; where answers came from."""
        asking, port = self.open("10.0.0.7")
        answers: list[Endpoint] = []

        def answered(message: Message, source: Endpoint) -> None:
            if message.kind is Kind.SUCCESS:
                answers.append(source)

        port.ask(TARGET, username, key, answered)
        self.network.advance(0.1)
        port.close()
        asking.stop()
        return answers

    def test_strangers(self) -> None:
        """A probe is heard and answered if its integrity is that of the attempt, and only while that runs."""
        heard: list[Endpoint] = []
        end: Callable[[], None] = self.port.expect(NAME, KEY, heard.append)
        self.assertEqual(self.ask(KEY), [TARGET])
        self.assertEqual([each[0] for each in heard], ["10.0.0.7"])
        self.assertEqual((self.ask(b"x" * 32), self.ask(KEY, "b" * 16)), ([], []))
        self.assertEqual(len(heard), 1)
        end()
        self.assertEqual(self.ask(KEY), [])

    def test_after_the_handshake(self) -> None:
        """A probe that comes with QUIC's datagrams is dealt with after them; if that fails, it is counted as ever."""
        order: list[str] = []
        self.port.expect(NAME, KEY, lambda endpoint: order.append("probe"))
        self.socket._schedule_turn()
        self.network.host(TARGET[0]).callLater(0.0, order.append, "turn")
        self.assertTrue(self.socket.is_turn_due)
        asking, port = self.open("10.0.0.7")
        asked: list[bytes] = []
        asking.write = lambda datagram, addr, hops=None: asked.append(datagram)  # type: ignore[method-assign]
        port.ask(TARGET, NAME, KEY, lambda message, source: None)
        self.socket.demultiplexer.datagramReceived(asked[0], ("10.0.0.7", 7))
        self.assertEqual(order, [])
        self.network.advance(0.01)
        self.assertEqual(order, ["turn", "probe"])
        self.patch(self.port, "_take", lambda datagram, source: 1 // 0)
        self.socket._schedule_turn()
        self.socket.demultiplexer.datagramReceived(asked[0], ("10.0.0.7", 7))
        self.network.advance(0.01)
        self.assertEqual(self.socket.endpoint.counters.failures, 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        asking.stop()

    def test_bound(self) -> None:
        """However many probes go without an answer, what is remembered of them is bounded."""
        for _ in range(1_000):
            self.port.ask(("10.0.0.99", 1), NAME, KEY, lambda message, source: None)
        self.assertLessEqual(len(self.port._asked), 256)

    def test_close(self) -> None:
        """When it is closed, the socket's STUN is its owner's again."""
        quic = QuicSocket(self.network.host("10.0.0.8"), monotonic=self.network.clock.seconds)
        taken: list[bytes] = []
        quic.demultiplexer.stun = lambda datagram, source: taken.append(datagram)
        before = quic.demultiplexer.stun
        port = PunchPort(self.network.host("10.0.0.8"), quic)
        self.assertNotEqual(quic.demultiplexer.stun, before)
        port.close()
        self.assertEqual(quic.demultiplexer.stun, before)


class ObservingTests(UdpTestCase):
    def ask(self, round_trip: float, seconds: float, is_answered: bool = False) -> list[tuple[float, int]]:
        """Have a coordinator asked at two ports; when it was, in milliseconds, and at which."""
        sent: list[tuple[float, int]] = []
        began = self.network.clock.seconds()

        def see(datagram: bytes, source: Endpoint, to: Endpoint) -> None:
            if source[0] == "10.0.0.7":
                sent.append((round(1_000 * (self.network.clock.seconds() - began)), to[1]))

        self.network.spy = see
        asking, port = self.open("10.0.0.7")
        end = self.port.expect(NAME, KEY, lambda endpoint: None) if is_answered else lambda: None
        servers = (TARGET, (TARGET[0], 5_001))
        observing = Observing(self.network.host("10.0.0.7"), port, servers, NAME, KEY, round_trip)
        self.assertEqual(sent, [], "the request goes first")
        self.network.clock.advance(0.0)
        self.network.advance(seconds, 0.00025)
        self.assertEqual((observing.sent, set(observing.mapped)), (len(sent), {TARGET} if is_answered else set()))
        observing.stop()
        end()
        port.close()
        asking.stop()
        return sent

    def test_times(self) -> None:
        """The first port is asked again soon, for the request may be late; then both are, once answers are late."""
        self.assertEqual(
            self.ask(round_trip=0.03, seconds=0.05),
            [(0, 5_000), (2, 5_000), (5, 5_000), (8, 5_001), (42, 5_000), (42, 5_001)],
        )
        late = self.ask(round_trip=60.0, seconds=0.6)
        self.assertEqual([at for at, port in late if port == 5_000], [0, 2, 5, 512, 530, 570])

    def test_answered(self) -> None:
        """A port that answered is asked no more."""
        asked = self.ask(round_trip=0.0, seconds=4.0, is_answered=True)
        self.assertEqual([at for at, port in asked if port == 5_000], [0, 2])
        self.assertEqual([at for at, port in asked if port == 5_001], [8, 12, 30, 70, 150, 350, 750, 1_500])


class TargetTests(UdpTestCase):
    def carry_out(self, number: int, coordinator: bytes = b"c" * 32) -> str | None:
        order = Order("udp", Strategy.DIRECT, (Candidate((f"10.1.{number // 250}.{number % 250}", 9), "observed"),))
        return self.target.carry_out(coordinator, order, f"{number:016}", KEY)

    def test_bounds(self) -> None:
        """One coordinator is obeyed so often, all together so much at once; the rest is refused by its reason."""
        refusals = [self.carry_out(number) for number in range(61)]
        self.assertEqual(set(refusals[:60]), {None})
        self.assertIn("more orders", refusals[60] or "")
        refusals = [self.carry_out(100 + number, coordinator=b"d" * 32) for number in range(5)]
        self.assertEqual(refusals[:4], [None] * 4)
        self.assertIn("under way", refusals[4] or "")
        self.network.advance(DIRECT_SECONDS + 0.1)
        self.assertIs(self.carry_out(200, coordinator=b"d" * 32), None)

    def test_many_at_one_place(self) -> None:
        """However many coordinators there are, a place that does not answer is probed at many ports a few times."""
        refusals = []
        for number in range(20):
            order = Order("udp", Strategy.SPREAD, (Candidate((f"10.1.0.{number}", 9), "observed"),), None, "requester")
            refusals.append(self.target.carry_out(bytes([number]) * 32, order, f"{number:016}", KEY))
        self.assertEqual(refusals.count(None), SPREADS_TO_MOST)
        self.assertIn("more orders", refusals[-1] or "")

    def test_packets(self) -> None:
        """An order costs whoever it names a dozen probes at most."""
        sent: list[Endpoint] = []
        self.network.spy = lambda datagram, source, to: sent.append(to)
        self.carry_out(1)
        self.network.advance(DIRECT_SECONDS + 0.1)
        self.assertLessEqual(len(sent), 12)
        self.assertEqual([trace.packets for trace in self.target_tracer], [len(sent)])

    def test_no_mapping(self) -> None:
        """Over a transport for which there is no mapping, an order is refused."""
        order = Order("tcp", Strategy.DIRECT, (Candidate(("10.1.0.1", 9), "observed"),))
        self.assertEqual(self.target.carry_out(COORDINATOR_KEY, order, NAME, KEY), "there is no mapping over TCP")
        for useless in ((), (Candidate(("nowhere", 9), "observed"),)):
            order = Order("udp", Strategy.DIRECT, useless)
            self.assertEqual(self.target.carry_out(COORDINATOR_KEY, order, NAME, KEY), "no candidate is of any use")

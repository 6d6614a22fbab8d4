"""The tables of a port which takes many datagrams at once, filled in as the kernel would."""

from __future__ import annotations

import socket

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.stun.attributes import encode_change
from cloudnode.stun.limiting import RateLimits
from cloudnode.transports.stun.alternate import make_places
from cloudnode.transports.stun.batching import ANSWER_SLOT, BATCH, NAME_SLOT, REQUEST_SLOT, Batch
from cloudnode.transports.stun.datagrams import StunDatagrams
from tests.unit.transports.stun.servers import BARE, KNOWN, Scene, request

Datagram = tuple[bytes, tuple[str, int]]


class _Sink:
    """A transport that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Datagram] = []

    def write(self, data: bytes, addr: tuple[str, int]) -> None:
        self.sent.append((data, addr))


def fill(batch: Batch, family: int, datagrams: list[Datagram]) -> None:
    """Write datagrams as recvmmsg(2) does."""
    batch.refresh()
    for index, (data, (host, port)) in enumerate(datagrams):
        packed = socket.inet_pton(family, host)
        name = family.to_bytes(2, "little") + port.to_bytes(2, "big")
        name += packed + bytes(8) if family == socket.AF_INET else bytes(4) + packed + bytes(4)
        batch.names[index * NAME_SLOT : index * NAME_SLOT + len(name)] = name
        batch.requests[index * REQUEST_SLOT : index * REQUEST_SLOT + len(data)] = data
        batch.incoming[index].length = len(data)


def run(scene: Scene, datagrams: list[Datagram], family: int = socket.AF_INET) -> list[bytes | None]:
    """What is answered to each, together or alone."""
    protocol = StunDatagrams(scene.server, monotonic=scene.clock.seconds)
    sink = _Sink()
    protocol.transport = sink  # type: ignore[assignment]
    batch = Batch(protocol, family)
    fill(batch, family, datagrams)
    answers: list[bytes | None] = [None] * len(datagrams)
    for begin, end in batch.answer(len(datagrams)):
        for index in range(begin, end):
            size = batch.answer_bytes(index)
            answers[index] = bytes(batch.answers[index * ANSWER_SLOT : index * ANSWER_SLOT + size])
    for data, addr in sink.sent:
        answers[[each[1] for each in datagrams].index(addr)] = data
    return answers


class BatchTests(SynchronousTestCase):
    def check(self, datagrams: list[Datagram], family: int = socket.AF_INET, limits: RateLimits | None = None) -> None:
        """The batch answers the same as the server does one by one, and counts the same."""
        together, single = Scene(limits), Scene(limits)
        answers = run(together, datagrams, family)
        expected = [single.server.answer(data, addr, 0.0, old=True) for data, addr in datagrams]
        self.assertEqual(answers, [None if each is None else each.data for each in expected])
        self.assertEqual(together.counters, single.counters)

    @given(
        st.lists(
            st.tuples(
                st.sampled_from((BARE, KNOWN, request(5), request(6, encode_change(6)), BARE[:4] + bytes(16)))
                | st.binary(max_size=60)
                | st.binary(max_size=40).map(lambda rest: BARE[:8] + rest),
                st.tuples(st.ip_addresses(v=4).map(str), st.integers(1, 65_535)),
            ),
            max_size=BATCH,
            unique_by=lambda each: each[1],
        )
    )
    def test_same_as_one_by_one(self, datagrams: list[Datagram]) -> None:
        """Whatever comes, in whatever mixture, each datagram gets the answer that it would get alone."""
        self.check(datagrams)

    def test_limits(self) -> None:
        """One address's requests beyond its bucket get no answer in a batch either."""
        self.check([(request(port), ("192.0.2.1", port)) for port in range(1, 20)], limits=RateLimits(1, 5))

    def test_ipv6(self) -> None:
        """A socket for both families answers both."""
        sources = [("2001:db8::1", 9), ("::ffff:192.0.2.1", 10)]
        self.check([(request(port), (host, port)) for host, port in sources], socket.AF_INET6)
        answers = run(Scene(), [(BARE, source) for source in sources], socket.AF_INET6)
        self.assertEqual([len(each or b"") for each in answers], [44, 32])

    def test_nothing_is_left(self) -> None:
        """A datagram that is shorter than the one before in its slot is not read together with its rest."""
        scene = Scene()
        protocol = StunDatagrams(scene.server, monotonic=scene.clock.seconds)
        batch = Batch(protocol, socket.AF_INET)
        fill(batch, socket.AF_INET, [(BARE, ("192.0.2.1", 1))])
        self.assertEqual(batch.answer(1), [(0, 1)])
        fill(batch, socket.AF_INET, [(BARE[:3], ("192.0.2.1", 1))])
        self.assertEqual(batch.answer(1), [])

    def test_change(self) -> None:
        """An answer that has to go from another socket goes from there, and from no other."""
        scene, sinks = Scene(), []
        siblings: dict[tuple[str, int], StunDatagrams] = {}
        for place in make_places(("192.0.2.1", 1), ("192.0.2.2", 2)):
            siblings[place.address] = StunDatagrams(scene.server, place, siblings, scene.clock.seconds)
            sinks.append(_Sink())
            siblings[place.address].transport = sinks[-1]  # type: ignore[assignment]
        batch = Batch(siblings["192.0.2.1", 1], socket.AF_INET)
        source = ("198.51.100.7", 9)
        fill(batch, socket.AF_INET, [(request(flags, encode_change(flags)), source) for flags in (0, 2, 4, 6)])
        self.assertEqual(batch.answer(4), [(0, 1)])
        self.assertEqual([len(each.sent) for each in sinks], [0, 1, 1, 1])
        self.assertEqual([each.sent[0][0][19] for each in sinks[1:]], [2, 4, 6])

    def test_failure(self) -> None:
        """A datagram whose handling fails gets no answer, and the others get theirs."""
        scene = Scene()
        scene.credentials.find = lambda username: 1 / 0  # type: ignore[assignment,method-assign,return-value]
        answers = run(scene, [(KNOWN, ("192.0.2.1", 1)), (BARE, ("192.0.2.1", 2))])
        self.assertEqual([each is None for each in answers], [True, False])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

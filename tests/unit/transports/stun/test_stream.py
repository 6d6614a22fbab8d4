"""STUN over TCP, over streams in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.stun.attributes import mapped_address
from cloudnode.stun.credentials import Credential
from cloudnode.stun.framing import MessageSplitter
from cloudnode.stun.integrity import check_integrity
from cloudnode.stun.message import BINDING, Attribute, Kind, Message, decode, encode
from cloudnode.stun.transaction import make_indication, make_request
from cloudnode.transports.stun.stream import StreamLimits, StunStreamFactory
from tests.unit.transports.memory import PEER, MemoryTransport
from tests.unit.transports.stun.servers import BARE, KEY, KNOWN, Scene, request


def other(number: int) -> IPv4Address:
    return IPv4Address("TCP", f"192.0.2.{number}", 40_000)


class StreamTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.scene = Scene()
        self.open_factory(
            StreamLimits(
                idle_seconds=60, known_idle_seconds=600, connections=4, connections_address=2, connections_asker=2
            )
        )  # fmt: skip

    def open_factory(self, limits: StreamLimits) -> None:
        clock = self.scene.clock
        self.factory = StunStreamFactory(clock, self.scene.server, limits, clock.seconds)
        self.addCleanup(lambda: self.assertEqual(clock.getDelayedCalls(), []))
        self.addCleanup(self.factory.close_all)

    def connect(self, peer: IAddress = PEER) -> MemoryTransport:
        return MemoryTransport(self.factory.buildProtocol(peer), peer)

    def answers(self, transport: Any) -> list[Message]:
        return [decode(each) for each in MessageSplitter(2_000).feed(transport.take())]

    def test_several_requests(self) -> None:
        """Any number of requests on a connection are answered in order, however they are cut."""
        transport = self.connect()
        stream = b"".join(map(request, range(20)))
        for begin in range(0, len(stream), 7):
            transport.deliver(stream[begin : begin + 7])
        answers = self.answers(transport)
        self.assertEqual([int.from_bytes(each.transaction, "big") for each in answers], list(range(20)))
        self.assertEqual(mapped_address(answers[0]), ("192.0.2.1", 40_000))
        self.assertEqual((self.scene.counters.requests_tcp, self.scene.counters.connections), (20, 1))

    def test_known_asker(self) -> None:
        """Who has a key is known, and where the connection comes from is told."""
        transport = self.connect()
        transport.deliver(KNOWN)
        self.assertTrue(check_integrity(self.answers(transport)[0], KEY))
        [seen] = self.scene.observed
        self.assertEqual((seen.protocol, seen.address, seen.via), ("tcp", ("192.0.2.1", 40_000), transport))

    def test_slow_reader(self) -> None:
        """Who does not take the answers is not read from, and after a while not kept; who takes them gets them all."""
        transport = self.connect()
        transport.high_water = 3 * 32
        transport.is_stalled = True
        transport.deliver(b"".join(map(request, range(5))))
        self.assertFalse(transport.is_reading)
        transport.is_stalled = False
        transport.deliver(b"".join(map(request, range(5, 9))))
        answers = self.answers(transport)
        self.assertEqual(len(answers), 5)
        answers += self.answers(transport)
        self.assertTrue(transport.is_reading)
        self.assertEqual([int.from_bytes(each.transaction, "big") for each in answers], list(range(9)))
        transport.is_stalled = True
        transport.deliver(b"".join(map(request, range(5))))
        self.scene.clock.pump([0.25] * 59)
        self.assertFalse(transport.was_aborted)
        self.scene.clock.pump([0.25] * 3)
        self.assertTrue(transport.was_aborted)
        self.assertEqual((self.scene.counters.connections, self.scene.counters.connections_closed), (0, 1))

    def test_bare_after_a_piece(self) -> None:
        """What looks like a bare request, but is the end of another message, is not taken for one."""
        inner = request(7)
        outer = encode(Message(BINDING, Kind.REQUEST, bytes(12), (Attribute(0x8022, inner),)))
        transport = self.connect()
        begin = outer.index(inner)
        transport.deliver(outer[:begin])
        transport.deliver(inner)
        transport.deliver(request(8))
        answers = self.answers(transport)
        self.assertEqual([int.from_bytes(each.transaction, "big") for each in answers], [0, 8])

    def test_junk(self) -> None:
        """What is no STUN closes the connection, after what was asked before it is answered."""
        transport = self.connect()
        transport.deliver(BARE + b"GET / HTTP/1.1\r\n\r\n")
        self.assertEqual(len(self.answers(transport)), 1)
        self.assertTrue(transport.is_closing)
        transport = self.connect()
        transport.deliver(BARE[:2] + b"\xff\xfc" + BARE[4:])
        self.assertTrue(transport.is_closing)
        self.assertEqual(self.scene.counters.connections_closed, 2)

    def test_idle(self) -> None:
        """A silent connection is closed after the time for it; that of a known asker after a much longer one."""
        unknown, known = self.connect(), self.connect(other(2))
        known.deliver(KNOWN)
        self.scene.clock.pump([0.25] * 200)
        unknown.deliver(BARE)
        self.scene.clock.pump([0.25] * 200)
        self.assertEqual((unknown.was_aborted, known.was_aborted), (False, False))
        self.scene.clock.pump([0.25] * 45)
        self.assertEqual((unknown.was_aborted, known.was_aborted), (True, False))
        self.scene.clock.pump([0.25] * 2_000)
        self.assertTrue(known.was_aborted)
        self.assertEqual(self.scene.counters.connections, 0)

    def test_indication(self) -> None:
        """An indication goes on the connection of that asker which comes from that place, and on no other."""
        known, unknown = self.connect(), self.connect(other(2))
        known.deliver(KNOWN)
        unknown.deliver(BARE)
        known.take(), unknown.take()
        data = make_indication(b"t" * 12)
        self.assertEqual(data.hex(), "00110000" + "2112a442" + "74" * 12)
        for asker, place in (
            ("peer", ("192.0.2.1", 40_001)), ("peer", ("192.0.2.2", 40_000)), ("other", ("192.0.2.1", 40_000)),
            ("", ("192.0.2.2", 40_000)),
        ):  # fmt: skip
            self.assertFalse(self.factory.indicate(asker, place, data))
        self.assertTrue(self.factory.indicate("peer", ("192.0.2.1", 40_000), data))
        self.assertEqual((known.take(), unknown.take()), (data, b""))
        known.deliver(b"GET / HTTP/1.1\r\n\r\n")
        self.assertFalse(self.factory.indicate("peer", ("192.0.2.1", 40_000), data))

    def test_indication_to_ipv6(self) -> None:
        """Places are told apart by the address itself, however a system spells it."""
        data = make_indication(b"t" * 12)
        for host, place in (("2001:db8:0:0::7", "2001:db8::7"), ("::ffff:192.0.2.7", "192.0.2.7")):
            transport = self.connect(IPv6Address("TCP", host, 40_000))
            transport.deliver(KNOWN)
            transport.take()
            self.assertTrue(self.factory.indicate("peer", (place, 40_000), data))
            self.assertEqual(transport.take(), data)

    def test_places_of_known(self) -> None:
        """A known asker has its places, and all of them together; the one that was silent the longest gives way."""
        for name in ("second", "third"):
            self.scene.credentials.grant(name, Credential(KEY))
        requests = {name: make_request(bytes(12), username=name, key=KEY) for name in ("peer", "second", "third")}

        def know(number: int, name: str) -> MemoryTransport:
            transport = self.connect(other(number))
            transport.deliver(requests[name])
            transport.take()
            self.scene.clock.advance(1)
            return transport

        first, second = know(1, "peer"), know(2, "peer")
        first.deliver(KNOWN)
        first.take()
        self.scene.clock.advance(1)
        third = know(3, "peer")
        self.assertEqual([each.was_aborted for each in (first, second, third)], [False, True, False])
        # One that is known by another name since takes a place of that one.
        third.deliver(requests["second"])
        third.take()
        self.assertFalse(self.factory.indicate("peer", ("192.0.2.3", 40_000), b""))
        self.assertTrue(self.factory.indicate("second", ("192.0.2.3", 40_000), make_indication(bytes(12))))
        third.take()
        fourth, fifth, sixth = know(4, "second"), know(5, "third"), know(6, "third")
        aborted = [each.was_aborted for each in (first, third, fourth, fifth, sixth)]
        self.assertEqual(aborted, [True, False, False, False, False])
        self.assertEqual((self.scene.counters.connections, self.scene.counters.connections_refused), (4, 2))

    def test_places(self) -> None:
        """An address has its places; in all the oldest unknown asker gives way, and no known one does for it."""
        known = self.connect()
        known.deliver(KNOWN)
        known.take()
        mine = [self.connect(), self.connect(), self.connect()]
        self.assertEqual([each.was_aborted for each in mine], [False, False, True])
        others = [self.connect(other(number)) for number in (2, 3, 4)]
        aborted = [each.was_aborted for each in (known, *mine, *others)]
        self.assertEqual(aborted, [False, True, False, True, False, False, False])
        self.assertEqual(self.scene.counters.connections_refused, 2)
        self.assertEqual(self.scene.counters.connections, 5)

    def test_no_address(self) -> None:
        """A Unix socket has no address to tell."""
        transport = self.connect(UNIXAddress(None))
        self.assertTrue(transport.was_aborted)
        transport.deliver(BARE)
        self.assertEqual(self.scene.counters.requests_tcp, 0)

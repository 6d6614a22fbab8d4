"""One port told apart by its first bytes, over streams in memory."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.transports.addresses import LOCAL, address_group, normalize_address, peer_address, peer_text
from cloudnode.transports.sniff import (
    PEER_REQUEST,
    SniffingFactory,
    SniffLimits,
    Speech,
    recognize,
    recognize_request,
)
from cloudnode.transports.websocket import WebSocketFactory
from tests.unit.transports.behaviour import EchoOpener
from tests.unit.transports.memory import PEER, TEXT, UPGRADE, MemoryTransport, make_frame, parse_frames
from tests.unit.transports.test_certificates import make_keeper

STUN_REQUEST = bytes.fromhex("0001 0000 2112a442 000102030405060708090a0b")


class RecognizeTests(SynchronousTestCase):
    """The decision itself."""

    def test_table(self) -> None:
        """The first byte says what a connection speaks, for STUN together with the cookie."""
        table = {
            b"": Speech.UNDECIDED,
            b"\x16": Speech.TLS,
            b"\x16\x03\x01": Speech.TLS,
            b"G": Speech.HTTP,
            b"post / HTTP/1.1": Speech.HTTP,
            b"\x00": Speech.UNDECIDED,
            b"\x01\x01\x00\x00\x21\x12\xa4": Speech.UNDECIDED,
            STUN_REQUEST: Speech.STUN,
            b"\x01\x01\x00\x00\x21\x12\xa4\x42": Speech.STUN,
            b"\x00\x01\x00\x00\x22": Speech.UNKNOWN,
            b"\x02": Speech.UNKNOWN,
            b"\x15\x03": Speech.UNKNOWN,
            b"\x80": Speech.UNKNOWN,
            b"\xc3\xa4": Speech.UNKNOWN,
            b"1": Speech.UNKNOWN,
            b"\r\n": Speech.UNKNOWN,
        }
        self.assertEqual({begin: recognize(begin) for begin in table}, table)

    @given(st.binary(max_size=40))
    def test_decision_is_final(self, stream: bytes) -> None:
        """Once decided, more bytes change nothing, and 8 bytes always decide."""
        decisions = [recognize(stream[:length]) for length in range(len(stream) + 1)]
        made = [decision for decision in decisions if decision is not Speech.UNDECIDED]
        self.assertLessEqual(len(set(made)), 1)
        if len(stream) >= 8:
            self.assertNotEqual(decisions[8], Speech.UNDECIDED)


class RecognizeRequestTests(SynchronousTestCase):
    """What a request inside TLS is for."""

    def test_link(self) -> None:
        """A request for a link is known by its first line, and not before that is whole."""
        for length in range(len(PEER_REQUEST)):
            self.assertIs(recognize_request(PEER_REQUEST[:length]), Speech.UNDECIDED)
        self.assertIs(recognize_request(PEER_REQUEST + b"Host"), Speech.PEER)

    def test_other(self) -> None:
        """Any other request is known by the first byte that differs."""
        for begin in (b"P", b"GET / ", b"GET /peers", b"GET /peer HTTP/1.0"):
            self.assertIs(recognize_request(begin), Speech.HTTP)


class AddressTests(SynchronousTestCase):
    """Addresses as limits count them."""

    def test_groups(self) -> None:
        """An IPv4 address counts alone, an IPv6 one with its /64 network."""
        self.assertEqual(address_group("192.0.2.1"), "192.0.2.1")
        self.assertEqual(address_group("2001:db8::1"), address_group("2001:db8::ffff:1"))
        self.assertNotEqual(address_group("2001:db8::1"), address_group("2001:db8:0:1::1"))

    def test_spelling(self) -> None:
        """One address has one spelling."""
        self.assertEqual(normalize_address("::ffff:192.0.2.1"), "192.0.2.1")
        self.assertEqual(normalize_address("fe80::1%eth0"), "fe80::1")
        self.assertEqual(normalize_address("2001:DB8:0:0::1"), "2001:db8::1")
        self.assertRaises(ValueError, normalize_address, "unknown")

    def test_peers(self) -> None:
        """What has no IP address is local."""
        self.assertEqual(peer_address(IPv6Address("TCP", "2001:db8::1", 1)), "2001:db8::1")
        self.assertEqual(peer_address(UNIXAddress("/run/x")), LOCAL)

    def test_logged(self) -> None:
        """Logs name a peer with its port, unmistakably."""
        self.assertEqual(peer_text(IPv6Address("TCP", "2001:db8::1", 443)), "[2001:db8::1]:443")
        self.assertEqual(peer_text(PEER), "192.0.2.1:40000")
        self.assertEqual(peer_text(UNIXAddress(b"/run/x")), LOCAL)


class Collector(Protocol):
    """Keeps what it receives."""

    def connectionMade(self) -> None:
        self.received = b""

    def dataReceived(self, data: bytes) -> None:
        self.received += data


class SniffingTestCase(SynchronousTestCase):
    """A sniffed port with WebSocket behind it."""

    limits = SniffLimits(max_unfinished=10, max_unfinished_by_address=4)

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.opener = EchoOpener()
        self.websocket = WebSocketFactory(self.opener, self.clock)
        self.factory = self.make_factory()

    def make_factory(self, **options: object) -> SniffingFactory:
        return SniffingFactory(self.websocket, self.clock, limits=self.limits, **options)

    def connect(self, peer: IAddress = PEER) -> MemoryTransport:
        return MemoryTransport(self.factory.buildProtocol(peer), peer)


class SniffingTests(SniffingTestCase):
    """What becomes of a connection."""

    def test_websocket(self) -> None:
        """A WebSocket in the clear works, however its first bytes are cut."""
        transport = self.connect()
        for byte in UPGRADE % (b"/", b"") + make_frame(TEXT, b"hello"):
            transport.deliver(bytes([byte]))
        frames, _ = parse_frames(transport.take().partition(b"\r\n\r\n")[2])
        self.assertEqual([frame.payload for frame in frames], [b"hello"])
        self.assertFalse(self.opener.session.connection.caller.secure)
        transport.lose()
        self.assertEqual(self.opener.session.events[-1], "lost")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_unknown(self) -> None:
        """Whatever is not known is closed and counted."""
        for garbage in (b"\x05\x01\x00", b"\x00\x01\x00\x00\x00\x00\x00\x00", b"\xff" * 100):
            transport = self.connect()
            transport.deliver(garbage)
            self.assertTrue(transport.was_aborted)
        self.assertEqual(self.factory.counters.unknown, 3)
        self.assertEqual(self.factory.counters.unfinished, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stun_refused(self) -> None:
        """STUN is closed and counted where nothing speaks it."""
        transport = self.connect()
        transport.deliver(STUN_REQUEST)
        self.assertTrue(transport.was_aborted)
        self.assertEqual((self.factory.counters.stun, self.factory.counters.stun_refused), (1, 1))

    def test_stun(self) -> None:
        """STUN is handed over from its first byte, and no deadline of the handshake is left."""
        made: list[Collector] = []

        class Stun(Factory):
            def buildProtocol(self, addr: IAddress | None) -> Collector:
                made.append(Collector())
                return made[-1]

        self.factory = self.make_factory(stun=Stun())
        transport = self.connect()
        for byte in STUN_REQUEST:
            transport.deliver(bytes([byte]))
        self.assertEqual(made[0].received, STUN_REQUEST)
        self.clock.advance(60)
        self.assertFalse(transport.is_lost)
        self.assertEqual(self.factory.counters.stun_refused, 0)

    def test_tls_without_certificate(self) -> None:
        """A port that has no TLS closes a TLS connection."""
        transport = self.connect()
        transport.deliver(b"\x16\x03\x01\x00\x05")
        self.assertTrue(transport.was_aborted)


class TLSTests(SniffingTestCase):
    """TLS on the sniffed port."""

    def setUp(self) -> None:
        super().setUp()
        self.keeper = make_keeper(self, self.clock)
        self.factory = self.make_factory(tls=self.make_tls())
        self.client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD))
        self.client.set_connect_state()

    def make_tls(self) -> object:
        from cloudnode.transports.tls import RotatingTLS

        return RotatingTLS(self.keeper)

    def exchange(self, transport: MemoryTransport) -> bytes:
        """Carry bytes both ways until nothing moves; what the client decrypted."""
        decrypted = b""
        for _ in range(20):
            with contextlib.suppress(SSL.WantReadError):
                self.client.do_handshake()
            try:
                while True:
                    transport.deliver(self.client.bio_read(65_536))
            except SSL.WantReadError:
                pass
            self.clock.advance(0)
            if answer := transport.take():
                self.client.bio_write(answer)
            with contextlib.suppress(SSL.WantReadError):
                decrypted += self.client.recv(65_536)
        return decrypted

    def test_websocket_in_tls(self) -> None:
        """Inside TLS the stream is WebSocket again, and the session knows that it is secure."""
        transport = self.connect()
        self.exchange(transport)
        self.client.send(UPGRADE % (b"/ws", b"") + make_frame(TEXT, b"hello"))
        answer = self.exchange(transport)
        frames, _ = parse_frames(answer.partition(b"\r\n\r\n")[2])
        self.assertEqual([frame.payload for frame in frames], [b"hello"])
        self.assertTrue(self.opener.session.connection.caller.secure)
        shown = self.client.get_peer_certificate(as_cryptography=True)
        self.assertEqual(shown.fingerprint(_sha256()), self.keeper.current.hash)
        self.clock.advance(10)
        self.assertFalse(transport.is_lost)
        self.assertEqual(self.factory.counters.unfinished, 0)

    def test_tls_in_tls(self) -> None:
        """TLS inside TLS is garbage."""
        transport = self.connect()
        self.exchange(transport)
        self.client.send(b"\x16\x03\x01")
        self.exchange(transport)
        self.assertTrue(transport.is_lost)
        self.assertEqual(self.factory.counters.unknown, 1)

    def test_rotation(self) -> None:
        """After a rotation new connections are shown the new certificate, without a restart."""
        before = self.keeper.current
        self.clock.advance(9.5 * 86_400)
        self.keeper.review()
        self.assertNotEqual(self.keeper.current.hash, before.hash)
        transport = self.connect()
        self.exchange(transport)
        shown = self.client.get_peer_certificate(as_cryptography=True)
        self.assertEqual(shown.fingerprint(_sha256()), self.keeper.current.hash)

    def test_handshake_that_stops(self) -> None:
        """A TLS handshake that is not finished is closed in time, and so is one with nothing inside."""
        for finish in (False, True):
            self.client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD))
            self.client.set_connect_state()
            transport = self.connect()
            if finish:
                self.exchange(transport)
            else:
                transport.deliver(b"\x16\x03\x01")
            self.clock.advance(self.limits.handshake_timeout + 1)
            self.assertTrue(transport.is_lost)
        self.assertEqual(self.factory.counters.timed_out, 2)

    def test_tls_garbage(self) -> None:
        """What begins like TLS and goes on like nothing is closed."""
        transport = self.connect()
        transport.deliver(b"\x16\x03\x01\x00\x20" + b"\xaa" * 0x20)
        transport.take()
        self.assertTrue(transport.is_lost)


class UnfinishedTests(SniffingTestCase):
    """Connections that do not get anywhere."""

    def test_silence(self) -> None:
        """A connection that sends nothing is closed after some seconds, and not before."""
        transport = self.connect()
        self.clock.advance(self.limits.handshake_timeout - 0.1)
        self.assertFalse(transport.is_lost)
        self.clock.advance(0.5)
        self.assertTrue(transport.was_aborted)
        self.assertEqual(self.factory.counters.timed_out, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_trickle(self) -> None:
        """Sending a little now and then does not extend the time."""
        transport = self.connect()
        for _ in range(6):
            transport.deliver(b"G")
            self.clock.advance(1)
        self.assertTrue(transport.is_lost)

    def test_open_connection_stays(self) -> None:
        """The deadline does not hit a WebSocket that is open, and it takes no place any more."""
        transport = self.connect()
        transport.deliver(UPGRADE % (b"/", b""))
        transport.take()
        self.assertEqual(self.factory.counters.unfinished, 0)
        self.clock.advance(10)
        self.assertFalse(transport.is_lost)

    def test_bound_by_address(self) -> None:
        """One address may have so many unfinished connections; others are not affected."""
        transports = [self.connect() for _ in range(self.limits.max_unfinished_by_address + 2)]
        self.assertEqual([transport.is_lost for transport in transports], [False] * 4 + [True] * 2)
        self.assertFalse(self.connect(IPv4Address("TCP", "192.0.2.2", 1)).is_lost)
        self.assertEqual(self.factory.counters.refused, 2)
        transports[0].lose()
        self.assertFalse(self.connect().is_lost)

    def test_bound_in_all(self) -> None:
        """When all places are taken the oldest unfinished connection gives way to the newest."""
        peers = [IPv4Address("TCP", f"198.51.100.{number}", 1) for number in range(12)]
        transports = [self.connect(peer) for peer in peers]
        self.assertEqual([transport.is_lost for transport in transports], [True] * 2 + [False] * 10)
        self.assertEqual((self.factory.counters.displaced, self.factory.counters.unfinished), (2, 10))

    def test_local_callers(self) -> None:
        """Callers behind one proxy on a Unix socket share no address, so they are not counted as one."""
        transports = [self.connect(UNIXAddress("/run/x")) for _ in range(8)]
        self.assertFalse(any(transport.is_lost for transport in transports))

    def test_nothing_is_left(self) -> None:
        """When all are gone nothing is remembered of them."""
        for number in range(30):
            transport = self.connect(IPv4Address("TCP", f"198.51.100.{number % 7}", 1))
            if number % 2:
                transport.deliver(b"GET")
            if number % 3:
                transport.lose()
        self.clock.advance(10)
        self.assertEqual(self.factory.counters.unfinished, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])


def _sha256() -> object:
    from cryptography.hazmat.primitives.hashes import SHA256

    return SHA256()

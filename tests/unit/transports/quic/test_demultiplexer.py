"""Telling the protocols on one socket apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.transports.quic.counters import QuicCounters
from cloudnode.transports.quic.demultiplexer import STUN_MAGIC_COOKIE, Carried, Demultiplexer, classify

PEER = ("192.0.2.1", 4000)
BINDING_REQUEST = b"\x00\x01\x00\x00" + STUN_MAGIC_COOKIE + bytes(12)


class ClassifyTests(SynchronousTestCase):
    """By the first bytes (RFC 7983, RFC 9443)."""

    def test_first_bytes(self) -> None:
        """Each range of first bytes is what the two documents say."""
        for first in range(256):
            expected = Carried.QUIC if first >= 192 or 64 <= first <= 127 else Carried.UNKNOWN
            self.assertEqual(classify(bytes([first]) + bytes(20)), expected, first)
            with_cookie = bytes([first, 1, 0, 0]) + STUN_MAGIC_COOKIE
            self.assertEqual(classify(with_cookie), Carried.STUN if first < 4 else expected, first)

    @given(st.binary(max_size=64))
    def test_any_bytes(self, datagram: bytes) -> None:
        """Any datagram is something."""
        self.assertIsInstance(classify(datagram), Carried)


class DemultiplexerTests(SynchronousTestCase):
    """Handing datagrams on, and counting them."""

    def setUp(self) -> None:
        self.quic: list[bytes] = []
        self.counters = QuicCounters()
        self.demultiplexer = Demultiplexer(lambda datagram, addr: self.quic.append(datagram), self.counters)

    def test_branches(self) -> None:
        """STUN and QUIC go to their handlers, the rest is dropped, and each is counted."""
        stun: list[tuple[bytes, tuple[str, int]]] = []
        self.demultiplexer.stun = lambda datagram, addr: stun.append((datagram, addr))
        for datagram in (BINDING_REQUEST, b"\x40abc", b"\xc0def", b"\x16\x03tls", b"", b"\x80rtp"):
            self.demultiplexer.datagramReceived(datagram, PEER)
        self.assertEqual(stun, [(BINDING_REQUEST, PEER)])
        self.assertEqual(self.quic, [b"\x40abc", b"\xc0def"])
        counters = self.counters
        self.assertEqual((counters.datagrams_received, counters.stun_received, counters.unknown_dropped), (6, 1, 3))

    def test_no_stun_handler(self) -> None:
        """Without a STUN handler STUN is counted and nothing else happens."""
        self.demultiplexer.datagramReceived(BINDING_REQUEST, PEER)
        self.assertEqual((self.counters.stun_received, self.counters.failures), (1, 0))

    def test_failing_handler(self) -> None:
        """A handler that fails is logged, and the next datagram is handled."""

        def fail(datagram: bytes, addr: tuple[str, int]) -> None:
            raise ZeroDivisionError

        self.demultiplexer.stun = fail
        self.demultiplexer.datagramReceived(BINDING_REQUEST, PEER)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.demultiplexer.datagramReceived(b"\x40abc", PEER)
        self.assertEqual((self.quic, self.counters.failures), ([b"\x40abc"], 1))

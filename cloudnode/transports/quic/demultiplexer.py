"""Tells the protocols that share one UDP socket apart (RFC 7983, RFC 9443).

The first byte decides: below 4 it may be STUN, which the magic cookie at byte 4 confirms (RFC 8489,
section 6); 64 to 127 is a short QUIC header and 192 to 255 a long one; nothing else is expected here.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from cloudnode.transports.quic.counters import QuicCounters

STUN_MAGIC_COOKIE = b"\x21\x12\xa4\x42"

#: Takes one datagram and the (host, port) that it came from.
DatagramHandler = Callable[[bytes, tuple[str, int]], None]


class Carried(Enum):
    """What a datagram carries."""

    STUN = "stun"
    QUIC = "quic"
    UNKNOWN = "unknown"


def classify(datagram: bytes) -> Carried:
    """Tell what a datagram carries by its first eight bytes."""
    if not datagram:
        return Carried.UNKNOWN
    first = datagram[0]
    if first >= 192 or 64 <= first <= 127:
        return Carried.QUIC
    if first < 4 and datagram[4:8] == STUN_MAGIC_COOKIE:
        return Carried.STUN
    return Carried.UNKNOWN


class Demultiplexer(DatagramProtocol):
    """The one protocol on the socket; hands each datagram to who understands it.

    :param quic: Takes QUIC datagrams.
    :param counters: Counts what arrives and what is dropped.
    :param stun: Takes STUN datagrams; without it they are counted and dropped.
    """

    _log = Logger()
    noisy = False

    def __init__(self, quic: DatagramHandler, counters: QuicCounters, stun: DatagramHandler | None = None) -> None:
        self._quic = quic
        self.stun = stun
        self.counters = counters
        #: Called where the socket is connected and the other end's host says that nobody listens there.
        self.refused: Callable[[], None] = lambda: None
        #: Called when the socket is closed, by whomever.
        self.stopped: Callable[[], None] = lambda: None

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Hand one datagram on."""
        self.counters.datagrams_received += 1
        self.counters.bytes_received += len(datagram)
        self.guarded(self._hand_on, datagram, addr)

    def _hand_on(self, datagram: bytes, addr: tuple[str, int]) -> None:
        carried = classify(datagram)
        if carried is Carried.QUIC:
            self._quic(datagram, addr)
        elif carried is Carried.STUN:
            self.counters.stun_received += 1
            if self.stun is not None:
                self.stun(datagram, addr)
        else:
            self.counters.unknown_dropped += 1

    def guarded(
        self, take: Callable[[bytes, tuple[str, int]], None], datagram: bytes, addr: tuple[str, int]
    ) -> None:
        """Have a datagram taken, now or later than it came. Whatever it holds, it does not end the socket."""
        try:
            take(datagram, addr)
        except Exception:
            self.counters.failures += 1
            self._log.failure("a datagram from {peer} could not be handled", peer=addr)

    def connectionRefused(self) -> None:
        """Twisted calls this on a connected socket after ICMP port unreachable."""
        self.refused()

    def stopProtocol(self) -> None:
        """The socket is closed. With epoll Twisted closes a connected one itself when it is refused."""
        self.stopped()

"""One QUIC stream as a Twisted transport, with back-pressure in both directions.

What is written is kept here and handed to QUIC once a turn, joined, and no more than ``send_high`` bytes
ahead of what the peer acknowledged. When more than that waits, the registered producer is paused, and
*reading stops too*: a peer that asks without taking the answers is not read from, its window closes, and it
has to wait. What was received and not taken counts against the stream's receive window.

On a stream between equals, who both send of their own accord, reading must not wait for sending: each would wait for
the other to read. There ``between_nodes`` is set, and whoever lives on the stream bounds what it answers.

The end of the peer's side ends the stream, as a TCP connection's does: what was written is sent, and a
producer is not waited for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IConsumer, IProtocol, IPushProducer, ITransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from cloudnode.transports.quic.limits import QuicLimits
from cloudnode.transports.quic.link import Address

#: What a protocol is handed in one call at most: Autobahn copies the rest of its buffer for each message.
DELIVERY = 32 * 1024
#: What is sent as one DATA frame at most, where there are DATA frames.
FRAME = 64 * 1024


class Carrier(Protocol):
    """What a stream needs of the connection that carries it."""

    @property
    def limits(self) -> QuicLimits:
        """The bounds."""

    @property
    def peer_address(self) -> Address:
        """Where the other side is."""

    @property
    def host_address(self) -> Address:
        """Where this side is."""

    @property
    def server_certificate_der(self) -> bytes | None:
        """The certificate by which the server's side of this connection proved itself."""

    def want_flush(self, stream: StreamTransport) -> None:
        """Call :meth:`StreamTransport.flush` at the end of this turn, or in the next."""

    def hold(self, stream_id: int, size: int) -> None:
        """So many bytes of the stream are received and not consumed."""

    def unacknowledged(self, stream_id: int) -> int:
        """How many bytes QUIC keeps for the stream."""

    def finish(self, stream: StreamTransport) -> None:
        """The stream is ended on this side, everything is handed over; take no more of it."""

    def abort(self, stream: StreamTransport) -> None:
        """Give the stream up in both directions."""

    def stream_lost(self, stream: StreamTransport) -> None:
        """The stream is over and its protocol was told."""


#: Sends bytes on the stream, and its end if the second argument says so.
Sender = Callable[[bytes, bool], None]


@implementer(ITransport, IConsumer, IPushProducer)
class StreamTransport:
    """A stream as its protocol sees it.

    :param send: Puts bytes on the stream; frames them first where the stream has frames.
    :param between_nodes: Two nodes speak on it: read on while what was written waits.
    """

    _log = Logger()
    disconnecting = False

    def __init__(
        self, carrier: Carrier, stream_id: int, protocol: IProtocol, send: Sender, *, between_nodes: bool = False
    ) -> None:
        self.stream_id = stream_id
        self.is_connected = True
        #: What the peer is told when this side gives the stream up or takes no more of it.
        self.refusal_code: int | None = None
        self._carrier = carrier
        self._limits = carrier.limits
        self._protocol = protocol
        self._send = send
        self.is_between_nodes = between_nodes
        self._outgoing: deque[bytes | memoryview] = deque()
        self._outgoing_size = 0
        self._incoming: deque[bytes] = deque()
        self._incoming_size = 0
        self._peer_ended = False
        self._is_deaf = False
        self._reading_paused = False
        self._delivering = False
        self._producer: object | None = None
        self._producer_streams = False
        self._producer_paused = False

    # ITransport

    def write(self, data: bytes) -> None:
        """Send bytes after those written before; they leave at the end of the turn."""
        if not data or self.disconnecting or self._is_deaf or not self.is_connected:
            return
        if not self._outgoing_size:
            self._carrier.want_flush(self)
        self._outgoing.append(data)
        self._outgoing_size += len(data)
        if self._outgoing_size > self._limits.send_high:
            self._pause_producer()
            if self._outgoing_size > self._limits.send_limit:
                self._log.info("a stream to {peer} is reset: its reader is too slow", peer=self.getPeer())
                self.abortConnection()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send several pieces."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """End the stream once everything written, by the producer too, is handed to QUIC."""
        if self.is_connected and not self.disconnecting:
            self.disconnecting = True
            self._carrier.want_flush(self)

    def abortConnection(self) -> None:
        """End the stream at once; what was not sent is lost."""
        if self.is_connected:
            self._carrier.abort(self)
            self.lose(ConnectionAborted())

    def getPeer(self) -> IPv4Address | IPv6Address:
        """The other side's address now."""
        return to_address(self._carrier.peer_address)

    def getHost(self) -> IPv4Address | IPv6Address:
        """This side's address."""
        return to_address(self._carrier.host_address)

    @property
    def server_certificate_der(self) -> bytes | None:
        """The certificate by which the server's side of the connection proved itself."""
        return self._carrier.server_certificate_der

    # IConsumer

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Have a producer paused while its bytes wait; a pull producer is asked when there is room."""
        if self._producer is not None:
            raise RuntimeError("a producer is registered already")
        if not self.is_connected:
            producer.stopProducing()  # type: ignore[attr-defined]
            return
        self._producer = producer
        self._producer_streams = streaming
        self._producer_paused = not streaming
        self._carrier.want_flush(self)

    def unregisterProducer(self) -> None:
        """The producer is done."""
        self._producer = None
        self._producer_paused = False
        if self.disconnecting and self.is_connected:
            self._carrier.want_flush(self)

    # IPushProducer: this transport produces for its protocol

    def pauseProducing(self) -> None:
        """Hand nothing to the protocol until :meth:`resumeProducing`."""
        self._reading_paused = True

    def resumeProducing(self) -> None:
        """Hand what arrives to the protocol again."""
        self._reading_paused = False
        if self.is_connected:
            self._carrier.want_flush(self)

    def stopProducing(self) -> None:
        """The protocol wants nothing more."""
        self.loseConnection()

    # What the carrier calls

    @property
    def buffered(self) -> int:
        """Bytes written that the peer has not acknowledged."""
        return self._outgoing_size + self._carrier.unacknowledged(self.stream_id)

    def receive(self, data: bytes, ended: bool) -> None:
        """Take what arrived; the protocol gets it now, or once it reads again."""
        if not self.is_connected:
            return
        if data:
            self._incoming.append(data)
            self._incoming_size += len(data)
        self._peer_ended = self._peer_ended or ended
        self._deliver()
        if self._incoming:
            self._carrier.want_flush(self)

    def peer_reset(self) -> None:
        """The other side gave the stream up."""
        if self.is_connected:
            self._carrier.abort(self)
            self.lose(ConnectionLost("the other side gave the stream up"))

    def peer_stopped_reading(self) -> None:
        """The other side takes nothing more, but may have more to say: its last words come with this."""
        self._is_deaf = True
        self._outgoing.clear()
        self._outgoing_size = 0
        self._resume_producer()

    def flush(self) -> bool:
        """Hand to QUIC what there is room for and go on reading if that was held up.

        :returns: Whether to be called again at the end of the next turn.
        """
        if not self.is_connected:
            return False
        room = self._limits.send_high - self._carrier.unacknowledged(self.stream_id)
        while self._outgoing and room > 0:
            room -= self._send_piece(room)
        if self.disconnecting and not self._outgoing and (self._producer is None or self._peer_ended):
            if not self._is_deaf:
                self._send(b"", True)
            self._carrier.finish(self)
            self.lose(ConnectionDone())
            return False
        if self.buffered <= self._limits.send_low:
            self._resume_producer()
        elif self.buffered > self._limits.send_high:
            self._pause_producer()
        self._deliver()
        return self.is_connected and bool(self._outgoing or self._incoming or self._producer_paused)

    def lose(self, reason: Exception) -> None:
        """The stream is over: tell the protocol, once."""
        if not self.is_connected:
            return
        self.is_connected = False
        self._outgoing.clear()
        self._incoming.clear()
        self._outgoing_size = self._incoming_size = 0
        self._carrier.hold(self.stream_id, 0)
        producer, self._producer = self._producer, None
        self._carrier.stream_lost(self)
        try:
            if producer is not None:
                producer.stopProducing()  # type: ignore[attr-defined]
            self._protocol.connectionLost(Failure(reason))
        except Exception:
            self._log.failure("a protocol of {peer} failed at its end", peer=self.getPeer())

    def _send_piece(self, room: int) -> int:
        size, wanted = 0, min(room, FRAME)
        pieces = []
        while self._outgoing and size < wanted:
            piece = self._outgoing.popleft()
            if len(piece) > wanted - size:
                piece = memoryview(piece)
                self._outgoing.appendleft(piece[wanted - size :])
                piece = piece[: wanted - size]
            pieces.append(piece)
            size += len(piece)
        self._outgoing_size -= size
        self._send(b"".join(pieces), False)
        return size

    def _deliver(self) -> None:
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._incoming and self._may_read():
                self._protocol.dataReceived(self._take_incoming())
        except Exception:
            self._log.failure("a stream of {peer} failed and is reset", peer=self.getPeer())
            self.abortConnection()
        finally:
            self._delivering = False
        if not self.is_connected:
            return
        self._carrier.hold(self.stream_id, self._incoming_size)
        if self._peer_ended and not self._incoming:
            self.loseConnection()

    def _may_read(self) -> bool:
        may_read = self.is_between_nodes or self.buffered <= self._limits.send_high
        return self.is_connected and not self._reading_paused and may_read

    def _take_incoming(self) -> bytes:
        piece = self._incoming.popleft()
        if len(piece) > DELIVERY:
            self._incoming.appendleft(piece[DELIVERY:])
            piece = piece[:DELIVERY]
        self._incoming_size -= len(piece)
        return piece

    def _pause_producer(self) -> None:
        if self._producer is not None and self._producer_streams and not self._producer_paused:
            self._producer_paused = True
            self._producer.pauseProducing()  # type: ignore[attr-defined]

    def _resume_producer(self) -> None:
        if self._producer is not None and self._producer_paused:
            self._producer_paused = not self._producer_streams
            self._producer.resumeProducing()  # type: ignore[attr-defined]


def to_address(address: Address) -> IPv4Address | IPv6Address:
    """A Twisted address of a (host, port)."""
    host, port = address
    return IPv6Address("UDP", host, port) if ":" in host else IPv4Address("UDP", host, port)

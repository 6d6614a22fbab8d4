"""A channel of binary messages as a Twisted stream transport, with back-pressure in both directions.

The relay's first message to both ends says on which terms it carries them (:class:`RelayTerms`); all others are
pieces of the stream. What is written goes out in messages of at most :data:`PIECE` bytes. The channel says when its
buffer is full, which pauses the producer that is registered here; who stops reading here stops the channel, and so,
over the relay, the other end. The protocol on the stream is told of its end exactly once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress, IConsumer, IProtocol, IPushProducer, ITransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from cloudnode.transports.peerchannel import PeerChannel, PeerRefused, PeerSocketLimits

PIECE = 32 * 1024
"""Bytes of a message at most."""

LIMITS = PeerSocketLimits(first_message=64 * 1024, max_message=64 * 1024, send_buffer=1024 * 1024)
"""What a relayed channel may take, at each of its ends."""


class RelayTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On which terms a relay carries a stream.

    :ivar relay: The relay's node key, 64 hex digits. :ivar seconds: After so many it ends the stream.
    :ivar bytes: It carries so many in both directions together.
    """

    relay: str
    seconds: float
    bytes: int


_decode_terms = msgspec.json.Decoder(RelayTerms).decode


@implementer(ITransport, IConsumer, IPushProducer)
class RelayedStream:
    """A stream as its protocol sees it, and the end of a channel (:class:`cloudnode.transports.peerchannel.PeerEnd`).

    :ivar connected: Whether it is open. :ivar opened: Fires with the terms once the relay carries the stream, or with
        :class:`PeerRefused`; then :meth:`begin` may be called.
    """

    _log = Logger()
    disconnecting = False

    def __init__(self, channel: PeerChannel, peer: IAddress) -> None:
        """:param peer: Whom the protocol is told that it speaks with."""
        self.connected = True
        self.opened: Deferred[RelayTerms] = Deferred()
        self._channel = channel
        self._peer = peer
        self._protocol: IProtocol | None = None
        self._producer: Any = None
        self._is_streaming = False
        self._is_full = False
        self._reason = ""

    def begin(self, protocol: IProtocol) -> None:
        """Put the protocol on the stream."""
        self._protocol = protocol
        protocol.makeConnection(self)

    # ITransport

    def write(self, data: bytes) -> None:
        """Send bytes after those written before."""
        if self.disconnecting or not self.connected:
            return
        for at in range(0, len(data), PIECE):
            self._channel.send_frame(bytes(data[at : at + PIECE]))

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send several pieces."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close once everything written, by the producer too, is sent."""
        if self.connected and not self.disconnecting:
            self.disconnecting = True
            self._close_when_done()

    def abortConnection(self) -> None:
        """Close at once."""
        if self.connected:
            self._channel.abort()
            self._end(ConnectionAborted())

    def getPeer(self) -> IAddress:
        """Whom the protocol speaks with."""
        return self._peer

    def getHost(self) -> IAddress:
        """This side of the channel that carries the stream."""
        return self._channel.transport.getHost()  # type: ignore[no-any-return]

    # IConsumer

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Have a producer paused while its bytes wait; a pull producer is asked when there is room."""
        if self._producer is not None:
            raise RuntimeError("a producer is registered already")
        if not self.connected:
            producer.stopProducing()
            return
        self._producer, self._is_streaming = producer, streaming
        if streaming and self._is_full:
            producer.pauseProducing()
        self._let_produce()

    def unregisterProducer(self) -> None:
        """The producer is done."""
        self._producer = None
        if self.disconnecting:
            self._close_when_done()

    # IPushProducer: this transport produces for its protocol

    def pauseProducing(self) -> None:
        """Hand nothing to the protocol until :meth:`resumeProducing`."""
        self._channel.hold_receiving()

    def resumeProducing(self) -> None:
        """Hand what arrives to the protocol again."""
        self._channel.resume_receiving()

    def stopProducing(self) -> None:
        """The protocol wants nothing more."""
        self.loseConnection()

    # PeerEnd

    def frame_received(self, frame: bytes) -> None:
        """Bytes came."""
        if not self.connected:
            return
        if not self.opened.called:
            self._open(frame)
            return
        if self._protocol is None:
            self.abortConnection()  # the terms were not taken
            return
        try:
            self._protocol.dataReceived(frame)
        except Exception:
            self._log.failure("A protocol on a relayed stream of {peer} failed", peer=self._peer)
            self.abortConnection()

    def sending_paused(self) -> None:
        """The channel's buffer is full."""
        self._is_full = True
        if self._producer is not None and self._is_streaming:
            self._producer.pauseProducing()

    def sending_resumed(self) -> None:
        """The channel's buffer has room."""
        self._is_full = False
        if self._producer is not None and self._is_streaming:
            self._producer.resumeProducing()
        self._let_produce()

    def channel_abused(self, reason: str) -> None:
        """The relay broke a rule of WebSocket; the channel closes itself."""

    def channel_lost(self, reason: str) -> None:
        """The channel is gone."""
        self._reason = reason
        self._end(ConnectionDone() if self.disconnecting else ConnectionLost(reason))

    # Inside

    def _open(self, frame: bytes) -> None:
        try:
            terms = _decode_terms(frame)
        except msgspec.DecodeError as error:
            self.opened.errback(PeerRefused(f"its terms cannot be read: {error}"))
            self.abortConnection()
            return
        self.opened.callback(terms)

    def _let_produce(self) -> None:
        """A pull producer writes once each time it is asked, which it is for as long as there is room."""
        while self._producer is not None and not self._is_streaming and not self._is_full and self.connected:
            self._producer.resumeProducing()

    def _close_when_done(self) -> None:
        if self._producer is None:
            self._channel.close("the stream is over")

    def _end(self, reason: Exception) -> None:
        if not self.connected:
            return
        self.connected = False
        if not self.opened.called:
            self.opened.errback(PeerRefused(self._reason or "the relay closed the connection"))
        producer, self._producer = self._producer, None
        protocol, self._protocol = self._protocol, None
        try:
            if producer is not None:
                producer.stopProducing()
            if protocol is not None:
                protocol.connectionLost(Failure(reason))
        except Exception:
            self._log.failure("A protocol on a relayed stream of {peer} failed at its end", peer=self._peer)

"""HTTP/3 on a link, as far as both sides do the same: streams and their flushing, lingering and end."""

from __future__ import annotations

from collections.abc import Callable

from aioquic.h3.events import DataReceived, H3Event, HeadersReceived
from aioquic.quic.events import ProtocolNegotiated, QuicEvent, StopSendingReceived, StreamReset
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.logger import Logger

from cloudnode.transports.quic.http3 import (
    H3_INTERNAL_ERROR,
    H3_NO_ERROR,
    H3_REQUEST_CANCELLED,
    BoundedH3Connection,
)
from cloudnode.transports.quic.limits import QuicLimits
from cloudnode.transports.quic.link import Address, Cause, Link, Loss
from cloudnode.transports.quic.stream import StreamTransport


class Http3Carrier:
    """The application on a link, and the carrier of its streams; each side adds what it does with requests.

    :param link: The link.
    :param host_address: Tells where the socket is bound.
    """

    _log = Logger()

    def __init__(self, link: Link, host_address: Callable[[], Address]) -> None:
        self.link = link
        self.limits: QuicLimits = link.limits
        self._host_address = host_address
        self.h3: BoundedH3Connection | None = None
        self.streams: dict[int, StreamTransport] = {}
        self._to_flush: dict[StreamTransport, None] = {}
        self._waiting: dict[StreamTransport, None] = {}
        self._lingering: dict[int, float] = {}
        self._in_turn = False

    # To be overridden

    def headers_received(self, event: HeadersReceived) -> None:
        """A request, a response, or trailers."""

    def data_received(self, stream_id: int, data: bytes, ended: bool) -> None:
        """Bytes of a stream's DATA frames."""
        stream = self.streams.get(stream_id)
        if stream is not None:
            stream.receive(data, ended)

    def other_received(self, event: H3Event) -> None:
        """Something else of HTTP/3."""

    def stream_reset(self, stream_id: int) -> None:
        """The peer gave a stream up, in one direction or both."""
        stream = self.streams.get(stream_id)
        if stream is not None:
            stream.peer_reset()

    # Carrier, for the streams

    @property
    def peer_address(self) -> Address:
        """Where the other side is."""
        return self.link.peer_address

    @property
    def host_address(self) -> Address:
        """Where the socket is bound."""
        return self._host_address()

    @property
    def server_certificate_der(self) -> bytes | None:
        """The certificate by which the server's side of this connection proved itself."""
        return self.link.quic.server_certificate_der

    def want_flush(self, stream: StreamTransport) -> None:
        """Flush the stream at the end of this turn, or in the next."""
        self._to_flush[stream] = None
        if not self._in_turn:
            self.link.wake()

    def hold(self, stream_id: int, size: int) -> None:
        """So many received bytes wait for the stream's protocol."""
        self.link.quic.hold(stream_id, size)

    def unacknowledged(self, stream_id: int) -> int:
        """What QUIC keeps of the stream."""
        return self.link.quic.unacknowledged(stream_id)

    def finish(self, stream: StreamTransport) -> None:
        """Everything is handed over; wait for the reader, but not for ever."""
        self._linger(stream.stream_id)
        assert self.h3 is not None
        code = stream.refusal_code
        self.h3.stop_receiving(stream.stream_id, H3_NO_ERROR if code is None else code)

    def abort(self, stream: StreamTransport) -> None:
        """Give the stream up in both directions."""
        self._lingering.pop(stream.stream_id, None)
        assert self.h3 is not None
        code = stream.refusal_code
        self.h3.abandon(stream.stream_id, H3_REQUEST_CANCELLED if code is None else code)
        if not self._in_turn:
            self.link.wake()

    def stream_lost(self, stream: StreamTransport) -> None:
        """Forget the stream."""
        self.streams.pop(stream.stream_id, None)
        self._to_flush.pop(stream, None)
        self._waiting.pop(stream, None)

    # Application, for the link

    @property
    def carries_nodes(self) -> bool:
        """Whether a link between two nodes is on it."""
        return any(stream.is_between_nodes for stream in self.streams.values())

    @property
    def is_busy(self) -> bool:
        """Whether any stream is open."""
        return bool(self.streams)

    def events_received(self, events: list[QuicEvent]) -> None:
        """Take what happened on the connection."""
        self._in_turn = True
        for event in events:
            if self.h3 is None:
                if isinstance(event, ProtocolNegotiated):
                    self.h3 = BoundedH3Connection(self.link.quic, header_bytes=self.limits.header_bytes)
                continue
            self._dispatch(self.h3.handle_event(event))
            if isinstance(event, StreamReset):
                self.stream_reset(event.stream_id)
            elif isinstance(event, StopSendingReceived):
                self._peer_stopped_reading(event)

    def flush(self) -> None:
        """Hand to QUIC what the streams may send."""
        self._in_turn = True
        self._to_flush.update(self._waiting)
        self._waiting.clear()
        while self._to_flush:
            stream, _ = self._to_flush.popitem()
            try:
                if stream.flush():
                    self._waiting[stream] = None
            except Exception:
                self.stream_failed(stream.stream_id)
            if stream.is_connected and stream.disconnecting:
                self._linger(stream.stream_id)
        self._in_turn = False

    def deadline(self) -> float | None:
        """When the first stream that lingers is given up (they are kept in that order)."""
        return next(iter(self._lingering.values()), None)

    def handle_timer(self, now: float) -> None:
        """Give up the streams whose readers took nothing for too long."""
        while (until := self.deadline()) is not None and now >= until:
            stream_id = next(iter(self._lingering))
            del self._lingering[stream_id]
            if not self.unacknowledged(stream_id):
                continue
            self.link.counters.streams_aborted += 1
            stream = self.streams.get(stream_id)
            if stream is not None:
                stream.abortConnection()
            elif self.h3 is not None:
                self.h3.abandon(stream_id, H3_REQUEST_CANCELLED)

    def link_lost(self, loss: Loss) -> None:
        """End every stream."""
        self._in_turn = True  # nothing more is sent
        clean = loss.cause in (Cause.CLOSED, Cause.CLOSED_BY_PEER) and loss.code in (0, H3_NO_ERROR)
        for stream in list(self.streams.values()):
            stream.lose(ConnectionDone() if clean else ConnectionLost(loss.reason or loss.cause.value))

    def _peer_stopped_reading(self, event: StopSendingReceived) -> None:
        stream = self.streams.get(event.stream_id)
        if stream is not None and event.error_code == H3_NO_ERROR:
            stream.peer_stopped_reading()
        else:
            self.stream_reset(event.stream_id)

    def stream_failed(self, stream_id: int) -> None:
        """Log the exception in flight and give that stream up, and no other."""
        self.link.counters.failures += 1
        self._log.failure("a stream of {peer} failed and is reset", peer=self.peer_address)
        stream = self.streams.get(stream_id)
        if stream is not None:
            stream.abortConnection()
        elif self.h3 is not None:
            self.h3.abandon(stream_id, H3_INTERNAL_ERROR)

    def _dispatch(self, events: list[H3Event]) -> None:
        """Hand HTTP/3 events on, the bytes of a stream's DATA frames joined: what costs is the call."""
        pieces: list[bytes] = []
        last = len(events) - 1
        for index, event in enumerate(events):
            if not isinstance(event, DataReceived):
                self._hand_on(event)
                continue
            pieces.append(event.data)
            following = events[index + 1] if index < last else None
            if not isinstance(following, DataReceived) or following.stream_id != event.stream_id:
                event.data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
                pieces = []
                self._hand_on(event)

    def _hand_on(self, event: H3Event) -> None:
        try:
            if isinstance(event, DataReceived):
                self.data_received(event.stream_id, event.data, event.stream_ended)
            elif isinstance(event, HeadersReceived):
                self.headers_received(event)
            else:
                self.other_received(event)
        except Exception:
            self.stream_failed(getattr(event, "stream_id", 0))

    def _linger(self, stream_id: int) -> None:
        self._lingering.setdefault(stream_id, self.link.now + self.limits.linger_seconds)

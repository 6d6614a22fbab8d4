"""aioquic's connection with bounds on what a peer can make it keep.

aioquic 1.7 doubles a receive window once half of it was *addressed*: it looks at the highest offset seen,
not at what was delivered, and keeps the bytes of a gap as zeros. A peer that sends one byte at ever higher
offsets therefore makes it allocate without end (621 bytes sent, 256 MiB allocated). Here both windows
slide with what the application has *consumed*:

    stream limit      = delivered in order - held by the application + stream window
    connection limit  = used - kept out of order - held by the application + connection window

so that what is kept for one connection, zeros included, never exceeds the connection window. Reassembly
of the handshake (before any address is proven) and the number of separate runs in a stream, whose
search is linear, are bounded as well, and all connections of an endpoint share one :class:`GapBudget`.

This class overrides methods that aioquic does not promise to keep; the test of the offset-gap flood
fails if an upgrade makes these overrides ineffective.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import cryptography.hazmat.backends.openssl  # noqa: F401 (aioquic would have it loaded amid its first handshake)
from aioquic._buffer import Buffer
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import (
    END_STATES,
    MAX_STREAM_DATA_FRAME_CAPACITY,
    Limit,
    QuicConnection,
    QuicConnectionError,
    QuicConnectionState,
    QuicReceiveContext,
)
from aioquic.quic.events import ConnectionTerminated
from aioquic.quic.packet import QuicErrorCode, QuicFrameType
from aioquic.quic.packet_builder import QuicPacketBuilder
from aioquic.quic.recovery import QuicPacketSpace
from aioquic.quic.stream import QuicStream, QuicStreamReceiver
from aioquic.tls import Group
from cryptography.hazmat.primitives.serialization import Encoding

from cloudnode.transports.quic.limits import QuicLimits

# What a remote peer does wrong is counted by the endpoint; aioquic would print a line for each packet.
logging.getLogger("quic").setLevel(logging.CRITICAL)
logging.getLogger("http3").setLevel(logging.CRITICAL)


_NOWHERE = ("", 0)

_GROUPS = (Group.X25519, Group.SECP256R1)
"""What a client offers keys of. A server takes the first that it knows: X25519 is the quickest, and every server has to
know secp256r1 (RFC 8446, section 9.1). aioquic would make four; P-384's and X448's take longer than all the rest."""


class SlidingLimit(Limit):
    """A MAX_DATA limit that only :meth:`slide` moves; aioquic's doubling has no effect on it."""

    def __init__(self, window: int) -> None:
        self._granted = window
        self._window = window
        super().__init__(frame_type=QuicFrameType.MAX_DATA, name="max_data", value=window)

    @property
    def value(self) -> int:
        """The highest total that the peer may send."""
        return self._granted

    @value.setter
    def value(self, proposed: int) -> None:
        """Ignore the proposal: it does not look at what was delivered."""

    @property
    def is_due(self) -> bool:
        """Whether half of the window is used, so that it is time to count what was delivered."""
        return self.used + self._window // 2 > self._granted

    def slide(self, unconsumed: int) -> None:
        """Grant a whole window beyond what was consumed, in steps of half a window.

        :param unconsumed: Bytes received that are kept, here or by the application.
        """
        credit = self.used - unconsumed + self._window
        if credit - self._granted >= self._window // 2:
            self._granted = credit


class GapBudget:
    """What all connections of an endpoint keep out of order; the largest holder pays when it is exceeded.

    :param limit: Bytes for all connections together.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: dict[BoundedQuicConnection, int] = {}
        self.total = 0
        #: Called with a connection that was closed for what it held.
        self.evicted: Callable[[BoundedQuicConnection], None] = lambda connection: None

    def note(self, connection: BoundedQuicConnection, held: int) -> None:
        """Note what a connection holds now, in bytes."""
        self.total += held - self._held.pop(connection, 0)
        if held:
            self._held[connection] = held
        while self.total > self._limit:
            largest = max(self._held, key=self._held.__getitem__)
            self.total -= self._held.pop(largest)
            largest.close(error_code=QuicErrorCode.INTERNAL_ERROR, reason_phrase="too much kept out of order")
            self.evicted(largest)


class BoundedQuicConnection(QuicConnection):
    """A QUIC connection, of either side, that keeps no more than its limits say.

    :param configuration: Its windows and idle time-out are replaced by those of ``limits``.
    :param limits: The bounds.
    :param gaps: The endpoint's shared budget for bytes out of order.
    """

    def __init__(
        self,
        *,
        configuration: QuicConfiguration,
        limits: QuicLimits,
        gaps: GapBudget,
        original_destination_connection_id: bytes | None = None,
        retry_source_connection_id: bytes | None = None,
    ) -> None:
        configuration.max_data = limits.connection_window
        configuration.max_stream_data = limits.stream_window
        configuration.idle_timeout = limits.idle_seconds
        super().__init__(
            configuration=configuration,
            original_destination_connection_id=original_destination_connection_id,
            retry_source_connection_id=retry_source_connection_id,
        )
        self._limits = limits
        self._gap_budget = gaps
        self._gaps: dict[int, int] = {}
        self._held: dict[int, int] = {}
        self._held_total = 0
        self._sliding = SlidingLimit(limits.connection_window)
        self._local_max_data = self._sliding
        for limit, value in (
            (self._local_max_streams_bidi, limits.streams),
            (self._local_max_streams_uni, limits.one_way_streams),
        ):
            limit.value = limit.sent = value

    # What the endpoint does with a client's connection.

    def prepare(self) -> None:
        """Make all that the first packet has in it, keys first of all: :meth:`go` says when it goes, and where to."""
        self.connect(_NOWHERE, 0.0)

    def go(self, addr: tuple[str, int], now: float) -> None:
        """Begin a prepared connection, at a time in seconds. What the first packet has in it names no address."""
        self._network_paths[0].addr = addr
        self._close_at = now + self._idle_timeout()

    # What the link and the streams ask.

    @property
    def is_ended(self) -> bool:
        """Whether this connection is closed, by either side, and carries nothing any more."""
        return self._state in END_STATES

    @property
    def is_closed_by_peer(self) -> bool:
        """Whether it was the peer who closed this connection."""
        return self._state is QuicConnectionState.DRAINING

    @property
    def is_started(self) -> bool:
        """Whether at least one packet of the peer could be decrypted."""
        return self._peer_cid.sequence_number is not None

    @property
    def close_event(self) -> ConnectionTerminated | None:
        """Why the connection ended or is about to, if it is."""
        return self._close_event

    @property
    def peer_certificate_der(self) -> bytes | None:
        """The certificate that the other side presented and proved, in DER."""
        certificate = self.tls._peer_certificate
        if certificate is None:
            return None
        return certificate.public_bytes(Encoding.DER)

    @property
    def server_certificate_der(self) -> bytes | None:
        """The certificate that the server's side of this very connection proved to have the key of, in DER.

        On both sides what TLS used in this handshake, whatever certificate new connections are shown by now. None
        before the handshake, and if there was none because a session was resumed (which neither side offers).
        """
        certificate = self.tls._peer_certificate if self._is_client else self.tls.certificate
        return None if certificate is None else bytes(certificate.public_bytes(Encoding.DER))

    def hold(self, stream_id: int, size: int) -> None:
        """Say how many delivered bytes of a stream the application has not consumed yet."""
        before = self._held.pop(stream_id, 0)
        if size:
            self._held[stream_id] = size
        self._held_total += size - before

    def unacknowledged(self, stream_id: int) -> int:
        """Return how many bytes of a stream wait to be sent or acknowledged."""
        stream = self._streams.get(stream_id)
        if stream is None:
            return 0
        return stream.sender._buffer_stop - stream.sender._buffer_start

    def is_receiving(self, stream_id: int) -> bool:
        """Return whether more may come on a stream."""
        stream = self._streams.get(stream_id)
        return stream is not None and not stream.receiver.is_finished

    def release(self) -> None:
        """Give back what this connection holds of the shared budget."""
        self._gaps.clear()
        self._gap_budget.note(self, 0)

    # What aioquic calls.

    def _initialize(self, peer_cid: bytes) -> None:
        super()._initialize(peer_cid)
        if self._is_client:
            self.tls._supported_groups = [group for group in _GROUPS if group in self.tls._supported_groups]

    def _confirm_handshake(self) -> None:
        super()._confirm_handshake()
        # Buffers for handshake messages, of which no more are written; an idle connection takes a sixth less.
        self._crypto_buffers = {epoch: Buffer(capacity=0) for epoch in self._crypto_buffers}

    def _write_stream_limits(self, builder: QuicPacketBuilder, space: QuicPacketSpace, stream: QuicStream) -> None:
        receiver = stream.receiver
        limit = stream.max_stream_data_local
        if not limit or receiver.is_finished or receiver._stop_error_code is not None:
            return
        window = self._limits.stream_window
        stream_id = stream.stream_id
        assert stream_id is not None
        credit = receiver.starting_offset() - self._held.get(stream_id, 0) + window
        if credit - limit >= window // 2:
            limit = stream.max_stream_data_local = credit
        if stream.max_stream_data_local_sent == limit:
            return
        buf = builder.start_frame(
            QuicFrameType.MAX_STREAM_DATA,
            capacity=MAX_STREAM_DATA_FRAME_CAPACITY,
            handler=self._on_max_stream_data_delivery,
            handler_args=(stream,),
        )
        buf.push_uint_var(stream_id)
        buf.push_uint_var(limit)
        stream.max_stream_data_local_sent = limit

    def _write_connection_limits(self, builder: QuicPacketBuilder, space: QuicPacketSpace) -> None:
        if self._sliding.is_due:
            self._sliding.slide(self._held_total + sum(map(_out_of_order, self._streams.values())))
        super()._write_connection_limits(builder=builder, space=space)

    def _handle_crypto_frame(self, context: QuicReceiveContext, frame_type: int, buf: Buffer) -> None:
        start = buf.tell()
        end = buf.pull_uint_var() + buf.pull_uint_var()
        buf.seek(start)
        receiver = self._crypto_streams[context.epoch].receiver
        if end - receiver.starting_offset() > self._limits.crypto_window:
            raise QuicConnectionError(
                error_code=QuicErrorCode.CRYPTO_BUFFER_EXCEEDED,
                frame_type=frame_type,
                reason_phrase="handshake bytes too far ahead",
            )
        super()._handle_crypto_frame(context, frame_type, buf)
        self._check_runs(receiver, frame_type)

    def _handle_stream_frame(self, context: QuicReceiveContext, frame_type: int, buf: Buffer) -> None:
        start = buf.tell()
        stream_id = buf.pull_uint_var()
        buf.seek(start)
        super()._handle_stream_frame(context, frame_type, buf)
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        kept = len(stream.receiver._buffer)
        if kept or stream_id in self._gaps:
            self._check_runs(stream.receiver, frame_type)
            if kept:
                self._gaps[stream_id] = kept
            else:
                del self._gaps[stream_id]
            self._gap_budget.note(self, sum(self._gaps.values()))

    def _check_runs(self, receiver: QuicStreamReceiver, frame_type: int) -> None:
        if len(receiver._ranges) > self._limits.gap_ranges:
            raise QuicConnectionError(
                error_code=QuicErrorCode.INTERNAL_ERROR,
                frame_type=frame_type,
                reason_phrase="too many gaps in a stream",
            )


def _out_of_order(stream: QuicStream) -> int:
    receiver = stream.receiver
    if receiver.is_finished:
        return 0
    return receiver.highest_offset - receiver.starting_offset()

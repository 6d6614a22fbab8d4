"""aioquic's HTTP/3 with bounds on what a peer can make it keep.

- The dynamic QPACK table is off (capacity 0, no blocked streams, RFC 9204, section 5): a few requests a
  connection gain nothing by it, and without it a small HEADERS frame can't name large fields many times over,
  nor a stream wait, and buffer, for instructions that never come.
- A HEADERS frame is refused by its announced length, before any of it is kept, and so is whatever else is
  kept until it is complete (SETTINGS, a frame header).
- Streams that this side gave up are remembered until they end, so that what still arrives on them is not
  taken for a new request.
"""

from __future__ import annotations

import pylsqpack
from aioquic.h3.connection import (
    FrameType,
    H3Connection,
    H3Stream,
    ProtocolError,
    Setting,
    stream_is_request_response,
)
from aioquic.h3.events import H3Event
from aioquic.quic.events import QuicEvent, StreamDataReceived, StreamReset

from cloudnode.transports.quic.windows import BoundedQuicConnection

H3_NO_ERROR = 0x100
H3_INTERNAL_ERROR = 0x102
H3_EXCESSIVE_LOAD = 0x107
H3_REQUEST_CANCELLED = 0x10C


class ExcessiveLoad(ProtocolError):
    """The peer asks to keep more than is kept for anybody."""

    error_code = H3_EXCESSIVE_LOAD  # type: ignore[assignment]


class BoundedH3Connection(H3Connection):
    """HTTP/3 on one connection.

    :param quic: The connection.
    :param header_bytes: The longest HEADERS frame, and the most that is kept of anything incomplete.
    """

    def __init__(self, quic: BoundedQuicConnection, *, header_bytes: int) -> None:
        self._header_bytes = header_bytes
        self._abandoned: set[int] = set()
        self._bounded_quic = quic
        super().__init__(quic, enable_webtransport=True)

    @property
    def peer_offers_websocket(self) -> bool | None:
        """Whether the server takes extended CONNECT (RFC 9220, section 3); None while it did not say."""
        settings = self.received_settings
        return None if settings is None else settings.get(Setting.ENABLE_CONNECT_PROTOCOL) == 1

    def handle_event(self, event: QuicEvent) -> list[H3Event]:
        """Take what QUIC received and return what it means."""
        if isinstance(event, StreamDataReceived | StreamReset) and event.stream_id in self._abandoned:
            if isinstance(event, StreamReset) or event.end_stream:
                self._abandoned.discard(event.stream_id)
            return []
        return super().handle_event(event)

    def abandon(self, stream_id: int, code: int) -> None:
        """Give a stream up in both directions, with an error code for the peer.

        What was written and not acknowledged yet may be lost (RFC 9000, section 3.1).
        """
        self._bounded_quic.reset_stream(stream_id, code)
        self.stop_receiving(stream_id, code)

    def stop_receiving(self, stream_id: int, code: int) -> None:
        """Take no more of a stream whose sending side is ended or about to be."""
        if self._bounded_quic.is_receiving(stream_id):
            self._bounded_quic.stop_stream(stream_id, code)
            self._abandoned.add(stream_id)
        self._stream.pop(stream_id, None)

    # What aioquic calls.

    def _init_connection(self) -> None:
        self._max_table_capacity = 0
        self._blocked_streams = 0
        self._decoder = pylsqpack.Decoder(0, 0)
        super()._init_connection()

    def _get_local_settings(self) -> dict[int, int]:
        return {**super()._get_local_settings(), Setting.MAX_FIELD_SECTION_SIZE: 4 * self._header_bytes}

    def _validate_settings(self, settings: dict[int, int]) -> None:
        super()._validate_settings(settings)
        settings[Setting.QPACK_MAX_TABLE_CAPACITY] = 0  # ours to use or not: then no memory for it

    def _check_request_or_push_frame_type(self, frame_type: int, stream: H3Stream) -> None:
        super()._check_request_or_push_frame_type(frame_type, stream)
        if frame_type == FrameType.HEADERS and (stream.frame_size or 0) > self._header_bytes:
            raise ExcessiveLoad("HEADERS are too large")
        if frame_type == FrameType.WEBTRANSPORT_STREAM and not stream_is_request_response(stream.frame_size or 0):
            raise ProtocolError("a WebTransport stream names no session")

    def _receive_request_or_push_data(self, stream: H3Stream, data: bytes, stream_ended: bool) -> list[H3Event]:
        events = super()._receive_request_or_push_data(stream, data, stream_ended)
        self._check_kept(stream)
        return events

    def _receive_stream_data_uni(self, stream: H3Stream, data: bytes, stream_ended: bool) -> list[H3Event]:
        events = super()._receive_stream_data_uni(stream, data, stream_ended)
        self._check_kept(stream)
        return events

    def _check_kept(self, stream: H3Stream) -> None:
        if len(stream.buffer) > 2 * self._header_bytes:
            raise ExcessiveLoad("a frame is too large")

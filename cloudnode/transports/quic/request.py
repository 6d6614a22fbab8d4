"""The client's side of HTTP/3: one request on a connection of its own, the extended CONNECT of a WebSocket (RFC 9220).

A client protocol of Autobahn's runs unchanged on the stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from aioquic.h3.events import HeadersReceived
from aioquic.quic.events import HandshakeCompleted, QuicEvent

from cloudnode.transports.quic.carrier import Http3Carrier
from cloudnode.transports.quic.connecting import ConnectFailed, ConnectionRefused
from cloudnode.transports.quic.http3 import H3_NO_ERROR
from cloudnode.transports.quic.link import Address, Link, Loss
from cloudnode.transports.quic.stream import StreamTransport
from cloudnode.transports.quic.upgrade import (
    STAND_IN_KEY,
    BadHead,
    HeadReader,
    make_connect_headers,
    make_upgrade_response,
)


class Asker(Protocol):
    """Whose request it is: told how it goes."""

    def certificate_received(self, der: bytes | None) -> None:
        """The server proved that it has this certificate's key."""

    def start_websocket(self, application: Http3Client) -> None:
        """The server takes extended CONNECT: put a protocol on a stream."""

    def fail(self, error: ConnectFailed) -> None:
        """There is no WebSocket to be had."""

    def link_lost(self, loss: Loss) -> None:
        """The connection is gone."""


class Http3Client(Http3Carrier):
    """What runs on a link of ours: one request, the WebSocket.

    :param asker: Whose request it is.
    """

    def __init__(self, link: Link, host_address: Callable[[], Address], asker: Asker) -> None:
        super().__init__(link, host_address)
        self._asker = asker
        self._key = STAND_IN_KEY
        self._is_asked = False

    def events_received(self, events: list[QuicEvent]) -> None:
        """Check the certificate as soon as it is proven, and ask as soon as the server allows."""
        if any(isinstance(event, HandshakeCompleted) for event in events):
            self._asker.certificate_received(self.link.quic.peer_certificate_der)
        super().events_received(events)
        offers = None if self.h3 is None else self.h3.peer_offers_websocket
        if offers is not None and self.link.is_established and not self._is_asked:
            self._is_asked = True
            if offers:
                self._asker.start_websocket(self)
            else:
                self._asker.fail(ConnectionRefused("the server takes no WebSocket over HTTP/3"))

    def open_stream(self, protocol: Any, *, between_nodes: bool = False) -> None:
        """Put a WebSocket client protocol on a new stream."""
        stream_id = self.link.quic.get_next_available_stream_id()
        reader: HeadReader | None = HeadReader()
        h3 = self.h3
        assert h3 is not None

        def send(data: bytes, ended: bool) -> None:
            nonlocal reader
            if data and reader is not None:
                head = reader.feed(data)
                if head is None:
                    return
                reader, data = None, head.rest
                self._key = head.get(b"sec-websocket-key") or STAND_IN_KEY
                h3.send_headers(stream_id, make_connect_headers(head))
            if data:
                h3.send_data(stream_id, data, end_stream=False)
            if ended:
                if reader is not None:
                    raise BadHead("the client ended without a request")
                self.link.quic.send_stream_data(stream_id, b"", end_stream=True)

        stream = StreamTransport(self, stream_id, protocol, send, between_nodes=between_nodes)
        self.streams[stream_id] = stream
        protocol.makeConnection(stream)

    def headers_received(self, event: HeadersReceived) -> None:
        """The server's answer."""
        stream = self.streams.get(event.stream_id)
        status = dict(event.headers).get(b":status", b"")
        if stream is None or status.startswith(b"1"):
            return
        if status != b"200":
            retry = dict(event.headers).get(b"retry-after")
            wait = f"; try again after {retry.decode('latin-1')} s" if retry else ""
            self._asker.fail(ConnectionRefused(f"the server answered {status.decode('latin-1')}{wait}"))
            return
        stream.receive(make_upgrade_response(event.headers, self._key), event.stream_ended)

    def stream_lost(self, stream: StreamTransport) -> None:
        """The WebSocket is over, and with it the connection, which carries nothing else."""
        super().stream_lost(stream)
        if self.link.loss is None:
            self.link.close(H3_NO_ERROR, "")

    def link_lost(self, loss: Loss) -> None:
        """The link is gone."""
        super().link_lost(loss)
        self._asker.link_lost(loss)

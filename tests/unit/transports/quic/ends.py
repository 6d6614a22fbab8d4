"""Ends of connections for the tests: a node that echoes, and clients that do as they are told."""

from __future__ import annotations

import functools
import ssl
import time
from typing import Any

from aioquic.buffer import encode_uint_var
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, H3Event, HeadersReceived, WebTransportStreamDataReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import (
    ConnectionTerminated,
    QuicEvent,
    StopSendingReceived,
    StreamDataReceived,
    StreamReset,
)
from aioquic.quic.packet import QuicPacketType
from aioquic.quic.packet_builder import QuicPacketBuilder
from aioquic.tls import Epoch

from cloudnode.transports.limits import WebSocketLimits
from cloudnode.transports.quic.endpoint import Credentials
from cloudnode.transports.quic.limits import QuicLimits
from cloudnode.transports.quic.serving import make_quic_server, parse_credentials
from cloudnode.transports.selfsigned import TLSCertificate, make_certificate
from tests.unit.transports.behaviour import EchoOpener
from tests.unit.transports.quic.network import MemoryNetwork, MemoryPort

NODE = ("192.0.2.80", 38083)
CALLER = "192.0.2.1"


@functools.cache
def certificate() -> TLSCertificate:
    """One certificate for all tests: making one takes a while."""
    return make_certificate(["node.example", NODE[0]], time.time())


@functools.cache
def credentials() -> Credentials:
    """The same as QUIC wants it."""
    return parse_credentials(certificate())


class EchoServer:
    """A node's QUIC socket in memory, with an echo behind it."""

    def __init__(
        self,
        network: MemoryNetwork,
        limits: QuicLimits | None = None,
        websocket_limits: WebSocketLimits | None = None,
    ) -> None:
        host = network.host(NODE[0])
        self.opener = EchoOpener()
        self.stun: list[tuple[bytes, tuple[str, int]]] = []
        self.socket = make_quic_server(
            host,  # type: ignore[arg-type]
            credentials,
            self.opener,
            limits=limits,
            websocket_limits=websocket_limits,
            stun=lambda datagram, addr: self.stun.append((datagram, addr)),
            monotonic=host.seconds,
        )
        self.socket.listen(NODE[1])
        self.counters = self.socket.counters


class RawClient:
    """aioquic's client by hand: well-behaved by itself, and anything else in a test's hands.

    :ivar quic: :ivar h3: Its connection. :ivar events: What QUIC told. :ivar messages: What HTTP/3 told.
    """

    def __init__(self, network: MemoryNetwork, address: str = CALLER, **options: Any) -> None:
        self.network = network
        options.setdefault("verify_mode", ssl.CERT_NONE)
        options.setdefault("alpn_protocols", ["h3"])
        configuration = QuicConfiguration(is_client=True, max_datagram_frame_size=65536, **options)
        self.quic = QuicConnection(configuration=configuration)
        self.h3: H3Connection | None = None
        self.events: list[QuicEvent] = []
        self.messages: list[H3Event] = []
        self.sessions_of_streams: dict[int, int] = {}
        self.port: MemoryPort = network.host(address).listenUDP(0, self)  # type: ignore[assignment]
        self._timer: Any = None

    # As a datagram protocol

    def makeConnection(self, transport: Any) -> None:
        """The port is bound."""

    def doStop(self) -> None:
        """The port is unbound."""

    def connectionRefused(self) -> None:
        """Nobody listens."""

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Take a datagram."""
        self.quic.receive_datagram(datagram, addr, self.network.clock.seconds())
        self.transmit()

    # In a test's hands

    def connect(self, h3: bool = True) -> RawClient:
        """Begin, and let the handshake happen."""
        self.quic.connect(NODE, self.network.clock.seconds())
        if h3:
            self.h3 = H3Connection(self.quic, enable_webtransport=True)
        self.transmit()
        self.network.settle()
        return self

    def transmit(self) -> None:
        """Send what is due and take what came."""
        now = self.network.clock.seconds()
        for datagram, addr in self.quic.datagrams_to_send(now):
            self.port.write(datagram, addr)
        while (event := self.quic.next_event()) is not None:
            self.events.append(event)
            if isinstance(event, StreamDataReceived) and event.stream_id in self.sessions_of_streams:
                # aioquic takes what comes on a WebTransport stream of its own for frames of HTTP/3.
                session_id = self.sessions_of_streams[event.stream_id]
                self.messages.append(
                    WebTransportStreamDataReceived(
                        data=event.data,
                        stream_id=event.stream_id,
                        stream_ended=event.end_stream,
                        session_id=session_id,
                    )
                )
            elif self.h3 is not None:
                self.messages += self.h3.handle_event(event)
        for datagram, addr in self.quic.datagrams_to_send(now):
            self.port.write(datagram, addr)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        at = self.quic.get_timer()
        self._timer = None if at is None else self.network.clock.callLater(max(0.0, at - now), self._timer_came)

    def _timer_came(self) -> None:
        self.quic.handle_timer(self.network.clock.seconds())
        self.transmit()

    def go(self) -> RawClient:
        """Send, and let everything happen that follows."""
        self.transmit()
        self.network.settle()
        return self

    def send_frames(self, *frames: tuple[int, bytes]) -> None:
        """Send frames (type, rest) that aioquic would not send, in one 1-RTT packet."""
        quic = self.quic
        assert quic._version is not None
        builder = QuicPacketBuilder(
            host_cid=quic.host_cid,
            is_client=True,
            max_datagram_size=1232,
            packet_number=quic._packet_number,
            peer_cid=quic._peer_cid.cid,
            spin_bit=quic._spin_bit,
            version=quic._version,
        )
        builder.start_packet(QuicPacketType.ONE_RTT, quic._cryptos[Epoch.ONE_RTT])
        for kind, rest in frames:
            builder.start_frame(kind, capacity=1 + len(rest)).push_bytes(rest)
        datagrams, _ = builder.flush()
        quic._packet_number = builder.packet_number
        for datagram in datagrams:
            self.port.write(bytes(datagram), NODE)

    def vanish(self) -> None:
        """Go away without a word."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self.port.stopListening()

    def request(self, *more: tuple[bytes, bytes], method: bytes = b"CONNECT", path: bytes = b"/") -> int:
        """Send a request's headers; returns its stream."""
        assert self.h3 is not None
        stream_id = self.quic.get_next_available_stream_id()
        self.h3.send_headers(
            stream_id,
            [
                (b":method", method),
                (b":scheme", b"https"),
                (b":authority", b"node.example"),
                (b":path", path),
                *more,
            ],
        )
        return stream_id

    def open_websocket(self) -> int:
        """Ask for a WebSocket and wait for the answer; returns its stream."""
        stream_id = self.request((b":protocol", b"websocket"))
        self.go()
        assert self.status(stream_id) == 200, self.messages
        return stream_id

    def open_session(self) -> int:
        """Ask for a WebTransport session and wait for the answer; returns its stream."""
        stream_id = self.request((b":protocol", b"webtransport"), (b"origin", b"https://site.example"))
        self.go()
        assert self.status(stream_id) == 200, self.messages
        return stream_id

    def open_message_stream(self, session_id: int) -> int:
        """Open a bidirectional stream in a WebTransport session."""
        assert self.h3 is not None
        stream_id = self.h3.create_webtransport_stream(session_id)
        self.sessions_of_streams[stream_id] = session_id
        return stream_id

    def headers(self, stream_id: int) -> dict[bytes, bytes]:
        """The headers of the answer on a stream."""
        for message in self.messages:
            if isinstance(message, HeadersReceived) and message.stream_id == stream_id:
                return dict(message.headers)
        return {}

    def status(self, stream_id: int) -> int | None:
        """The status of the answer on a stream."""
        status = self.headers(stream_id).get(b":status")
        return None if status is None else int(status)

    def body(self, stream_id: int) -> bytes:
        """The bytes that came on a stream."""
        return b"".join(
            message.data
            for message in self.messages
            if isinstance(message, DataReceived | WebTransportStreamDataReceived) and message.stream_id == stream_id
        )

    def is_ended(self, stream_id: int) -> bool:
        """Whether the other side ended its side of a stream."""
        return any(
            getattr(message, "stream_ended", False) and getattr(message, "stream_id", None) == stream_id
            for message in self.messages
        )

    def reset_code(self, stream_id: int) -> int | None:
        """The code with which the other side reset a stream, or refused what is sent on it."""
        for event in self.events:
            if isinstance(event, StreamReset | StopSendingReceived) and event.stream_id == stream_id:
                return event.error_code
        return None

    @property
    def termination(self) -> ConnectionTerminated | None:
        """How the connection ended."""
        if self.quic._close_event is not None:
            return self.quic._close_event
        return next((event for event in self.events if isinstance(event, ConnectionTerminated)), None)


def stream_frame(stream_id: int, offset: int, data: bytes) -> tuple[int, bytes]:
    """A STREAM frame with offset and length, without FIN."""
    fields = encode_uint_var(stream_id) + encode_uint_var(offset) + encode_uint_var(len(data))
    return 0x0E, fields + data


def mask_frame(payload: bytes, opcode: int = 1) -> bytes:
    """A client's WebSocket frame, with the mask of zeros."""
    length = len(payload)
    if length < 126:
        head = bytes([0x80 | opcode, 0x80 | length])
    elif length < 65536:
        head = bytes([0x80 | opcode, 0x80 | 126]) + length.to_bytes(2, "big")
    else:
        head = bytes([0x80 | opcode, 0x80 | 127]) + length.to_bytes(8, "big")
    return head + bytes(4) + payload

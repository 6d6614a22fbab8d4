"""WebSocket over HTTP/3 and WebTransport do what every carrier of messages does."""

from __future__ import annotations

import functools
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.transports.quic.client import WebSocketClient, connect_websocket
from cloudnode.transports.quic.connecting import AnyCertificate
from cloudnode.transports.quic.limits import KIB, QuicLimits
from cloudnode.transports.quic.messages import MessageReader, encode_message
from cloudnode.transports.quic.webtransport import to_http3_code
from tests.unit.transports.behaviour import CarrierBehaviour
from tests.unit.transports.quic.ends import CALLER, NODE, EchoServer, RawClient
from tests.unit.transports.quic.network import MemoryNetwork


class WebSocketCaller:
    """Our own client, in a test's hands."""

    def __init__(self, network: MemoryNetwork, client: WebSocketClient) -> None:
        self._network = network
        self._client = client
        self._messages: list[bytes] = []
        self._stalled = False
        self.close_code: int | None = None
        self.is_connected = True
        client.on_message = self._messages.append
        client.on_close = self._closed

    def _closed(self, code: int, reason: str) -> None:
        self.close_code = code
        self.is_connected = False

    def send(self, message: bytes) -> None:
        self._client.send_message(message)
        if self._stalled:
            self._network.advance(0.004)
        else:
            self._network.settle()

    def received(self) -> list[bytes]:
        self._network.settle()
        messages = self._messages.copy()
        self._messages.clear()
        return messages

    def stall(self) -> None:
        self._stalled = True
        self._client.transport.pauseProducing()

    def catch_up(self) -> None:
        self._stalled = False
        self._client.transport.resumeProducing()

    def leave(self) -> None:
        self._client.transport.abortConnection()
        self._network.settle()


class StreamCaller:
    """A WebTransport stream of a raw client."""

    def __init__(self, network: MemoryNetwork) -> None:
        self._network = network
        # A small window: a stalled client has room for no more than that.
        self._client = RawClient(network, max_stream_data=100_000, max_data=1_000_000).connect()
        self._stream = self._client.open_message_stream(self._client.open_session())
        self._client.quic.send_stream_data(self._stream, encode_message(b"hello"))
        self._reader = MessageReader(1 << 24)
        self._taken = 0
        self._stalled = False
        self._client.go()
        if self.is_connected:
            assert self.received() == [b"hello"]

    @property
    def close_code(self) -> int | None:
        code = self._client.reset_code(self._stream)
        return next((number for number in range(1000, 5000) if to_http3_code(number) == code), code)

    @property
    def is_connected(self) -> bool:
        return self.close_code is None and not self._client.is_ended(self._stream)

    def send(self, message: bytes) -> None:
        stream = self._client.quic._streams.get(self._stream)
        if stream is not None and stream.sender._reset_error_code is None:
            self._client.quic.send_stream_data(self._stream, encode_message(message))
        self._client.transmit()
        if self._stalled:
            self._network.advance(0.004)
        else:
            self._network.settle()

    def received(self) -> list[bytes]:
        self._network.settle()
        body = self._client.body(self._stream)
        new, self._taken = body[self._taken :], len(body)
        return list(self._reader.feed(new))

    def stall(self) -> None:
        self._stalled = True
        self._client.quic._write_stream_limits = lambda **_: None  # type: ignore[method-assign]

    def catch_up(self) -> None:
        self._stalled = False
        del self._client.quic._write_stream_limits
        self._client.quic.send_ping(1)
        self._client.transmit()

    def leave(self) -> None:
        self._client.quic.reset_stream(self._stream, 0)
        self._client.go()


class QuicCarrierTests(CarrierBehaviour):
    """A node in memory, and callers."""

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        # Answers of the behaviour's size fill this buffer, as they do a TCP connection's.
        limits = attrs.evolve(QuicLimits(), send_high=64 * KIB, send_low=16 * KIB)
        self.server = EchoServer(self.network, limits)
        self.opener = self.server.opener

    def test_oversize_message(self) -> None:
        """A message that is a byte too long closes its connection alone, and never reaches the session."""
        other = self.open_caller()
        caller = self.open_caller()
        caller.send(b"m" * (self.max_message + 1))
        self.assertEqual(caller.close_code, self.oversize_code)
        self.assertEqual([event for event in self.opener.sessions[1].events if isinstance(event, bytes)], [])
        other.send(b"still here")
        self.assertEqual(other.received(), [b"still here"])

    def advance(self, seconds: float) -> None:
        if seconds:
            self.network.advance(seconds, 0.02)
        else:
            self.network.settle()


class WebSocketTests(QuicCarrierTests, SynchronousTestCase):
    """WebSocket over HTTP/3."""

    transport_name = "ws-udp"

    def open_caller(self) -> WebSocketCaller:
        host = self.network.host(CALLER)
        connecting: Deferred[Any] = Deferred.fromCoroutine(
            connect_websocket(host, *NODE, trust=AnyCertificate(), monotonic=host.seconds)
        )
        connecting.addCallback(functools.partial(WebSocketCaller, self.network))
        self.network.settle()
        return self.successResultOf(connecting)


class WebTransportTests(QuicCarrierTests, SynchronousTestCase):
    """WebTransport."""

    transport_name = "webtransport"

    def open_caller(self) -> StreamCaller:
        caller = StreamCaller(self.network)
        for session in self.opener.sessions[-1:]:
            session.events.clear()
        return caller

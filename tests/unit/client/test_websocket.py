"""The WebSocket carrier, against Autobahn's own server in memory."""

from __future__ import annotations

import json
from typing import Any

import txaio
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.test.iosim import FakeTransport, IOPump
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from cloudnode.client.address import parse_url
from cloudnode.client.client import Client
from cloudnode.client.errors import ConnectionFailed
from cloudnode.client.trust import Trust
from cloudnode.client.websocket import WebSocketCarrier, connect_websocket


class EchoServer(WebSocketServerProtocol):
    """Answers every request with its parameters."""

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        request = json.loads(payload)
        if self.state == self.STATE_OPEN:
            self.sendMessage(json.dumps({"id": request["id"], "result": request["params"]}).encode())


@implementer(IStreamClientEndpoint)
class MemoryEndpoint:
    """Connects a client to a server in memory, or refuses."""

    def __init__(self, clock: Clock, failure: Exception | None = None) -> None:
        self.clock = clock
        self.failure = failure
        factory = WebSocketServerFactory("ws://127.0.0.1:38082", reactor=clock)
        factory.protocol = EchoServer
        self.server: Any = factory.buildProtocol(None)
        self.pump: IOPump | None = None

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        connected: Deferred[Any] = Deferred()
        if self.failure is not None:
            connected.errback(self.failure)
            return connected
        client = protocolFactory.buildProtocol(None)
        client_io = FakeTransport(client, isServer=False)
        server_io = FakeTransport(self.server, isServer=True)
        self.pump = IOPump(client, self.server, client_io, server_io, False)
        client.makeConnection(client_io)
        self.server.makeConnection(server_io)
        connected.callback(client)
        return connected

    def flush(self) -> None:
        assert self.pump is not None
        self.pump.flush()


class WebSocketTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.patch(txaio.config, "loop", self.clock)
        self.endpoint = MemoryEndpoint(self.clock)

    def connect(self, endpoint: MemoryEndpoint) -> Deferred[WebSocketCarrier]:
        made = connect_websocket(
            self.clock, parse_url("ws://127.0.0.1:38082"), Trust(), timeout=5.0, endpoint=endpoint
        )
        return Deferred.fromCoroutine(made)

    def open(self) -> WebSocketCarrier:
        opening = self.connect(self.endpoint)
        self.assertNoResult(opening)
        self.endpoint.flush()
        return self.successResultOf(opening)

    def test_calls(self) -> None:
        """Calls go over the WebSocket and are answered."""
        client = Client(self.open(), self.clock)
        asked = [client.call("echo", [number]) for number in range(3)]
        self.endpoint.flush()
        self.assertEqual([self.successResultOf(call).result for call in asked], [[0], [1], [2]])

    def test_early_message(self) -> None:
        """What comes before a client takes it is kept."""
        carrier = self.open()
        carrier.send(1, b'{"id": 1, "params": "early"}')
        self.endpoint.flush()
        received: list[bytes] = []

        class Taker:
            def message_received(self, message: bytes) -> None:
                received.append(message)

            def connection_lost(self, error: ConnectionFailed) -> None:
                raise AssertionError(error)

            def request_failed(self, request_id: int, error: Exception) -> None:
                raise AssertionError(error)

        carrier.start(Taker())
        self.assertEqual(received, [b'{"id": 1, "result": "early"}'])

    def test_closed_by_node(self) -> None:
        """The node's close code and reason reach the caller, once."""
        client = Client(self.open(), self.clock)
        asked = client.call("echo", [1])
        self.endpoint.server.sendClose(3008, "too slow")
        self.endpoint.flush()
        self.clock.advance(3)
        self.endpoint.flush()
        error = self.failureResultOf(asked, ConnectionFailed).value
        self.assertIn("too slow", error.message)
        self.assertIs(self.successResultOf(client.lost), error)

    def test_close(self) -> None:
        """Closing ends the handshake in good order and leaves no timer."""
        client = Client(self.open(), self.clock)
        closed = client.close()
        self.assertNoResult(closed)
        self.endpoint.flush()
        self.clock.advance(3)
        self.endpoint.flush()
        self.successResultOf(closed)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nobody_listens(self) -> None:
        """A refused connection says so with the address."""
        from twisted.internet.error import ConnectionRefusedError

        error = self.failureResultOf(
            self.connect(MemoryEndpoint(self.clock, ConnectionRefusedError())), ConnectionFailed
        ).value
        self.assertEqual(error.message, "Cannot reach ws://127.0.0.1:38082: nobody listens there.")

    def test_no_websocket(self) -> None:
        """An answer that is no WebSocket says so, and lets the connection go."""
        self.endpoint.server = _HttpOnly()
        opening = self.connect(self.endpoint)
        self.endpoint.flush()
        self.clock.advance(1)
        self.endpoint.flush()
        error = self.failureResultOf(opening, ConnectionFailed).value
        self.assertIn("404", error.message)

    def test_silence(self) -> None:
        """A handshake that never ends is given up in time."""
        self.endpoint.server = _HttpOnly(answer=b"")
        opening = self.connect(self.endpoint)
        self.endpoint.flush()
        self.clock.advance(5)
        self.endpoint.flush()
        error = self.failureResultOf(opening, ConnectionFailed).value
        self.assertIn("did not answer in time", error.message)


class _HttpOnly:
    """Answers whatever comes with one text."""

    def __init__(self, answer: bytes = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n") -> None:
        self._answer = answer
        self.transport: Any = None

    def makeConnection(self, transport: Any) -> None:
        self.transport = transport

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self._answer)

    def connectionLost(self, reason: Any) -> None:
        """Nothing to let go."""

"""What Autobahn's client protocol loses when it is made lean: nothing that anybody sees."""

from __future__ import annotations

import base64

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from autobahn.websocket import protocol as autobahn
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.transports.leanclient import LeanClientProtocol


class LeanClientTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(autobahn.os, "urandom", lambda size: b"r" * size)
        factory = self.factory = WebSocketClientFactory(  # type: ignore[no-untyped-call]
            "wss://[2001:db8::1]:38083/peer", protocols=["one", "two"], headers={"X-Name": "value"}, reactor=Clock()
        )
        factory.setProtocolOptions(  # type: ignore[no-untyped-call]
            maxMessagePayloadSize=1_000, openHandshakeTimeout=3, autoPingInterval=7, tcpNoDelay=False
        )

    def begin(self, kind: type[WebSocketClientProtocol]) -> tuple[WebSocketClientProtocol, bytes]:
        """Connect; what is sent, always with the same random numbers."""
        self.factory.protocol = kind  # type: ignore[assignment]
        protocol = self.factory.buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        return protocol, transport.value()

    def test_same(self) -> None:
        """It asks in the same words and has the same options."""
        usual, asked = self.begin(WebSocketClientProtocol)
        lean, lean_asked = self.begin(LeanClientProtocol)
        self.assertIn(base64.b64encode(b"r" * 16), asked)
        self.assertEqual(lean_asked, asked)
        for option in WebSocketClientProtocol.CONFIG_ATTRS:
            self.assertEqual(getattr(lean, option), getattr(usual, option), option)
        self.assertEqual((lean.maxMessagePayloadSize, lean.openHandshakeTimeout), (1_000, 3))

    def test_formats_nothing(self) -> None:
        """Nothing as long as the options is made into text: an Autobahn that does so elsewhere shows here."""
        formatted: list[int] = []
        self.patch(autobahn, "pformat", lambda value: formatted.append(len(value)))
        self.begin(WebSocketClientProtocol)
        self.assertGreater(max(formatted), 20)
        formatted.clear()
        self.begin(LeanClientProtocol)
        self.assertEqual([size for size in formatted if size], [])

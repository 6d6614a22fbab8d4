"""Bare servers to compare with: each answers every request with the same bytes, and does nothing else.

Run as ``python -m benchmarks.baselines KIND PORT FILE``, where the file holds the answer.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.processes import HOST


def serve_web(reactor: Any, port: int, answer: bytes) -> None:
    """``twisted.web`` with one resource."""
    from twisted.web.resource import Resource
    from twisted.web.server import Request, Site

    class Bytes(Resource):
        isLeaf = True

        def render_GET(self, request: Request) -> bytes:
            return self.render_POST(request)

        def render_POST(self, request: Request) -> bytes:
            assert request.content is not None
            request.content.read()
            request.responseHeaders.setRawHeaders(b"content-type", [b"application/json"])
            return answer

    site = Site(Bytes())  # type: ignore[no-untyped-call]
    reactor.listenTCP(port, _quiet(site), interface=HOST)


def serve_klein(reactor: Any, port: int, answer: bytes) -> None:
    """Klein with one route."""
    from klein import Klein
    from twisted.web.server import Request, Site

    app = Klein()

    def respond(request: Request) -> bytes:
        headers = request.responseHeaders
        headers.setRawHeaders(b"content-type", [b"application/json"])
        # Without it Klein sends chunks, which take longer: the comparison is with its best.
        headers.setRawHeaders(b"content-length", [b"%d" % len(answer)])
        return answer

    @app.route("/", methods=["POST"])
    def root(request: Request) -> bytes:
        assert request.content is not None
        request.content.read()
        return respond(request)

    @app.route("/records/<account>/<collection>/<key>", methods=["GET"])
    def record(request: Request, account: str, collection: str, key: str) -> bytes:
        return respond(request)

    reactor.listenTCP(port, _quiet(Site(app.resource())), interface=HOST)


def _quiet(site: Any) -> Any:
    # An access log in a file that nobody reads would be part of what is measured.
    site.log = lambda request: None
    site.noisy = False
    return site


def serve_websocket(reactor: Any, port: int, answer: bytes) -> None:
    """Autobahn's server as it comes."""
    from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol

    class Bytes(WebSocketServerProtocol):
        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            self.sendMessage(answer, False)  # type: ignore[no-untyped-call]

    factory = WebSocketServerFactory()
    factory.protocol = Bytes
    reactor.listenTCP(port, factory, interface=HOST, backlog=1024)


def serve_quic(reactor: Any, port: int, answer: bytes) -> None:
    """The node's own QUIC endpoint and WebSocket without an API behind it."""
    import time

    from cloudnode.transports.quic.serving import make_quic_server, parse_credentials
    from cloudnode.transports.seam import Caller, Connection
    from cloudnode.transports.selfsigned import make_certificate

    class Session:
        def __init__(self, connection: Connection) -> None:
            self._send = connection.send_message

        def message_received(self, message: bytes) -> None:
            self._send(answer)

        def pause_sending(self) -> None:
            """The load is bounded."""

        resume_sending = connection_lost = pause_sending

    class Opener:
        def check_admission(self, caller: Caller) -> None:
            """Everybody."""

        def open_session(self, connection: Connection) -> Session:
            return Session(connection)

    credentials = parse_credentials(make_certificate(["localhost", HOST], time.time()))
    make_quic_server(reactor, lambda: credentials, Opener()).listen(port, HOST)


KINDS = {"web": serve_web, "klein": serve_klein, "websocket": serve_websocket, "quic": serve_quic}


def main() -> None:
    """Serve until ended."""
    kind, port, file = sys.argv[1:]
    from twisted.internet import reactor

    KINDS[kind](reactor, int(port), Path(file).read_bytes())
    reactor.callWhenRunning(lambda: print("ready", flush=True))
    reactor.run()


if __name__ == "__main__":
    main()

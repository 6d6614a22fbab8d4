"""A WebSocket over HTTP/3 (RFC 9220) as our own command line and library use it.

:func:`connect_websocket` resolves the name, tries the addresses in turn, checks the certificate as told and
returns a :class:`WebSocketClient`, or raises a :class:`ConnectFailed` that says what went wrong. Autobahn's
client protocol runs unchanged on the stream.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, cast

import attrs
from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cloudnode.transports.frames import make_masked_text
from cloudnode.transports.leanclient import LeanClientProtocol
from cloudnode.transports.quic.connecting import (
    CertificateMismatch,
    ConnectFailed,
    ConnectionRefused,
    ConnectTimedOut,
    NameNotFound,
    Trust,
    check_certificate,
    client_configuration,
    explain,
    resolve,
)
from cloudnode.transports.quic.endpoint import H3_NO_ERROR
from cloudnode.transports.quic.limits import QuicLimits
from cloudnode.transports.quic.link import Address, Link, Loss
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.quic.request import Http3Client
from cloudnode.transports.quic.stream import StreamTransport
from cloudnode.transports.quic.windows import BoundedQuicConnection
from cloudnode.transports.timers import TimerWheel


class WebSocketClient:
    """An open WebSocket.

    :ivar on_message: Called with every message, text as UTF-8.
    :ivar on_close: Called once, with the close code and the reason, when it is gone.
    """

    def __init__(self, protocol: _ClientProtocol, link: Link) -> None:
        self.on_message: Callable[[bytes], object] = lambda message: None
        self.on_close: Callable[[int, str], object] = lambda code, reason: None
        self._protocol = protocol
        self._link = link
        #: Fires with None when the connection and its socket are closed.
        self.closed: Deferred[None] = Deferred()

    @property
    def transport(self) -> StreamTransport:
        """The stream below, for back-pressure (``registerProducer``, ``pauseProducing``)."""
        return cast(StreamTransport, self._protocol.transport)

    @property
    def peer_certificate_der(self) -> bytes | None:
        """The other side's certificate in DER."""
        return self._link.quic.peer_certificate_der

    def send_message(self, message: bytes) -> None:
        """Send one text message (UTF-8). Does nothing once the connection is closed.

        While the answer to the request for the WebSocket is on its way, the message follows the request: whoever takes
        the one takes the other, and whoever refuses it closes the stream.
        """
        state = self._protocol.state
        if state == self._protocol.STATE_OPEN:
            self._protocol.sendMessage(message, isBinary=False)  # type: ignore[no-untyped-call]
        elif state == self._protocol.STATE_CONNECTING:
            self.transport.write(make_masked_text(message, os.urandom(4)))

    def close(self, code: int = 1000, reason: str = "") -> Deferred[None]:
        """Close the WebSocket and its connection. Fires when they are closed."""
        if self._protocol.state == self._protocol.STATE_CONNECTING:
            # The request for it is on its way: there is nothing yet to close in order.
            self._link.close(H3_NO_ERROR, "")
        else:
            self._protocol.sendClose(code, reason or None)
        return self.closed


class _ClientProtocol(LeanClientProtocol):
    """Autobahn's client, telling an attempt how it goes."""

    factory: _ClientFactory

    def onOpen(self) -> None:
        self.factory.attempt.opened(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.factory.attempt.message_received(payload)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.factory.attempt.websocket_closed(code or 1005, reason or "")


class _ClientFactory(WebSocketClientFactory):
    protocol = _ClientProtocol  # type: ignore[assignment]
    noisy = False

    def __init__(self, url: str, reactor: IReactorTime, attempt: Attempt) -> None:
        super().__init__(url, reactor=reactor)  # type: ignore[no-untyped-call]
        self._batched_timer = TimerWheel(reactor)  # Autobahn's own takes its clock from a global
        self.attempt = attempt


class Attempt:
    """One attempt at one address, and the connection that comes of it."""

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        host: str,
        url: str,
        address: Address,
        trust: Trust,
        limits: QuicLimits,
        monotonic: Callable[[], float],
        socket: QuicSocket | None = None,
        *,
        prepared: BoundedQuicConnection | None = None,
        is_eager: bool = False,
    ) -> None:
        """
        :param socket: Connects, and is left open at the end; None for one of its own.
        :param prepared: A connection that this socket prepared; None has one made now.
        :param is_eager: Be done once the request is sent, without waiting for its answer.
        """
        self.done: Deferred[WebSocketClient] = Deferred()
        self._reactor = reactor
        self._url = url
        self._trust = trust
        self._client: WebSocketClient | None = None
        self._settled = False
        self._close = (1006, "the connection was lost")
        self._is_eager = is_eager
        self._is_own_socket = socket is None
        if socket is None:
            socket = QuicSocket(reactor, limits=limits, monotonic=monotonic)
            socket.listen(0, "::" if ":" in address[0] else "")
            socket.connect_only(address)
        self._socket = socket
        if prepared is None:
            prepared = socket.prepare(client_configuration(host, trust))
        self._link = socket.connect(address, prepared, self._make_application)
        self._deadline = reactor.callLater(
            limits.handshake_seconds, self.fail, ConnectTimedOut("there was no answer in time")
        )

    @property
    def is_answered(self) -> bool:
        """Whether anything came back that only the other side of this connection can have sent."""
        return self._link.quic.is_started

    def _make_application(self, link: Link) -> Http3Client:
        return Http3Client(link, lambda: self._socket.host_address, self)

    def cancel(self) -> None:
        """The caller lost interest."""
        self.fail(CancelledError())

    def fail(self, error: Exception) -> None:
        """Report why there is no connection, once, and let everything go."""
        if self._settled:
            return
        self._settle()
        self._link.close(H3_NO_ERROR, "")
        self._reactor.callLater(0, self._stop, error)

    def _settle(self) -> None:
        self._settled = True
        if self._deadline.active():
            self._deadline.cancel()

    def _stop(self, error: Exception | None) -> None:
        def stopped(_: object) -> None:
            if error is not None:
                self.done.errback(error)
            elif self._client is not None:
                self._client.closed.callback(None)

        if self._is_own_socket:
            self._socket.stop().addBoth(stopped)
        else:
            stopped(None)

    def certificate_received(self, der: bytes | None) -> None:
        """The other side proved that it has this certificate's key."""
        try:
            check_certificate(self._trust, der)
        except CertificateMismatch as error:
            self.fail(error)

    def start_websocket(self, application: Http3Client) -> None:
        """HTTP/3 is there: open the WebSocket on it."""
        if self._settled:
            return
        protocol: Any = _ClientFactory(self._url, self._reactor, self).buildProtocol(None)
        application.open_stream(protocol)
        if self._is_eager:
            self.opened(protocol)

    def opened(self, protocol: _ClientProtocol) -> None:
        """The WebSocket is open."""
        if self._settled:
            return
        self._settle()
        self._client = WebSocketClient(protocol, self._link)
        self.done.callback(self._client)

    def message_received(self, message: bytes) -> None:
        """A message came."""
        if self._client is not None:
            self._client.on_message(message)

    def websocket_closed(self, code: int, reason: str) -> None:
        """The WebSocket is closed; so will be the connection, which carried nothing else."""
        self._close = (code, reason)
        if self._client is None:
            self.fail(ConnectionRefused(reason or "the WebSocket was not opened"))

    def link_lost(self, loss: Loss) -> None:
        """The connection is gone."""
        if self._client is None:
            self.fail(explain(loss))
            return
        self._client.on_close(*self._close)
        self._reactor.callLater(0, self._stop, None)


async def connect_websocket(
    reactor: Any,
    host: str,
    port: int,
    *,
    path: str = "/",
    trust: Trust,
    timeout: float = 5.0,
    limits: QuicLimits | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> WebSocketClient:
    """Open a WebSocket over HTTP/3.

    :param host: A name, an IPv4 or an IPv6 address (without brackets).
    :param trust: Whose certificate is taken.
    :param monotonic: Seconds of a clock that never goes back.
    :param timeout: Seconds for each address until the WebSocket is open.
    :raises ConnectFailed: One of its subclasses, of the last address tried.
    """
    limits = attrs.evolve(limits or QuicLimits(), handshake_seconds=timeout)
    authority = f"[{host}]" if ":" in host else host
    url = f"wss://{authority}:{port}{path}"
    failure: ConnectFailed = NameNotFound(f"{host} has no address")
    for address in await resolve(reactor, host, port):
        attempt = Attempt(reactor, host, url, address, trust, limits, monotonic)
        try:
            return await attempt.done
        except CancelledError:
            attempt.cancel()
            raise
        except ConnectFailed as error:
            failure = error
    raise failure

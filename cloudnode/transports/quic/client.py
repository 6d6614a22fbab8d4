"""A WebSocket over HTTP/3 (RFC 9220) as our own command line and library use it.

:func:`connect_websocket` resolves the name, tries the addresses in turn, checks the certificate as told and
returns a :class:`WebSocketClient`, or raises a :class:`ConnectFailed` that says what went wrong. Autobahn's
client protocol runs unchanged on the stream.
"""

from __future__ import annotations

import hashlib
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, cast

import attrs
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import HandshakeCompleted, QuicEvent
from aioquic.quic.packet import QuicErrorCode
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from cloudnode.transports.quic.carrier import Http3Carrier
from cloudnode.transports.quic.endpoint import ALPN, H3_NO_ERROR, MAX_DATAGRAM_SIZE
from cloudnode.transports.quic.limits import QuicLimits
from cloudnode.transports.quic.link import Address, Cause, Link, Loss
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.quic.stream import StreamTransport
from cloudnode.transports.quic.upgrade import (
    STAND_IN_KEY,
    BadHead,
    HeadReader,
    make_connect_headers,
    make_upgrade_response,
)
from cloudnode.transports.timers import TimerWheel

_TLS_ALERTS = range(int(QuicErrorCode.CRYPTO_ERROR), int(QuicErrorCode.CRYPTO_ERROR) + 0x100)
_CERTIFICATE_ALERTS = frozenset(int(QuicErrorCode.CRYPTO_ERROR) + alert for alert in (42, 43, 44, 45, 46, 48))


class ConnectFailed(Exception):
    """No connection came about."""


class NameNotFound(ConnectFailed):
    """The host's name has no address."""


class ConnectionRefused(ConnectFailed):
    """Nobody listens there, or whoever does refused the connection or the WebSocket."""


class ConnectTimedOut(ConnectFailed):
    """There was no answer in time."""


class CertificateMismatch(ConnectFailed):
    """The other side's certificate is not the one that was asked for, or no authority vouches for it."""


@attrs.frozen
class AnyCertificate:
    """Take any certificate: encrypted, but with whom is not known."""


@attrs.frozen
class PinnedCertificate:
    """Take only the certificate with this hash.

    :ivar sha256: SHA-256 of the certificate in DER, 32 bytes.
    """

    sha256: bytes


@attrs.frozen
class TrustedAuthorities:
    """Take a certificate for the host's name that an authority vouches for.

    :ivar pem: The authorities' certificates; None for the usual ones (certifi).
    """

    pem: bytes | None = None


Trust = AnyCertificate | PinnedCertificate | TrustedAuthorities


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
        """Send one text message (UTF-8). Does nothing once the connection is closed."""
        if self._protocol.state == self._protocol.STATE_OPEN:
            self._protocol.sendMessage(message, isBinary=False)  # type: ignore[no-untyped-call]

    def close(self, code: int = 1000, reason: str = "") -> Deferred[None]:
        """Close the WebSocket and its connection. Fires when they are closed."""
        self._protocol.sendClose(code, reason or None)
        return self.closed


class _ClientProtocol(WebSocketClientProtocol):
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

    def __init__(self, url: str, reactor: IReactorTime, attempt: _Attempt) -> None:
        super().__init__(url, reactor=reactor)  # type: ignore[no-untyped-call]
        self._batched_timer = TimerWheel(reactor)  # Autobahn's own takes its clock from a global
        self.attempt = attempt


class Http3Client(Http3Carrier):
    """What runs on a link of ours: one request, the WebSocket.

    :param start: Called once the server said that it takes extended CONNECT.
    """

    def __init__(self, link: Link, host_address: Callable[[], Address], attempt: _Attempt) -> None:
        super().__init__(link, host_address)
        self._attempt = attempt
        self._key = STAND_IN_KEY
        self._is_asked = False

    def events_received(self, events: list[QuicEvent]) -> None:
        """Check the certificate as soon as it is proven, and ask as soon as the server allows."""
        if any(isinstance(event, HandshakeCompleted) for event in events):
            self._attempt.certificate_received(self.link.quic.peer_certificate_der)
        super().events_received(events)
        offers = None if self.h3 is None else self.h3.peer_offers_websocket
        if offers is not None and self.link.is_established and not self._is_asked:
            self._is_asked = True
            if offers:
                self._attempt.start_websocket(self)
            else:
                self._attempt.fail(ConnectionRefused("the server takes no WebSocket over HTTP/3"))

    def open_stream(self, protocol: Any) -> None:
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

        stream = self.streams[stream_id] = StreamTransport(self, stream_id, protocol, send)
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
            self._attempt.fail(ConnectionRefused(f"the server answered {status.decode('latin-1')}{wait}"))
            return
        stream.receive(make_upgrade_response(event.headers, self._key), event.stream_ended)

    def link_lost(self, loss: Loss) -> None:
        """The link is gone."""
        super().link_lost(loss)
        self._attempt.link_lost(loss)


class _Attempt:
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
    ) -> None:
        self.done: Deferred[WebSocketClient] = Deferred()
        self._reactor = reactor
        self._url = url
        self._trust = trust
        self._client: WebSocketClient | None = None
        self._settled = False
        self._close = (1006, "the connection was lost")
        self._socket = QuicSocket(reactor, limits=limits, monotonic=monotonic)
        self._socket.listen(0, "::" if ":" in address[0] else "")
        self._socket.connect_only(address)
        self._link = self._socket.connect(address, self._configuration(host), self._make_application)
        self._link_is_lost = False
        self._deadline = reactor.callLater(
            limits.handshake_seconds, self.fail, ConnectTimedOut("there was no answer in time")
        )

    def _make_application(self, link: Link) -> Http3Client:
        return Http3Client(link, lambda: self._socket.host_address, self)

    def _configuration(self, host: str) -> QuicConfiguration:
        trusts_authorities = isinstance(self._trust, TrustedAuthorities)
        configuration = QuicConfiguration(
            is_client=True,
            alpn_protocols=ALPN,
            max_datagram_size=MAX_DATAGRAM_SIZE,
            server_name=host,
            verify_mode=ssl.CERT_REQUIRED if trusts_authorities else ssl.CERT_NONE,
        )
        if isinstance(self._trust, TrustedAuthorities):
            configuration.cadata = self._trust.pem
        return configuration

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

        self._socket.stop().addBoth(stopped)

    def certificate_received(self, der: bytes | None) -> None:
        """The other side proved that it has this certificate's key."""
        if not isinstance(self._trust, PinnedCertificate):
            return
        actual = hashlib.sha256(der or b"").digest()
        if actual != self._trust.sha256:
            self.fail(
                CertificateMismatch(f"the certificate's hash is {actual.hex()}, expected {self._trust.sha256.hex()}")
            )

    def start_websocket(self, application: Http3Client) -> None:
        """HTTP/3 is there: open the WebSocket on it."""
        if self._settled:
            return
        protocol = _ClientFactory(self._url, self._reactor, self).buildProtocol(None)
        application.open_stream(protocol)

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
        """The WebSocket is closed; so is the connection, which carried nothing else."""
        self._close = (code, reason)
        if self._client is None:
            self.fail(ConnectionRefused(reason or "the WebSocket was not opened"))
        elif not self._link_is_lost:
            self._link.close(H3_NO_ERROR, "")

    def link_lost(self, loss: Loss) -> None:
        """The connection is gone."""
        self._link_is_lost = True
        if self._client is None:
            self.fail(explain(loss))
            return
        self._client.on_close(*self._close)
        self._reactor.callLater(0, self._stop, None)


def explain(loss: Loss) -> ConnectFailed:
    """The named error for a link that was lost before anything was carried."""
    if loss.code in _CERTIFICATE_ALERTS:
        return CertificateMismatch(loss.reason or "the certificate is not vouched for")
    if loss.cause in (Cause.HANDSHAKE_TIMED_OUT, Cause.IDLE):
        return ConnectTimedOut("there was no answer in time")
    if loss.cause is Cause.UNREACHABLE:
        return ConnectionRefused("nobody listens there")
    words = "a TLS alert" if loss.code in _TLS_ALERTS else loss.cause.value
    return ConnectionRefused(loss.reason or f"{words} (code {loss.code:#x})")


async def resolve(reactor: Any, host: str, port: int) -> list[Address]:
    """The UDP addresses of a host, in the resolver's order of preference.

    :raises NameNotFound: There are none.
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return [(host, port)]
    try:
        found = await deferToThreadPool(
            reactor, reactor.getThreadPool(), socket.getaddrinfo, host, port, 0, socket.SOCK_DGRAM
        )
    except OSError as error:
        raise NameNotFound(f"{host} has no address: {error}") from error
    return list(dict.fromkeys((str(info[4][0]), port) for info in found))


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
        attempt = _Attempt(reactor, host, url, address, trust, limits, monotonic)
        try:
            return await attempt.done
        except CancelledError:
            attempt.cancel()
            raise
        except ConnectFailed as error:
            failure = error
    raise failure

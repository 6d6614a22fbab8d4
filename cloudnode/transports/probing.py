"""Whether a port is reached from here and is the one that it should be: a TLS or QUIC handshake, and no more."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from hashlib import sha256
from typing import Any, Literal

from aioquic.quic.events import HandshakeCompleted, QuicEvent
from OpenSSL import SSL, crypto
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from cloudnode.transports.quic.connecting import AnyCertificate, CertificateMismatch, client_configuration, explain
from cloudnode.transports.quic.endpoint import H3_NO_ERROR
from cloudnode.transports.quic.link import Link, Loss
from cloudnode.transports.quic.listener import QuicSocket

PROBE_SECONDS = 4.0


async def probe(
    reactor: Any,
    protocol: Literal["tcp", "udp"],
    host: str,
    port: int,
    certificates: Collection[bytes],
    *,
    timeout: float = PROBE_SECONDS,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Connect, see the certificate, and close.

    :param certificates: SHA-256 of the DER forms of those that may be shown.
    :param timeout: Seconds; over UDP some four packets are sent meanwhile.
    :raises Exception: It can't be reached (whatever the system says), or shows another certificate.
    """
    if protocol == "tcp":
        shown = await _show_tls(reactor, host, port, timeout)
    else:
        shown = await _show_quic(reactor, host, port, timeout, monotonic)
    if shown is None or sha256(shown).digest() not in certificates:
        raise CertificateMismatch("another certificate is shown there")


async def _show_tls(reactor: Any, host: str, port: int, timeout: float) -> bytes | None:
    done: Deferred[bytes | None] = Deferred()
    factory = Factory.forProtocol(lambda: _TlsProbe(done))
    factory.noisy = False
    endpoint = HostnameEndpoint(reactor, host, port, timeout=timeout)
    connected: Any = await endpoint.connect(TLSMemoryBIOFactory(_AnyTLS(), True, factory, reactor))
    try:
        return await done.addTimeout(timeout, reactor)
    finally:
        connected.abortConnection()


@implementer(IHandshakeListener)
class _TlsProbe(Protocol):
    def __init__(self, done: Deferred[bytes | None]) -> None:
        self._done = done

    def handshakeCompleted(self) -> None:
        transport: Any = self.transport
        certificate = transport.getPeerCertificate()
        if not self._done.called:
            self._done.callback(certificate and crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._done.called:
            self._done.errback(reason)


@implementer(IOpenSSLClientConnectionCreator)
class _AnyTLS:
    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_verify(SSL.VERIFY_NONE, lambda *arguments: True)
        return SSL.Connection(context, None)


async def _show_quic(
    reactor: Any, host: str, port: int, timeout: float, monotonic: Callable[[], float]
) -> bytes | None:
    done: Deferred[bytes | None] = Deferred()
    socket = QuicSocket(reactor, monotonic=monotonic)
    socket.listen(0, "::" if ":" in host else "")
    try:
        address = (host, port)
        socket.connect_only(address)
        prepared = socket.prepare(client_configuration(host, AnyCertificate()))
        socket.connect(address, prepared, lambda link: _QuicProbe(link, done))
        return await done.addTimeout(timeout, reactor)
    finally:
        # Not from within a call of the socket's own.
        reactor.callLater(0, socket.stop)


class _QuicProbe:
    """The application of a link that ends with its handshake (:class:`cloudnode.transports.quic.link.Application`)."""

    is_busy = False
    carries_nodes = False

    def __init__(self, link: Link, done: Deferred[bytes | None]) -> None:
        self._link = link
        self._done = done

    def flush(self) -> None:
        """There is nothing to send."""

    def deadline(self) -> float | None:
        return None

    def handle_timer(self, now: float) -> None:
        """There is no deadline."""

    def events_received(self, events: list[QuicEvent]) -> None:
        if any(isinstance(event, HandshakeCompleted) for event in events) and not self._done.called:
            self._done.callback(self._link.quic.peer_certificate_der)
            self._link.close(H3_NO_ERROR, "")

    def link_lost(self, loss: Loss) -> None:
        if not self._done.called:
            self._done.errback(explain(loss))

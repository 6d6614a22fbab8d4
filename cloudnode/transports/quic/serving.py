"""A QUIC socket that serves the API: what a node puts together from the parts of this package."""

from __future__ import annotations

import time
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from twisted.internet.interfaces import IProtocolFactory, IReactorTime

from cloudnode.transports.certificates import CertificateKeeper
from cloudnode.transports.limits import WebSocketLimits
from cloudnode.transports.quic.demultiplexer import DatagramHandler
from cloudnode.transports.quic.endpoint import Credentials
from cloudnode.transports.quic.limits import QuicLimits
from cloudnode.transports.quic.link import Application, Link
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.quic.server import Http3Server
from cloudnode.transports.seam import SessionOpener
from cloudnode.transports.selfsigned import TLSCertificate
from cloudnode.transports.websocket import WebSocketFactory


class KeptCredentials:
    """The keeper's current certificate as QUIC wants it; a new one takes effect at the next connection.

    :param keeper: Keeps the node's certificates.
    """

    def __init__(self, keeper: CertificateKeeper) -> None:
        self._keeper = keeper
        self._parsed: tuple[TLSCertificate, Credentials] | None = None

    def __call__(self) -> Credentials:
        """The credentials for a connection that begins now."""
        current = self._keeper.current
        if self._parsed is None or self._parsed[0] is not current:
            self._parsed = (current, parse_credentials(current))
        return self._parsed[1]


def parse_credentials(certificate: TLSCertificate) -> Credentials:
    """A self-made certificate as QUIC wants it."""
    return Credentials(
        certificate=x509.load_der_x509_certificate(certificate.certificate_der),
        private_key=serialization.load_pem_private_key(certificate.key_pem, password=None),
    )


def make_quic_server(
    reactor: IReactorTime,
    credentials: Callable[[], Credentials],
    opener: SessionOpener,
    *,
    websocket_limits: WebSocketLimits | None = None,
    limits: QuicLimits | None = None,
    stun: DatagramHandler | None = None,
    peers: IProtocolFactory | None = None,
    relays: IProtocolFactory | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    websockets: WebSocketFactory | None = None,
) -> QuicSocket:
    """Make the socket that serves WebSocket over HTTP/3 and WebTransport; ``listen`` binds it.

    :param credentials: For instance :class:`KeptCredentials`.
    :param opener: Opens the sessions of both.
    :param websocket_limits: What one WebSocket, and one WebTransport stream, may take.
    :param peers: Serves links between nodes. :param relays: Serves relayed streams.
    :param monotonic: Seconds of a clock that never goes back.
    :param websockets: Serves the WebSockets, for several sockets that share one; a new one if None.
    :param stun: Takes the STUN datagrams that come to the socket; without it they are counted and dropped.
    """
    websockets = websockets or WebSocketFactory(opener, reactor, "ws-udp", websocket_limits, secure=True)

    def accept(link: Link) -> Application:
        return Http3Server(
            link,
            host_address=lambda: quic_socket.host_address,
            websockets=websockets,
            opener=opener,
            message_limits=websockets.limits,
            wheel=websockets.wheel,
            peers=peers,
            relays=relays,
        )

    quic_socket = QuicSocket(
        reactor, limits=limits, credentials=credentials, accept=accept, stun=stun, monotonic=monotonic
    )
    return quic_socket

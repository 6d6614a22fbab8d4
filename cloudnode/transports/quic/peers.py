"""Links between nodes over QUIC: WebSocket over HTTP/3 (RFC 9220) at ``/peer``, dialled from the socket that serves.

The *channel binding* is ``hash(label + hash(DER))`` with SHA-256, over the certificate with which the server's side
proved itself in this very handshake. The client has checked that the server has the certificate's key (TLS 1.3's
CertificateVerify), the server takes the certificate that its TLS used, whatever certificate new connections are shown
by now. Somebody in the middle has to show a certificate whose key he has, which is another one than the server binds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import CancelledError

from cloudnode.transports.peerchannel import (
    LINKS,
    ChannelKind,
    DiallingFactory,
    MakeEnd,
    PeerChannel,
    PeerRefused,
    PeerSocketLimits,
    Purpose,
    channel_url,
)
from cloudnode.transports.quic.connecting import (
    AnyCertificate,
    ConnectFailed,
    NameNotFound,
    client_configuration,
    explain,
    resolve,
)
from cloudnode.transports.quic.endpoint import H3_NO_ERROR
from cloudnode.transports.quic.link import Address, Loss
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.quic.request import Http3Client

BINDING_LABEL = b"cloudnode quic channel 1\n"


def bind_certificate(der: bytes) -> bytes:
    """The channel binding of connections to the server with this certificate, 32 bytes."""
    return sha256(BINDING_LABEL + sha256(der).digest()).digest()


def _read_binding(transport: Any) -> bytes | None:
    der = getattr(transport, "server_certificate_der", None)
    return None if der is None else bind_certificate(der)


OVER_QUIC = ChannelKind("ws-udp", _read_binding)


async def dial_peer_quic(
    reactor: Any,
    sockets: Sequence[QuicSocket],
    host: str,
    port: int,
    make_end: MakeEnd,
    *,
    timeout: float,
    limits: PeerSocketLimits | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    purpose: Purpose = LINKS,
    path: str = LINKS.path,
) -> PeerChannel:
    """Open a channel to a node.

    :param sockets: Those that this node serves on. The first that can reach the address is used, so that both ways of a
        pair of nodes go through one mapping of a NAT; where there is none, one is opened for this channel.
    :param host: A name or an IP address. :param timeout: Seconds for each of its addresses.
    :param make_end: Makes what lives on the channel, once that is open.
    :raises PeerRefused: Nobody listens, or it is no node; the text says which.
    """
    failure: Exception = NameNotFound(f"{host} has no address")
    try:
        for address in await resolve(reactor, host, port):
            url = channel_url(host, port, path)
            factory = DiallingFactory(OVER_QUIC, url, reactor, make_end, limits or PeerSocketLimits(), purpose)
            try:
                call = _Call(reactor, sockets, address, host, factory, monotonic)
            except OSError as error:
                failure = error  # no way there: of a name that has addresses of both families, one may be left
                continue
            try:
                return await factory.opened.addTimeout(timeout, reactor)
            except BaseException as error:
                call.give_up()
                if not isinstance(error, Exception) or isinstance(error, CancelledError):
                    raise
                failure = error
    except ConnectFailed as error:
        failure = error
    raise PeerRefused(str(failure) or type(failure).__name__) from failure


def choose_socket(sockets: Sequence[QuicSocket], address: Address) -> tuple[QuicSocket, Address] | None:
    """The first socket that can send to an address, and the address as that socket has to write it."""
    target = ip_address(address[0])
    for socket in sockets:
        host = socket.host_address[0].partition("%")[0]
        if not host:
            continue  # closed
        bound = ip_address(host)
        if bound.version == target.version and (target.is_loopback or not bound.is_loopback):
            return socket, address
        if bound.version == 6 and bound.is_unspecified and target.version == 4:
            return socket, (f"::ffff:{target}", address[1])
    return None


class _Call:
    """One call of a node at one address (:class:`cloudnode.transports.quic.request.Asker`)."""

    def __init__(
        self,
        reactor: Any,
        sockets: Sequence[QuicSocket],
        address: Address,
        host: str,
        factory: DiallingFactory,
        monotonic: Callable[[], float],
    ) -> None:
        self._reactor = reactor
        self._factory = factory
        self._own_socket: QuicSocket | None = None
        chosen = choose_socket(sockets, address)
        if chosen is None:
            socket = self._own_socket = QuicSocket(reactor, monotonic=monotonic)
            socket.listen(0, "::" if ":" in address[0] else "")
            try:
                socket.connect_only(address)
            except OSError:
                socket.stop()
                raise
        else:
            socket, address = chosen
            socket.check_route(address[0])
        self._link = socket.connect(
            address,
            socket.prepare(client_configuration(host, AnyCertificate())),
            lambda link: Http3Client(link, lambda: socket.host_address, self),
        )

    def give_up(self) -> None:
        """The caller lost interest."""
        self._factory.opened.addErrback(lambda _: None)
        if self._link.loss is None:
            self._link.close(H3_NO_ERROR, "")

    def certificate_received(self, der: bytes | None) -> None:
        """Whose certificate it is, is proven on the channel itself."""

    def start_websocket(self, application: Http3Client) -> None:
        """HTTP/3 is there: open the channel on it."""
        if not self._factory.opened.called:
            application.open_stream(self._factory.buildProtocol(None), between_nodes=True)

    def fail(self, error: ConnectFailed) -> None:
        """There is no channel to be had."""
        if not self._factory.opened.called:
            self._factory.opened.errback(error)

    def link_lost(self, loss: Loss) -> None:
        """The connection is gone."""
        self.fail(explain(loss))
        socket, self._own_socket = self._own_socket, None
        if socket is not None:
            self._reactor.callLater(0, socket.stop)

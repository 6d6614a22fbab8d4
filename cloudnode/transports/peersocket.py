"""Channels over TCP: WebSocket (RFC 6455) inside TLS 1.3.

The *channel binding* is ``tls-exporter`` of RFC 9266, that is 32 bytes exported (RFC 5705, RFC 8446 section 7.5) under
the label ``EXPORTER-Channel-Binding`` with an empty context. Both ends of one TLS connection have the same value, and
someone in the middle has another one with each of them.
"""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import CancelledError
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IStreamClientEndpoint
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from cloudnode.transports.peerchannel import (
    BINDING_SIZE,
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

BINDING_LABEL = b"EXPORTER-Channel-Binding"


def export_binding(transport: Any) -> bytes | None:
    """The channel binding of a TLS transport; None below TLS 1.3, where it may not be unique (RFC 9266, section 4)."""
    handle = getattr(transport, "getHandle", lambda: None)()
    if not isinstance(handle, SSL.Connection) or handle.get_protocol_version_name() != "TLSv1.3":
        return None
    return handle.export_keying_material(BINDING_LABEL, BINDING_SIZE, b"")


OVER_TCP = ChannelKind("ws", export_binding)


async def dial_peer(
    reactor: Any,
    host: str,
    port: int,
    make_end: MakeEnd,
    *,
    timeout: float,
    limits: PeerSocketLimits | None = None,
    endpoint: IStreamClientEndpoint | None = None,
    purpose: Purpose = LINKS,
    path: str = LINKS.path,
) -> PeerChannel:
    """Open a channel to a node.

    :param host: A name or an IP address. :param timeout: Seconds for the connection, and again for the handshakes.
    :param make_end: Makes what lives on the channel, once that is open. :param endpoint: Connects in place of TCP.
    :raises PeerRefused: Nobody listens, or it is no node; the text says which.
    """
    factory = DiallingFactory(
        OVER_TCP, channel_url(host, port, path), reactor, make_end, limits or PeerSocketLimits(), purpose
    )
    endpoint = endpoint or HostnameEndpoint(reactor, host, port, timeout=timeout)
    protocol: Any = None
    try:
        connected: Any = await endpoint.connect(TLSMemoryBIOFactory(_PeerTLS(), True, factory, reactor))
        protocol = connected.wrappedProtocol
        return await factory.opened.addTimeout(timeout, reactor)
    except BaseException as error:
        factory.opened.addErrback(lambda _: None)
        if protocol is not None:
            protocol.abort()
        if isinstance(error, CancelledError | GeneratorExit):
            raise
        raise PeerRefused(str(error) or type(error).__name__) from error


@implementer(IOpenSSLClientConnectionCreator)
class _PeerTLS:
    """TLS 1.3 with whichever certificate is shown: who shows it is proven on the channel itself."""

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.set_verify(SSL.VERIFY_NONE, lambda *arguments: True)
        return SSL.Connection(context, None)

"""WebSocket over TCP, in the clear or in TLS, by Autobahn."""

from __future__ import annotations

import os
from typing import Any

from autobahn.twisted.websocket import WebSocketClientFactory
from autobahn.websocket.protocol import WebSocketProtocol
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IHandshakeListener, IStreamClientEndpoint
from txaio import tx
from zope.interface import implementer

from cloudnode.client.address import NodeAddress
from cloudnode.client.carrier import MESSAGE_BYTES, Receiver
from cloudnode.client.delivery import Delivery
from cloudnode.client.errors import ConnectionFailed
from cloudnode.client.trust import Trust, explain_connect_error, tls_creator
from cloudnode.transports.addresses import LOCAL, peer_address
from cloudnode.transports.frames import make_masked_text
from cloudnode.transports.leanclient import LeanClientProtocol
from cloudnode.transports.patience import limit_unacknowledged

PING_SECONDS = 20.0
"""After so long a silence, and again to wait for the pong, so that a dead connection is noticed."""


@implementer(IHandshakeListener)
class _Protocol(LeanClientProtocol):
    """Autobahn's side of a carrier."""

    factory: _Factory
    # Autobahn warns of the other side's faults; here they arrive as the reason of the close.
    log = tx.make_logger(level="critical")

    def connectionMade(self) -> None:
        super().connectionMade()
        limit_unacknowledged(self.transport)

    def handshakeCompleted(self) -> None:
        """TLS is done, and the request for the WebSocket on its way."""
        if self.factory.carrier.is_eager:
            self.factory.carrier.protocol_opened()

    def onOpen(self) -> None:
        self.factory.carrier.protocol_opened()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.factory.carrier.delivery.deliver(payload)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.factory.carrier.protocol_closed(code or 0, reason or "")


class _Factory(WebSocketClientFactory):
    protocol = _Protocol  # type: ignore[assignment]
    noisy = False

    def __init__(self, url: str, reactor: Any, carrier: WebSocketCarrier) -> None:
        super().__init__(url, reactor=reactor)  # type: ignore[no-untyped-call]
        self.carrier = carrier
        self.setProtocolOptions(  # type: ignore[no-untyped-call]
            maxMessagePayloadSize=MESSAGE_BYTES,
            maxFramePayloadSize=MESSAGE_BYTES,
            autoPingInterval=PING_SECONDS,
            autoPingTimeout=PING_SECONDS,
            openHandshakeTimeout=0,
            closeHandshakeTimeout=2,
            serverConnectionDropTimeout=1,
            tcpNoDelay=True,
            utf8validateIncoming=False,  # the JSON decoder refuses what is not UTF-8
        )


class WebSocketCarrier:
    """Carries over one WebSocket. Made by :func:`connect_websocket`, open from then on."""

    keeps_connection = True

    def __init__(self, *, is_eager: bool = False) -> None:
        """:param is_eager: Be open as soon as TLS is: requests follow the one for the WebSocket without waiting."""
        self.is_eager = is_eager
        self.delivery = Delivery()
        self.opened: Deferred[None] = Deferred()
        self._protocol: Any = None
        self._closed: Deferred[None] = Deferred()
        self._is_closed = False

    @property
    def local_address(self) -> str:
        """As :class:`Carrier` says."""
        address = peer_address(self._protocol.transport.getHost())
        return "" if address == LOCAL else address

    def attach(self, protocol: Any) -> None:
        """The TCP connection is there; the handshake is under way."""
        self._protocol = protocol

    def protocol_opened(self) -> None:
        """The WebSocket is open."""
        if not self.opened.called:
            self.opened.callback(None)

    def protocol_closed(self, code: int, reason: str) -> None:
        """The WebSocket is closed, or never came to be."""
        self._is_closed = True
        # 1006 says only that there was no close frame, which the reason says better.
        number = f" ({code})" if code not in (0, 1006) else ""
        error = ConnectionFailed(f"The connection was closed: {reason or 'it broke'}{number}.")
        if not self.opened.called:
            self.opened.errback(error)
        self.delivery.lose(error)
        self._closed.callback(None)

    # Carrier

    def start(self, receiver: Receiver) -> None:
        """As :class:`Carrier` says."""
        self.delivery.start(receiver)

    def send(self, request_id: int, message: bytes) -> None:
        """As :class:`Carrier` says."""
        protocol = self._protocol
        if protocol.state == WebSocketProtocol.STATE_OPEN:
            protocol.sendMessage(message)
        elif protocol.state == WebSocketProtocol.STATE_CONNECTING and self.is_eager:
            # Whoever takes the request for the WebSocket takes this as well.
            protocol.transport.write(make_masked_text(message, os.urandom(4)))

    def close(self) -> Deferred[None]:
        """As :class:`Carrier` says."""
        done: Deferred[None] = Deferred()
        if self._is_closed:
            done.callback(None)
            return done

        def closed(_: None) -> None:
            done.callback(None)

        self._closed.addCallback(closed)
        if self._protocol.state == WebSocketProtocol.STATE_OPEN:
            self._protocol.sendClose(1000)
        else:
            self._protocol.transport.abortConnection()
        return done


def make_endpoint(
    reactor: Any, address: NodeAddress, creator: Any, timeout: float, through: IStreamClientEndpoint | None = None
) -> IStreamClientEndpoint:
    """Where to connect, with TLS if a creator of it is given; tries all of a name's addresses."""
    endpoint: Any = through or HostnameEndpoint(reactor, address.host, address.port, timeout=timeout)
    if creator is None:
        return endpoint  # type: ignore[no-any-return]
    return wrapClientTLS(creator, endpoint)


async def connect_websocket(
    reactor: Any,
    address: NodeAddress,
    trust: Trust,
    *,
    timeout: float,
    endpoint: IStreamClientEndpoint | None = None,
    through: IStreamClientEndpoint | None = None,
    is_eager: bool = False,
) -> WebSocketCarrier:
    """Open a WebSocket.

    :param timeout: Seconds for the connection, and again for the handshakes.
    :param endpoint: Where to connect in place of the address, without TLS (tests).
    :param through: What to connect by in place of TCP; what the address's scheme says is spoken on it.
    :param is_eager: See :class:`WebSocketCarrier`; with TLS alone.
    :raises ConnectionFailed: Nobody listens, the certificate is not taken, or it is no WebSocket.
    """
    creator = tls_creator(address.host, trust) if address.is_secure else None
    carrier = WebSocketCarrier(is_eager=is_eager and creator is not None)
    factory = _Factory(f"{address.scheme}://{address.authority}{address.path}", reactor, carrier)
    endpoint = endpoint or make_endpoint(reactor, address, creator, timeout, through)
    try:
        carrier.attach(await endpoint.connect(factory))
        await carrier.opened.addTimeout(timeout, reactor)
    except CancelledError:
        carrier.opened.addErrback(lambda _: None)
        if carrier._protocol is not None:
            carrier.close()
        raise
    except Exception as error:
        if carrier._protocol is not None:
            carrier.close()
        raise explain_connect_error(address, creator, error) from error
    return carrier

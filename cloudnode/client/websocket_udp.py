"""WebSocket over HTTP/3 (RFC 9220), by the node's own QUIC."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from cloudnode.client.address import NodeAddress
from cloudnode.client.carrier import Receiver
from cloudnode.client.delivery import Delivery
from cloudnode.client.errors import ConnectionFailed
from cloudnode.client.trust import Trust
from cloudnode.transports.quic import connecting as quic
from cloudnode.transports.quic.client import WebSocketClient, connect_websocket


class WebSocketUdpCarrier:
    """Carries over one WebSocket on QUIC. Made by :func:`connect_websocket_udp`, open from then on."""

    keeps_connection = True
    local_address = ""
    """QUIC's connections move along with the machine."""

    def __init__(self, websocket: WebSocketClient) -> None:
        self._delivery = Delivery()
        self._websocket = websocket
        self._is_closed = False
        websocket.on_message = self._delivery.deliver
        websocket.on_close = self._lost

    def _lost(self, code: int, reason: str) -> None:
        self._is_closed = True
        self._delivery.lose(ConnectionFailed(f"The connection was closed: {reason or 'it broke'} ({code})"))

    # Carrier

    def start(self, receiver: Receiver) -> None:
        """As :class:`Carrier` says."""
        self._delivery.start(receiver)

    def send(self, request_id: int, message: bytes) -> None:
        """As :class:`Carrier` says."""
        self._websocket.send_message(message)

    def close(self) -> Deferred[None]:
        """As :class:`Carrier` says."""
        closed: Deferred[None] = Deferred()
        self._websocket.closed.addBoth(lambda _: closed.callback(None))
        if not self._is_closed:
            self._websocket.close()
        return closed


async def connect_websocket_udp(
    reactor: Any, address: NodeAddress, trust: Trust, *, timeout: float
) -> WebSocketUdpCarrier:
    """Open a WebSocket over HTTP/3.

    :param timeout: Seconds for each of the host's addresses.
    :raises ConnectionFailed: Nobody answers, or the certificate is not taken.
    """
    try:
        websocket = await connect_websocket(
            reactor, address.host, address.port, path=address.path, trust=quic_trust(trust), timeout=timeout
        )
    except quic.CertificateMismatch as error:
        raise ConnectionFailed(
            f"Cannot reach {address}: {error}; give the hash that its operator sees in 'cloudnode status' "
            "with --cert-hash."
        ) from error
    except quic.ConnectFailed as error:
        raise ConnectionFailed(f"Cannot reach {address}: {error}.") from error
    return WebSocketUdpCarrier(websocket)


def quic_trust(trust: Trust) -> quic.Trust:
    if trust.sha256 is not None:
        return quic.PinnedCertificate(trust.sha256)
    if trust.vouched:
        return quic.VouchedCertificates(trust.vouched)
    return quic.TrustedAuthorities() if trust.authorities else quic.AnyCertificate()

"""From a node's URL to a client of it."""

from __future__ import annotations

from typing import Any

from cloudnode.client.address import NodeAddress, parse_url
from cloudnode.client.carrier import Carrier
from cloudnode.client.client import OUTSTANDING, TIMEOUT, Client
from cloudnode.client.trust import Trust, choose_trust

CONNECT_TIMEOUT = 5.0


async def connect(
    url: str,
    reactor: Any,
    *,
    certificate_hash: bytes | None = None,
    timeout: float = TIMEOUT,
    connect_timeout: float = CONNECT_TIMEOUT,
    outstanding: int = OUTSTANDING,
) -> Client:
    """Connect to a node.

    :param url: ``http://``, ``https://``, ``ws://``, ``wss://`` or ``ws+udp://`` with host and perhaps port.
    :param certificate_hash: SHA-256 of the one certificate that is taken (see :mod:`cloudnode.client.trust`).
    :param timeout: Seconds that a call waits. :param connect_timeout: Seconds to connect.
    :param outstanding: Calls on their way at once.
    :raises AddressInvalid: The URL names no node.
    :raises ConnectionFailed: It can't be reached (over HTTP this shows with the first call).
    """
    address = parse_url(url)
    carrier = await _carry(reactor, address, choose_trust(address.host, certificate_hash), connect_timeout)
    if not carrier.keeps_connection:
        from cloudnode.client.http import BATCH, CONNECTIONS

        outstanding = min(outstanding, CONNECTIONS * BATCH)
    return Client(carrier, reactor, url=str(address), outstanding=outstanding, timeout=timeout)


async def connect_vouched(address: NodeAddress, certificates: frozenset[bytes], reactor: Any) -> Client:
    """Connect to a node where it says that it is, as the node whose key vouches for some certificates.

    :param certificates: SHA-256 of those that it may show, one at least. :param address: ``wss`` or ``ws+udp``.
    :raises ConnectionFailed: Nobody answers there, or shows another certificate.
    """
    carrier = await _carry(reactor, address, Trust(authorities=False, vouched=certificates), CONNECT_TIMEOUT)
    return Client(carrier, reactor, url=str(address))


async def _carry(reactor: Any, address: NodeAddress, trust: Trust, timeout: float) -> Carrier:
    """Each transport is imported when it is used: together they would double the start of a program."""
    if address.scheme in ("http", "https"):
        from cloudnode.client.http import open_http

        return open_http(reactor, address, trust, timeout=timeout)
    if address.scheme == "ws+udp":
        from cloudnode.client.websocket_udp import connect_websocket_udp

        return await connect_websocket_udp(reactor, address, trust, timeout=timeout)
    from cloudnode.client.websocket import connect_websocket

    return await connect_websocket(reactor, address, trust, timeout=timeout)

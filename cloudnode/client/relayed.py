"""A node reached through another one, which passes on bytes that it can't read.

The other end proves itself as on any connection of TLS: by a certificate that is the node's own (its hash is told with
a signature by the node's key, see ``docs/protocol.md``), so the relay can end the stream but not stand in its middle.
"""

from __future__ import annotations

from typing import Any

from cloudnode.client.address import NodeAddress
from cloudnode.client.client import OUTSTANDING, TIMEOUT, Client
from cloudnode.client.connecting import CONNECT_TIMEOUT
from cloudnode.client.trust import Trust
from cloudnode.client.websocket import connect_websocket
from cloudnode.transports.relay.endpoint import RelayEndpoint, dial_over_tcp

ACCEPT_TIMEOUT = 10.0
"""Seconds that the node may take to come to the relay."""


async def connect_relayed(
    host: str,
    port: int,
    node: bytes,
    certificates: frozenset[bytes],
    reactor: Any,
    *,
    timeout: float = TIMEOUT,
    connect_timeout: float = CONNECT_TIMEOUT,
    outstanding: int = OUTSTANDING,
) -> Client:
    """Connect to a node through another one.

    :param host: :param port: Of the relay's WebSocket port over TCP. :param node: The key of the node to reach.
    :param certificates: SHA-256 of those that the node may show.
    :raises ConnectionFailed: The relay can't be reached or does not carry the stream, or the certificate is another.
    """
    dial = dial_over_tcp(reactor, host, port, connect_timeout)
    endpoint = RelayEndpoint(reactor, dial, node, ACCEPT_TIMEOUT)
    address = NodeAddress("wss", host, port, "/")
    trust = Trust(authorities=False, vouched=certificates)
    carrier = await connect_websocket(
        reactor, address, trust, timeout=connect_timeout + ACCEPT_TIMEOUT, through=endpoint
    )
    url = f"node {node.hex()} relayed by {address.authority}"
    return Client(carrier, reactor, url=url, outstanding=outstanding, timeout=timeout)

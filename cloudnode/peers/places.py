"""Where nodes are: IP addresses with ports, what counts as one operator's, and what an operator may write."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import attrs

DEFAULT_PORTS = {"http": 38081, "https": 38081, "ws": 38082, "wss": 38082, "ws+udp": 38083, "cloudnode": 38082}

HTTP_SCHEMES = ("http", "https")
"""Of these addresses, which take no links themselves."""

LinkTransport = Literal["ws", "ws-udp"]
LINK_TRANSPORTS: tuple[LinkTransport, ...] = ("ws", "ws-udp")
"""What links go over, TCP and QUIC, as interfaces name it; in the order in which they are tried."""


class JoinInvalid(ValueError):
    """A text that names no node to join; the message says what one looks like."""


@attrs.frozen
class JoinAddress:
    """A node to join, as an operator wrote it.

    :ivar text: As it was written. :ivar scheme: One of :data:`DEFAULT_PORTS`. :ivar host: A name or an IP address.
    :ivar node: Its key, if it was given. :ivar network: The network's id, if it was given.
    """

    text: str
    scheme: str
    host: str
    port: int
    node: bytes | None = None
    network: bytes | None = None

    @property
    def transport(self) -> LinkTransport:
        """What it is dialled over."""
        return "ws-udp" if self.scheme == "ws+udp" else "ws"


def parse_join(text: str) -> JoinAddress:
    """Read ``ws://HOST[:PORT]``, ``wss://``, ``ws+udp://``, ``http://``, ``https://`` or
    ``cloudnode:NODE@HOST[:PORT][?network=HASH]``.

    :raises JoinInvalid: It is none of these.
    """
    wrong = JoinInvalid(
        f"{text!r} names no node: give ws://HOST:PORT, wss://HOST:PORT, ws+udp://HOST:PORT, http(s)://HOST:PORT, "
        "or cloudnode:NODE@HOST:PORT?network=HASH"
    )
    try:
        scheme, _, rest = text.partition(":")
        parts = urlsplit(text if rest.startswith("//") else f"{scheme}://{rest}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in DEFAULT_PORTS or not host or parts.fragment or parts.path not in ("", "/"):
        raise wrong
    node = network = None
    if parts.scheme == "cloudnode":
        query = parse_qs(parts.query, keep_blank_values=True)
        if query.keys() - {"network"} or len(query.get("network", [""])) != 1:
            raise wrong
        node = _read_hash(parts.username or "", wrong)
        network = _read_hash(query["network"][0], wrong) if query else None
    elif parts.username or parts.query:
        raise wrong
    return JoinAddress(text, parts.scheme, host, port or DEFAULT_PORTS[parts.scheme], node, network)


def _read_hash(text: str, wrong: JoinInvalid) -> bytes:
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise wrong
    return bytes.fromhex(text)


def read_address(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address in a text, or None if it is none."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def place_group(host: str) -> str:
    """What one operator most likely has all of: an IPv4 /16 network or an IPv6 /32 network."""
    address = read_address(host)
    if address is None:
        return host
    return str(ip_network((address, 16 if address.version == 4 else 32), strict=False))


def reach(host: str) -> int:
    """How far away an address has a meaning: 0 on this machine, 1 in a private network, 2 everywhere."""
    address = read_address(host)
    if address is None:
        return 2
    if address.is_loopback:
        return 0
    return 1 if address.is_private or address.is_link_local else 2


def may_be_told(host: str, to: str) -> bool:
    """Whether an address is of use to a node that is seen at another."""
    address = read_address(host)
    if address is None or address.is_unspecified or address.is_multicast:
        return False
    return reach(host) >= reach(to)

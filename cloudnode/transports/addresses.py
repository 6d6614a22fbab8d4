"""Addresses as the limits by address count them."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from twisted.internet.interfaces import IAddress

LOCAL = "local"
"""The address of all that comes over something without IP addresses, such as a Unix socket."""


def normalize_address(text: str) -> str:
    """One spelling for each IP address: no scope, no IPv4 address dressed as an IPv6 one.

    :raises ValueError: The text is not an IP address.
    """
    address = ipaddress.ip_address(text.split("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def peer_address(peer: IAddress) -> str:
    """The IP address of a transport's peer as text, or :data:`LOCAL`."""
    host = getattr(peer, "host", None)
    try:
        return normalize_address(host) if isinstance(host, str) else LOCAL
    except ValueError:
        return LOCAL


def peer_text(peer: IAddress) -> str:
    """Address and port of a transport's peer, for logs."""
    address = peer_address(peer)
    port = getattr(peer, "port", None)
    if address == LOCAL or port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@lru_cache(4_096)
def address_group(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the /64 network that an IPv6 customer is given whole."""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address, 64), strict=False))

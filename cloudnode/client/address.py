"""Where a node is: a URL of one of the transports, taken apart."""

from __future__ import annotations

from urllib.parse import urlsplit

import attrs

SCHEMES: dict[str, int] = {"http": 38081, "https": 38081, "ws": 38082, "wss": 38082, "ws+udp": 38083}
"""The default port of each scheme."""


class AddressInvalid(ValueError):
    """A URL that names no node; the message says what one looks like."""


@attrs.frozen
class NodeAddress:
    """A node's address.

    :ivar scheme: One of :data:`SCHEMES`. :ivar host: A name, an IPv4 or an IPv6 address without brackets.
    :ivar path: ``/`` at least.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_secure(self) -> bool:
        """Whether TLS is spoken over TCP."""
        return self.scheme in ("https", "wss")

    @property
    def authority(self) -> str:
        """``host:port`` as it stands in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path if self.path != '/' else ''}"


def parse_url(url: str) -> NodeAddress:
    """Read ``scheme://host[:port][/path]``.

    :raises AddressInvalid: It is not that, or the scheme is none of :data:`SCHEMES`.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise AddressInvalid(f"{url!r} is no URL: {error}.") from None
    if parts.scheme not in SCHEMES or not host or parts.username or parts.query or parts.fragment:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise AddressInvalid(f"{url!r} names no node: give {known} with a host, such as ws://127.0.0.1:38082.")
    return NodeAddress(parts.scheme, host, port or SCHEMES[parts.scheme], parts.path or "/")

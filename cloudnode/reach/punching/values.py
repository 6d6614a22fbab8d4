"""What the parts of punching tell each other."""

from __future__ import annotations

import enum
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Literal

import attrs

Endpoint = tuple[str, int]
"""IP address and port."""

Transport = Literal["udp", "tcp"]
TRANSPORTS: tuple[Transport, ...] = ("udp", "tcp")

Side = Literal["requester", "target"]

Mapping = Literal["independent", "dependent", "unknown"]
"""How a NAT maps (RFC 4787, section 4.1): one port for all remote endpoints, another for each (also "symmetric"), or
not known yet."""

CandidateKind = Literal["observed", "private", "predicted", "reflexive", "served"]
"""Where an endpoint is known from: the coordinator observed it; it is in the private network that both sides are in; it
follows the observed one in a NAT that gives ports in order; a probe came from there; it is served in the open."""

LOCAL_MAX = 4
"""Private endpoints that one side may name."""

USERNAME_BYTES = 16
KEY_BYTES = 32


class Strategy(enum.StrEnum):
    """What both sides of an attempt do.

    ``direct``: all probes at once. ``opener``: first packets that end before the other side's router, for one which a
    packet that comes too early turns against its sender. ``spread``: the side whose NAT maps by the remote endpoint
    opens many sockets, the other one probes many of its ports.
    """

    DIRECT = "direct"
    OPENER = "opener"
    SPREAD = "spread"


@attrs.frozen
class Candidate:
    """An endpoint that the other side may be reached at."""

    endpoint: Endpoint
    kind: CandidateKind

    def __str__(self) -> str:
        host, port = self.endpoint
        return f"{self.kind} [{host}]:{port}" if ":" in host else f"{self.kind} {host}:{port}"


@attrs.frozen
class Order:
    """What one side is told by the coordinator, both at the same time.

    :ivar candidates: The other side's, the likeliest first.
    :ivar own: Where the coordinator observed this side; None if it did not.
    :ivar many: Which side opens many sockets; None unless the strategy is ``spread``.
    """

    transport: Transport
    strategy: Strategy
    candidates: tuple[Candidate, ...]
    own: Endpoint | None = None
    many: Side | None = None


_PRIVATE = tuple(
    ip_network(each)
    for each in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
)
"""RFC 1918, 6598, 3927, 4193, 4291: what neighbours behind one NAT reach each other at."""


def is_private(host: str) -> bool:
    """Whether an address is one of a private network, or of one link."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return any(address in network for network in _PRIVATE)


@lru_cache(maxsize=1_024)
def find_family(host: str) -> int:
    """4 or 6, the version of an IP address, and 0 for what is none; an IPv4 address dressed as an IPv6 one is of 4."""
    try:
        return ip_address(public_name(host)).version
    except ValueError:
        return 0


@lru_cache(maxsize=1_024)
def public_name(host: str) -> str:
    """An address as both sides of a NAT would write it: an IPv4 address dressed as an IPv6 one as what it is."""
    address = ip_address(host.partition("%")[0])
    return str(getattr(address, "ipv4_mapped", None) or address)

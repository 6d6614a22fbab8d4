"""The four sockets of a server with two addresses (RFC 5780, section 3)."""

from __future__ import annotations

from cloudnode.stun.answering import Place
from cloudnode.stun.attributes import Address


def make_places(primary: Address, alternate: Address) -> list[Place]:
    """The places at both IP addresses and both ports, the primary one first.

    :param alternate: Differs from the primary one in both.
    """
    assert primary[0] != alternate[0] and primary[1] != alternate[1]
    (one, first), (two, second) = primary, alternate
    addresses = (((one, first), (one, second)), ((two, first), (two, second)))
    return [Place(addresses, host, port) for host in range(2) for port in range(2)]

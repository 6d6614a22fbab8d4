"""Which peers are outside: beyond this network's NAT or firewall, where what they see and reach says how anybody does.

A neighbour in a private network sees the node's private address and gets past no NAT: of the way in from outside it
knows nothing. Private and link-local addresses, ULA and 100.64/10 (RFC 1918, 3927, 4193, 4291, 6598) are not outside,
nor is who has the very address at which others see this node: behind the same NAT, or on the same machine.

A company's or a laboratory's network may have no others. Then these are all there is, and are asked; but not as soon as
the links with peers outside are down, as they are while a router restarts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple, TypeVar

from twisted.internet.interfaces import IReactorTime

from cloudnode.formats.stundata import is_local

T = TypeVar("T")

ALONE_SECONDS = 600.0
"""So long after the last peer outside was linked, neighbours count as all there is."""


class Realm(NamedTuple):
    """Addresses of which one can tell something of the other.

    :ivar version: Of IP. :ivar is_outside: Whether they mean the same everywhere.
    """

    version: int
    is_outside: bool


@lru_cache(4_096)
def find_realm(address: str) -> Realm:
    """The realm of an IP address, which may have a zone."""
    return Realm(ip_address(address.partition("%")[0]).version, not is_local(address))


def is_loopback(address: str) -> bool:
    """Whether an IP address, which may have a zone, is for talking with oneself."""
    return ip_address(address.partition("%")[0]).is_loopback


def is_outside(address: str, own: Collection[str] = ()) -> bool:
    """Whether who has an address is outside.

    :param own: The addresses at which others see this node, as far as they are known.
    """
    return find_realm(address).is_outside and address not in own


class OutsideChoice:
    """Chooses whom to ask."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._last = float("-inf")

    def choose(self, found: Iterable[T], address: Callable[[T], str], own: Collection[str] = ()) -> list[T]:
        """Those that are outside; all, if for long none has been seen here.

        :param found: Of all that are linked. :param address: Their IP addresses. :param own: See :func:`is_outside`.
        """
        every = list(found)
        outside = [each for each in every if is_outside(address(each), own)]
        if outside:
            self._last = self._clock.seconds()
            return outside
        return every if self._clock.seconds() - self._last >= ALONE_SECONDS else []

"""Nodes with which links held: what others of their address do, who may share a NAT with them, is not theirs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from cloudnode.transports.addresses import address_group

KNOWN_MAX = 1_000
OF_ONE_ADDRESS_MAX = 16


class KnownNodes:
    """Node keys by the address (:func:`~cloudnode.transports.addresses.address_group`) that a link held from.

    Of too many, of one address and in all, the one that had no link for longest is forgotten: a key is free, so who
    holds links only to have keys here has no more of them than an honest crowd behind one address.
    """

    def __init__(self) -> None:
        self._nodes: OrderedDict[bytes, str] = OrderedDict()

    def __contains__(self, node: bytes) -> bool:
        return node in self._nodes

    def __iter__(self) -> Iterator[tuple[bytes, str]]:
        """Keys with their addresses, the one that had no link for longest first."""
        return iter(list(self._nodes.items()))

    def live_at(self, address: str) -> bool:
        """Whether one of them was last seen at an address."""
        return address_group(address) in self._nodes.values()

    def held(self, node: bytes, address: str) -> None:
        """A link held."""
        group = address_group(address)
        if self._nodes.get(node) != group:
            there = [each for each, known in self._nodes.items() if known == group]
            for each in there[: max(0, len(there) - OF_ONE_ADDRESS_MAX + 1)]:
                del self._nodes[each]
        self._nodes[node] = group
        self._nodes.move_to_end(node)
        if len(self._nodes) > KNOWN_MAX:
            self._nodes.popitem(last=False)

    def lied(self, node: bytes) -> None:
        """It is known for something else now."""
        self._nodes.pop(node, None)

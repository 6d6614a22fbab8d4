"""Whom this node has no link with for a while, each time for longer.

Times are of a clock that never goes back; how they outlive a restart, and a clock that was set, is
:mod:`cloudnode.peers.bookfile`'s.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import attrs

from cloudnode.transports.addresses import address_group

DAY = 86_400
BAN_SECONDS = 60.0
BAN_GROWTH = 4
BAN_MAX = 7.0 * DAY
BANS_MAX = 1_000

LIARS_SECONDS = float(DAY)
LIARS_MAX = 1_000
LIARS_OF_AN_ADDRESS_MAX = 16


def ban_seconds(count: int) -> float:
    """How long the so many'th ban of somebody is."""
    return min(BAN_SECONDS * float(BAN_GROWTH) ** min(count - 1, 20), BAN_MAX)


@attrs.define
class Ban:
    """Whom this node has no link with until then, the how manieth time, and why."""

    until: float
    count: int
    fault: str


class Bans:
    """Bans of nodes (by their keys in hex) and of addresses (IPv4 addresses and IPv6 /64 networks:
    :func:`~cloudnode.transports.addresses.address_group`). Those that are over are remembered for their number."""

    def __init__(self) -> None:
        self._bans: dict[str, Ban] = {}

    def __iter__(self) -> Iterator[tuple[str, Ban]]:
        return iter(list(self._bans.items()))

    def ban(self, whom: str, fault: str, now: float) -> float:
        """Have no link with somebody for a while.

        :return: For how many seconds; each time for longer.
        """
        before = self._bans.get(whom)
        count = before.count + 1 if before is not None else 1
        self.restore(whom, Ban(now + ban_seconds(count), count, fault))
        return ban_seconds(count)

    def restore(self, whom: str, ban: Ban) -> None:
        """Take over a ban; of too many, the one that ends first gives way."""
        self._bans[whom] = ban
        if len(self._bans) > BANS_MAX:
            del self._bans[min(self._bans, key=lambda each: self._bans[each].until)]

    def includes(self, node: bytes, host: str, now: float) -> bool:
        """Whether a node or an address is banned now; either may be empty."""
        if not self._bans:
            return False
        bans = (self._bans.get(node.hex()) if node else None, self._bans.get(address_group(host)) if host else None)
        return any(ban is not None and ban.until > now for ban in bans)

    def present(self, now: float) -> dict[str, Ban]:
        """All bans that hold now."""
        return {whom: ban for whom, ban in self._bans.items() if ban.until > now}

    def count(self, whom: str) -> int:
        """How often somebody was banned."""
        ban = self._bans.get(whom)
        return 0 if ban is None else ban.count


class Liars:
    """From which addresses nodes lied: a key is free and an address is not, so that the second liar of one tells."""

    def __init__(self) -> None:
        self._liars: OrderedDict[str, OrderedDict[bytes, float]] = OrderedDict()

    def add(self, group: str, node: bytes, now: float) -> int:
        """Note a lie.

        :return: How many nodes lied from there within a day, if this one is the newest of them, else 0.
        """
        before = self._liars.pop(group, OrderedDict())
        there = OrderedDict((each, at) for each, at in before.items() if now - at < LIARS_SECONDS)
        is_new = node not in there
        there[node] = now
        there.move_to_end(node)
        if len(there) > LIARS_OF_AN_ADDRESS_MAX:
            there.popitem(last=False)
        self._liars[group] = there
        if len(self._liars) > LIARS_MAX:
            self._liars.popitem(last=False)
        return len(there) if is_new else 0

"""Whom this node has no link with for a while, each time for longer.

Times are of a clock that never goes back; how they outlive a restart, and a clock that was set, is
:mod:`cloudnode.peers.bookfile`'s.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

DAY = 86_400
BAN_SECONDS = 60.0
BAN_GROWTH = 4
BAN_MAX = 7.0 * DAY
BANS_MAX = 1_000


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
    """Bans of nodes (by their keys in hex) and of IP addresses. Those that are over are remembered for their number."""

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
        bans = (self._bans.get(node.hex()) if node else None, self._bans.get(host))
        return any(ban is not None and ban.until > now for ban in bans)

    def present(self, now: float) -> dict[str, Ban]:
        """All bans that hold now."""
        return {whom: ban for whom, ban in self._bans.items() if ban.until > now}

    def count(self, whom: str) -> int:
        """How often somebody was banned."""
        ban = self._bans.get(whom)
        return 0 if ban is None else ban.count

"""What a relay gives to whom: enough to use a node by, not enough to be worth stealing."""

from __future__ import annotations

from collections import OrderedDict

import attrs

HOUR = 3600.0
_CALLERS_REMEMBERED = 4096


@attrs.frozen
class RelayLimits:
    """What a node carries for others.

    :ivar seconds: How long a stream may last. :ivar bytes: Of a stream, both directions together.
    :ivar accept_seconds: How long the node that is called may take. :ivar streams: In all.
    :ivar streams_by_caller: Of one IPv4 address or IPv6 /64 network. :ivar streams_by_node: To one node.
    :ivar caller_bytes: In an hour, of one such caller.
    """

    seconds: float = 1800.0
    bytes: int = 64 * 1024 * 1024
    accept_seconds: float = 8.0
    streams: int = 64
    streams_by_caller: int = 8
    streams_by_node: int = 32
    caller_bytes: int = 256 * 1024 * 1024


@attrs.define
class RelayCounters:
    """What was relayed, for metrics.

    :ivar open: Streams that are carried now. :ivar opened: :ivar refused: :ivar failed: Streams that were asked for:
        carried, refused by a limit, given up because the node that was called did not come.
    :ivar bytes: That were carried. :ivar accepted: Streams that other nodes relay to this one.
    """

    open: int = 0
    opened: int = 0
    refused: int = 0
    failed: int = 0
    bytes: int = 0
    accepted: int = 0


class CallerBytes:
    """How much each caller had relayed in the present hour; the callers that were heard of last are remembered."""

    def __init__(self) -> None:
        self._spent: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def spent(self, caller: str, now: float) -> int:
        """Bytes of this hour. :param now: Seconds."""
        hour, size = self._spent.get(caller, (0, 0))
        return size if hour == int(now // HOUR) else 0

    def spend(self, caller: str, size: int, now: float) -> None:
        """Note bytes. :param now: Seconds."""
        self._spent[caller] = (int(now // HOUR), self.spent(caller, now) + size)
        self._spent.move_to_end(caller)
        if len(self._spent) > _CALLERS_REMEMBERED:
            self._spent.popitem(last=False)

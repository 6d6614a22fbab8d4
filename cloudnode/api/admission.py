"""Counting what callers take, in tables that are bounded whoever calls."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from cloudnode.api.limits import Limits


class Bucket:
    """One address's token bucket: ``rate`` tokens a second, ``burst`` at most.

    A request that finds too few tokens takes none, so that a refused caller is not kept refused by asking.
    """

    __slots__ = ("_burst", "_now", "_rate", "_tokens", "_updated")

    def __init__(self, rate: float, burst: float, now: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._now = now
        self._tokens = burst
        self._updated = now()

    def take(self, cost: int) -> float:
        """Take tokens.

        :returns: 0 if they were there, else the seconds after which they would be. What costs more than the
            whole burst is let through once the bucket is full, and leaves a debt.
        """
        now = self._now()
        tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate)
        self._updated = now
        if tokens >= min(cost, self._burst):
            self._tokens = tokens - cost
            return 0.0
        self._tokens = tokens
        return max((min(cost, self._burst) - tokens) / self._rate, 0.001)


class Admission:
    """Who may connect and ask, of all transports together.

    :ivar connected: Connections now.
    """

    def __init__(self, limits: Limits, now: Callable[[], float]) -> None:
        """:param now: A monotonic clock, in seconds."""
        self.limits = limits
        self.connected = 0
        self._now = now
        self._key = lru_cache(maxsize=4096)(limits.limited_key)
        self._connections: dict[str, int] = {}
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def bucket(self, address: str) -> Bucket | None:
        """The bucket of a caller's address; None if its rate is not limited."""
        key = self._key(address)
        if key is None:
            return None
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = Bucket(self.limits.requests_second, float(self.limits.requests_burst), self._now)
            self._buckets[key] = bucket
            if len(self._buckets) > self.limits.addresses:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return bucket

    def is_full(self, address: str) -> bool:
        """Whether one more connection from an address would be over a limit."""
        if self.connected >= self.limits.connections:
            return True
        key = self._key(address)
        return key is not None and self._connections.get(key, 0) >= self.limits.connections_address

    def connect(self, address: str) -> bool:
        """Count a connection, if there is room for it; each True is followed by one :meth:`disconnect`."""
        if self.is_full(address):
            return False
        self.connected += 1
        key = self._key(address)
        if key is not None:
            self._connections[key] = self._connections.get(key, 0) + 1
        return True

    def disconnect(self, address: str) -> None:
        """Uncount a connection."""
        self.connected -= 1
        key = self._key(address)
        if key is None:
            return
        left = self._connections[key] - 1
        if left:
            self._connections[key] = left
        else:
            del self._connections[key]

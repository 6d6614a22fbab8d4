"""One NAT mapping: when it is asked for again, what it is, and whether it still is (pure).

Theory of operation. A STUN-Client socket asks its peer's STUN server where it is seen from outside. Each request is a
keep-alive as well, because a mapping lives for some time after the last packet that went out. Answers come at an
interval that starts short and is learned by others (:mod:`cloudnode.reach.lifetime`). An answer with another address
or port than before says that the router forgot the mapping, or that it is another router; whoever keeps several
mappings has all of them asked for at once then. A request without an answer is followed by the next one at once, and
with :data:`FAILURES_MAX` failures in a row the mapping counts as gone, until there is an answer again.

So what a router's restart or a new network changes is noticed at the first keep-alive after it, and within two of
them if that one falls into the time in which nothing gets through.
"""

from __future__ import annotations

from typing import NamedTuple

FAILURES_MAX = 2
"""So many requests without an answer, and nothing is known of the mapping any more."""

RETRY_SECONDS = 1.0
"""After the first failures the next request follows so soon; later it waits for the interval."""


class External(NamedTuple):
    """An address and port as a STUN server sees them."""

    address: str
    port: int


class Changed(NamedTuple):
    """The mapping is another one than before; None where there is (or was) none.

    :ivar seen: When the one before was told last.
    """

    before: External | None
    after: External | None
    seen: float


class Mapping:
    """What is known of one mapping. Times are of a clock that never goes back.

    :ivar external: Where the socket is seen now, or None. :ivar first_seen: Since when.
    :ivar last_seen: When that was told last. :ivar interval: Seconds between keep-alives; may be set at any time.
    :ivar changes: How often it became another one. :ivar failures: Requests in a row that were not answered.
    """

    def __init__(self, now: float, interval: float) -> None:
        self.external: External | None = None
        self.first_seen = now
        self.last_seen = now
        self.interval = interval
        self.changes = 0
        self.failures = 0
        self._is_asking = False
        self._asked = now
        self._due = now

    def deadline(self) -> float | None:
        """When it is to be asked for again; None while a request is under way."""
        if self._is_asking:
            return None
        # The interval may have become shorter since.
        return min(self._due, self._asked + self.interval) if self.external is not None else self._due

    def asking(self, now: float) -> None:
        """A request is sent."""
        self._is_asking = True
        self._asked = now

    def answered(self, external: External, now: float) -> Changed | None:
        """A request was answered.

        :return: What has changed, if anything has.
        """
        self._is_asking = False
        self.failures = 0
        seen, self.last_seen = self.last_seen, now
        self._due = self._asked + self.interval
        if external == self.external:
            return None
        before, self.external = self.external, external
        self.first_seen = now
        self.changes += before is not None
        return Changed(before, external, seen)

    def failed(self, now: float) -> Changed | None:
        """A request was not answered in time, or could not be sent.

        :return: The loss of the mapping, when it counts as lost.
        """
        self._is_asking = False
        self.failures += 1
        soon = self.failures <= FAILURES_MAX
        self._due = now + (min(RETRY_SECONDS, self.interval) if soon else self.interval)
        if self.failures < FAILURES_MAX or self.external is None:
            return None
        before, self.external = self.external, None
        return Changed(before, None, self.last_seen)

    def disturb(self, now: float) -> None:
        """Something has changed nearby: ask at once, unless a request is under way."""
        self._due = min(self._due, now)

"""One port that the router is asked to forward: what is due when (pure).

A mapping is renewed after half of its lifetime, a failed renewal tried again after an eighth of it, and when the
lifetime is over the mapping is gone. What never was granted is asked for again ever more seldom: most routers that say
no, or nothing, will say so tomorrow.
"""

from __future__ import annotations

from typing import Literal

import attrs

from cloudnode.formats.stundata import Protocol

Method = Literal["pcp", "nat-pmp", "upnp"]

RETRY_FIRST = 60.0
RETRY_LAST = 3_600.0
RENEWAL_SHORTEST = 0.5
"""Seconds between two requests at least, whatever lifetime a router grants."""

PERMANENT_CHECK = 600.0
"""A mapping without an end is asked for again so often: the router may have been restarted."""


@attrs.frozen
class Lease:
    """A forwarded port.

    :ivar address: :ivar port: The external ones. :ivar lifetime: Seconds, 0 for no end. :ivar method: By what protocol.
    """

    address: str
    port: int
    lifetime: float
    method: Method


class WantedPort:
    """A port of this node's, and its lease.

    :ivar lease: The one that holds; None while there is none. :ivar trouble: Why not; None if there is one.
    :ivar due: When something is to be done.
    """

    def __init__(self, protocol: Protocol, port: int, now: float) -> None:
        self.protocol = protocol
        self.port = port
        self.lease: Lease | None = None
        self.trouble: str | None = None
        self.due = now
        self._ends = 0.0
        self._retry = RETRY_FIRST

    def granted(self, lease: Lease, now: float) -> bool:
        """The router forwards it; True if it is another lease than before, whatever its lifetime is."""
        before, self.lease, self.trouble = self.lease, lease, None
        self._retry = RETRY_FIRST
        self._ends = now + lease.lifetime if lease.lifetime else float("inf")
        self.due = now + (max(lease.lifetime / 2, RENEWAL_SHORTEST) if lease.lifetime else PERMANENT_CHECK)
        return before is None or (before.address, before.port) != (lease.address, lease.port)

    def failed(self, trouble: str, now: float) -> bool:
        """The router was asked in vain; True if a lease is gone with that."""
        self.trouble = trouble
        if self.lease is not None and now < self._ends and self.lease.lifetime:
            self.due = min(now + max(self.lease.lifetime / 8, RENEWAL_SHORTEST), self._ends)
            return False
        was_leased, self.lease = self.lease is not None, None
        self.due = now + self._retry
        self._retry = min(2 * self._retry, RETRY_LAST)
        return was_leased

    def disturb(self, now: float) -> None:
        """The router may have lost it, or be another one: ask at once."""
        self.due = now
        self._retry = RETRY_FIRST

"""What answering a call may need, in one value."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property

import attrs
from twisted.internet.interfaces import IReactorTime

from cloudnode.api.admission import Admission
from cloudnode.api.facts import NodeFacts
from cloudnode.api.feeds import Feeds
from cloudnode.api.limits import Limits
from cloudnode.api.metrics import Meters
from cloudnode.api.table import Table
from cloudnode.node.evidence import EvidenceStore
from cloudnode.node.ledger import Ledger

COMPARISON_SECONDS = 0.5


class Pace:
    """Something that may happen once in so many seconds, for all callers together."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0

    def take(self, now: float) -> float:
        """Count one and give 0, or give the seconds until the next one may be."""
        if now < self._next:
            return self._next - now
        self._next = now + self._seconds
        return 0.0


@attrs.frozen(slots=False, eq=False)
class ServedNode:
    """One node as its API sees it; the same for all transports and callers.

    :ivar evidence: Against validators and nodes. :ivar clock: For waits and limits.
    :ivar wall_clock: Unix time in seconds, for people and Pocketnet's tools.
    """

    ledger: Ledger
    facts: NodeFacts
    limits: Limits
    clock: IReactorTime
    table: Table
    evidence: EvidenceStore
    wall_clock: Callable[[], float] = time.time

    @cached_property
    def admission(self) -> Admission:
        """Who is connected and how much they ask."""
        return Admission(self.limits, self.clock.seconds)

    @cached_property
    def comparisons(self) -> Pace:
        """When nodes may be compared next: each asks peers, who would take a caller's flood for this node's."""
        return Pace(COMPARISON_SECONDS)

    @cached_property
    def meters(self) -> Meters:
        """Counters of calls."""
        return Meters()

    @cached_property
    def feeds(self) -> Feeds:
        """What subscriptions live on."""
        return Feeds(self.ledger, self.limits, self.clock)

    @cached_property
    def _openrpc(self) -> bytes:
        from cloudnode.api.openrpc import encode_document

        return encode_document(self.table)

    def openrpc(self) -> bytes:
        """The OpenRPC document, JSON text."""
        return self._openrpc

"""What became of each attempt: for the log, the metrics and ``getpeerinfo``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Literal

import attrs
from twisted.logger import Logger

from cloudnode.reach.punching.values import Candidate, Endpoint, Strategy, Transport

Role = Literal["requester", "coordinator", "target"]
Outcome = Literal["under way", "open", "failed", "told"]
"""``told`` is all that a coordinator knows: both sides have their orders."""

KEPT = 128


@attrs.define(eq=False)
class Trace:
    """One attempt.

    :ivar role: What this node is in it. :ivar node: The target's key, or on the target that of the coordinator.
    :ivar began: Unix seconds. :ivar seconds: From the request (on the target: from the order) to the outcome.
    :ivar own: Where the coordinator observed this side. :ivar packets: Probes (over TCP: connections) that were sent.
    :ivar path: The endpoint that it succeeded at, and what kind of candidate that is. :ivar reason: Why it failed.
    """

    role: Role
    node: bytes
    transport: Transport
    strategy: Strategy
    began: float
    candidates: list[Candidate] = attrs.field(factory=list)
    own: Endpoint | None = None
    outcome: Outcome = "under way"
    path: Candidate | None = None
    reason: str = ""
    packets: int = 0
    seconds: float = 0.0


@attrs.define
class PunchCounters:
    """What attempts came to, for metrics. Each only grows.

    :ivar requested: Attempts that this node made. :ivar coordinated: Those that it brought together.
    :ivar joined: Those that it was the target of. :ivar opened: :ivar failed: Outcomes of made and joined ones.
    :ivar refused: Requests that it did not coordinate. :ivar unobserved: Requests without a Binding request.
    :ivar packets: Probes and SYNs sent. :ivar opened_seconds: What the opened ones took, all together.
    """

    requested: int = 0
    coordinated: int = 0
    joined: int = 0
    opened: int = 0
    failed: int = 0
    refused: int = 0
    unobserved: int = 0
    packets: int = 0
    opened_seconds: float = 0.0


class Tracer:
    """The last attempts, and the counters of all.

    :ivar counters: For metrics.
    """

    _log = Logger()

    def __init__(self, wall_time: Callable[[], float], kept: int = KEPT) -> None:
        """:param wall_time: Unix seconds."""
        self.counters = PunchCounters()
        self._wall_time = wall_time
        self._traces: deque[Trace] = deque(maxlen=kept)

    def __iter__(self) -> Iterator[Trace]:
        return iter(list(self._traces))

    def of_node(self, node: bytes) -> list[Trace]:
        """Those that a node took part in, the newest last."""
        return [trace for trace in self._traces if trace.node == node]

    def begin(self, role: Role, node: bytes, transport: Transport, strategy: Strategy) -> Trace:
        """An attempt begins."""
        counters = self.counters
        if role == "requester":
            counters.requested += 1
        elif role == "target":
            counters.joined += 1
        trace = Trace(role, node, transport, strategy, self._wall_time())
        self._traces.append(trace)
        return trace

    def told(self, trace: Trace) -> None:
        """Both sides have their orders."""
        self.counters.coordinated += 1
        self._end(trace, "told")

    def opened(self, trace: Trace, path: Candidate) -> None:
        """There is a path."""
        if trace.outcome == "under way":
            self.counters.opened += 1
            trace.path = path
            self._end(trace, "open")
            self.counters.opened_seconds += trace.seconds

    def failed(self, trace: Trace, reason: str) -> None:
        """There is none."""
        if trace.outcome == "under way":
            self.counters.failed += 1
            trace.reason = reason
            self._end(trace, "failed")

    def _end(self, trace: Trace, outcome: Outcome) -> None:
        trace.outcome = outcome
        trace.seconds = self._wall_time() - trace.began
        self.counters.packets += trace.packets
        self._log.info(
            "A {transport} punch as {role} with node {node}, strategy {strategy}: {outcome} after {seconds:.3f} s, "
            "{packets} packets{path}{reason}; candidates: {candidates}",
            transport=trace.transport, role=trace.role, node=trace.node.hex(), strategy=trace.strategy.value,
            outcome=outcome, seconds=trace.seconds, packets=trace.packets,
            path="" if trace.path is None else f", at {trace.path}",
            reason=f", {trace.reason}" if trace.reason else "",
            candidates=", ".join(map(str, trace.candidates[:12])) or "none",
        )  # fmt: skip

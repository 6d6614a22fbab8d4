"""Counting what is asked and answered, and telling Prometheus.

A call costs two additions and a bisection: plain integers are counted on the way, and Prometheus's values are made of
them only when they are asked for. The registry is the node's own, so that two nodes in a process don't meet in it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from cloudnode.api.served import ServedNode

BUCKETS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0, 30.0)
"""Upper bounds of the latency buckets, in seconds."""

Gauges = Callable[[], Mapping[str, float]]
"""Further values from outside (a transport's packet counts, say): name without prefix, and value now."""


class Meter:
    """Calls of one method on one transport.

    :ivar outcomes: How often each outcome came: ``ok``, or an error's name.
    :ivar buckets: How many calls took so long, one more than :data:`BUCKETS`. :ivar seconds: Of all of them.
    """

    __slots__ = ("buckets", "outcomes", "seconds")

    def __init__(self) -> None:
        self.outcomes: dict[str, int] = {"ok": 0}
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0

    def count(self, outcome: str, seconds: float) -> None:
        """Count one call."""
        outcomes = self.outcomes
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds


class TransportMeters(dict[str, Meter]):
    """The meters of one transport by method; only names of the table and a few of ours ever enter."""

    def __missing__(self, method: str) -> Meter:
        meter = self[method] = Meter()
        return meter


class Meters:
    """All meters of a node.

    :ivar sessions: Sessions open now, by transport. :ivar subscriptions: Subscriptions now.
    """

    def __init__(self) -> None:
        self.sessions: dict[str, int] = {}
        self.subscriptions = 0
        self._transports: dict[str, TransportMeters] = {}

    def of_transport(self, transport: str) -> TransportMeters:
        """The meters of one transport."""
        meters = self._transports.get(transport)
        if meters is None:
            meters = self._transports[transport] = TransportMeters()
        return meters

    def __iter__(self) -> Iterator[tuple[str, str, Meter]]:
        for transport, meters in self._transports.items():
            for method, meter in meters.items():
                yield transport, method, meter


class NodeCollector(Collector):
    """Makes Prometheus's values of a node's counters when they are asked for."""

    def __init__(self, served: ServedNode, gauges: Gauges | None = None) -> None:
        self._served = served
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        yield from self._calls()
        yield from self._ledger()
        meters = self._served.meters
        sessions = GaugeMetricFamily("cloudnode_sessions", "Sessions open now.", labels=["transport"])
        for transport, count in meters.sessions.items():
            sessions.add_metric([transport], count)
        yield sessions
        connections = self._served.admission.connected
        yield GaugeMetricFamily("cloudnode_connections", "Connections open now.", value=connections)
        yield GaugeMetricFamily("cloudnode_subscriptions", "Subscriptions now.", value=meters.subscriptions)
        if self._gauges is not None:
            for name, value in self._gauges().items():
                yield GaugeMetricFamily(f"cloudnode_{name}", "See docs/operations.md.", value=value)

    def _calls(self) -> Iterable[Metric]:
        requests = CounterMetricFamily(
            "cloudnode_requests", "Requests answered.", labels=["method", "transport", "outcome"]
        )
        latency = HistogramMetricFamily(
            "cloudnode_request_seconds", "From a request's arrival to its answer.", labels=["method", "transport"]
        )  # fmt: skip
        for transport, method, meter in self._served.meters:
            for outcome, count in meter.outcomes.items():
                if count:
                    requests.add_metric([method, transport, outcome], count)
            total, cumulated = 0, []
            for bound, count in zip((*map(str, BUCKETS), "+Inf"), meter.buckets, strict=True):
                total += count
                cumulated.append((bound, total))
            latency.add_metric([method, transport], cumulated, meter.seconds)
        yield requests
        yield latency

    def _ledger(self) -> Iterable[Metric]:
        ledger = self._served.ledger
        head = ledger.head
        yield GaugeMetricFamily("cloudnode_ledger_height", "Height of the newest final block.", value=head.height)
        yield GaugeMetricFamily("cloudnode_ledger_time_seconds", "Its time, unix seconds.", value=head.time / 1000)
        yield GaugeMetricFamily(
            "cloudnode_ledger_serving", "1 while data is served.", value=float(ledger.state == "serving")
        )
        yield GaugeMetricFamily(
            "cloudnode_pool_operations", "Operations that wait for a block.", value=ledger.pool_operations
        )
        yield GaugeMetricFamily("cloudnode_pool_bytes", "Bytes of their bodies.", value=ledger.pool_size)
        evidence = GaugeMetricFamily("cloudnode_evidence", "Evidence that is kept.", labels=["kind"])
        for kind, count in self._served.evidence.counts().items():
            evidence.add_metric([kind], count)
        yield evidence
        audit = GaugeMetricFamily("cloudnode_audit_state", "1 for the audit's present state.", labels=["state"])
        for state in ("never", "running", "ok", "corrupt"):
            audit.add_metric([state], float(ledger.audit.state == state))
        yield audit
        yield GaugeMetricFamily("cloudnode_repairing", "1 while damage is being repaired.",
                                value=float(ledger.state == "repairing"))  # fmt: skip
        yield CounterMetricFamily("cloudnode_repairs", "Repairs that succeeded.", value=ledger.repair.repairs)
        yield GaugeMetricFamily("cloudnode_repair_trouble", "1 while damage can't be repaired.",
                                value=float(ledger.repair.trouble is not None))  # fmt: skip


def expose(served: ServedNode, gauges: Gauges | None = None) -> Callable[[], bytes]:
    """A function that gives Prometheus's text for a node."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(NodeCollector(served, gauges))
    return lambda: generate_latest(registry)

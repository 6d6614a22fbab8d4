"""Servers under the same load, taking turns, so that what else the machine does hits all of them alike."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import attrs
import msgspec

from benchmarks.load import PERCENTILES, Plan
from benchmarks.servers import Server, run_load
from benchmarks.tables import print_table


@attrs.frozen
class Target:
    """A server and the load on it (``port`` and ``seconds`` of the plan are filled in)."""

    server: Server
    plan: Plan

    @property
    def name(self) -> str:
        """For tables."""
        return self.server.name


@attrs.define
class Rounds:
    """What was measured of one target, one value a round.

    :ivar rates: Answers a second. :ivar costs: Microseconds of the server's processor time for an answer.
    :ivar latencies: Milliseconds, for each of the percentiles.
    """

    rates: list[float] = attrs.Factory(list)
    costs: list[float] = attrs.Factory(list)
    latencies: list[tuple[float, ...]] = attrs.Factory(list)


HEADINGS = ["server", "answers/s", "ratio", "CPU us each", "CPU ratio", *(f"p{each} ms" for each in PERCENTILES)]


@attrs.frozen
class Comparison:
    """All rounds of all targets; ratios are medians of the rounds' own."""

    rounds: dict[str, Rounds]

    def rate(self, name: str) -> float:
        """Answers a second."""
        return median(self.rounds[name].rates)

    def ratio(self, name: str, baseline: str) -> float:
        """How many times the baseline's rate."""
        pairs = zip(self.rounds[name].rates, self.rounds[baseline].rates, strict=True)
        return median(rate / base for rate, base in pairs)

    def cpu_ratio(self, name: str, baseline: str) -> float:
        """The baseline's processor time for an answer in units of this one's: the ratio if a core is all they have."""
        pairs = zip(self.rounds[name].costs, self.rounds[baseline].costs, strict=True)
        return median(base / cost for cost, base in pairs)

    def rows(self, baseline: str) -> list[list[object]]:
        """Rows for a table under :data:`HEADINGS`."""
        return [
            [
                name,
                median(rounds.rates),
                self.ratio(name, baseline),
                median(rounds.costs),
                self.cpu_ratio(name, baseline),
                *(median(each) for each in zip(*rounds.latencies, strict=True)),
            ]
            for name, rounds in self.rounds.items()
        ]

    def print(self, baseline: str) -> None:
        """Print the table, ratios to ``baseline``."""
        print_table(HEADINGS, self.rows(baseline))


def compare(targets: Sequence[Target], seconds: float, rounds: int) -> Comparison:
    """Load each target in turn.

    :param seconds: Of each target, all rounds together.
    """
    results = {target.name: Rounds() for target in targets}
    for _ in range(rounds):
        for target in targets:
            plan = msgspec.structs.replace(
                target.plan, port=target.server.ports[target.plan.carrier], seconds=seconds / rounds
            )
            before = target.server.child.cpu_seconds()
            result = run_load(plan)
            spent = target.server.child.cpu_seconds() - before
            of_target = results[target.name]
            of_target.rates.append(result.rate)
            of_target.costs.append(spent / result.all_answers * 1e6)
            of_target.latencies.append(result.latencies)
    return Comparison(results)

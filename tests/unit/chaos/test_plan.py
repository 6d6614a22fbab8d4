"""The plan of faults, and the verdict on what clients were told."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from tests.chaos.faults import BEGIN, KINDS, Fault, plan_faults
from tests.chaos.verdict import Told, missing, read_finals


class FaultTests(SynchronousTestCase):
    def plans(self) -> list[tuple[Fault, ...]]:
        return [plan_faults(Random(seed), KINDS, 120, 4, 3) for seed in range(50)]

    def test_seed(self) -> None:
        """A seed gives the same plan again, another one another."""
        first, second = (plan_faults(Random(7), KINDS, 60, 4, 3) for _ in range(2))
        self.assertEqual(first, second)
        self.assertNotEqual(first, plan_faults(Random(8), KINDS, 60, 4, 3))

    def test_bounds(self) -> None:
        """At no time more validators have a fault than the network tolerates, nor all followers, nor one node twice."""
        for plan in self.plans():
            self.assertEqual(list(plan), sorted(plan, key=lambda fault: fault.at))
            for fault in plan:
                self.assertTrue(BEGIN <= fault.at < fault.end <= 120)
                down = [other.node for other in plan if other.at <= fault.at < other.end]
                self.assertEqual(len(down), len(set(down)))
                self.assertLessEqual(sum(node < 4 for node in down), 1)
                self.assertLessEqual(sum(node >= 4 for node in down), 2)

    def test_all_kinds(self) -> None:
        """Two minutes have every kind for validators and followers, and both kinds of cuts are among the seeds."""
        for plan in self.plans():
            for nodes in (range(4), range(4, 7)):
                self.assertEqual({fault.kind for fault in plan if fault.node in nodes}, set(KINDS))
        silent = {fault.is_silent for plan in self.plans() for fault in plan if fault.kind == "cut"}
        self.assertEqual(silent, {True, False})

    def test_few_nodes(self) -> None:
        """A lone validator has no faults, nor a lone follower."""
        plan = plan_faults(Random(1), KINDS, 120, 1, 3)
        self.assertEqual({fault.node for fault in plan} - {1, 2, 3}, set())
        self.assertTrue(plan)
        self.assertEqual(plan_faults(Random(1), KINDS, 120, 1, 1), ())


class FinalsTests(SynchronousTestCase):
    def test_missing(self) -> None:
        """An operation that is not in the log, or not where it was told to be, is missing."""
        operation, other = b"\x01" * 32, b"\x02" * 32
        told = read_finals([f"{operation.hex()} 3 1\n", f"{other.hex()} 3 2\n", "0303"])
        self.assertEqual(told, [Told(operation, 3 << 20 | 1), Told(other, 3 << 20 | 2)])
        self.assertEqual(missing(told, {told[0].position: operation, told[1].position: other}), [])
        self.assertEqual(missing(told, {told[0].position: other}), told)

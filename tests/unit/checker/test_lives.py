"""The plan of faults and lies."""

from __future__ import annotations

from itertools import islice
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from tests.checker.lives import Cast, draw_lies, plan_lives


class LivesTests(SynchronousTestCase):
    def test_seed(self) -> None:
        """A seed gives the same plan again."""
        first, second = (plan_lives(Random(7), Cast(), 60) for _ in range(2))
        self.assertEqual(first, second)
        self.assertNotEqual(first, plan_lives(Random(8), Cast(), 60))

    def test_bounds(self) -> None:
        """A quorum is never touched, one node behind a NAT always is there, and the liar lives and dies by itself."""
        for seed in range(20):
            plan = plan_lives(Random(seed), Cast(), 120)
            for fault in plan:
                down = [other.node for other in plan if other.at <= fault.at < other.end]
                self.assertEqual(len(down), len(set(down)))
                self.assertLessEqual(sum(node < 4 for node in down), 1)
                self.assertLessEqual(sum(4 <= node < 6 for node in down), 1)
            self.assertGreater(sum(fault.node == Cast().liar for fault in plan), 3)

    def test_lies(self) -> None:
        """Every lie has its turn."""
        told = list(islice(draw_lies(Random(1), "abcde"), 10))
        self.assertEqual((sorted(told[:5]), sorted(told[5:])), (list("abcde"), list("abcde")))

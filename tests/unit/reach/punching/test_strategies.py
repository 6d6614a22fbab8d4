"""What follows what."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.reach.punching.strategies import next_step
from cloudnode.reach.punching.values import Mapping, Strategy, Transport


def steps(transport: Transport, requester: Mapping, target: Mapping) -> list[Strategy]:
    """All that is tried if nothing works."""
    found = []
    while (step := next_step(len(found), transport, requester, target)) is not None:
        found.append(step.strategy)
        assert len(found) < 10
    return found


class StrategyTests(SynchronousTestCase):
    def test_independent(self) -> None:
        """The strategy changes after the first failure."""
        self.assertEqual(
            steps("udp", "independent", "independent"), [Strategy.DIRECT, Strategy.OPENER, Strategy.DIRECT]
        )

    def test_dependent(self) -> None:
        """One NAT that maps by the remote endpoint: many ports. Two: nothing but a relay."""
        for pair in (("independent", "dependent"), ("dependent", "independent"), ("dependent", "unknown")):
            found = steps("udp", *pair)  # type: ignore[arg-type]
            self.assertEqual(found, [Strategy.DIRECT, Strategy.SPREAD, Strategy.SPREAD])
        self.assertEqual(steps("udp", "dependent", "dependent"), [Strategy.DIRECT])

    def test_unknown(self) -> None:
        """What is not known is tried."""
        self.assertEqual(steps("udp", "independent", "unknown").count(Strategy.SPREAD), 2)
        self.assertEqual(steps("udp", "unknown", "unknown").count(Strategy.SPREAD), 2)
        assumed = [step.assumed for tried in (2, 3) if (step := next_step(tried, "udp", "unknown", "unknown"))]
        self.assertEqual(assumed, ["dependent", "independent"])

    def test_tcp(self) -> None:
        """Over TCP there is one strategy, tried three times, each from a new port."""
        self.assertEqual(steps("tcp", "dependent", "unknown"), [Strategy.DIRECT] * 3)
        seconds = [step.seconds for tried in range(3) if (step := next_step(tried, "tcp", "unknown", "unknown"))]
        self.assertLess(seconds[0] + 0.5, 2.0, "a second port within two seconds, should the first be poisoned")

    def test_far(self) -> None:
        """Who is far from the coordinator gets more time."""
        near, far = (next_step(0, "udp", "unknown", "unknown", trip) for trip in (0.01, 0.4))
        assert near is not None and far is not None
        self.assertGreater(far.seconds, near.seconds + 1.0)

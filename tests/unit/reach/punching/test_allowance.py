"""How much is sent on others' word."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.reach.punching.allowance import SPREADS_TO_MOST, SPREADS_TO_SECONDS, Allowance, Taken
from cloudnode.reach.punching.values import Candidate, Order, Strategy

VICTIM = "192.0.2.66"


class AllowanceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.allowance = Allowance()
        self.tellers = 0

    def take(
        self, host: str = VICTIM, strategy: Strategy = Strategy.SPREAD, now: float = 0.0, teller: str = ""
    ) -> Taken | None:
        """One order, of a coordinator of its own unless one is named."""
        self.tellers += 1
        order = Order("udp", strategy, (Candidate((host, 9), "observed"),))
        return self.allowance.take(teller or str(self.tellers), order, now)

    def count(self, host: str = VICTIM, strategy: Strategy = Strategy.SPREAD, now: float = 0.0) -> int:
        """How many orders are carried out before one is not."""
        return next(number for number in range(1_000) if self.take(host, strategy, now) is None)

    def test_by_network(self) -> None:
        """However many coordinators name a network, few attempts with many probes go there, and few an hour."""
        self.assertEqual(self.count(), SPREADS_TO_MOST)
        for host in ("192.0.2.1", "::ffff:192.0.2.9"):
            self.assertIs(self.take(host), None)
        self.assertIsNot(self.take("192.0.3.1"), None)
        self.assertEqual(self.count(now=SPREADS_TO_SECONDS + 1.0), 1)
        self.assertEqual(self.count(now=1e6), SPREADS_TO_MOST)
        self.assertEqual(self.count("2001:db8:1:2::3"), SPREADS_TO_MOST)
        self.assertIs(self.take("2001:db8:1:ffff::"), None)
        self.assertIsNot(self.take("2001:db8:2::"), None)

    def test_others(self) -> None:
        """Those with few probes are counted apart, and bounded as well."""
        self.count()
        self.assertEqual(self.count(strategy=Strategy.DIRECT), 80 - SPREADS_TO_MOST)

    def test_by_coordinator(self) -> None:
        """However many networks one coordinator names, it is obeyed so often."""
        taken = [self.take(f"192.0.{number}.1", teller="c") for number in range(11)]
        self.assertEqual([each is not None for each in taken], [True] * 10 + [False])
        taken = [self.take(f"192.1.{number}.1", Strategy.DIRECT, teller="c") for number in range(51)]
        self.assertEqual([each is not None for each in taken], [True] * 50 + [False])
        self.assertIsNot(self.take("192.0.99.1"), None)

    def test_answered(self) -> None:
        """Where somebody takes part, nobody is kept from trying again; an answer from elsewhere shows nothing."""
        for _ in range(100):
            taken = self.take(teller="c")
            assert taken is not None
            self.allowance.answered(taken, VICTIM, 0.0)
        self.assertEqual(self.count(), SPREADS_TO_MOST)
        self.allowance.answered(taken, "198.51.100.1", 0.0)
        self.assertIs(self.take(), None)
        self.allowance.answered(taken, VICTIM, 0.0)
        self.assertEqual(self.count(), SPREADS_TO_MOST)

    def test_refused(self) -> None:
        """An order that is refused takes nothing."""
        self.count()
        for number in range(100):
            self.assertIs(self.take(teller="c"), None, number)
        self.assertIsNot(self.take("198.51.100.1", teller="c"), None)

"""Probes against simulated NATs."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.reach.punching.probing import CALLED_SECONDS, OPENER_TTL, PROBES, REFLEXIVE_MAX, Probing
from cloudnode.reach.punching.values import Candidate, Strategy
from tests.unit.reach.punching.nats import Nat, Network, Prober

SERVER = ("198.51.100.1", 3478)
ALICE, BOB = ("10.0.1.2", 5_000), ("10.0.2.2", 6_000)


class PairTests(SynchronousTestCase):
    """Two sides that get their orders at the same time."""

    def punch(
        self, alice: Nat | None, bob: Nat | None, *, strategy: Strategy = Strategy.DIRECT, late: float = 0.0,
        loss: float = 0.0, seed: int = 1, seconds: float = 4.0,
    ) -> tuple[float | None, Network]:  # fmt: skip
        """Punch.

        :param late: So many seconds Bob is told after Alice.
        :returns: When both had an answer, in seconds from Alice's order.
        """
        random = Random(seed)
        network = Network(random, loss=loss)
        one, other = ALICE, BOB
        if alice is None:
            one = ("198.51.100.7", 5_000)
        else:
            network.nat(alice, ALICE[0])
        if bob is None:
            other = ("198.51.100.8", 6_000)
        else:
            network.nat(bob, BOB[0])
        seen_one, seen_other = network.observe(one, SERVER), network.observe(other, SERVER)
        sides: list[Prober] = []

        def begin(local: tuple[str, int], towards: tuple[str, int]) -> None:
            sides.append(Prober(network, local, Probing(strategy, [Candidate(towards, "observed")], network.now)))

        network.at(0.0, lambda: begin(one, seen_other))
        network.at(late, lambda: begin(other, seen_one))
        done = network.run(seconds, lambda: len(sides) == 2 and all(side.open is not None for side in sides))
        return (network.now if done else None), network

    def test_port_restricted(self) -> None:
        """Both filter by port: a round trip is enough."""
        seconds, _ = self.punch(Nat("203.0.113.1", Random(1)), Nat("203.0.113.2", Random(2)))
        assert seconds is not None
        self.assertAlmostEqual(seconds, 0.03)

    def test_late(self) -> None:
        """One side is told later: what the other sent before is lost, and sent again as soon as it can get through."""
        seconds, _ = self.punch(Nat("203.0.113.1", Random(1)), Nat("203.0.113.2", Random(2)), late=0.3)
        assert seconds is not None
        self.assertLess(seconds, 0.3 + 3.1 * 0.015)

    def test_loss(self) -> None:
        """A fifth of the packets is lost."""
        for seed in range(100):
            seconds, _ = self.punch(Nat("203.0.113.1", Random(1)), Nat("203.0.113.2", Random(2)), loss=0.2, seed=seed)
            self.assertIsNotNone(seconds, seed)

    def test_public(self) -> None:
        """One side has no NAT."""
        seconds, _ = self.punch(None, Nat("203.0.113.2", Random(2)))
        assert seconds is not None
        self.assertLessEqual(seconds, 0.045)

    def test_reflexive(self) -> None:
        """A NAT that maps by the remote endpoint, and one that filters by address or not at all."""
        for filtering in ("none", "address"):
            symmetric = Nat("203.0.113.1", Random(1), mapping="dependent")
            seconds, _ = self.punch(symmetric, Nat("203.0.113.2", Random(2), filtering=filtering))
            self.assertIsNotNone(seconds, filtering)

    def test_hopeless(self) -> None:
        """The same and one that filters by port: no probe comes through."""
        symmetric = Nat("203.0.113.1", Random(1), mapping="dependent")
        seconds, _ = self.punch(symmetric, Nat("203.0.113.2", Random(2)))
        self.assertIsNone(seconds)

    def test_poisoned(self) -> None:
        """Routers that an early packet turns against its sender: openers first, and nothing is early."""
        for late in (0.02, 0.05):
            outcomes = {}
            for strategy in (Strategy.DIRECT, Strategy.OPENER):
                alice = Nat("203.0.113.1", Random(1), poisons=True)
                bob = Nat("203.0.113.2", Random(2), poisons=True)
                outcomes[strategy], _ = self.punch(alice, bob, strategy=strategy, late=late)
            self.assertIsNone(outcomes[Strategy.DIRECT])
            self.assertIsNotNone(outcomes[Strategy.OPENER])

    def test_openers_end_on_the_way(self) -> None:
        """No opener reaches the other side's router."""
        bob = Nat("203.0.113.2", Random(2), poisons=True)
        random = Random(1)
        network = Network(random)
        network.nat(Nat("203.0.113.1", random), ALICE[0])
        network.nat(bob, BOB[0])
        network.observe(BOB, SERVER)
        probing = Probing(Strategy.OPENER, [Candidate(("203.0.113.2", 5), "observed")], 0.0)
        self.assertEqual([probe.ttl for probe in probing.take_due(0.05)], [OPENER_TTL, OPENER_TTL])
        Prober(network, ALICE, Probing(Strategy.OPENER, [Candidate(network.observe(BOB, SERVER), "observed")], 0.0))
        network.run(0.09)
        self.assertEqual(bob.poisoned, set())
        network.run(0.2)
        self.assertNotEqual(bob.poisoned, set())

    def test_same_network(self) -> None:
        """Both behind one NAT without hairpin: the private endpoint works."""
        random = Random(1)
        network = Network(random)
        network.nat(Nat("203.0.113.1", random), ALICE[0], BOB[0])
        sides = []
        for local, other in ((ALICE, BOB), (BOB, ALICE)):
            candidates = [Candidate(other, "private"), Candidate(network.observe(other, SERVER), "observed")]
            sides.append(Prober(network, local, Probing(Strategy.DIRECT, candidates, 0.0)))
        self.assertTrue(network.run(1.0, lambda: all(side.open is not None for side in sides)))
        self.assertEqual(sides[0].probing.kind(sides[0].open[0] if sides[0].open else SERVER), "private")


class BoundTests(SynchronousTestCase):
    """What strangers can cause."""

    def test_reflexive_endpoints(self) -> None:
        """However many endpoints probes come from, few are probed."""
        probing = Probing(Strategy.DIRECT, [Candidate(SERVER, "observed")], 0.0)
        heard = [probing.heard(("203.0.113.9", port), 0.0) for port in range(1_000, 1_100)]
        self.assertEqual(sum(heard), REFLEXIVE_MAX)
        self.assertEqual(len(probing.candidates), 1 + REFLEXIVE_MAX)

    def test_probes_end(self) -> None:
        """A candidate that never answers gets so many probes and no more; one that answers, none."""
        probing = Probing(Strategy.DIRECT, [Candidate(SERVER, "observed")], 0.0)
        self.assertEqual(len(probing.take_due(100.0)), len(PROBES))
        self.assertIsNone(probing.deadline())
        probing = Probing(Strategy.DIRECT, [Candidate(SERVER, "observed")], 0.0)
        probing.take_due(0.0)
        self.assertTrue(probing.answered(SERVER))
        self.assertFalse(probing.answered(SERVER))
        self.assertEqual(probing.take_due(100.0), [])

    def test_predicted(self) -> None:
        """Predicted ports get three probes each."""
        probing = Probing(Strategy.DIRECT, [Candidate(SERVER, "predicted")], 0.0)
        self.assertEqual(len(probing.take_due(100.0)), 3)

    def test_called(self) -> None:
        """What is called is probed later, even if a probe comes from there; the rest is probed at once."""
        others = [("203.0.113.9", port) for port in (1, 2)]
        candidates = [Candidate(each, "private") for each in (SERVER, *others)]
        probing = Probing(Strategy.DIRECT, candidates, 1.0, called=2)
        self.assertEqual([probe.to for probe in probing.take_due(1.0)], [others[1]])
        self.assertTrue(probing.heard(others[0], 1.001))
        self.assertTrue(probing.heard(others[1], 1.001))
        self.assertEqual([probe.to for probe in probing.take_due(1.001)], [others[1]])
        self.assertEqual([probe.to for probe in probing.take_due(1.0 + CALLED_SECONDS)], [SERVER, *others])
        rest = [probe.to for probe in probing.take_due(100.0)]
        self.assertEqual([1 + rest.count(SERVER), 2 + rest.count(others[1])], [len(PROBES)] * 2)

    def test_stopped(self) -> None:
        """Once stopped, nothing is sent, even if a probe comes."""
        probing = Probing(Strategy.DIRECT, [Candidate(SERVER, "observed")], 0.0)
        probing.stop()
        self.assertEqual(probing.take_due(100.0), [])

"""A short run of the simulator: no violation, every mutant caught, exact replay, the promised speed."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.simulator.__main__ import main, simulate
from cloudnode.simulator.measuring import measure
from cloudnode.simulator.mutants import MUTANTS, SIZES
from cloudnode.simulator.scenario import safety
from cloudnode.simulator.simulation import Simulation


class SafetyTests(SynchronousTestCase):
    def test_four_nodes_one_faulty(self) -> None:
        """No property breaks, and all honest nodes are live again, whatever befalls four nodes of which one lies."""
        for seed in range(1, 201):
            outcome = simulate(seed, 4, 1, 0.2)
            self.assertIsNone(outcome.violation, f"seed {seed}")

    def test_seven_nodes_two_faulty(self) -> None:
        """The same with seven and two."""
        for seed in range(1, 26):
            outcome = simulate(seed, 7, 2, 0.2)
            self.assertIsNone(outcome.violation, f"seed {seed}")

    def test_few_nodes(self) -> None:
        """One, two and three validators, with crashes but no liar."""
        for nodes in (1, 2, 3):
            for seed in range(1, 11):
                self.assertIsNone(simulate(seed, nodes, 0, 0.2).violation, f"{nodes} nodes, seed {seed}")

    def test_links(self) -> None:
        """In every third seed nodes have few links, by which correct nodes reach each other without faulty ones."""
        for seed in range(1, 61):
            scenario = safety(seed, 7, 2, 0.2)
            graph = scenario.links
            self.assertEqual(any(len(near) < 6 for near in graph.values()), seed % 3 == 0, f"seed {seed}")
            self.assertTrue(all(node in graph[other] for node, near in graph.items() for other in near))
            reached = [next(node for node in graph if node not in scenario.faulty)]
            for node in reached:
                reached += [near for near in graph[node] if near not in reached and near not in scenario.faulty]
            self.assertEqual(len(reached), 5, f"seed {seed}")


class MutantTests(SynchronousTestCase):
    def test_every_mutant_is_caught(self) -> None:
        """Each safety rule that is removed is noticed within twenty seeds."""
        for name in MUTANTS:
            size = SIZES.get(name, (4, 1))
            caught = next((seed for seed in range(1, 21) if simulate(seed, *size, 0.2, name).violation), None)
            self.assertIsNotNone(caught, name)


class ReplayTests(SynchronousTestCase):
    def test_exact(self) -> None:
        """The same seed gives the same trace, line by line, and watching changes nothing; with few links as well."""
        for seed in (7, 9):
            traces: list[list[str]] = []
            outcomes = []
            for _ in range(2):
                lines: list[str] = []
                outcomes.append(Simulation(safety(seed, 4, 1, 0.2), trace=lines.append).run())
                traces.append(lines)
            self.assertEqual(traces[0], traces[1])
            self.assertGreater(len(traces[0]), 100)
            self.assertEqual(outcomes[0], simulate(seed, 4, 1, 0.2))

    def test_failing_seed_is_explained(self) -> None:
        """The command line names the broken property of a failing seed and shows who did what, when, in which view."""
        out = StringIO()
        with redirect_stdout(out):
            status = main(["--seed", "1", "--mutant", "finalize-after-skip", "--trace"])
        self.assertEqual(status, 0)
        last = out.getvalue().splitlines()[-2]
        self.assertRegex(last, r"\d+\.\d{4} s .*BROKEN: never skip and finalize")
        self.assertRegex(out.getvalue(), r"s  node \d\w?\s+view \d+ +syncs its")


class SpeedTests(SynchronousTestCase):
    def test_latency(self) -> None:
        """Without faults a block is final after at most 3.5 one-way delays, and comes every 2.5 at most."""
        measured = measure(1, 4, 0)
        self.assertLessEqual(measured.most, 3.5)
        self.assertLessEqual(measured.interval, 2.5)

    def test_one_dead(self) -> None:
        """With one dead validator of four the network makes at least 60 % of its blocks."""
        self.assertGreaterEqual(measure(1, 4, 1).rate, 0.6 * measure(1, 4, 0).rate)

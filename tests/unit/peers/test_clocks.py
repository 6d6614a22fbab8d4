"""Machines' clocks that are set forwards and backwards by days: nothing ends, nothing is lost, nobody is banned."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.ledger.reading import Outcome
from tests.unit.peers.network import MemoryNetwork, MemoryNode

DAY = 86_400.0


class ClockTests(SynchronousTestCase):
    def put_final(self, network: MemoryNetwork, node: MemoryNode, name: str, seconds: float = 2.0) -> None:
        final = node.put(name)
        network.advance(seconds)
        outcome = self.successResultOf(final)
        assert isinstance(outcome, Outcome)
        self.assertEqual(outcome.result, 0)

    def check_same(self, network: MemoryNetwork, nodes: list[MemoryNode]) -> None:
        network.advance(2.5)
        for node in nodes:
            self.assertEqual(node.ledger.head, nodes[0].ledger.head)
            self.assertEqual(node.rows, nodes[0].rows)
            self.assertEqual(node.peers, {each.host for each in nodes} - {node.host})
            self.assertEqual(node.neighbourhood.counters().banned, 0)

    def jump(self, validators: int) -> None:
        network = MemoryNetwork(self, validators=validators)
        nodes = [network.add()]
        nodes += [network.add(nodes[0].host) for _ in range(3)]
        network.advance(5)
        opened = [node.neighbourhood.counters().opened for node in nodes]
        for number, error in enumerate((5 * DAY, -10 * DAY, 3_000 * DAY, 0.0)):
            network.clock_error = error
            for node in nodes:
                self.put_final(network, node, f"{number}-{node.host}")
            self.check_same(network, nodes)
        self.assertEqual([node.neighbourhood.counters().opened for node in nodes], opened)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_lone_validator(self) -> None:
        """With one validator and three that follow it, all machines' clocks set together, links and blocks go on."""
        self.jump(1)

    def test_four_validators(self) -> None:
        """With four validators the same."""
        self.jump(4)

    def one_is_wrong(self, error: float) -> None:
        network = MemoryNetwork(self, validators=4)
        nodes = [network.add()]
        nodes += [network.add(nodes[0].host) for _ in range(3)]
        network.advance(5)
        nodes[3].clock_error = error
        for number in range(8):
            self.put_final(network, nodes[number % 4], f"r{number}", 6.0)
        self.check_same(network, nodes)
        header = nodes[0].ledger.head
        self.assertLess(abs(header.time / 1000 - network.clock.seconds()), DAY)
        nodes[3].clock_error = 0.0
        self.put_final(network, nodes[3], "after")
        self.check_same(network, nodes)

    def test_one_ahead(self) -> None:
        """A validator whose clock is days ahead gets no votes for its blocks; the others' become final."""
        self.one_is_wrong(5 * DAY)

    def test_one_behind(self) -> None:
        """One whose clock is days behind makes blocks that are just later than those before them."""
        self.one_is_wrong(-5 * DAY)

"""Four validators and a follower, in memory: real ledgers, journals and links."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.ledger.reading import Outcome
from tests.unit.peers.network import MemoryNetwork, MemoryNode


class ValidatorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork(self, validators=4)
        self.nodes = [self.network.add()]
        self.nodes += [self.network.add(self.nodes[0].host) for _ in range(3)]
        self.network.advance(3)

    def check_same(self, *nodes: MemoryNode) -> None:
        self.network.advance(2.5)
        heads = {node.ledger.head for node in nodes}
        self.assertEqual(len(heads), 1, heads)
        for node in nodes[1:]:
            self.assertEqual(node.rows, nodes[0].rows)

    def put_final(self, node: MemoryNode, name: str) -> None:
        """A record becomes final within a second."""
        final = node.put(name)
        self.network.advance(1)
        outcome = self.successResultOf(final)
        assert isinstance(outcome, Outcome)
        self.assertEqual(outcome.result, 0)

    def stop(self, node: MemoryNode) -> None:
        node.stop()
        self.network.advance(0.1)

    def test_agree(self) -> None:
        """Operations that any of them takes are final on all of them, whose databases are the same."""
        for number, node in enumerate(self.nodes):
            self.assertEqual(node.ledger.role, "validator")
            self.put_final(node, f"r{number}")
        self.check_same(*self.nodes)
        self.assertGreaterEqual(self.nodes[0].ledger.head.height, 4)

    def test_pace(self) -> None:
        """With work a block is made every 200 ms, without every two seconds (the heartbeat of this network)."""
        before = self.nodes[0].ledger.head.height
        self.network.advance(10)
        self.assertIn(self.nodes[0].ledger.head.height - before, range(4, 7))

    def test_follower(self) -> None:
        """A follower of validators holds the same, and passes on what it takes."""
        follower = self.network.add(self.nodes[2].host)
        self.network.advance(2)
        self.assertEqual(follower.ledger.role, "follower")
        self.put_final(follower, "of a follower")
        self.check_same(*self.nodes, follower)

    def test_one_down(self) -> None:
        """Three of four go on without the fourth, which catches up when it is back and votes again."""
        self.stop(self.nodes[3])
        for number in range(12):
            self.put_final(self.nodes[number % 3], f"r{number}")
        fourth = self.network.restart(self.nodes[3])
        self.network.advance(3)
        assert fourth.ledger.validator is not None
        self.assertTrue(fourth.ledger.validator.is_voting)
        self.check_same(*self.nodes[:3], fourth)
        self.stop(self.nodes[0])
        self.put_final(fourth, "without the first")
        self.check_same(*self.nodes[1:3], fourth)

    def test_two_down(self) -> None:
        """Without a quorum nothing becomes final, and all that was accepted does once it is back."""
        for node in self.nodes[2:]:
            self.stop(node)
        final = self.nodes[0].put("waits")
        self.network.advance(20)
        self.assertNoResult(final)
        third = self.network.restart(self.nodes[2])
        self.network.advance(8)
        self.successResultOf(final)
        self.check_same(*self.nodes[:2], third)

    def test_all_restart(self) -> None:
        """When all stop at once, the network goes on from their disks."""
        self.put_final(self.nodes[0], "before")
        for node in self.nodes:
            self.stop(node)
        nodes = [self.network.restart(node) for node in self.nodes]
        self.network.advance(6)
        self.put_final(nodes[1], "after")
        self.check_same(*nodes)

"""A validator that was away: how it comes back, and what it keeps as proof that blocks are final."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.finality import Finality
from cloudnode.node.validating import FETCH_MOST
from tests.unit.peers.network import MemoryNetwork, MemoryNode


class LaggingTests(SynchronousTestCase):
    def test_short_proofs(self) -> None:
        """One that missed many blocks votes again soon, and holds proofs as short as those of the others."""
        network = MemoryNetwork(self, validators=4)
        first = network.add()
        others = [network.add(first.host) for _ in range(3)]
        network.advance(3)
        late = others[-1]
        late.stop()
        for number in range(90):
            first.put(f"r{number}")
            network.advance(0.4)
        self.assertGreater(first.ledger.head.height, 3 * FETCH_MOST)
        late = network.restart(late)
        network.advance(10)
        self.assertEqual(late.ledger.head, first.ledger.head)
        assert late.ledger.validator is not None
        self.assertTrue(late.ledger.validator.is_voting)
        for node in (first, late):
            self.assertLessEqual(longest(node), FETCH_MOST)


def longest(node: MemoryNode) -> int:
    proofs = node.store._read.execute("SELECT finality FROM blocks").fetchall()
    return max(len(Finality.decode(proof).descendants) for (proof,) in proofs)

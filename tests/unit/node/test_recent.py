"""Outcomes of the last blocks, in memory."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.errors import LedgerError
from cloudnode.ledger.reading import Block, Cursor, FinalBlock, Head, LoggedOperation
from cloudnode.node.recent import BLOCKS, RecentOutcomes


def block(height: int) -> FinalBlock:
    """A block with one operation, whose id is the height."""
    operation_id = bytes([height]) * 32
    logged = LoggedOperation(Cursor(height, 0), operation_id, b"", b"", 0)
    head = Head(height, bytes(32), 0, bytes(32))
    return FinalBlock(Block(height, bytes(32), b"", b"", (operation_id,)), head, (logged,))


class RecentOutcomesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.recent = RecentOutcomes()
        for height in range(1, 6):
            self.recent.add(block(height))

    def test_since(self) -> None:
        """Only blocks above the height are looked through."""
        outcome = self.recent.outcome_since(3, bytes([4]) * 32)
        assert outcome is not None
        self.assertEqual(outcome.cursor, Cursor(4, 0))
        self.assertIsNone(self.recent.outcome_since(3, bytes([3]) * 32))
        self.assertIsNone(self.recent.outcome_since(0, bytes([9]) * 32))

    def test_too_long_ago(self) -> None:
        """Once blocks are forgotten, it is refused to say that an operation was in none of them."""
        for height in range(6, 6 + BLOCKS):
            self.recent.add(block(height))
        error = self.assertRaises(LedgerError, self.recent.outcome_since, 1, bytes(32))
        self.assertEqual(error.code, "pool_full")
        self.assertIsNone(self.recent.outcome_since(5, bytes(32)))

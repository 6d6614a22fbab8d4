"""Outcomes of the last blocks, in memory."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.ledger.reading import Block, Cursor, FinalBlock, LoggedOperation, Outcome
from cloudnode.node.recent import BLOCKS, RecentOutcomes


def operation_id(height: int, index: int) -> bytes:
    return bytes([height, index]) * 16


def block(height: int, results: tuple[int, ...] = (0,)) -> FinalBlock:
    """A block whose operations had these results."""
    logged = tuple(
        LoggedOperation(Cursor(height, index), operation_id(height, index), b"", b"", result)
        for index, result in enumerate(results)
    )
    ids = tuple(each.id for each in logged)
    return FinalBlock(Block(height, bytes(32), b"", b"", ids), bytes(32), logged)


class RecentOutcomesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.recent = RecentOutcomes(20)
        for height in range(3, 6):
            self.recent.add(block(height, (0, 7, 65_535)))

    def test_outcome(self) -> None:
        """An operation's place and result are told."""
        for index, result in enumerate((0, 7, 65_535)):
            wanted = operation_id(4, index)
            self.assertEqual(self.recent.outcome(wanted), Outcome(wanted, Cursor(4, index), result))
        self.assertIsNone(self.recent.outcome(operation_id(4, 3)))
        self.assertIsNone(self.recent.outcome(operation_id(2, 0)))

    def test_covers(self) -> None:
        """Memory covers heights if it has all of them, and what is not yet."""
        self.assertTrue(self.recent.covers(3, 5))
        self.assertTrue(self.recent.covers(5, 5))
        self.assertTrue(self.recent.covers(6, 5))
        self.assertFalse(self.recent.covers(2, 5))
        self.assertFalse(self.recent.covers(4, 6), "the ledger is ahead of what it told")
        self.assertFalse(RecentOutcomes().covers(1, 1))
        self.assertTrue(RecentOutcomes().covers(2, 1))

    def test_forgets(self) -> None:
        """The oldest blocks are forgotten with their operations, but some are kept however many they hold."""
        for height in range(6, 12):
            self.recent.add(block(height, (0, 0, 0)))
        self.assertIsNone(self.recent.outcome(operation_id(3, 0)))
        self.assertIsNotNone(self.recent.outcome(operation_id(12 - BLOCKS, 0)))
        self.assertTrue(self.recent.covers(12 - BLOCKS, 11))
        self.assertFalse(self.recent.covers(11 - BLOCKS, 11))

    def test_gap(self) -> None:
        """After a jump of the height only what follows it is covered."""
        self.recent.add(block(9))
        self.assertIsNone(self.recent.outcome(operation_id(5, 0)))
        self.assertTrue(self.recent.covers(9, 9))
        self.assertFalse(self.recent.covers(5, 9))

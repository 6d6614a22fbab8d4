"""The follower: which blocks it takes, and when it stops."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.block import Header
from cloudnode.formats.operation import Operation
from cloudnode.node.following import CheckedBlock, Follower
from cloudnode.node.writing import BlockWriting
from cloudnode.store.sqlite import SqliteStore
from tests.unit.node.nodes import run_at_once
from tests.unit.store.network import SmallNetwork


class FollowerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = SmallNetwork(self.mktemp())
        self.addCleanup(self.network.store.close)
        self.store = SqliteStore.open(self.mktemp(), self.network.genesis)
        self.addCleanup(self.store.close)
        self.clock = Clock()
        self.writing = BlockWriting(self.clock, run_at_once, self.store)
        self.follower = Follower(self.clock, self.writing, self.store)
        self.diverged: list[str] = []
        self.follower.on_diverged = self.diverged.append

    def make(self, *operations: Operation) -> CheckedBlock:
        """The validator's next block."""
        block = self.network.make_block(operations)
        self.network.block(*operations)
        return CheckedBlock(block, Header.decode(block.header), operations)

    def blocks(self, count: int) -> list[CheckedBlock]:
        key = self.network.accounts[0]
        return [self.make(self.network.put(key, "film", f"r{number}")) for number in range(count)]

    def advance(self) -> None:
        self.clock.pump([0.01] * 20)

    def test_writes_in_order(self) -> None:
        """What waits is written in order once the follower has started, and leads to the same state."""
        for block in self.blocks(5):
            self.follower.add(block)
        self.advance()
        self.assertEqual((self.store.head.height, self.follower.waiting), (0, 5))
        self.follower.start()
        self.advance()
        self.assertEqual((self.store.head, self.follower.waiting), (self.network.store.head, 0))

    def test_gap(self) -> None:
        """A block that does not follow is a mistake of the caller."""
        first, _, third = self.blocks(3)
        self.follower.add(first)
        for wrong in (first, third):
            self.assertRaises(ValueError, self.follower.add, wrong)

    def test_other_state(self) -> None:
        """When the validators signed another state than this node has, nothing more is written, and it is told."""
        self.follower.start()
        first, second, third = self.blocks(3)
        self.follower.add(first)
        self.advance()
        self.store._write.execute("UPDATE states SET root = zeroblob(32) WHERE height = 1")
        self.store.state = self.store.state.__class__.empty(1)
        self.store._at_head._state = self.store.state
        self.follower.add(second)
        self.follower.add(third)
        self.advance()
        self.assertEqual(self.store.head.height, 1)
        [reason] = self.diverged
        self.assertIn("the state root at height 1 is", reason)

    def test_full_disk(self) -> None:
        """A block that can't be written is kept and tried again later."""
        import sqlite3

        self.follower.start()
        [block] = self.blocks(1)
        blocks = self.store._blocks
        write = blocks.write_in_steps

        def fail(*arguments: object) -> object:
            blocks.write_in_steps = write  # type: ignore[method-assign]
            raise sqlite3.OperationalError("database or disk is full")

        blocks.write_in_steps = fail  # type: ignore[assignment,method-assign]
        self.follower.add(block)
        self.advance()
        self.assertIn("disk is full", self.writing.trouble or "")
        self.clock.advance(5)
        self.advance()
        self.assertEqual((self.store.head.height, self.writing.trouble), (1, None))
        self.flushLoggedErrors()

"""The follower: which blocks it takes, and when it stops."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.block import Header
from cloudnode.formats.operation import Operation
from cloudnode.ledger.reading import FinalBlock
from cloudnode.node import following
from cloudnode.node.following import CheckedBlock, Follower
from cloudnode.node.writing import BlockWriting
from cloudnode.store.sqlite import SqliteStore
from cloudnode.store.writer import Run
from tests.unit.node.nodes import run_at_once
from tests.unit.store.network import SmallNetwork, make_key


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
        self.assertEqual((self.store.head.height, self.follower.is_idle), (0, False))
        self.follower.start()
        self.advance()
        self.assertEqual((self.store.head, self.follower.is_idle), (self.network.store.head, True))

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

    def together(self, blocks: list[CheckedBlock]) -> list[list[int]]:
        """Have old blocks written, and return the heights of those that were written together."""
        written: list[list[int]] = []
        write = self.store._blocks.write_in_steps

        def watch(run: Run, *others: Any) -> Any:
            written.append([block.height for block, _ in run])
            return write(run, *others)

        self.store._blocks.write_in_steps = watch  # type: ignore[assignment,method-assign]
        for block in blocks:
            self.follower.add(block)
        self.follower.start()
        self.advance()
        return written

    def test_together(self) -> None:
        """Old blocks are written together as far as one's state root is known, the others one by one."""
        finals: list[tuple[int, bool]] = []
        self.writing.on_final = lambda final: finals.append((final.block.height, final.root is None))
        blocks = self.blocks(9)
        old = [attrs.evolve(each, is_old=each.block.height <= 6) for each in blocks]
        self.assertEqual(self.together(old[:5]), [[1, 2, 3, 4], [5]], "whose root is the state at 5, nobody knows yet")
        for block in old[5:]:
            self.follower.add(block)
        self.advance()
        self.assertEqual(self.store.head, self.network.store.head)
        self.assertEqual(finals, [(1, True), (2, True), (3, True), *((height, False) for height in range(4, 10))])

    def test_together_up_to_an_epochs_end(self) -> None:
        """A block that ends its epoch is written alone."""
        key = self.network.accounts[0]
        first, end = self.blocks(2), self.make(self.network.appoint(make_key(8)))
        last = [self.make(self.network.put(key, "film", f"s{number}")) for number in range(3)]
        blocks = [attrs.evolve(each, is_old=True) for each in (*first, end, *last)]
        self.assertEqual(self.together(blocks), [[1, 2], [3], [4, 5], [6]])
        self.assertEqual(self.store.epoch, self.network.store.epoch)

    def test_together_bounds(self) -> None:
        """No run has more operations than it may, and no more small blocks wait than may be in one."""
        self.patch(following, "OPERATIONS_TOGETHER", 3)
        self.patch(following, "BLOCKS_WAITING", 2)
        blocks = [attrs.evolve(each, is_old=True) for each in self.blocks(5)]
        has_room = []
        for block in blocks:
            has_room.append(self.follower.has_room)
            self.follower.add(block)
        self.assertEqual(has_room, [True, True, True, False, False])
        self.assertEqual(self.together([]), [[1, 2, 3], [4], [5]])

    def test_together_bytes(self) -> None:
        """Nor has a run more bytes."""
        blocks = [attrs.evolve(each, is_old=True) for each in self.blocks(5)]
        self.patch(following, "BYTES_TOGETHER", 2 * blocks[0].size)
        self.patch(following, "BLOCKS_WAITING", 2)
        has_room = []
        for block in blocks:
            has_room.append(self.follower.has_room)
            self.follower.add(block)
        self.assertEqual(has_room, [True, True, False, False, False])
        self.assertEqual(self.together([]), [[1, 2], [3, 4], [5]])
        self.assertTrue(self.follower.has_room)

    def test_untold(self) -> None:
        """A block that can't be told of is on disk all the same, and those behind it are told of."""
        told: list[int] = []

        def tell(final: FinalBlock) -> None:
            told.append(final.block.height)
            if final.block.height == 2:
                raise RuntimeError("as it happens")

        self.writing.on_final = tell
        self.together([attrs.evolve(each, is_old=True) for each in self.blocks(5)])
        self.assertEqual((told, self.store.head.height, self.writing.trouble), ([1, 2, 3, 4, 5], 5, None))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_other_state_of_a_run(self) -> None:
        """If blocks do not lead together where they must, one by one shows from which height on that is so."""
        blocks = [attrs.evolve(each, is_old=True) for each in self.blocks(5)]
        # What a fault of this node's disk or program would have made of the state that it begins with.
        self.store._write.execute("INSERT INTO totals VALUES (zeroblob(32), 0, 0, 0, 0, 0)")
        self.store._write.execute("INSERT INTO accounts VALUES (zeroblob(32), zeroblob(76))")
        self.store.state = self.store.state.with_entry(3, bytes(31) + b"\x01" + bytes(24))
        self.assertEqual(self.together(blocks)[:2], [[1, 2, 3, 4], [1]])
        [reason] = self.diverged
        self.assertIn("the state root at height 1 is", reason)
        self.assertEqual(self.store.head.height, 1)

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

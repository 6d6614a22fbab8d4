"""A node that fetches the state: from several peers, from liars, again and again, and while the network goes on."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.checkpoint import Checkpoint
from cloudnode.ledger.chunks import Chunk
from cloudnode.node.ledger import LedgerConfig
from cloudnode.peers import stateplan, stateserving
from cloudnode.peers.messages import GetState, State
from cloudnode.peers.peer import Peer
from cloudnode.peers.stateserving import StateQuestion
from cloudnode.store.loading import StateLoader
from cloudnode.store.parts import PartLimits, StateParts
from tests.unit.peers.network import MemoryNetwork, MemoryNode
from tests.unit.store.network import make_key

STATE = ("records", "ratings", "window", "accounts")


def state_rows(node: MemoryNode) -> list[Any]:
    """The rows that decide the future."""
    least = node.ledger.head.height.to_bytes(8, "big")
    read = node.store._read.execute
    return [
        sorted(row for row in read(f"SELECT * FROM {table}") if table != "window" or row[0] >= least)
        for table in STATE
    ]  # fmt: skip


class StateSyncTests(SynchronousTestCase):
    """Whole nodes, linked in memory."""

    def setUp(self) -> None:
        # Many questions for few rows.
        self.patch(stateplan, "CHUNK_ROWS", 40)
        self.network = MemoryNetwork(self)
        self.validator = self.network.add()
        self.network.advance(1)
        for number in range(120):
            self.validator.put(f"film {number}", make_key(100 + number % 7))
            if number % 30 == 0:
                self.network.advance(0.5)
        self.network.advance(3)

    def check_same(self, node: MemoryNode) -> None:
        self.assertEqual(node.ledger.head, self.validator.ledger.head)
        self.assertEqual(state_rows(node), state_rows(self.validator))
        self.assertEqual(node.ledger.state, "serving")

    def test_joins(self) -> None:
        """A newcomer has the state at a recent height, without the log before, and follows from there on."""
        node = self.network.add("10.1.0.1", sync="state")
        self.network.advance(8)
        self.check_same(node)
        self.assertGreater(node.store.lowest_block, 3)
        self.assertEqual(node.store.lowest_block, node.store.lowest_height)
        self.assertFalse(os.path.exists(node.store.path + ".sync"))
        height = node.ledger.head.height
        self.validator.put("one more")
        self.network.advance(3)
        self.check_same(node)
        self.assertGreater(node.ledger.head.height, height)

    def test_checkpoint(self) -> None:
        """A state of the history that holds the operator's checkpoint is fetched, and of another one none."""
        block = self.validator.ledger.reading().block(2)
        assert block is not None
        for block_hash in (block.hash, bytes(32)):
            config = LedgerConfig(audit_interval=0, checkpoint=Checkpoint(2, block_hash))
            node = self.network.add("10.1.0.1", sync="state", config=config)
            self.network.advance(8)
            if block_hash == block.hash:
                self.check_same(node)
                continue
            self.assertEqual((node.ledger.head.height, node.ledger.state), (0, "syncing"))
            self.assertIn("the checkpoint says 0000", str(node.neighbourhood.catching_up.trouble))
            self.assertEqual(node.neighbourhood.counters().banned, 0)

    def test_several_peers(self) -> None:
        """What is asked for is shared out among the peers that have it."""
        other = self.network.add("10.1.0.1")
        self.network.advance(8)
        asked: dict[str, int] = {}
        for each in (self.validator, other):
            self.count_questions(each, asked)
        node = self.network.add("10.1.0.1", "10.2.0.1", sync="state")
        self.network.advance(8)
        self.check_same(node)
        self.assertEqual(asked.keys(), {"10.1.0.1", "10.2.0.1"})
        self.assertGreater(min(asked.values()), 2)

    def count_questions(self, node: MemoryNode, asked: dict[str, int]) -> None:
        serving = node.neighbourhood._state_serving
        before = serving.asked

        def count(peer: Peer, question: StateQuestion) -> None:
            asked[node.host] = asked.get(node.host, 0) + 1
            before(peer, question)

        self.patch(serving, "asked", count)

    def test_liar(self) -> None:
        """A peer that serves wrong rows is banned, and the right ones come from another."""
        liar = self.network.add("10.1.0.1")
        self.network.advance(8)
        serving = liar.neighbourhood._state_serving
        find = serving._find

        def lie(question: StateQuestion) -> Any:
            answer = find(question)
            if isinstance(question, GetState) and isinstance(answer, State):
                return State(answer.request, tuple(chunk and chunk[:-1] + b"\7" for chunk in answer.chunks))
            return answer

        self.patch(serving, "_find", lie)
        node = self.network.add("10.1.0.1", "10.2.0.1", sync="state")
        self.network.advance(10)
        self.check_same(node)
        self.assertEqual(node.neighbourhood.counted.banned, 1)
        self.assertEqual(node.peers, {"10.1.0.1"})

    def test_state_is_not_served_meanwhile(self) -> None:
        """While the state comes, data is not served."""
        node = self.network.add("10.1.0.1", sync="state")
        states = set()
        for _ in range(400):
            self.network.advance(0.01)
            states.add(node.ledger.state)
        self.assertIn("syncing", states)

    def test_resumes(self) -> None:
        """A node that is stopped in the middle goes on with what it had."""
        fetched: list[str] = []
        rows = StateParts.rows

        def some_rows(parts: StateParts, height: int, names: Sequence[str], limits: PartLimits) -> Any:
            if len(fetched) >= 5 and not self.is_whole:
                return None
            fetched.extend(names[:1])
            return rows(parts, height, names[:1], limits)

        self.is_whole = False
        self.patch(StateParts, "rows", some_rows)
        node = self.network.add("10.1.0.1", sync="state")
        self.network.advance(4)
        self.assertEqual(node.ledger.state, "syncing")
        node.stop()
        self.assertTrue(os.path.exists(node.store.path + ".sync"))
        self.is_whole = True
        again = self.network.add("10.1.0.1", start=False, sync="state")
        os.rename(node.store.path + ".sync", again.store.path + ".sync")
        before = set(fetched)
        fetched.clear()
        again.start()
        self.network.advance(8)
        self.check_same(again)
        self.assertGreater(len(fetched), 5)
        # The window moved on meanwhile; records and accounts did not.
        self.assertEqual([name for name in before & set(fetched) if name[0] in "03"], [])

    def test_network_goes_on(self) -> None:
        """A state that peers gave up meanwhile is left for a newer one."""
        asked: list[int] = []
        rows = StateParts.rows

        def rows_at(parts: StateParts, height: int, names: Sequence[str], limits: PartLimits) -> Any:
            asked.append(height)
            # The first state is never told whole.
            return rows(parts, height, names[:1], limits) if len(asked) < 4 or height > asked[0] else None

        self.patch(StateParts, "rows", rows_at)
        node = self.network.add("10.1.0.1", sync="state")
        for number in range(15):
            self.validator.put(f"later {number}")
            self.network.advance(1)
        self.network.advance(5)
        self.check_same(node)
        self.assertGreater(len(set(asked)), 1)

    def test_long_records(self) -> None:
        """Rows that don't fit into one answer are asked for by smaller slots."""
        self.patch(stateserving, "LIMITS", PartLimits(33, 6_000, 14_000))
        self.patch(stateplan, "CHUNK_ROWS", 2_000)
        node = self.network.add("10.1.0.1", sync="state")
        self.network.advance(8)
        self.check_same(node)

    def test_disk_full(self) -> None:
        """A disk that takes nothing for a while is waited for, and said to be the trouble."""
        put = StateLoader.put
        troubles: list[str | None] = []

        def full(loader: StateLoader, chunks: Sequence[Chunk]) -> None:
            if len(troubles) < 2:
                troubles.append(None)
                raise sqlite3.OperationalError("database or disk is full")
            put(loader, chunks)

        self.patch(StateLoader, "put", full)
        node = self.network.add("10.1.0.1", sync="state")
        self.network.advance(4)
        assert node.neighbourhood.catching_up is not None
        self.assertIn("disk is full", node.neighbourhood.catching_up.trouble or "")
        self.network.advance(14)
        self.check_same(node)
        self.assertIsNone(node.neighbourhood.catching_up.trouble)

    def test_pruned_log(self) -> None:
        """A node whose next block no peer has fetches the state, if its operator did not forbid it."""
        first = self.network.add("10.1.0.1", sync="state")
        self.network.advance(8)
        self.check_same(first)
        self.validator.stop()
        for sync, state in (("replay", 0), ("auto", first.ledger.head.height)):
            node = self.network.add("10.2.0.1", sync=sync)  # type: ignore[arg-type]
            self.network.advance(10)
            self.assertEqual(node.ledger.head.height, state)

"""Blocks that are executed together lead where they lead one by one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats import errors
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import Admission, Parameters
from cloudnode.formats.operation import Operation
from cloudnode.ledger.reading import Block
from cloudnode.store.connection import connect
from cloudnode.store.pruning import HEIGHTS_KEPT
from cloudnode.store.repair.target import find_targets
from cloudnode.store.sqlite import SqliteStore
from cloudnode.store.writer import WrongState
from tests.chaos.compare import Snapshot, compare
from tests.unit.store.network import SmallNetwork, make_key, random_operation, write_run
from tests.unit.store.test_repair import HISTORY, contents, findings, mend

LOCAL = (*HISTORY, "trie", "scores", "totals")
"""Tables that also say since when a row is as it is, or what there was before."""


class RunTests(SynchronousTestCase):
    """A network whose blocks are stored one by one, and a store that takes them in runs."""

    def setUp(self) -> None:
        self.begin(SmallNetwork(self.mktemp()))

    def begin(self, network: SmallNetwork, keep_blocks: int | None = None) -> None:
        self.network = network
        self.addCleanup(network.store.close)
        self.network.lifetime = 3
        self.path = self.mktemp()
        self.store = SqliteStore.open(self.path, self.network.genesis, keep_blocks)
        self.addCleanup(lambda: self.store.close())
        self.random = Random(5)
        self.results: list[int] = []

    def make(self, count: int, operations: int = 6) -> list[tuple[Block, list[Operation]]]:
        """So many blocks more, which the network stores."""
        made = []
        for _ in range(count):
            chosen = [random_operation(self.network, self.random) for _ in range(self.random.randint(0, operations))]
            made.append((self.network.make_block(chosen), chosen))
            self.results += self.network.block(*chosen)
        return made

    def columns(self, path: str, table: str) -> list[tuple[object, ...]]:
        """What all nodes have alike of a table, in order."""
        with closing(connect(path)) as connection:
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            alike = ", ".join(f'"{name}"' for name in names if name not in ("since", "check"))
            return connection.execute(f"SELECT {alike} FROM {table} ORDER BY 1").fetchall()

    def check_same(self) -> None:
        self.assertEqual(self.store.state, self.network.store.state)
        self.assertEqual(self.store.head, self.network.store.head)
        self.assertEqual(contents(self.path, LOCAL), contents(self.network.path, LOCAL))
        for table in ("trie", "scores", "totals"):
            self.assertEqual(self.columns(self.path, table), self.columns(self.network.path, table), table)
        here, there = Snapshot(Path(self.path)), Snapshot(Path(self.network.path))
        try:
            comparison = compare(here, there)
        finally:
            here.close()
            there.close()
        self.assertEqual(comparison.differences, ())
        self.assertEqual(findings(self.path, self.network), [])

    def test_same(self) -> None:
        """Runs of all lengths, in which records come, change and go and ids expire, make the same database."""
        results = []
        for length in (1, 2, 7, 1, 20, 40):
            run = self.make(length)
            results += write_run(self.store, run, self.network.store.state.root)
            self.check_same()
        self.assertEqual(results, self.results)
        self.assertGreater(len(set(self.results)), 3)

    def test_invited(self) -> None:
        """Accounts that are invited in a run may act in it."""
        admission = Admission("invited", accounts=(make_key(100).public,))
        self.begin(SmallNetwork(self.mktemp(), 8, Parameters(admission=admission)))
        for length in (9, 30, 2):
            write_run(self.store, self.make(length), self.network.store.state.root)
            self.check_same()
        self.assertIn(errors.ACCOUNT_NOT_ADMITTED, self.results)

    def test_log_that_is_cut(self) -> None:
        """With runs, too, no more of the log is kept than the operator wants."""
        self.begin(SmallNetwork(self.mktemp()), keep_blocks=HEIGHTS_KEPT)
        for _ in range(11):
            write_run(self.store, self.make(128, 1))
        self.assertEqual(self.store.lowest_block, self.store.head.height - HEIGHTS_KEPT)
        self.assertEqual(findings(self.path, self.network), [])

    def test_heights(self) -> None:
        """Heights inside a run can't be read; those between runs read as they were, and blocks after runs as always."""
        before, wanted = [], {}
        for length in (5, 9, 1, 1, 4):
            before.append(self.store.head.height)
            write_run(self.store, self.make(length))
            wanted[self.store.head.height] = self.network.store.state.root
        for height in range(1, self.store.head.height + 1):
            if height in wanted:
                here, there = self.store.reading(height), self.network.store.reading(height)
                self.assertEqual(here.data_hash().root, wanted[height])
                for order in ("newest", "best"):
                    self.assertEqual(here.list_records(order=order), there.list_records(order=order))
                self.assertEqual(here.search("common"), there.search("common"))
            else:
                error = self.assertRaises(LedgerError, self.store.reading, height)
                self.assertEqual(error.code, "height_pruned")
                self.assertIn("catching up", error.message)

    def test_provable(self) -> None:
        """What can be proven is the newest state that is there and that a header carries."""
        self.assertIsNone(self.store.provable_height)
        write_run(self.store, self.make(5))
        self.assertEqual(self.store.provable_height, 0, "the headers of the run carry the root of height 0 alone")
        write_run(self.store, self.make(6))
        self.assertEqual((self.store.head.height, self.store.provable_height), (11, 5))
        self.store.close()
        self.store = SqliteStore.open(self.path, self.network.genesis)
        self.assertEqual(self.store.provable_height, 5)
        self.assertEqual(find_targets(self.path, self.network.genesis)[0].height, 5)
        write_run(self.store, self.make(1))
        self.assertEqual(self.store.provable_height, 11)

    def test_wrong_state(self) -> None:
        """If a run does not lead where it must, nothing of it is kept."""
        write_run(self.store, self.make(3))
        before = contents(self.path)
        run = self.make(4)
        error = self.assertRaises(WrongState, write_run, self.store, run, bytes(32))
        self.assertIn("the state root at height 7 is not 0000", str(error))
        self.assertEqual(contents(self.path), before)
        for block in run:
            write_run(self.store, [block])
        self.check_same()

    def test_repair(self) -> None:
        """Damage is mended from the state that a run began with, and what the run did is done again."""
        write_run(self.store, self.make(12))
        write_run(self.store, self.make(9))
        self.store.close()
        with closing(connect(self.path)) as connection:
            connection.execute("UPDATE ratings SET value = zeroblob(13) WHERE key IN (SELECT key FROM ratings LIMIT 3)")
            connection.execute("UPDATE records SET data = X'7B7D' WHERE position = (SELECT min(position) FROM records)")
        self.assertNotEqual(findings(self.path, self.network), [])
        target = find_targets(self.path, self.network.genesis)[0]
        self.assertEqual(target.height, 12)
        mend(self.path, self.network.path, self.network, target=target)
        self.store = SqliteStore.open(self.path, self.network.genesis)
        self.check_same()

    def test_pruned(self) -> None:
        """Heights are given up after a run as after a block."""
        write_run(self.store, self.make(HEIGHTS_KEPT, 1))
        write_run(self.store, self.make(5, 1))
        write_run(self.store, self.make(1, 1))
        self.assertEqual(self.store.lowest_height, 6)
        with closing(sqlite3.connect(self.path)) as connection:
            self.assertEqual(connection.execute("SELECT min(height) FROM states").fetchone(), (6,))
        self.check_same()

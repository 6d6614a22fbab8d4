"""A database made from another one's parts: whole, or nothing; whatever was right in it stays."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.genesis import Parameters
from cloudnode.formats.nodes import PAGE_ROWS, TABLES
from cloudnode.ledger.chunks import read_chunk, read_node, read_state, slot_name
from cloudnode.store.audit.phase import Audit
from cloudnode.store.audit.phases import OFFLINE_PHASES, phase_steps
from cloudnode.store.connection import connect
from cloudnode.store.loading import NotWhole, Slot, StateLoader
from cloudnode.store.parts import PartLimits, StateParts
from cloudnode.store.reading import SqliteReading
from cloudnode.store.sqlite import SqliteStore
from cloudnode.store.states import StateRoot
from tests.unit.store.network import SmallNetwork, random_operation

LIMITS = PartLimits(4096, 1 << 20, 3 << 20)
STATE_TABLES = {
    "records": "*", "ratings": "*", "window": "*", "accounts": "*", "system": "key, value, name, content",
    "trie": "slot, node", "scores": "created, hash, account, collection, ref, live, sum, count, rank",
    "totals": "key, records, ratings, stars",
}  # fmt: skip


class LoadingTests(SynchronousTestCase):
    """A store that grew by random operations is made again from its parts."""

    def setUp(self) -> None:
        self.network = SmallNetwork(self.mktemp(), accounts=40)
        self.network.lifetime = 3
        self.addCleanup(lambda: self.network.store.close())
        self.parts = StateParts(self.network.path)
        self.addCleanup(self.parts.close)
        self.path = self.mktemp()
        self.fetched = 0

    def grow(self, blocks: int, operations: int, seed: int) -> None:
        random = Random(seed)
        for _ in range(blocks):
            self.operations = [random_operation(self.network, random) for _ in range(operations)]
            self.network.block(*self.operations)

    def open(self) -> StateLoader:
        loader = StateLoader.open(self.path, self.network.genesis)
        self.addCleanup(loader.close)
        return loader

    @property
    def state(self) -> StateRoot:
        return self.network.store.state

    def load(self, loader: StateLoader, most: int, stop_after: int = 1 << 30) -> None:
        """Bring what is not there yet."""
        height = self.state.height
        found = self.parts.nodes(height, ())
        assert found is not None
        entries = read_state(self.state.root, found[0])
        todo = [Slot(table.number, "", entry) for table, entry in zip(TABLES, entries, strict=True)]
        while todo:
            wanted = todo.pop(0)
            if wanted.rows > max(most, PAGE_ROWS):
                answer = self.parts.nodes(height, [wanted.name])
                assert answer is not None
                node = read_node(wanted.table, wanted.slot, wanted.entry, answer[1][0])
                loader.put_node(wanted, node)
                todo += [Slot(wanted.table, node.path + digit, child) for digit, child in node.children.items()]
                continue
            if loader.examine([wanted]) == ["same"]:
                continue
            if self.fetched == stop_after:
                return
            self.fetched += 1
            sent = self.parts.rows(height, [slot_name(wanted.table, wanted.slot)], LIMITS)
            assert sent is not None and sent[0] is not None
            loader.put([read_chunk(wanted.table, wanted.slot, wanted.entry, sent[0])])

    def finish(self, loader: StateLoader) -> list[float]:
        block = self.network.store.reading().block(self.state.height)
        assert block is not None
        return list(loader.finish_in_steps(self.state, block, self.operations))

    def rows(self, store: SqliteStore) -> dict[str, list[object]]:
        least = self.state.height.to_bytes(8, "big")
        return {
            table: sorted(
                row
                for row in store._read.execute(f"SELECT {columns} FROM {table}")
                if not (table == "window" and row[0] < least)
                and not (table == "totals" and not any(row[1:]))
            )
            for table, columns in STATE_TABLES.items()
        }  # fmt: skip

    def audit(self) -> None:
        audit = Audit(connect(self.path), self.network.genesis)
        self.addCleanup(audit.connection.close)
        for name in OFFLINE_PHASES:
            for _ in phase_steps(audit, name):
                pass
        self.assertEqual(audit.findings, [])

    def check(self) -> SqliteStore:
        """The made database is the other one, sound, and takes the next block."""
        self.audit()
        store = SqliteStore.open(self.path, self.network.genesis)
        self.addCleanup(store.close)
        self.assertEqual((store.head, store.state), (self.network.store.head, self.state))
        self.assertEqual(self.rows(store), self.rows(self.network.store))
        self.assertEqual(store.lowest_height, self.state.height)
        self.assertEqual(store.lowest_block, self.state.height)
        return store

    def test_whole(self) -> None:
        """All parts make a database with the same rows, which an audit finds sound."""
        self.grow(6, 150, 1)
        for most in (PAGE_ROWS, 4096):
            self.path = self.mktemp()
            loader = self.open()
            self.assertTrue(loader.began_empty)
            self.load(loader, most)
            self.assertEqual(self.finish(loader)[-1], 1.0)
            self.check()

    def test_goes_on(self) -> None:
        """The made database takes the blocks that follow, and search and lists are those of the other one."""
        self.grow(4, 100, 1)
        loader = self.open()
        self.load(loader, 100)
        self.finish(loader)
        made = self.check()
        self.assertIsNone(made.provable_height, "no header here carries the state that was loaded")
        random = Random(7)
        for _ in range(5):
            operations = [random_operation(self.network, random) for _ in range(40)]
            block = self.network.make_block(operations)
            for store in (self.network.store, made):
                for _ in store.write_in_steps([(block, operations)]):
                    pass
            self.assertEqual(made.head, self.network.store.head)
            self.assertEqual(made.provable_height, made.head.height - 1)
        both = [self.network.store.reading(), made.reading()]
        questions: tuple[Callable[[SqliteReading], list[Any]], ...] = (
            lambda reading: reading.search("common", limit=100),
            lambda reading: reading.list_records(order="best", limit=100),
            lambda reading: list(reading.operations(4)),
        )
        for ask in questions:
            self.assertEqual(ask(both[0]), ask(both[1]))
            self.assertTrue(ask(both[0]))
        self.audit()

    def test_resumes(self) -> None:
        """What was put in before a crash is not fetched again."""
        self.grow(4, 150, 1)
        loader = self.open()
        self.load(loader, PAGE_ROWS, stop_after=10)
        self.assertEqual(self.fetched, 10)
        loader.close()
        loader = self.open()
        self.assertFalse(loader.began_empty)
        self.load(loader, PAGE_ROWS)
        once = self.fetched
        self.fetched = 0
        loader.close()
        loader = self.open()
        self.load(loader, PAGE_ROWS)
        self.assertEqual(self.fetched, 0)
        self.finish(loader)
        self.check()
        self.fetched, self.path = 0, self.mktemp()
        self.load(self.open(), PAGE_ROWS)
        self.assertEqual(self.fetched, once)

    def test_newer_state(self) -> None:
        """When the state is another one meanwhile, only what changed is fetched, and what is gone goes."""
        self.grow(5, 150, 1)
        loader = self.open()
        self.load(loader, PAGE_ROWS)
        first = self.fetched
        for seed in range(2, 5):
            self.fetched = 0
            self.grow(1, 2, seed)
            self.load(loader, PAGE_ROWS)
            self.assertLess(self.fetched, first / 2)
        for blocks, operations in ((9, 0), (2, 400), (3, 1)):
            # Windows empty and fill, so that tables shrink to pages and grow out of them.
            self.grow(blocks, operations, 9)
            self.load(loader, 100)
        self.finish(loader)
        self.check()

    def test_not_whole(self) -> None:
        """A database that lacks something is not finished, and can be gone on with."""
        self.grow(3, 150, 1)
        loader = self.open()
        self.load(loader, PAGE_ROWS, stop_after=3)
        self.assertRaises(NotWhole, self.finish, loader)
        self.load(loader, PAGE_ROWS)
        self.finish(loader)
        self.check()

    def test_unusable_file(self) -> None:
        """A file that is no database, or another network's, is begun anew."""
        self.grow(1, 5, 1)
        with open(self.path, "wb") as file:
            file.write(b"no database" * 1000)
        self.assertTrue(self.open().began_empty)
        other = SmallNetwork(self.mktemp(), parameters=Parameters(window=77))
        other.store.close()
        self.path = other.path
        loader = self.open()
        self.load(loader, 4096)
        self.finish(loader)
        self.check()

    def test_finished_file(self) -> None:
        """A database that was finished but never used, for the node was killed, is begun anew."""
        self.grow(1, 5, 1)
        loader = self.open()
        self.load(loader, 4096)
        self.finish(loader)
        self.assertTrue(self.open().began_empty)

    def test_replace(self) -> None:
        """A finished database takes the place of the one in use, under whoever holds the store."""
        self.grow(3, 50, 1)
        loader = self.open()
        self.load(loader, 4096)
        self.finish(loader)
        store = SqliteStore.open(self.mktemp(), self.network.genesis)
        self.addCleanup(store.close)
        self.assertEqual(store.head.height, 0)
        store.replace(self.path)
        self.assertEqual(store.head, self.network.store.head)
        self.assertFalse(os.path.exists(self.path))
        self.assertEqual(store.reading().data_hash(), self.network.store.reading().data_hash())
        store.close()
        self.path = store.path
        self.check()

"""What the store gives up with time, and what it refuses to look through."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.operation import Operation
from cloudnode.store import connection as connection_module
from cloudnode.store import pruning
from cloudnode.store.audit.phase import Audit
from cloudnode.store.audit.phases import OFFLINE_PHASES, phase_steps
from cloudnode.store.connection import QUERY_BUDGET, Budget, connect
from cloudnode.store.pruning import HEIGHTS_KEPT
from cloudnode.store.reading import SqliteReading
from cloudnode.store.sqlite import SqliteStore
from tests.unit.store.network import SmallNetwork


class LogPruningTests(SynchronousTestCase):
    """A store that keeps few blocks."""

    def setUp(self) -> None:
        self.network = SmallNetwork(self.mktemp())
        self.addCleanup(lambda: self.network.store.close())
        for number in range(12):
            self.network.block(self.network.put(self.network.accounts[0], "film", f"f{number}"))

    def reopen(self, keep: int | None) -> None:
        self.network.store.close()
        self.network.store = SqliteStore.open(self.network.path, self.network.genesis, keep)

    def heights(self) -> tuple[list[int], list[int]]:
        """Of the blocks, and of the operations."""
        read = self.network.store._read.execute
        blocks = [height for (height,) in read("SELECT height FROM blocks ORDER BY height")]
        return blocks, [at >> 20 for (at,) in read("SELECT position FROM operations ORDER BY position")]

    def test_in_portions(self) -> None:
        """Old blocks go with new ones, few at a time, with their operations; the state stays."""
        self.patch(pruning, "BLOCKS_AT_ONCE", 4)
        self.reopen(3)
        self.assertEqual(self.network.store.lowest_block, 1)
        self.network.block()
        self.assertEqual(self.heights(), (list(range(5, 14)), list(range(5, 13))))
        self.assertEqual(self.network.store.lowest_block, 5)
        self.network.block()
        self.network.block()
        self.assertEqual(self.heights(), ([12, 13, 14, 15], [12]))
        self.assertEqual(self.network.store.lowest_block, self.network.store.reading().lowest_block)
        self.assertEqual(len(self.network.store.reading().list_records(limit=50)), 12)
        audit = Audit(connect(self.network.path), self.network.genesis)
        self.addCleanup(audit.connection.close)
        for name in OFFLINE_PHASES:
            for _ in phase_steps(audit, name):
                pass
        self.assertEqual(audit.findings, [])

    def test_many_operations(self) -> None:
        """A block goes whole, however many operations it has, and no other with it then."""
        self.patch(pruning, "OPERATIONS_AT_ONCE", 0)
        self.reopen(3)
        self.network.block()
        self.assertEqual(self.network.store.lowest_block, 2)

    def test_all(self) -> None:
        """By default all are kept."""
        self.reopen(None)
        self.network.block()
        self.assertEqual(self.heights()[0], list(range(1, 14)))


class PruningTests(SynchronousTestCase):
    """A height out of reach, and what only it needed."""

    def setUp(self) -> None:
        self.network = SmallNetwork(self.mktemp())
        self.network.lifetime = 0
        self.addCleanup(lambda: self.network.store.close())
        author, rater = self.network.accounts[:2]
        self.record = f"{author.public.hex()}/film/a"
        self.network.block(self.network.put(author, "film", "a", b'{"title":"metropolis"}'))
        self.network.block(self.network.rate(rater, self.record, 2))
        self.network.block(
            self.network.put(author, "film", "a", b'{"title":"nosferatu"}'), self.network.rate(rater, self.record, 5)
        )
        for _ in range(HEIGHTS_KEPT + 1):
            self.network.block()

    def count(self, table: str) -> int:
        connection = connect(self.network.path, read_only=True)
        self.addCleanup(connection.close)
        rows: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return rows

    def test_reach(self) -> None:
        """The last 1,000 heights below the head can be read, exactly as they were; lower ones are pruned by name."""
        store = self.network.store
        self.assertEqual((store.head.height, store.lowest_height), (HEIGHTS_KEPT + 4, 4))
        author = self.network.accounts[0].public
        record = store.reading(4).get_record(author, "film", "a")
        assert record is not None
        self.assertEqual((record.data, record.ratings_sum), (b'{"title":"nosferatu"}', 5))
        self.assertEqual(self.assertRaises(LedgerError, store.reading, 3).code, "height_pruned")
        self.assertEqual(self.assertRaises(LedgerError, store.reading, HEIGHTS_KEPT + 5).code, "height_future")

    def test_given_up(self) -> None:
        """Nothing that only pruned heights needed is kept: old rows, old nodes, old words, ids long expired."""
        self.assertEqual([self.count(f"{table}_old") for table in ("records", "ratings", "scores", "totals")], [0] * 4)
        self.assertEqual(self.count("window"), 0)
        self.assertEqual(self.count("states"), HEIGHTS_KEPT + 1)
        store = self.network.store
        self.assertEqual((len(store.reading().search("nosferatu")), store.reading(4).search("metropolis")), (1, []))

    def test_sound(self) -> None:
        """An audit finds the pruned database sound."""
        audit = Audit(connect(self.network.path), self.network.genesis)
        self.addCleanup(audit.connection.close)
        for name in OFFLINE_PHASES:
            for _ in phase_steps(audit, name):
                pass
        self.assertEqual(audit.findings, [])


class BudgetTests(SynchronousTestCase):
    """Reads that would look at too much."""

    def test_too_broad(self) -> None:
        """A read that looks through too many rows is ended by name, and the next one has the whole budget again."""
        network = SmallNetwork(self.mktemp())
        self.addCleanup(network.store.close)
        author = network.accounts[0]
        target = f"{author.public.hex()}/film/0"
        puts: list[Operation] = [network.put(author, "film", "0")]
        puts += [network.put(author, "post", str(number), ref=target) for number in range(3000)]
        puts += [network.put(author, "film", f"other {number}") for number in range(3000)]
        network.block(*puts)
        connection = connect(network.path, read_only=True)
        self.addCleanup(connection.close)
        reading = SqliteReading(connection, Budget(connection, instructions=0), network.store.state, True)
        error = self.assertRaises(LedgerError, reading.list_records, ref=target, collection="film")
        self.assertEqual(error.code, "query_too_broad")
        record = reading.get_record(author.public, "post", "7")
        assert record is not None
        self.assertEqual(record.ref, target)

    def test_proof(self) -> None:
        """A proof has one budget for all its rows, which a page of the greatest length takes a small part of."""
        network = SmallNetwork(self.mktemp())
        self.addCleanup(network.store.close)
        author = network.accounts[0]
        network.block(*(network.put(author, "film", str(number)) for number in range(400)))
        records = [f"{author.public.hex()}/film/{number}" for number in range(400)]
        connection = connect(network.path, read_only=True)
        self.addCleanup(connection.close)
        self.patch(connection_module, "_STEP", 100)
        reading = SqliteReading(connection, Budget(connection, instructions=2_000), network.store.state, True)
        with self.assertRaises(LedgerError) as raised:
            reading.prove_records(records)
        self.assertEqual(raised.exception.code, "query_too_broad")
        reading.prove_records(records[:3])
        small = Budget(connection, instructions=QUERY_BUDGET // 20)
        SqliteReading(connection, small, network.store.state, True).prove_records(records[:200])

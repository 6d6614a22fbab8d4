"""Pages and nodes over packed rows, against the trie's definition."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.nodes import EMPTY_ENTRY, RATINGS, TABLES
from cloudnode.ledger.packed import make_packed_nodes, packed_page_entry
from tests.unit.ledger.memory import defined_entry


def make_rows(random: Random, table: int, count: int, spread: int) -> list[tuple[bytes, bytes]]:
    """Rows in order, in whose keys there are so many different first halves."""
    shape = TABLES[table]
    half = shape.key_size // 2
    starts = [random.randbytes(half) for _ in range(spread)]
    keys = sorted({random.choice(starts) + random.randbytes(shape.key_size - half) for _ in range(count)})
    return [(key, bytes([random.randint(1, 5)]) + random.randbytes(shape.value_size - 1)) for key in keys]


def pack(rows: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(key + value for key, value in rows)


class PackedTests(SynchronousTestCase):
    def test_definition(self) -> None:
        """Entry and nodes are those of the definition, whatever the keys have in common, in every table."""
        random = Random(3)
        for table in TABLES:
            for count in (0, 1, 32, 33, 34, 500):
                for spread in (1, 2, 40):
                    rows = make_rows(random, table.number, count, spread)
                    self.assertEqual(make_packed_nodes(table.number, "", pack(rows)), defined_entry(table.number, rows))

    def test_empty_page(self) -> None:
        """No rows are the entry of nothing."""
        self.assertEqual(packed_page_entry(RATINGS, b"", 0), EMPTY_ENTRY)

    def test_no_rows_of_the_table(self) -> None:
        """What can't be rows in order is refused, and never gone into for ever."""
        rows = make_rows(Random(4), RATINGS, 80, 2)
        with self.assertRaises(ValueError):
            make_packed_nodes(RATINGS, "", pack(rows)[:-1])
        with self.assertRaises(ValueError):
            make_packed_nodes(RATINGS, "", pack(rows[:1] * 40))
        for seed in range(200):
            Random(seed).shuffle(rows)
            try:
                entry, _ = make_packed_nodes(RATINGS, "", pack(rows))
            except ValueError:
                continue
            self.assertNotEqual(entry, defined_entry(RATINGS, sorted(rows))[0])

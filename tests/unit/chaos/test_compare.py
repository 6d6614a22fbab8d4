"""Databases compared row for row: real ones, of two nodes that took the same, and altered in every way."""

from __future__ import annotations

import contextlib
import io
import shutil
import sqlite3
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.store.schema import SCHEMA
from cloudnode.store.texts import record_text
from tests.chaos.compare import NODE_SPECIFIC, Comparison, Snapshot, compare, main


def make_database(path: Path) -> None:
    """A few rows in the tables of the real schema."""
    connection = sqlite3.connect(path)
    connection.create_function("record_text", 1, record_text, deterministic=True)
    with connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(SCHEMA)
        for height in range(3):
            _insert(connection, "blocks", height=height, finality=b"quorum one", root_height=height)
        for position in range(1, 6):
            _insert(connection, "operations", position=position, id=bytes([position]) * 32)
            data = b'{"title": "film %d"}' % position
            _insert(connection, "records", position=position, hash=bytes([position]), live=position != 5, data=data)
            connection.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (position, record_text(data)))
        for key in range(4):
            _insert(connection, "ratings", key=bytes([key]) * 64, value=bytes([key + 1]) + bytes(12))
        _insert(connection, "records_old", position=9, until=2)
        _insert(connection, "epochs", number=0, finality=b"quorum one")
    connection.close()


def _insert(connection: sqlite3.Connection, table: str, **values: object) -> None:
    """A row, with something in each column that is not told."""
    columns = [row[1:3] for row in connection.execute(f"PRAGMA table_info({table})")]
    row = [values.get(name, b"\0" if kind == "BLOB" else "x" if kind == "TEXT" else 0) for name, kind in columns]
    connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)


class CompareTests(SynchronousTestCase):
    def setUp(self) -> None:
        home = Path(self.mktemp())
        home.mkdir()
        self.one, self.other = home / "one.sqlite3", home / "other.sqlite3"
        make_database(self.one)
        shutil.copy(self.one, self.other)

    def alter(self, statement: str) -> None:
        connection = sqlite3.connect(self.other)
        connection.create_function("record_text", 1, record_text, deterministic=True)
        with connection:
            connection.execute(statement)
        connection.close()

    def compare(self) -> Comparison:
        with contextlib.closing(Snapshot(self.one)) as one, contextlib.closing(Snapshot(self.other)) as other:
            return compare(one, other)

    def test_same(self) -> None:
        """Equal databases have no difference; all rows of all tables count, and each word with each row."""
        comparison = self.compare()
        self.assertEqual(comparison.differences, ())
        self.assertEqual(comparison.rows, 3 + 5 + 5 + 4 + 1 + 1 + 2 * 5)
        tables = SCHEMA.count("CREATE TABLE") + 1
        self.assertEqual(comparison.tables, tables)

    def test_node_specific(self) -> None:
        """Proofs of finality, and the checks of their rows, may differ; nothing else of the same rows may."""
        for table, columns in NODE_SPECIFIC.items():
            for column in columns:
                self.alter(f'UPDATE {table} SET "{column}" = 77')
        self.assertEqual(self.compare().differences, ())
        self.alter("UPDATE blocks SET header = x'01' WHERE height = 1")
        (difference,) = self.compare().differences
        self.assertEqual(str(difference), "blocks: 1 row differs: 1 in header")

    def test_since(self) -> None:
        """Since when a row is as it is must be the same, but for rows that a node made while it caught up."""
        rows = "INSERT INTO totals VALUES (x'01', 4, 1, 1, 1, 7), (x'02', 9, 1, 1, 1, 7)"
        with contextlib.closing(sqlite3.connect(self.one)) as connection, connection:
            connection.execute(rows)
        shutil.copy(self.one, self.other)
        self.alter("UPDATE totals SET since = 3, \"check\" = 8 WHERE key = x'01'")
        (difference,) = self.compare().differences
        self.assertEqual(str(difference), "totals: 1 row differs: 01 in since, check")
        self.alter("INSERT INTO states VALUES (3, x'', x'', 0), (4, x'', x'', 0)")
        self.assertEqual(self.compare().differences, ())
        self.alter("UPDATE totals SET since = 8 WHERE key = x'02'")
        (difference,) = self.compare().differences
        self.assertEqual(str(difference), "totals: 1 row differs: 02 in since")
        self.alter("UPDATE totals SET since = 9, stars = 2 WHERE key = x'02'")
        (difference,) = self.compare().differences
        self.assertEqual(str(difference), "totals: 1 row differs: 02 in stars")

    def test_every_column(self) -> None:
        """A change of any column of any table is found, and named."""
        connection = sqlite3.connect(self.one)
        tables = ("operations", "records", "records_old", "ratings")
        columns = {table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")] for table in tables}
        connection.close()
        for table, names in columns.items():
            for name in names[1:]:
                shutil.copy(self.one, self.other)
                self.alter(f'UPDATE {table} SET "{name}" = 99 WHERE rowid = 1' if table != "ratings" else
                           f"UPDATE ratings SET {name} = x'99' WHERE key = zeroblob(64)")  # fmt: skip
                if table == "records_old":
                    self.alter(f'UPDATE records_old SET "{name}" = 99')
                differences = self.compare().differences
                self.assertEqual([difference.table for difference in differences], [table], (table, name))
                self.assertIn(name, str(differences[0]))

    def test_missing_rows(self) -> None:
        """Rows that only one has are told by their keys: on either side, at the beginning, in between, at the end."""
        self.alter("DELETE FROM operations WHERE position IN (1, 3)")
        self.alter("INSERT INTO operations SELECT position + 4, id, body, signature, result, \"check\" FROM operations "
                   "WHERE position > 2")  # fmt: skip
        self.alter("DELETE FROM ratings WHERE key > x'02'")
        operations, ratings = self.compare().differences
        self.assertEqual(operations.count, 4)
        self.assertEqual(
            operations.examples,
            ("1 only in the first", "3 only in the first", "8 only in the second", "9 only in the second"),
        )
        self.assertEqual(ratings.count, 2)
        self.assertIn("only in the first", ratings.examples[0])

    def test_words(self) -> None:
        """The search index is compared by its words, not by its pages."""
        self.alter("INSERT INTO words (words) VALUES ('optimize')")
        self.assertEqual(self.compare().differences, ())
        self.alter("INSERT INTO words (words, rowid, text) VALUES ('delete', 2, 'film' || char(10) || '2')")
        self.alter("INSERT INTO words (rowid, text) VALUES (2, 'other')")
        (difference,) = self.compare().differences
        self.assertEqual(difference.table, "words")
        self.assertIn("other/2 only in the second", str(difference))

    def test_tables(self) -> None:
        """A table that only one has, or of another shape, is a difference; a new one in both is compared."""
        self.alter("CREATE TABLE more (a INTEGER PRIMARY KEY, b)")
        self.assertIn("one database has this table", str(self.compare().differences[0]))
        connection = sqlite3.connect(self.one)
        with connection:
            connection.execute("CREATE TABLE more (a INTEGER PRIMARY KEY, b, c)")
        self.assertIn("the columns differ", str(self.compare().differences[0]))
        with connection:
            connection.execute("ALTER TABLE more DROP c")
            connection.execute("INSERT INTO more VALUES (1, 2)")
        connection.close()
        self.assertEqual(str(self.compare().differences[0]), "more: 1 row differs: 1 only in the first")

    def test_snapshot(self) -> None:
        """What is written after a snapshot began is not in it."""
        one, other = Snapshot(self.one), Snapshot(self.other)
        self.addCleanup(one.close)
        self.addCleanup(other.close)
        self.alter("DELETE FROM operations")
        self.assertEqual(compare(one, other).differences, ())
        self.assertEqual(len(other.operations()), 5)
        self.assertEqual((other.head, other.data()), (2, (4, 4, 10)))

    def test_command(self) -> None:
        """The command's status is 0, 1 or 2, and what it says names the files."""
        def run(*paths: Path | str) -> tuple[int, str]:
            out = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                return main([str(path) for path in paths]), out.getvalue()

        self.assertEqual(run(self.one, self.other)[0], 0)
        self.alter("UPDATE operations SET result = 3 WHERE position = 2")
        status, said = run(self.one, self.one, self.other)
        self.assertEqual(status, 1)
        self.assertIn(f"{self.other}: operations: 1 row differs: 2 in result", said)
        self.assertEqual(run(self.one)[0], 2)
        status, said = run(self.one, self.one.with_name("none"))
        self.assertEqual(status, 2)
        self.assertIn("none", said)

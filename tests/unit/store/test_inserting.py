"""Many rows by few statements."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.store.inserting import insert_rows


class InsertRowsTests(SynchronousTestCase):
    """Rows are inserted as a statement for each would."""

    def test_any_number(self) -> None:
        """However many there are, all are there, with their values of all kinds."""
        for count in (0, 1, 31, 32, 33, 64, 100):
            with closing(sqlite3.connect(":memory:")) as connection:
                connection.execute("CREATE TABLE some (number INTEGER PRIMARY KEY, text TEXT, blob BLOB)")
                rows = [(number, None if number % 3 else f"row {number}", b"\0" * number) for number in range(count)]
                insert_rows(connection, "INSERT INTO some", rows)
                self.assertEqual(connection.execute("SELECT * FROM some ORDER BY number").fetchall(), rows)

    def test_replaced(self) -> None:
        """The last of several rows with one key stays, where the statement replaces."""
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("CREATE TABLE some (number INTEGER PRIMARY KEY, text TEXT)")
            insert_rows(connection, "INSERT OR REPLACE INTO some", [(each % 7, str(each)) for each in range(70)])
            found = connection.execute("SELECT * FROM some ORDER BY number").fetchall()
        self.assertEqual(found, [(number, str(63 + number)) for number in range(7)])

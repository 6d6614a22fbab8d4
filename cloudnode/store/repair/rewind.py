"""Taking blocks back, so that the database is again what it was after an earlier one.

A repair needs a height whose state root the validators signed; the newest such height is a little below the head.
Everything that the blocks above it did is in the tables named ``_old``, so it can be undone without asking anybody;
what is damaged there comes out in the comparison that follows. The same blocks are written again at the end.
"""

from __future__ import annotations

import sqlite3

from cloudnode.ledger.positions import end_of
from cloudnode.store.audit.records import record_is_sound
from cloudnode.store.schema import RECORD_COLUMNS, SCORE_COLUMNS
from cloudnode.store.texts import record_text

_BY_SINCE = {
    "system": "key, value, name, content, since",
    "trie": "slot, since, node",
    "scores": SCORE_COLUMNS,
    "totals": "key, since, records, ratings, stars",
}
"""Tables whose rows say themselves since when they hold, with their columns but the checksum."""

_CHECKS = {
    "system": "row_check(name, since)",
    "trie": "row_check(slot, since)",
    "scores": f"row_check({SCORE_COLUMNS})",
    "totals": f"row_check({_BY_SINCE['totals']})",
}


def rewind(connection: sqlite3.Connection, height: int) -> bool:
    """Take back all blocks above ``height``, within the transaction that is open.

    :return: Whether the index of words is as it must be; it is not if a record that was taken back was damaged, so
        that nobody knows which words it was indexed by.
    :raises sqlite3.DatabaseError: The file is damaged too much for this.
    """
    run = connection.execute
    end, height_key = end_of(height), height.to_bytes(8, "big")
    words_are_good = _forget_words(connection, end)
    run("DELETE FROM records WHERE position >= ?", (end,))
    # Where a damaged row is in the way, the old one, which has a checksum, is the better one.
    run(
        f"INSERT OR REPLACE INTO records SELECT {RECORD_COLUMNS} FROM records_old WHERE until > ? AND position < ?",
        (height, end),
    )
    run("DELETE FROM records_old WHERE until > ?", (height,))
    run("DELETE FROM ratings WHERE substr(value, 2, 8) > ?", (height_key,))
    run(
        "INSERT OR REPLACE INTO ratings SELECT key, value FROM ratings_old"
        " WHERE until > ? AND substr(value, 2, 8) <= ?",
        (height, height_key),
    )
    run("DELETE FROM ratings_old WHERE until > ?", (height,))
    run("DELETE FROM window WHERE substr(value, 1, 8) > ?", (height_key,))
    run("DELETE FROM accounts WHERE substr(value, 65, 8) > ?", (height_key,))
    for table, columns in _BY_SINCE.items():
        run(f"DELETE FROM {table} WHERE since > ?", (height,))
        run(
            f"INSERT OR REPLACE INTO {table} SELECT {columns}, {_CHECKS[table]} FROM {table}_old"
            " WHERE until > ? AND since <= ?",
            (height, height),
        )
        run(f"DELETE FROM {table}_old WHERE until > ?", (height,))
    run("DELETE FROM states WHERE height > ?", (height,))
    run("DELETE FROM blocks WHERE height > ?", (height,))
    run("DELETE FROM epochs WHERE last_height > ?", (height,))
    run("DELETE FROM operations WHERE position >= ?", (end,))
    return words_are_good


def _forget_words(connection: sqlite3.Connection, end: int) -> bool:
    are_good = True
    for table in ("records", "records_old"):
        rows = connection.execute(f"SELECT {RECORD_COLUMNS} FROM {table} WHERE position >= ?", (end,)).fetchall()
        for row in rows:
            if not record_is_sound(row):
                are_good = False
            elif row[3]:
                # An index with external content must be told what it indexed (SQLite's FTS5, section 4.4.3).
                connection.execute(
                    "INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)", (row[0], record_text(row[-1]))
                )
    return are_good

"""Giving up what only heights that can no longer be asked for would need."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator

from cloudnode.ledger.positions import end_of
from cloudnode.store.state import first_window_key
from cloudnode.store.texts import record_text

HEIGHTS_KEPT = 1000
"""How many heights below the head can be read."""

HEIGHTS_AT_ONCE = 8
"""So many heights at most are given up in one step where a run of blocks gives up many."""

BLOCKS_AT_ONCE = 100
OPERATIONS_AT_ONCE = 4_000
"""So much of the log at most goes with one new block, so that none takes long when an operator begins to prune."""

_OLD_TABLES = ("ratings_old", "scores_old", "totals_old", "trie_old", "system_old")


def lowest_height(head: int) -> int:
    """The lowest height that can be read when ``head`` is the newest."""
    return max(0, head - HEIGHTS_KEPT)


def prune(connection: sqlite3.Connection, heads: range) -> Generator[None, None, None]:
    """Remove what is not needed to read the heights from :func:`lowest_height` on, in steps.

    :param heads: The heights of the blocks that are new: each step is that of some of them.
    """
    lowest = [lowest_height(head) for head in heads]
    for last in range(HEIGHTS_AT_ONCE - 1, len(lowest) + HEIGHTS_AT_ONCE - 1, HEIGHTS_AT_ONCE):
        _prune_below(connection, lowest[min(last, len(lowest) - 1)])
        yield


def _prune_below(connection: sqlite3.Connection, lowest: int) -> None:
    if lowest == 0:
        return
    for table in _OLD_TABLES:
        connection.execute(f"DELETE FROM {table} WHERE until <= ?", (lowest,))
    gone = connection.execute("SELECT position, live, data FROM records_old WHERE until <= ?", (lowest,)).fetchall()
    if gone:
        # An index with external content must be told what it indexed (SQLite's FTS5, section 4.4.3).
        connection.executemany(
            "INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)",
            [(position, record_text(data)) for position, live, data in gone if live],
        )
        connection.execute("DELETE FROM records_old WHERE until <= ?", (lowest,))
    connection.execute("DELETE FROM states WHERE height < ?", (lowest,))
    connection.execute("DELETE FROM window WHERE key < ?", (first_window_key(lowest),))


def prune_log(connection: sqlite3.Connection, head: int, keep: int, written: int = 1) -> None:
    """Remove blocks that are more than ``keep`` heights below the head, the oldest first, with their operations.

    :param written: How many blocks are new.
    :param keep: At least :data:`HEIGHTS_KEPT`: what is said of a height names its block.
    """
    last = None
    operations = 0
    for height, size in connection.execute(
        "SELECT height, length(ids) FROM blocks WHERE height < ? ORDER BY height LIMIT ?",
        (head - keep, max(BLOCKS_AT_ONCE, 2 * written)),
    ):
        operations += size // 32
        if last is not None and operations > OPERATIONS_AT_ONCE:
            break
        last = height
    if last is not None:
        connection.execute("DELETE FROM operations WHERE position < ?", (end_of(last),))
        connection.execute("DELETE FROM blocks WHERE height <= ?", (last,))

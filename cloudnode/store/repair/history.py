"""The rows that lower heights are read from: whether they are sound, and giving them up."""

from __future__ import annotations

import sqlite3
from hashlib import sha256

from cloudnode.formats.block import Header
from cloudnode.formats.errors import LedgerError
from cloudnode.store.audit.log import CHECKED
from cloudnode.store.audit.records import record_is_sound
from cloudnode.store.checks import row_check
from cloudnode.store.schema import RECORD_COLUMNS
from cloudnode.store.states import PASSED
from cloudnode.store.texts import record_text

_OLD_TABLES = ("records_old", "ratings_old", "trie_old", "scores_old", "totals_old", "system_old")


def why_history_is_lost(connection: sqlite3.Connection, height: int) -> str | None:
    """Check old rows by their checksums, and the states up to a height also by the headers that carry their roots.

    :return: What is damaged, or None.
    """
    for table in (*_OLD_TABLES, "states"):
        _, columns = CHECKED[table]
        # What is above is taken back and written again.
        where = "WHERE height < ?1" if table == "states" else "WHERE ?1 >= 0"
        for check, *values in connection.execute(f'SELECT "check", {columns} FROM {table} {where}', (height,)):
            if row_check(*values) != check:
                return f"a row of {table} is damaged"
    roots: dict[int, bytes] = {}
    expected = None
    for state_height, root, preimage in connection.execute(
        "SELECT height, root, preimage FROM states WHERE height < ? ORDER BY height", (height,)
    ):
        if root != (sha256(preimage).digest() if preimage != PASSED else PASSED):
            return "a row of states is damaged"
        if expected is not None and state_height != expected:
            return "a row of states is missing"
        expected = state_height + 1
        roots[state_height] = root
    for (raw,) in connection.execute(
        "SELECT header FROM blocks WHERE root_height >= ?", (min(roots, default=height),)
    ):
        try:
            header = Header.decode(raw)
        except LedgerError:
            continue  # that is for the repair of the log
        if roots.get(header.root_height, header.root) not in (header.root, PASSED):
            return f"the state of height {header.root_height} was not the signed one"
    return None


def give_up_history(connection: sqlite3.Connection) -> bool:
    """Remove all old rows; returns whether the index of words is still right."""
    words_are_good = True
    for row in connection.execute(f"SELECT {RECORD_COLUMNS} FROM records_old").fetchall():
        if not record_is_sound(row):
            words_are_good = False
        elif row[3]:
            connection.execute(
                "INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)", (row[0], record_text(row[-1]))
            )
    for table in _OLD_TABLES:
        connection.execute(f"DELETE FROM {table}")
    return words_are_good

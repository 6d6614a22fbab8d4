"""Replacing all rows of a table under a prefix by the true ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping

from cloudnode.formats.nodes import RECORDS, SYSTEM, decode_window_value
from cloudnode.ledger.chunks import Chunk
from cloudnode.ledger.positions import position
from cloudnode.ledger.system import system_row
from cloudnode.store.checks import row_check
from cloudnode.store.state import WINDOW

_NAMES = {1: "ratings", 2: "window", 3: "accounts"}


def replace_rows(
    connection: sqlite3.Connection, present: Mapping[bytes, bytes], chunk: Chunk, dropped: Collection[int]
) -> tuple[list[bytes], bool]:
    """Put true rows in the place of those that are there.

    :param present: What is there, key and value.
    :param dropped: Positions of records that were removed for their content, whose words are still indexed.
    :return: The keys of all rows that changed, and whether the index of words is still right.
    """
    true = dict(chunk.rows)
    gone = [key for key in present if key not in true]
    wrong = [key for key, value in true.items() if present.get(key) != value]
    words_are_good = True
    match chunk.table:
        case number if number == RECORDS:
            words_are_good = _replace_records(connection, chunk, gone, set(wrong), dropped)
        case number if number == SYSTEM:
            _replace_settings(connection, chunk, gone, set(wrong))
        case number:
            name = _NAMES[number]
            connection.executemany(f"DELETE FROM {name} WHERE key = ?", [(key,) for key in gone])
            connection.executemany(
                f"INSERT OR REPLACE INTO {name} VALUES (?, ?)", [(key, true[key]) for key in sorted(wrong)]
            )
            if number == WINDOW:
                _write_results(connection, [(key, true[key]) for key in wrong])
    return gone + wrong, words_are_good


def _replace_records(
    connection: sqlite3.Connection, chunk: Chunk, gone: list[bytes], wrong: set[bytes], dropped: Collection[int]
) -> bool:
    words_are_good = True
    for key in gone:
        connection.execute("DELETE FROM records WHERE hash = ?", (key,))
        words_are_good = False
    for row in chunk.records:
        if row.hash not in wrong:
            continue
        before = connection.execute("SELECT position, live FROM records WHERE hash = ?", (row.hash,)).fetchone()
        connection.execute("DELETE FROM records WHERE hash = ?", (row.hash,))
        connection.execute(
            "INSERT OR REPLACE INTO records VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                row.position, row.hash, row.value, row.live, row.account, row.collection, row.key, row.ref,
                row.version, row.created, row.time, row.data,
            ),
        )  # fmt: skip
        # A row that was altered where it stood was indexed, under its position, by what it was before.
        if before != (row.position, row.live) and row.position not in dropped:
            words_are_good = False
    return words_are_good


def _replace_settings(connection: sqlite3.Connection, chunk: Chunk, gone: list[bytes], wrong: set[bytes]) -> None:
    connection.executemany("DELETE FROM system WHERE key = ?", [(key,) for key in gone])
    for setting in chunk.settings:
        key, value = system_row(setting.name, setting.content)
        if key not in wrong:
            continue
        before = connection.execute("SELECT since FROM system WHERE key = ?", (key,)).fetchone()
        since = before[0] if before is not None and isinstance(before[0], int) else 0
        connection.execute(
            "INSERT OR REPLACE INTO system VALUES (?, ?, ?, ?, ?, ?)",
            (key, value, setting.name, setting.content, since, row_check(setting.name, since)),
        )


def _write_results(connection: sqlite3.Connection, rows: list[tuple[bytes, bytes]]) -> None:
    """The window says what became of an operation; so must the log."""
    for key, raw in rows:
        value = decode_window_value(raw)
        connection.execute(
            'UPDATE operations SET result = ?1, "check" = row_check(position, id, signature, ?1)'
            " WHERE position = ?2 AND id = ?3 AND result != ?1",
            (value.result, position(value.height, value.index), key[8:]),
        )

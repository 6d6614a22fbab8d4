"""The index of words, which is FTS5's: its content against the records, and its inner index against its content.

The layouts are described at the top of ``fts5_index.c`` in SQLite's source.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from cloudnode.store.audit.phase import Audit
from cloudnode.store.schema import RECORD_TEXTS, WORDS, WORDS_TABLES

WORDS_INDEX = "words"
"""Its name among the indexes whose entries are wrong."""

_SEGMENT_SHIFT = 37
"""A leaf of a segment has the row id ``segment << 37 | page`` in ``words_data``."""


def check_words(audit: Audit) -> Iterator[float]:
    """Compare the index of words with the records. It takes SQLite's write lock: not for a running node.

    FTS5's own check compares the terms in the leaves with the records' words. It never goes by ``words_idx``, through
    which a search finds its leaf, and reads ``words_config`` only to open: those are checked here.
    """
    connection = audit.connection
    connection.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")
    yield 0.5
    if connection.execute("SELECT k, v FROM words_config").fetchall() != [("version", 4)]:
        audit.found("table words_config: a row is altered", index=WORDS_INDEX, is_torn=True)
    segments: set[int] = set()
    listed: set[int] = set()
    for segment, term, place in connection.execute("SELECT segid, term, pgno FROM words_idx"):
        page = place >> 1
        row = connection.execute(
            "SELECT block FROM words_data WHERE id = ?", ((segment << _SEGMENT_SHIFT) + page,)
        ).fetchone()
        # The first leaf of a segment is listed without a term, every other one with what tells it from the last.
        begins = not term and page == 1 if segment not in segments else bool(term)
        if row is None or not begins or not _first_term(row[0]).startswith(term):
            what = f"row {segment}, {term!r} does not lead to its leaf"
            audit.found(f"table words_idx: {what}", index=WORDS_INDEX, is_torn=True)
        segments.add(segment)
        listed.add((segment << _SEGMENT_SHIFT) + page)
        audit.rows += 1
    # A leaf on which a term begins is listed; its row id has no bits between those of segment and page.
    leaves = connection.execute(
        "SELECT id, block FROM words_data WHERE id >= ? AND (id >> 31) & 63 = 0", (1 << _SEGMENT_SHIFT,)
    )
    for leaf, block in leaves:
        if leaf not in listed and len(block) > int.from_bytes(block[2:4], "big"):
            audit.found(f"table words_idx: leaf {leaf} is not listed", index=WORDS_INDEX, is_torn=True)
    yield 1.0


def check_words_apart(audit: Audit) -> Iterator[float]:
    """:func:`check_words` of a copy of the index, which needs no write lock: for a running node, in one long step.

    The copy is in SQLite's temporary database, where its tables and its view of the records' texts are found under the
    same names before those of the file.
    """
    audit.connection.execute("PRAGMA query_only = OFF")  # that is for temporary tables as well; the file is read only
    try:
        with audit.snapshot() as connection:
            _copy_words(connection)
            rows = audit.rows
            for _ in check_words(audit):
                pass
            audit.rows = rows  # no row of a node's own tables
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR):
            raise
        audit.found(f"table words: {error}", index=WORDS_INDEX, is_torn=True)
    finally:
        audit.connection.execute("PRAGMA query_only = ON")
    yield 1.0


def _copy_words(connection: sqlite3.Connection) -> None:
    connection.execute(f"CREATE TEMP VIEW {RECORD_TEXTS}")
    connection.execute(f"CREATE VIRTUAL TABLE temp.{WORDS}")
    for table in WORDS_TABLES:
        connection.execute(f"DELETE FROM temp.{table}")
        connection.execute(f"INSERT INTO temp.{table} SELECT * FROM main.{table}")


def _first_term(leaf: bytes) -> bytes:
    """The first term that begins on a leaf page: behind the four bytes of header, by the offset in the footer."""
    offset, _ = _varint(leaf, int.from_bytes(leaf[2:4], "big"))
    size, start = _varint(leaf, offset)
    return leaf[start : start + size]


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = 0
    while raw[at] & 0x80:
        value = value << 7 | raw[at] & 0x7F
        at += 1
    return value << 7 | raw[at], at + 1

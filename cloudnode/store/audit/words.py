"""The index of words, which is FTS5's: its content against the records, and its inner index against its content.

The layouts are described at the top of ``fts5_index.c`` in SQLite's source.
"""

from __future__ import annotations

from collections.abc import Iterator

from cloudnode.store.audit.phase import Audit

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
        audit.found("table words_config: a row is altered")
    segments: set[int] = set()
    for segment, term, place in connection.execute("SELECT segid, term, pgno FROM words_idx"):
        page = place >> 1
        row = connection.execute(
            "SELECT block FROM words_data WHERE id = ?", ((segment << _SEGMENT_SHIFT) + page,)
        ).fetchone()
        # The first leaf of a segment is listed without a term, every other one with what tells it from the last.
        begins = not term and page == 1 if segment not in segments else bool(term)
        if row is None or not begins or not _first_term(row[0]).startswith(term):
            audit.found(f"table words_idx: row {segment}, {term!r} does not lead to its leaf")
        segments.add(segment)
        audit.rows += 1
    yield 1.0


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

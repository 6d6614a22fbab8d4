"""SQLite's own view: every page is in order, and every index has exactly the entries that its rows ask for."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

from cloudnode.store.audit.phase import Audit

_GREATEST = "ratings"
"""The table with the greatest index: it takes as long as all others."""


def other_tables(audit: Audit) -> list[str]:
    """All other tables that hold rows of ours, FTS5's own among them; those with indexes first, for what is wrong with
    the rows of the others is found by other phases."""
    rows = audit.connection.execute(
        "SELECT name FROM sqlite_master AS tables WHERE type = 'table' AND rootpage > 0 AND name != ? ORDER BY"
        " NOT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'index' AND tbl_name = tables.name AND sql IS NOT NULL),"
        " name",
        (_GREATEST,),
    )
    return [name for (name,) in rows]


_says_index = re.compile(r"(?:row \d+ missing from|wrong # of entries in|non-unique entry in) index (\w+)").fullmatch


def _index_named(connection: sqlite3.Connection, message: str) -> str | None:
    """The index whose entries a message of SQLite's says to be wrong, if it can be made anew on its own."""
    said = _says_index(message)
    sql = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND name = ?"
    row = None if said is None else connection.execute(sql, said.groups()).fetchone()
    return None if row is None else str(row[0])


def check_greatest(audit: Audit) -> Iterator[float]:
    """The table of the ratings."""
    yield from _check(audit, [_GREATEST])


def check_structure(audit: Audit) -> Iterator[float]:
    """All other tables."""
    yield from _check(audit, other_tables(audit))


def _check(audit: Audit, names: list[str]) -> Iterator[float]:
    """One step a table: SQLite offers no smaller one."""
    for done, name in enumerate(names, 1):
        with audit.snapshot() as connection:
            for (message,) in connection.execute(f"PRAGMA integrity_check('{name}')"):
                if message != "ok":
                    told = f"table {name}: page or index corruption: {message}"
                    audit.found(told, is_torn=True, index=_index_named(connection, message))
        yield done / len(names)

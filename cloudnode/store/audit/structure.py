"""SQLite's own view: every page is in order, and every index has exactly the entries that its rows ask for."""

from __future__ import annotations

from collections.abc import Iterator

from cloudnode.store.audit.phase import Audit


def tables(audit: Audit) -> list[str]:
    """All tables that hold rows of ours, FTS5's own among them."""
    rows = audit.connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 ORDER BY name"
    )
    return [name for (name,) in rows]


def check_structure(audit: Audit) -> Iterator[float]:
    """One step a table: SQLite offers no smaller one."""
    names = tables(audit)
    for done, name in enumerate(names, 1):
        with audit.snapshot() as connection:
            for (message,) in connection.execute(f"PRAGMA integrity_check('{name}')"):
                if message != "ok":
                    audit.found(f"table {name}: page or index corruption: {message}", is_torn=True)
        yield done / len(names)

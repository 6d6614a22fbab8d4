"""Writing many rows by few statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain

from cloudnode.store.checks import Value

_TOGETHER = 64


def insert_rows(connection: sqlite3.Connection, into: str, rows: Sequence[Sequence[Value]]) -> None:
    """Insert rows of as many values as the table has columns.

    Python gives its lock away and takes it back for each step of a statement, so that another thread which works (on
    signatures) gets in between: a row a statement takes half as long again where both processors are busy.

    :param into: The statement's beginning, for instance ``INSERT INTO ratings``.
    """
    if not rows:
        return
    row = f"({','.join('?' * len(rows[0]))})"
    whole = len(rows) - len(rows) % _TOGETHER
    together = f"{into} VALUES {','.join([row] * _TOGETHER)}"
    for start in range(0, whole, _TOGETHER):
        connection.execute(together, tuple(chain.from_iterable(rows[start : start + _TOGETHER])))
    if whole < len(rows):
        connection.executemany(f"{into} VALUES {row}", rows[whole:])

"""Compares databases of nodes row for row: ``python -m tests.chaos.compare A.sqlite3 B.sqlite3 ...``.

Theory of operation. A *snapshot* is a read transaction of SQLite's write-ahead log: it sees the database as it was when
it began, however much the node writes meanwhile, so that nodes need not be stopped. All tables that the file has are
compared, also those that this module has never heard of; two walks in the order of the primary key meet at equal keys.

What nodes may hold differently, and is left out:

* ``finality`` of a block and of an epoch: any quorum's signatures prove the same, and each node keeps those that it saw
  first (docs/consensus.md); and ``check`` of these rows, the checksum over it.
* How the search index is cut into pages (SQLite's FTS5): of it the words and the rows that have them are compared.
* Where a node caught up, it executed blocks together: of a row which one of them made as it is, it says no more than
  that it was one of these. So ``since`` up to the last such block, and the checksums over it, are left out; and what
  lower heights are read from (``states``, the tables named ``_old``, and old rows' words), for it has no states in
  between. That it did so is known as long as it has those heights, 1,000 of them; after that a difference is told.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from cloudnode.store.states import PASSED

NODE_SPECIFIC = {"blocks": ("finality", "check"), "epochs": ("finality", "check")}
"""Columns that nodes may hold differently, by table."""

_WORDS = "words"
_WORDS_TOLD = 5
_MOST_TOLD = 5


@attrs.frozen
class Difference:
    """Rows of one table that are not the same.

    :ivar count: How many keys. :ivar examples: Some of them, in words.
    """

    table: str
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        rows = "1 row differs" if self.count == 1 else f"{self.count:,} rows differ"
        return f"{self.table}: {rows}: " + "; ".join(self.examples)


@attrs.frozen
class Comparison:
    """What came of it.

    :ivar rows: Rows of the first database that were compared. :ivar tables: How many tables.
    """

    rows: int
    tables: int
    differences: tuple[Difference, ...]


class Snapshot:
    """A database as it is at one moment, until :meth:`close`.

    :ivar head: The newest height. :ivar run_end: The last block that was executed together with others; 0 if none was.
    """

    def __init__(self, path: Path) -> None:
        """:raises sqlite3.Error: It can't be read."""
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        try:
            has_words = self._rows("SELECT 1 FROM sqlite_master WHERE name = ?", _WORDS)
            if has_words:
                self._rows(f"CREATE VIRTUAL TABLE temp.word_places USING fts5vocab(main, {_WORDS}, instance)")
            self._connection.execute("BEGIN")
            self.head: int = self._rows("SELECT max(height) FROM blocks")[0][0]
            self.has_words = bool(has_words)
            passed = self._rows("SELECT max(height) FROM states WHERE root = ?", PASSED)[0][0]
            self.run_end: int = 0 if passed is None else passed + 1
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let the node's log be cut again."""
        self._connection.close()

    def tables(self) -> list[str]:
        """All tables, but those inside the search index."""
        found = self._rows("SELECT name FROM main.sqlite_master WHERE type = 'table' ORDER BY name")
        inner = f"{_WORDS}_"
        return [name for (name,) in found if name != _WORDS and not name.startswith((inner, "sqlite_"))]

    def columns(self, table: str) -> tuple[list[str], list[str]]:
        """The columns of a table that nodes have in common, and those of them that are its key."""
        told = self._rows(f"PRAGMA main.table_info({table})")
        kept = [(name, place) for _, name, _, _, _, place in told if name not in NODE_SPECIFIC.get(table, ())]
        key = sorted((place, name) for name, place in kept if place)
        return [name for name, _ in kept], [name for _, name in key]

    def walk(self, table: str, run_end: int) -> Iterator[tuple[tuple[object, ...], tuple[object, ...]]]:
        """The key and all columns of each row, in the order of the key; all columns where a table has no key.

        :param run_end: Rows that are as they are since that height, or a lower one, do not say since when exactly.
        """
        columns, key = self.columns(table)
        key = key or columns
        values = [f'"{name}"' for name in columns]
        if run_end and "since" in columns:
            known = f"CASE WHEN since > {run_end} THEN %s END"
            values = [known % f'"{name}"' if name in ("since", "check") else f'"{name}"' for name in columns]
        listed = ", ".join([*(f'"{name}"' for name in key), *values])
        order = ", ".join(f'"{name}"' for name in key)
        for row in self._connection.execute(f"SELECT {listed} FROM main.{table} ORDER BY {order}"):
            yield row[: len(key)], row[len(key) :]

    def walk_words(self, *, of_old: bool) -> Iterator[tuple[tuple[object, ...], tuple[object, ...]]]:
        """Each word with each row that has it, in order.

        :param of_old: Whether those of old rows are wanted as well.
        """
        where = "" if of_old else "WHERE doc IN (SELECT position FROM main.records)"
        for row in self._connection.execute(f"SELECT term, doc FROM temp.word_places {where} ORDER BY term, doc"):
            yield row, ()

    def operations(self) -> dict[int, bytes]:
        """The ids of all operations by their places in the log."""
        return dict(self._rows("SELECT position, id FROM operations"))

    def data(self) -> tuple[int, int, int]:
        """Live records, ratings, and the sum of the ratings' stars, counted from the rows themselves."""
        ((records,),) = self._rows("SELECT count(*) FROM records WHERE live")
        values = self._rows("SELECT value FROM ratings")
        return records, len(values), sum(value[0] for (value,) in values)

    def _rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:  # type: ignore[type-arg, unused-ignore]
        return self._connection.execute(statement, values).fetchall()


def compare(one: Snapshot, other: Snapshot) -> Comparison:
    """Compare all that nodes have in common."""
    differences: list[Difference] = []
    rows = 0
    names, others = one.tables(), other.tables()
    for table in sorted(set(names) ^ set(others)):
        differences.append(Difference(table, 1, ("one database has this table, the other has not",)))
    run_end = max(one.run_end, other.run_end)
    common = [table for table in names if table in others and not (run_end and _is_history(table))]
    for table in common:
        columns, _ = one.columns(table)
        if columns != other.columns(table)[0]:
            differences.append(Difference(table, 1, ("the columns differ",)))
            continue
        counted, difference = _meet(table, columns, one.walk(table, run_end), other.walk(table, run_end))
        rows += counted
        differences += difference
    if one.has_words and other.has_words:
        walks = (each.walk_words(of_old=not run_end) for each in (one, other))
        counted, difference = _meet(_WORDS, [], *walks)
        rows += counted
        differences += difference
    return Comparison(rows, len(common) + one.has_words, tuple(differences))


def _is_history(table: str) -> bool:
    return table == "states" or table.endswith("_old")


_Walk = Iterator[tuple[tuple[object, ...], tuple[object, ...]]]


def _meet(table: str, columns: Sequence[str], one: _Walk, other: _Walk) -> tuple[int, list[Difference]]:
    """Go through two tables side by side."""
    rows = count = 0
    examples: list[str] = []
    left, right = next(one, None), next(other, None)
    while left is not None or right is not None:
        if left == right:
            rows += 1
            left, right = next(one, None), next(other, None)
            continue
        count += 1
        if right is None or (left is not None and left[0] < right[0]):
            assert left is not None
            words, rows, left = f"{_key(left[0])} only in the first", rows + 1, next(one, None)
        elif left is None or right[0] < left[0]:
            words, right = f"{_key(right[0])} only in the second", next(other, None)
        else:
            names = [name for name, a, b in zip(columns, left[1], right[1], strict=True) if a != b]
            words, rows = f"{_key(left[0])} in {', '.join(names)}", rows + 1
            left, right = next(one, None), next(other, None)
        if len(examples) < _MOST_TOLD:
            examples.append(words)
    return rows, [Difference(table, count, tuple(examples))] if count else []


def _key(key: tuple[object, ...]) -> str:
    words = [part.hex()[:24] if isinstance(part, bytes) else str(part) for part in key[:_WORDS_TOLD]]
    return "/".join(words)


def main(arguments: Sequence[str] | None = None) -> int:
    """:returns: 0 if all are the same, 1 if not, 2 if one can't be read."""
    paths = [Path(argument) for argument in (sys.argv[1:] if arguments is None else arguments)]
    if len(paths) < 2 or any(str(path).startswith("-") for path in paths):
        print("usage: python -m tests.chaos.compare A.sqlite3 B.sqlite3 ...", file=sys.stderr)
        return 2
    snapshots = []
    try:
        for path in paths:
            snapshots.append(Snapshot(path))
        return _compare_all(paths, snapshots)
    except sqlite3.Error as error:
        print(f"compare: cannot read {paths[len(snapshots) - len(paths) or -1]}: {error}", file=sys.stderr)
        return 2
    finally:
        for snapshot in snapshots:
            snapshot.close()


def _compare_all(paths: Sequence[Path], snapshots: Sequence[Snapshot]) -> int:
    is_same = True
    first, *others = snapshots
    for path, other in zip(paths[1:], others, strict=True):
        comparison = compare(first, other)
        if first.head != other.head:
            print(f"{path}: at height {other.head:,}, {paths[0]} at {first.head:,}")
        for difference in comparison.differences:
            print(f"{path}: {difference}")
        if comparison.differences:
            is_same = False
        else:
            print(f"{path}: the same as {paths[0]} in {comparison.rows:,} rows of {comparison.tables} tables")
    return 0 if is_same else 1


if __name__ == "__main__":
    sys.exit(main())

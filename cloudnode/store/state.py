"""The present state as the executor and the trie read it, on the writer's connection."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from struct import Struct
from typing import Any, TypeVar

from cloudnode.formats.nodes import TABLES
from cloudnode.ledger.executor import RecordHead, Total
from cloudnode.ledger.pages import PageCache
from cloudnode.store.checks import row_check
from cloudnode.store.inserting import insert_rows
from cloudnode.store.schema import SCORE_COLUMNS

_expiry = Struct(">Q")

ABOVE_ALL_KEYS = b"\xff" * 65
"""Greater than the key of any table."""

ROWS_SQL = {
    0: "SELECT hash, value FROM records WHERE hash >= ? AND hash < ? ORDER BY hash",
    1: "SELECT key, value FROM ratings WHERE key >= ? AND key < ? ORDER BY key",
    2: "SELECT key, value FROM window WHERE key >= ? AND key < ? ORDER BY key",
    3: "SELECT key, value FROM accounts WHERE key >= ? AND key < ? ORDER BY key",
    4: "SELECT key, value FROM system WHERE key >= ? AND key < ? ORDER BY key",
}
"""The rows of each table of the state by key range. Window rows past their expiry are still in the table."""

WINDOW = 2
assert tuple(ROWS_SQL) == tuple(range(len(TABLES)))


def first_window_key(height: int) -> bytes:
    """The least key of the window table that is in the state at a height: of ids whose expiry is not below it.

    The last block that may hold an operation is the one at its expiry, and the state after that block can still prove
    that it did not.
    """
    return _expiry.pack(height)


ScoreRow = tuple[int, int, bytes, bytes, str, str | None, int, int, int, int]
"""A row of ``scores`` but for its check (:data:`cloudnode.store.schema.SCORE_COLUMNS`)."""

TotalRow = tuple[bytes, int, int, int, int]
"""A row of ``totals`` but for its check: key, since, records, ratings, stars."""

_HEAD_COLUMNS = "position, live, account, collection, key, ref, version, created"
_KEYS_AT_ONCE = 32
_MARKS = ",".join("?" * _KEYS_AT_ONCE)

_ROWS_KEPT = 10_000
_ACCOUNTS_KEPT = 100_000

_Key = TypeVar("_Key", bytes, int, str)
_Value = TypeVar("_Value")


class Kept(OrderedDict[_Key, _Value]):
    """What was read or written last, no more than so much of it.

    (A plain dictionary looks for its first key past all that were removed, which takes 6 us with 10,000 of them.)
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def keep(self, key: _Key, value: _Value) -> None:
        """Keep one more, and forget what has been here for longest if there are too many."""
        self[key] = value
        if len(self) > self._most:
            self.popitem(last=False)


class KeptState:
    """Parts of the state as of the newest block, so that what many blocks need is not read for each from SQL."""

    def __init__(self) -> None:
        self.nodes: Kept[str, tuple[int, bytes]] = Kept(8_192)
        """Inner nodes by slot, each with the height since which it is as it is; some 700 bytes each."""
        self.pages = PageCache()
        self.records: Kept[bytes, RecordHead | None] = Kept(_ROWS_KEPT)
        self.scores: Kept[int, ScoreRow] = Kept(_ROWS_KEPT)
        self.totals: Kept[bytes, TotalRow] = Kept(_ROWS_KEPT)
        self.accounts: Kept[bytes, None] = Kept(_ACCOUNTS_KEPT)

    def forget(self) -> None:
        """A block was not committed after all, or somebody else wrote to the file."""
        for kept in (self.nodes, self.records, self.scores, self.totals, self.accounts):
            kept.clear()

    def take(
        self, heads: Mapping[bytes, RecordHead | None], scores: Iterable[ScoreRow], totals: Iterable[TotalRow]
    ) -> None:
        """Learn what a block wrote. New accounts are learnt when they are read."""
        for record, head in heads.items():
            self.records.keep(record, head)
        for score in scores:
            self.scores.keep(score[0], score)
        for total in totals:
            self.totals.keep(total[0], total)


class StateReader:
    """The executor's view (:class:`cloudnode.ledger.executor.StateView`) of the last committed block.

    :ivar scores: :ivar totals: The rows that were read, which are those that the block is going to replace.
    """

    def __init__(self, connection: sqlite3.Connection, kept: KeptState) -> None:
        self._execute = connection.execute
        self._kept = kept
        self.scores: list[ScoreRow] = []
        self.totals: list[TotalRow] = []
        self._records: dict[bytes, RecordHead | None] = {}
        self._ratings: dict[bytes, int | None] = {}
        self._scores: dict[int, ScoreRow] = {}

    def expect(self, records: Sequence[bytes], ratings: Sequence[bytes]) -> None:
        kept = self._kept.records
        unknown = [record for record in records if record not in kept]
        self._records.update(dict.fromkeys(unknown))
        for record, position, live, account, collection, key, ref, version, created in self._find(
            f"SELECT hash, {_HEAD_COLUMNS} FROM records WHERE hash", unknown
        ):
            self._records[record] = RecordHead(position, bool(live), account, collection, key, ref, version, created)
        created_at = [head.created for record in records if (head := self._head(record)) is not None]
        missing = [created for created in created_at if created not in self._kept.scores]
        for row in self._find(f"SELECT {SCORE_COLUMNS} FROM scores WHERE created", missing):
            self._scores[row[0]] = row
        self._ratings.update(dict.fromkeys(ratings))
        for key, value in self._find("SELECT key, value FROM ratings WHERE key", ratings):
            self._ratings[key] = value[0]

    def _head(self, record: bytes) -> RecordHead | None:
        return self._kept.records.get(record) or self._records.get(record)

    def _find(self, select: str, keys: Sequence[bytes] | Sequence[int]) -> Iterator[tuple[Any, ...]]:
        """The rows with some of the keys."""
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            part = keys[start : start + _KEYS_AT_ONCE]
            # The last key again and again, so that there is one statement to prepare.
            filled = [*part, *repeat(part[-1], _KEYS_AT_ONCE - len(part))]
            yield from self._execute(f"{select} IN ({_MARKS})", filled)

    def record(self, record: bytes) -> RecordHead | None:
        if record in self._kept.records:
            return self._kept.records[record]
        if record not in self._records:
            self.expect((record,), ())
        return self._records[record]

    def rating(self, key: bytes) -> int | None:
        if key not in self._ratings:
            self.expect((), (key,))
        return self._ratings[key]

    def score(self, created: int) -> tuple[int, int]:
        row: ScoreRow | None = self._kept.scores.get(created) or self._scores.get(created)
        if row is None:
            row = self._execute(f"SELECT {SCORE_COLUMNS} FROM scores WHERE created = ?", (created,)).fetchone()
            assert row is not None, "a record has no score"
        self.scores.append(row)
        return row[7], row[8]

    def total(self, account: bytes) -> Total:
        row: TotalRow | None = self._kept.totals.get(account)
        if row is None:
            row = self._execute(
                "SELECT key, since, records, ratings, stars FROM totals WHERE key = ?", (account,)
            ).fetchone()
            if row is None:
                return Total()
        self.totals.append(row)
        return Total(*row[2:])

    def account_known(self, account: bytes) -> bool:
        if account in self._kept.accounts:
            return True
        is_known = self._execute("SELECT 1 FROM accounts WHERE key = ?", (account,)).fetchone() is not None
        if is_known:
            self._kept.accounts.keep(account, None)
        return is_known


class StateTrie:
    """One table's rows and inner nodes while a block is written (:class:`cloudnode.ledger.trie.TrieStore`).

    Nodes that change are kept aside until :meth:`flush`.
    """

    def __init__(self, connection: sqlite3.Connection, table: int, height: int, kept: KeptState) -> None:
        self._connection = connection
        self._table = table
        self._height = height
        self._kept = kept.nodes
        self._sql = ROWS_SQL[table]
        self._least = first_window_key(height) if table == WINDOW else b""
        self._before: dict[str, tuple[int, bytes] | None] = {}
        self._changed: dict[str, bytes | None] = {}

    def rows(self, low: bytes, high: bytes | None) -> list[tuple[bytes, bytes]]:
        return self._connection.execute(
            self._sql, (max(low, self._least), ABOVE_ALL_KEYS if high is None else high)
        ).fetchall()

    def node(self, slot: str) -> bytes | None:
        if slot in self._changed:
            return self._changed[slot]
        before = self._read(slot)
        return None if before is None else before[1]

    def set_node(self, slot: str, node: bytes | None) -> None:
        self._changed[slot] = node

    def _read(self, slot: str) -> tuple[int, bytes] | None:
        """The node that is at a slot before the block, with the height since which it is."""
        try:
            return self._before[slot]
        except KeyError:
            pass
        name = f"{self._table}{slot}"
        found: tuple[int, bytes] | None = self._kept.get(name)
        if found is None:
            found = self._connection.execute("SELECT since, node FROM trie WHERE slot = ?", (name,)).fetchone()
        self._before[slot] = found
        return found

    def flush(self) -> None:
        """Write what changed, the nodes of before into ``trie_old``."""
        height = self._height
        old, gone, new = [], [], []
        for slot, node in self._changed.items():
            name = f"{self._table}{slot}"
            before = self._read(slot)
            if before is not None:
                old.append((name, height, *before, row_check(name, height, *before)))
            if node is not None:
                new.append((name, height, node, row_check(name, height)))
                self._kept.keep(name, (height, node))
            else:
                gone.append((name,))
                self._kept.pop(name, None)
        insert_rows(self._connection, "INSERT INTO trie_old", old)
        self._connection.executemany("DELETE FROM trie WHERE slot = ?", gone)
        insert_rows(self._connection, "INSERT OR REPLACE INTO trie", new)
        self._before.clear()
        self._changed.clear()

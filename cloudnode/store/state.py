"""The present state as the executor and the trie read it, on the writer's connection."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from struct import Struct

from cloudnode.formats.nodes import TABLES
from cloudnode.ledger.executor import RecordHead, Total
from cloudnode.store.checks import row_check

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


class StateReader:
    """The executor's view (:class:`cloudnode.ledger.executor.StateView`) of the last committed block."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def record(self, record: bytes) -> RecordHead | None:
        row = self._execute(
            "SELECT position, live, account, collection, key, ref, version, created FROM records WHERE hash = ?",
            (record,),
        ).fetchone()
        if row is None:
            return None
        position, live, account, collection, key, ref, version, created = row
        return RecordHead(position, bool(live), account, collection, key, ref, version, created)

    def rating(self, key: bytes) -> int | None:
        row = self._execute("SELECT value FROM ratings WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0][0]

    def score(self, created: int) -> tuple[int, int]:
        row = self._execute("SELECT sum, count FROM scores WHERE created = ?", (created,)).fetchone()
        return row[0], row[1]

    def total(self, account: bytes) -> Total:
        row = self._execute("SELECT records, ratings, stars FROM totals WHERE key = ?", (account,)).fetchone()
        return Total() if row is None else Total(*row)

    def account_known(self, account: bytes) -> bool:
        return self._execute("SELECT 1 FROM accounts WHERE key = ?", (account,)).fetchone() is not None


class NodeCache:
    """The inner nodes used last, so that the upper trie is not read from SQL for each block.

    :param limit: How many nodes; each is some 700 bytes.
    """

    def __init__(self, limit: int = 8192) -> None:
        self._limit = limit
        self._nodes: OrderedDict[str, bytes] = OrderedDict()

    def get(self, slot: str) -> bytes | None:
        """A node if it is here."""
        node = self._nodes.get(slot)
        if node is not None:
            self._nodes.move_to_end(slot)
        return node

    def set(self, slot: str, node: bytes | None) -> None:
        """Keep a node, or forget it if None."""
        if node is None:
            self._nodes.pop(slot, None)
            return
        self._nodes[slot] = node
        self._nodes.move_to_end(slot)
        if len(self._nodes) > self._limit:
            self._nodes.popitem(last=False)

    def clear(self) -> None:
        """Forget all: a block was not committed after all."""
        self._nodes.clear()


class StateTrie:
    """One table's rows and inner nodes while a block is written (:class:`cloudnode.ledger.trie.TrieStore`).

    Nodes that change are kept aside until :meth:`flush`.
    """

    def __init__(self, connection: sqlite3.Connection, table: int, height: int, cache: NodeCache) -> None:
        self._connection = connection
        self._table = table
        self._height = height
        self._cache = cache
        self._sql = ROWS_SQL[table]
        self._least = first_window_key(height) if table == WINDOW else b""
        self._changed: dict[str, bytes | None] = {}

    def rows(self, low: bytes, high: bytes | None) -> list[tuple[bytes, bytes]]:
        return self._connection.execute(
            self._sql, (max(low, self._least), ABOVE_ALL_KEYS if high is None else high)
        ).fetchall()

    def node(self, slot: str) -> bytes | None:
        if slot in self._changed:
            return self._changed[slot]
        name = f"{self._table}{slot}"
        node = self._cache.get(name)
        if node is None:
            row = self._connection.execute("SELECT node FROM trie WHERE slot = ?", (name,)).fetchone()
            node = None if row is None else row[0]
        return node

    def set_node(self, slot: str, node: bytes | None) -> None:
        self._changed[slot] = node

    def flush(self) -> None:
        """Write what changed, the nodes of before into ``trie_old``."""
        height = self._height
        changed = [(f"{self._table}{slot}", node) for slot, node in self._changed.items()]
        self._connection.executemany(
            "INSERT INTO trie_old SELECT slot, ?1, since, node, row_check(slot, ?1, since, node)"
            " FROM trie WHERE slot = ?2",
            [(height, slot) for slot, _ in changed],
        )
        self._connection.executemany(
            "DELETE FROM trie WHERE slot = ?", [(slot,) for slot, node in changed if node is None]
        )
        self._connection.executemany(
            "INSERT OR REPLACE INTO trie VALUES (?, ?, ?, ?)",
            [(slot, height, node, row_check(slot, height)) for slot, node in changed if node is not None],
        )
        for slot, node in changed:
            self._cache.set(slot, node)
        self._changed.clear()

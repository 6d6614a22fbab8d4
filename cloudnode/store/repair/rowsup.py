"""The state's trie as the rows themselves make it, whatever inner nodes are stored.

Nothing stored is believed: every page and every inner node is made from the rows, and what is stored otherwise is told.
It takes as much memory as a portion of the rows and the nodes that differ. Where only some places are in doubt, the
rows of these alone are read, and the rest is what the stored nodes say.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from itertools import chain
from os.path import commonprefix

from cloudnode.formats.nodes import EMPTY_ENTRY, PAGE_ROWS, TABLES
from cloudnode.ledger.packed import make_packed_nodes
from cloudnode.ledger.trie import InnerNode, Trie, entry_rows, key_range, node_entry, page_entry
from cloudnode.store.state import ABOVE_ALL_KEYS, ROWS_SQL, WINDOW, first_window_key

_PORTION = 8192
"""Rows that are taken into memory at once."""

_KEYS = {0: ("records", "hash"), 1: ("ratings", "key"), 2: ("window", "key"), 3: ("accounts", "key"),
         4: ("system", "key")}  # fmt: skip


def drop_misshapen(connection: sqlite3.Connection, table: int) -> int:
    """Remove rows whose key or value is not so many bytes: no page holds such a row, so it is missed instead.

    :return: How many there were.
    """
    name, key = _KEYS[table]
    shape = TABLES[table]
    return connection.execute(
        f"DELETE FROM {name} WHERE typeof({key}) != 'blob' OR length({key}) != ? OR typeof(value) != 'blob'"
        " OR length(value) != ?",
        (shape.key_size, shape.value_size),
    ).rowcount


class RowsTrie:
    """One table's trie as its rows make it (:class:`cloudnode.ledger.trie.TrieStore`).

    Reads rows from SQL and nodes from SQL with what differs from it laid over; nothing is written. All rows must have
    the table's sizes (:func:`drop_misshapen`).

    :ivar changes: By slot, the nodes that are not stored as they must be; None for one that must not be there.
    :ivar rows_read: How many rows :meth:`compare` has read.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        table: int,
        height: int,
        on_rows: Callable[[bytes], None] | None = None,
    ) -> None:
        """:param on_rows: Called by :meth:`compare` with all rows, packed, some thousand at a time."""
        self.table = table
        self.changes: dict[str, bytes | None] = {}
        self.rows_read = 0
        self._on_rows = on_rows
        self._width = TABLES[table].key_size + TABLES[table].value_size
        self._connection = connection
        self._sql = ROWS_SQL[table]
        self._least = first_window_key(height) if table == WINDOW else b""
        self._entry = EMPTY_ENTRY

    def rows(self, low: bytes, high: bytes | None) -> list[tuple[bytes, bytes]]:
        return self._connection.execute(
            self._sql, (max(low, self._least), ABOVE_ALL_KEYS if high is None else high)
        ).fetchall()

    def node(self, slot: str) -> bytes | None:
        return self.changes[slot] if slot in self.changes else self._stored(slot)

    def set_node(self, slot: str, node: bytes | None) -> None:
        self.changes[slot] = node

    def stored_slots(self) -> Iterator[str]:
        """All slots that have a stored node."""
        rows = self._connection.execute(
            "SELECT slot FROM trie WHERE slot >= ? AND slot < ?", (str(self.table), str(self.table + 1))
        )
        return (slot[1:] for (slot,) in rows)

    def compare(self) -> bytes:
        """Make the whole trie from the rows and note in :attr:`changes` which nodes are not stored so.

        :return: The table's entry.
        """
        made: set[str] = set()
        self._entry, node = self._make("", made)
        if node is not None:
            self._note("", node, made)
        for slot in self.stored_slots():
            if slot not in made:
                self.changes[slot] = None
        return self._entry

    def is_led_to(self, entry: bytes) -> bool:
        """Whether the stored node at the top is the one that the table's entry names; else :meth:`compare_at` reads all
        rows."""
        top = self._stored("")
        return entry_rows(entry) > PAGE_ROWS and top is not None and sha256(top).digest() == entry[:32]

    def compare_at(self, entry: bytes, prefixes: Iterable[str]) -> bytes:
        """:meth:`compare` for the rows under some prefixes; elsewhere the rows are taken to be what the nodes say.

        :param entry: The one that the table is to have.
        :return: The table's entry.
        """
        self._entry = entry
        if not self.is_led_to(entry):
            return self.compare()
        for prefix in sorted(prefixes):
            self._entry = self._made_at("", self._entry, prefix)
        return self._entry

    def _made_at(self, slot: str, entry: bytes, prefix: str) -> bytes:
        """The entry of what is under a slot, if what is under the prefix is made from its rows."""
        stored = self.node(slot)
        if entry_rows(entry) > _PORTION and stored is not None and sha256(stored).digest() == entry[:32]:
            node = InnerNode.decode(stored)
            if len(prefix) > len(node.path) and prefix.startswith(node.path):
                digit = prefix[len(node.path)]
                child = node.children.get(digit, EMPTY_ENTRY)
                made = self._made_at(node.path + digit, child, prefix)
                if made == child:
                    return entry
                if made != EMPTY_ENTRY and len(node.children) > 1:
                    node.children[digit] = made
                    self.changes[slot] = changed = node.encode()
                    return node_entry(changed)
        return self._made_from_rows(slot)

    def _made_from_rows(self, slot: str) -> bytes:
        made: set[str] = set()
        entry, top = self._make(slot, made)
        if top is not None:
            self._note(slot, top, made)
        name = f"{self.table}{slot}"
        below = self._connection.execute("SELECT slot FROM trie WHERE slot >= ? AND slot < ?", (name, name + "g"))
        for (each,) in below.fetchall():
            if each[1:] not in made:
                self.changes[each[1:]] = None
        return entry

    def _stored(self, slot: str) -> bytes | None:
        row = self._connection.execute("SELECT node FROM trie WHERE slot = ?", (f"{self.table}{slot}",)).fetchone()
        return None if row is None else row[0]

    def _note(self, slot: str, node: bytes, made: set[str]) -> None:
        made.add(slot)
        if self._stored(slot) != node:
            self.changes[slot] = node

    def _make(self, slot: str, made: set[str]) -> tuple[bytes, bytes | None]:
        """The entry of all rows under a slot, and the inner node that it stands for, which the caller notes."""
        low, high = key_range(slot)
        bounds = (max(low, self._least), ABOVE_ALL_KEYS if high is None else high)
        if self._count(bounds) <= _PORTION:
            packed = b"".join(chain.from_iterable(self._connection.execute(self._sql, bounds)))
            self.rows_read += len(packed) // self._width
            if self._on_rows is not None:
                self._on_rows(packed)
            entry, nodes = make_packed_nodes(self.table, slot, packed)
            top = nodes.pop(slot, None)
            for at, below in nodes.items():
                self._note(at, below, made)
            return entry, top
        name, key = _KEYS[self.table]
        rest = f"FROM {name} WHERE {key} >= ? AND {key} < ?"
        # Each on its own: SQLite goes through all rows for both in one statement.
        least, greatest = (
            self._connection.execute(f"SELECT {end}({key}) {rest}", bounds).fetchone()[0] for end in ("min", "max")
        )
        path = commonprefix((least.hex(), greatest.hex()))
        children = {}
        for digit in "0123456789abcdef":
            entry, top = self._make(path + digit, made)
            if top is not None:
                self._note(path + digit, top, made)
            if entry != EMPTY_ENTRY:
                children[digit] = entry
        made_here = InnerNode(self.table, path, children).encode()
        return node_entry(made_here), made_here

    def _count(self, bounds: tuple[bytes, bytes]) -> int:
        """How many rows there are, or one more than a portion."""
        name, key = _KEYS[self.table]
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {name} WHERE {key} >= ? AND {key} < ? LIMIT {_PORTION + 1})"
        (count,) = self._connection.execute(sql, bounds).fetchone()
        return int(count)

    def entry(self, prefix: str) -> bytes:
        """The entry of all rows under any prefix, once :meth:`compare` is through."""
        slot, entry = "", self._entry
        while slot != prefix:
            if entry == EMPTY_ENTRY:
                return EMPTY_ENTRY
            stored = self.node(slot)
            if entry_rows(entry) <= PAGE_ROWS or stored is None:
                return page_entry(self.table, self.rows(*key_range(prefix)))
            node = InnerNode.decode(stored)
            if node.path.startswith(prefix):
                return entry
            if not prefix.startswith(node.path):
                return EMPTY_ENTRY
            digit = prefix[len(node.path)]
            slot, entry = node.path + digit, node.children.get(digit, EMPTY_ENTRY)
        return entry

    def replaced(self, keys: list[bytes]) -> bytes:
        """Bring the nodes in line with rows that were replaced; returns the table's entry."""
        self._entry = Trie(self.table, self).update(self._entry, keys)
        return self._entry

"""The state: rows against leaf pages, pages against inner nodes, nodes against the root, the root against the log."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from hashlib import sha256

from cloudnode.formats.block import Header
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.nodes import PAGE_ROWS, TABLES
from cloudnode.ledger.trie import (
    InnerNode,
    Rows,
    entry_rows,
    key_range,
    node_entry,
    page_entry,
)
from cloudnode.store.audit.naming import name_rows
from cloudnode.store.audit.phase import Audit
from cloudnode.store.state import ABOVE_ALL_KEYS, ROWS_SQL, WINDOW, first_window_key
from cloudnode.store.states import StateRoot, load_state

_NODES_A_STEP = 8
"""Inner nodes, each with its pages, in one step: some 3 ms."""


def check_roots(audit: Audit) -> Iterator[float]:
    """Every state that is kept must hash to its root, and headers that carry roots must carry these."""
    with audit.snapshot() as connection:
        states = dict(connection.execute("SELECT height, root FROM states").fetchall())
        for height, root in states.items():
            state = load_state(connection, height)
            if state is None or state.root != root:
                audit.found(f"state of height {height}: its tables do not hash to its root")
        headers = connection.execute(
            "SELECT height, header FROM blocks WHERE root_height >= ? ORDER BY height",
            (min(states, default=0),),
        ).fetchall()
        for height, encoded in headers:
            try:
                header = Header.decode(encoded)
            except LedgerError:
                continue  # which the check of the blocks tells
            if states.get(header.root_height) != header.root:
                audit.found(f"block {height}: the root of height {header.root_height} is not the one kept")
        audit.rows += len(states)
    yield 1.0


def check_state(audit: Audit) -> Iterator[float]:
    """Recompute every leaf page and every inner node: one flipped row changes its page's hash."""
    for number, table in enumerate(TABLES):
        for done in check_table(audit, table.number):
            yield (number + done) / len(TABLES)


def check_table(audit: Audit, table: int) -> Iterator[float]:
    """:func:`check_state` for one table."""
    with audit.snapshot() as connection:
        _TableCheck(audit, connection, table).check_top()
    yield 0.0
    start = str(table)
    while True:
        with audit.snapshot() as connection:
            stored = connection.execute(
                "SELECT slot, node FROM trie WHERE slot >= ? AND slot < ? ORDER BY slot LIMIT ?",
                (start, str(table + 1), _NODES_A_STEP),
            ).fetchall()
            check = _TableCheck(audit, connection, table)
            for slot, node in stored:
                check.check_node(slot[1:], node)
        if not stored:
            return
        last = stored[-1][0]
        start = last + "\0"
        yield int(last[1:5].ljust(4, "0"), 16) / 0x10000


class _TableCheck:
    """Checks one table within one snapshot."""

    def __init__(self, audit: Audit, connection: sqlite3.Connection, table: int) -> None:
        self._audit = audit
        self._connection = connection
        self._table = table
        height = connection.execute("SELECT max(height) FROM states").fetchone()[0]
        self._state = load_state(connection, height) or StateRoot.empty(height)
        self._least = first_window_key(height) if table == WINDOW else b""

    def check_top(self) -> None:
        """The table's entry in the state root against what is at the top of its trie."""
        self._check_child("", self._state.entries[self._table])

    def check_node(self, slot: str, stored: bytes) -> None:
        """An inner node against all that hangs below it."""
        try:
            node = InnerNode.decode(stored)
            sound = node.path.startswith(slot) and len(node.children) > 1 and node.sums()[2] > PAGE_ROWS
        except (struct.error, ValueError, IndexError):
            sound = False
        if not sound:
            self._audit.found(f"table {self._name}: the inner node at {slot or 'the top'} is damaged")
            return
        if all(entry_rows(entry) <= PAGE_ROWS for entry in node.children.values()):
            self._check_pages(node)
        else:
            for digit, entry in node.children.items():
                self._check_child(node.path + digit, entry)

    @property
    def _name(self) -> str:
        return TABLES[self._table].name

    def _rows(self, prefix: str) -> list[tuple[bytes, bytes]]:
        low, high = key_range(prefix)
        return self._connection.execute(
            ROWS_SQL[self._table], (max(low, self._least), ABOVE_ALL_KEYS if high is None else high)
        ).fetchall()

    def _check_pages(self, node: InnerNode) -> None:
        """All pages of a lowest node with one query; where that does not come out, one by one."""
        rows = self._rows(node.path)
        self._audit.rows += len(rows)
        start = 0
        for digit in sorted(node.children):
            entry = node.children[digit]
            end = start + entry_rows(entry)
            if page_entry(self._table, rows[start:end]) != entry:
                self._check_child(node.path + digit, entry)
            start = end
        if start != len(rows):
            for digit in "0123456789abcdef":
                if digit not in node.children and (stray := self._rows(node.path + digit)):
                    name_rows(self._audit, self._connection, self._table, node.path + digit, stray, 0)

    def _check_child(self, prefix: str, entry: bytes) -> None:
        if entry_rows(entry) <= PAGE_ROWS:
            rows: Rows = self._rows(prefix)
            self._audit.rows += len(rows)
            if page_entry(self._table, rows) != entry:
                name_rows(self._audit, self._connection, self._table, prefix, rows, entry_rows(entry))
            return
        row = self._connection.execute("SELECT node FROM trie WHERE slot = ?", (f"{self._table}{prefix}",)).fetchone()
        if row is None:
            self._audit.found(f"table {self._name}: the inner node at {prefix or 'the top'} is missing")
        elif sha256(row[0]).digest() != entry[:32] or node_entry(row[0]) != entry:
            self._audit.found(f"table {self._name}: the inner node at {prefix or 'the top'} is damaged")

"""The state: rows against leaf pages, pages against inner nodes, nodes against the root, the root against the log."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import chain

from cloudnode.formats.block import Header
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.nodes import EMPTY_ENTRY, PAGE_ROWS, RATINGS, TABLES, Table
from cloudnode.ledger.packed import make_packed_nodes, packed_sums
from cloudnode.ledger.trie import (
    InnerNode,
    Rows,
    empty_prefixes,
    entry_rows,
    key_range,
    page_entry,
)
from cloudnode.store.audit.naming import name_rows
from cloudnode.store.audit.phase import Audit
from cloudnode.store.state import ABOVE_ALL_KEYS, ROWS_SQL, WINDOW, first_window_key
from cloudnode.store.states import PASSED, StateRoot, load_state

_NODES_A_STEP = 1024
"""Inner nodes that are looked at in one step: some 10 ms."""

_ROWS_A_STEP = 4096
"""Rows that are checked in one step: some 10 ms."""


def check_roots(audit: Audit) -> Iterator[float]:
    """Every state that is kept must hash to its root, and headers that carry roots must carry these."""
    with audit.snapshot() as connection:
        states = dict(connection.execute("SELECT height, root FROM states").fetchall())
        for height, root in states.items():
            state = load_state(connection, height)
            if root != (PASSED if state is None else state.root):
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
            if states.get(header.root_height) not in (header.root, PASSED):
                audit.found(f"block {height}: the root of height {header.root_height} is not the one kept")
        audit.rows += len(states)
    yield 1.0


def check_nodes(audit: Audit) -> Iterator[float]:
    """Every inner node that the state root leads to, against what is above it: much less than all rows, so it is known
    before they are looked at."""
    for number, table in enumerate(TABLES):
        pending = [""]
        while pending:
            with audit.snapshot() as connection:
                pending = _TableCheck(audit, connection, table.number).check_nodes(pending)
            at = int(pending[-1][:4].ljust(4, "0"), 16) / 0x10000 if pending else 1.0
            yield (number + at) / len(TABLES)


def check_state(audit: Audit) -> Iterator[float]:
    """Recompute every leaf page and every inner node: one flipped row changes its page's hash."""
    yield from _check_tables(audit, TABLES)


def check_state_but_ratings(audit: Audit) -> Iterator[float]:
    """:func:`check_state` without the table that :func:`check_table_at_once` is for."""
    yield from _check_tables(audit, [table for table in TABLES if table.number != RATINGS])


def _check_tables(audit: Audit, tables: Sequence[Table]) -> Iterator[float]:
    for number, table in enumerate(tables):
        for done in check_table(audit, table.number):
            yield (number + done) / len(tables)


def check_table(audit: Audit, table: int) -> Iterator[float]:
    """:func:`check_state` for one table.

    Each step goes from the state root down to one part of the table, and makes its pages and nodes from its rows.
    """
    pending = [""]
    while pending:
        slot = pending.pop()
        with audit.snapshot() as connection:
            pending += reversed(_TableCheck(audit, connection, table).check(slot))
        yield int(slot[:4].ljust(4, "0"), 16) / 0x10000


def check_table_at_once(
    audit: Audit, connection: sqlite3.Connection, table: int, on_rows: Callable[[bytes], None]
) -> None:
    """:func:`check_state` for one table in the caller's snapshot, up to the first part in which something is wrong.

    :param on_rows: Called with all rows, some thousand at a time: keys and values, one after the other, in the order of
        the keys.
    """
    check = _TableCheck(audit, connection, table, on_rows)
    before = len(audit.findings)
    pending = [""]
    while pending and len(audit.findings) == before:
        pending += reversed(check.check(pending.pop()))


class _TableCheck:
    """Checks one table within one snapshot."""

    def __init__(
        self,
        audit: Audit,
        connection: sqlite3.Connection,
        table: int,
        on_rows: Callable[[bytes], None] = lambda packed: None,
    ) -> None:
        self._audit = audit
        self._connection = connection
        self._table = table
        self._on_rows = on_rows
        height = connection.execute("SELECT max(height) FROM states").fetchone()[0]
        self._state = load_state(connection, height) or StateRoot.empty(height)
        self._least = first_window_key(height) if table == WINDOW else b""

    def check(self, slot: str) -> list[str]:
        """Check what is under a slot, all of it or, if that is much, only that nothing is in the wrong place.

        :return: The slots below that are still to be checked.
        """
        found = self._descend(slot)
        if found is None:
            return []
        at, entry = found
        if entry_rows(entry) <= _ROWS_A_STEP:
            self._check_part(at, entry)
            return []
        node = self.open_node(at, entry)
        if node is None:
            return []
        for depth in range(len(at) + 1, len(node.path) + 1):
            self._check_no_node(node.path[:depth])
        for prefix in empty_prefixes(at, node):
            self._check_part(prefix, EMPTY_ENTRY)
        return [node.path + digit for digit in sorted(node.children)]

    def check_nodes(self, slots: list[str]) -> list[str]:
        """Look at so many inner nodes under some slots as make a step, the last slot first.

        :return: The slots that are still to be looked at.
        """
        pending: list[tuple[str, bytes | None]] = [(slot, None) for slot in slots]
        opened = 0
        while pending and opened < _NODES_A_STEP:
            slot, entry = pending.pop()
            if entry is None:  # from an earlier step, of maybe an earlier state
                found = self._descend(slot)
                if found is None:
                    continue
                slot, entry = found
            if entry_rows(entry) <= PAGE_ROWS:
                continue
            opened += 1
            node = self.open_node(slot, entry)
            if node is not None:
                for digit in sorted(node.children, reverse=True):
                    if entry_rows(node.children[digit]) > PAGE_ROWS:
                        pending.append((node.path + digit, node.children[digit]))
        return [slot for slot, _ in pending]

    def _descend(self, slot: str) -> tuple[str, bytes] | None:
        """The greatest part of the table under a slot that has an entry, with that entry; the page around the slot if
        it is inside of one; None if the way there is damaged, which is noted.
        """
        at, entry = "", self._state.entries[self._table]
        while entry_rows(entry) > PAGE_ROWS and at != slot:
            node = self.open_node(at, entry)
            if node is None:
                return None
            if node.path.startswith(slot):
                break
            if not slot.startswith(node.path):
                return slot, EMPTY_ENTRY
            digit = slot[len(node.path)]
            at, entry = node.path + digit, node.children.get(digit, EMPTY_ENTRY)
        return at, entry

    def open_node(self, slot: str, entry: bytes) -> InnerNode | None:
        """The stored node that an entry names; None if it is another one, which is noted."""
        row = self._connection.execute("SELECT node FROM trie WHERE slot = ?", (f"{self._table}{slot}",)).fetchone()
        if row is not None and isinstance(row[0], bytes) and sha256(row[0]).digest() == entry[:32]:
            node = InnerNode.decode(row[0])
            if sum(map(packed_sums, node.children.values())) == packed_sums(entry):
                return node
        self._found(f"the inner node at {slot or 'the top'} is {'missing' if row is None else 'damaged'}", slot)
        return None

    def _check_no_node(self, slot: str) -> None:
        if self._connection.execute("SELECT 1 FROM trie WHERE slot = ?", (f"{self._table}{slot}",)).fetchone():
            self._found(f"the inner node at {slot} has no place in the trie", slot)

    def _check_part(self, slot: str, entry: bytes) -> None:
        """Make pages and nodes of all rows under a slot, and compare them with its entry and the stored nodes."""
        rows = self._rows(slot)
        self._audit.rows += len(rows)
        name = f"{self._table}{slot}"
        stored = self._connection.execute(
            "SELECT slot, node FROM trie WHERE slot >= ? AND slot < ?", (name, name + "g")
        ).fetchall()
        nodes = {at[1:]: node for at, node in stored}
        made = self._make(slot, rows)
        if made == (entry, nodes):
            return
        if made is None:
            self._audit.found(f"table {self._name}: a row under {slot or 'the top'} is none that this table can hold")
            return
        # Now for what it is. Nodes are judged by what lies below them, whether or not anything leads to them.
        before = len(self._audit.findings)
        self._check_child(slot, entry)
        for at, node in nodes.items():
            self._check_node(at, node)
        if len(self._audit.findings) == before:
            self._found(f"the rows and inner nodes under {slot or 'the top'} do not agree", slot)

    def _make(self, slot: str, rows: Rows) -> tuple[bytes, dict[str, bytes]] | None:
        """Entry and inner nodes of rows; None if no page can hold them."""
        shape = TABLES[self._table]
        values = list(chain.from_iterable(rows))
        try:
            if list(map(len, values)) != [shape.key_size, shape.value_size] * len(rows):
                return None
            packed = b"".join(values)
            made = make_packed_nodes(self._table, slot, packed)
        except (TypeError, ValueError):
            # A flipped byte in a row's header turns a value into one of another type.
            return None
        self._on_rows(packed)
        return made

    def _check_node(self, slot: str, stored: bytes) -> None:
        """An inner node against all that hangs below it."""
        try:
            node = InnerNode.decode(stored)
            sound = node.path.startswith(slot) and len(node.children) > 1 and node.sums()[2] > PAGE_ROWS
        except (struct.error, ValueError, IndexError):
            sound = False
        if not sound:
            self._found(f"the inner node at {slot or 'the top'} is damaged", slot)
            return
        if all(entry_rows(entry) <= PAGE_ROWS for entry in node.children.values()):
            self._check_pages(node)
        else:
            for digit, entry in node.children.items():
                self._check_child(node.path + digit, entry)

    def _found(self, what: str, slot: str) -> None:
        self._audit.found(f"table {self._name}: {what}", place=(self._table, slot))

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
        self.open_node(prefix, entry)

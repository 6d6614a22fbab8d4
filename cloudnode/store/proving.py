"""Finding the trie nodes between a state root and a key, at any recent height."""

from __future__ import annotations

import sqlite3

from cloudnode.formats.nodes import EMPTY_ENTRY, PAGE_ROWS, encode_leaf
from cloudnode.ledger.reading import Proof
from cloudnode.ledger.trie import InnerNode, entry_rows, key_range
from cloudnode.store.asof import AsOf
from cloudnode.store.state import ABOVE_ALL_KEYS
from cloudnode.store.states import StateRoot


class Prover:
    """Collects one proof at one height, each node of it once: many keys share most of their ways."""

    def __init__(self, connection: sqlite3.Connection, asof: AsOf, state: StateRoot) -> None:
        self._connection = connection
        self._asof = asof
        self._state = state
        self._nodes = {state.root: state.preimage}
        self._inner: dict[tuple[int, str], InnerNode] = {}

    @property
    def proof(self) -> Proof:
        """What was collected."""
        return Proof(self._state.root, tuple(self._nodes.values()))

    def add(self, table: int, key: bytes) -> None:
        """Take up all nodes on the way to a key, or to a prefix of keys.

        The walk ends at the leaf page that would hold the key, at an inner node without a child for it, or, for a
        prefix, at the first node whose whole subtree lies below the prefix: its entry holds the sums.
        """
        wanted = key.hex()
        slot, entry = "", self._state.entries[table]
        while entry != EMPTY_ENTRY:
            if len(slot) >= len(wanted) and slot and entry_rows(entry) > PAGE_ROWS:
                return
            if entry_rows(entry) <= PAGE_ROWS:
                if entry[:32] not in self._nodes:
                    self._nodes[entry[:32]] = self._page(table, slot)
                return
            node = self._open(table, slot, entry)
            depth = len(node.path)
            if not wanted.startswith(node.path) or len(wanted) <= depth:
                return
            slot = node.path + wanted[depth]
            entry = node.children.get(wanted[depth], EMPTY_ENTRY)

    def _open(self, table: int, slot: str, entry: bytes) -> InnerNode:
        node = self._inner.get((table, slot))
        if node is None:
            stored = self._nodes[entry[:32]] = self._node(table, slot)
            node = self._inner[table, slot] = InnerNode.decode(stored)
        return node

    def _node(self, table: int, slot: str) -> bytes:
        row = self._connection.execute(
            f"SELECT node FROM {self._asof.trie('slot = :slot')}",
            self._asof.parameters | {"slot": f"{table}{slot}"},
        ).fetchone()
        node: bytes = row[0]
        return node

    def _page(self, table: int, slot: str) -> bytes:
        low, high = key_range(slot)
        sources = {
            0: ("hash, value", self._asof.records, "hash"),
            1: ("key, value", self._asof.ratings, "key"),
            2: ("key, value", self._asof.window, "key"),
            3: ("key, value", self._asof.accounts, "key"),
            4: ("key, value", self._asof.system, "key"),
        }
        columns, source, key = sources[table]
        rows = self._connection.execute(
            f"SELECT {columns} FROM {source(f'{key} >= :low AND {key} < :high')} ORDER BY {key}",
            self._asof.parameters | {"low": low, "high": ABOVE_ALL_KEYS if high is None else high},
        ).fetchall()
        return encode_leaf(table, rows)

"""The state root of a height with what it is the hash of."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from hashlib import sha256

import attrs

from cloudnode.formats.nodes import EMPTY_ENTRY, ENTRY_SIZE, STATE_TAG, TABLES, encode_state
from cloudnode.ledger.reading import DataHash
from cloudnode.ledger.trie import entry_sums
from cloudnode.store.checks import row_check

PASSED = b""
"""Stands for root and entries of a height that has no state of its own here (:func:`store_passed`)."""


@attrs.frozen
class StateRoot:
    """The entries of all tables at one height (``docs/protocol.md``, state root)."""

    height: int
    entries: tuple[bytes, ...]

    @classmethod
    def empty(cls, height: int) -> StateRoot:
        """No rows at all."""
        return cls(height, (EMPTY_ENTRY,) * len(TABLES))

    @classmethod
    def from_preimage(cls, height: int, preimage: bytes) -> StateRoot:
        """The inverse of :attr:`preimage`."""
        starts = range(len(STATE_TAG), len(preimage), ENTRY_SIZE)
        return cls(height, tuple(preimage[at : at + ENTRY_SIZE] for at in starts))

    @property
    def preimage(self) -> bytes:
        """The bytes whose SHA-256 is the root."""
        return encode_state(self.entries)

    @property
    def root(self) -> bytes:
        """The state root, 32 bytes."""
        return sha256(self.preimage).digest()

    def at(self, height: int) -> StateRoot:
        """The same state at another height."""
        return attrs.evolve(self, height=height)

    def with_entry(self, table: int, entry: bytes) -> StateRoot:
        """The state with another entry for one table."""
        return attrs.evolve(self, entries=(*self.entries[:table], entry, *self.entries[table + 1 :]))

    def data_hash(self) -> DataHash:
        """The root with the sums that it binds."""
        stars, ratings, _ = entry_sums(self.entries[1])
        _, live, _ = entry_sums(self.entries[0])
        _, _, accounts = entry_sums(self.entries[3])
        return DataHash(self.height, self.root, stars, ratings, live, accounts)

    def store(self, connection: sqlite3.Connection) -> None:
        """Keep it among the recent states."""
        _store(connection, self.height, self.root, self.preimage)


def store_passed(connection: sqlite3.Connection, heights: Iterable[int]) -> None:
    """Say of heights that this node has no states of them: their blocks were executed together with later ones."""
    for height in heights:
        _store(connection, height, PASSED, PASSED)


def _store(connection: sqlite3.Connection, height: int, root: bytes, preimage: bytes) -> None:
    values = (height, root, preimage)
    connection.execute("INSERT INTO states VALUES (?, ?, ?, ?)", (*values, row_check(*values)))


def load_state(connection: sqlite3.Connection, height: int) -> StateRoot | None:
    """The state root of a recent height; None if it is not kept."""
    row = connection.execute("SELECT preimage FROM states WHERE height = ?", (height,)).fetchone()
    return None if row is None or row[0] == PASSED else StateRoot.from_preimage(height, row[0])

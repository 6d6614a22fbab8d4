"""Parts of the state at any recent height, for other nodes: inner nodes, and all rows under a slot.

Made for a thread, with a connection of its own: the work is done by few SQL statements that return one row each, for
SQLite leaves Python's lock at every row, and a thread that must take it again a thousand times is slow while the thread
that serves the API is busy. A read transaction lasts for one answer, some milliseconds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import attrs
import msgspec

from cloudnode.formats.nodes import RECORDS, SYSTEM, TABLES
from cloudnode.ledger.chunks import SentRecord, SentSetting, encode_contents, split_name
from cloudnode.ledger.trie import key_range
from cloudnode.store.asof import AsOf
from cloudnode.store.connection import connect
from cloudnode.store.pruning import lowest_height
from cloudnode.store.state import ABOVE_ALL_KEYS
from cloudnode.store.states import StateRoot, load_state

READER_CACHE_KIB = 8_192


@attrs.frozen
class PartLimits:
    """What one answer holds at most.

    :ivar rows: In all. :ivar size: Bytes in all, but the first slot alone may have ``first`` bytes.
    """

    rows: int
    size: int
    first: int


@attrs.frozen
class _Source:
    """How a table's rows are read under a slot: each statement gives one row.

    :ivar measure: SQL for the number of rows, at most ``:limit``, and about how many bytes they will have.
    :ivar read: SQL for all of them in one text.
    """

    measure: str
    read: str


class StateParts:
    """Reads parts of the state at a height that is kept; at others, it finds nothing."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def nodes(self, height: int, names: Sequence[str]) -> tuple[bytes, list[bytes]] | None:
        """The preimage of the state root, and the inner nodes at slots, empty where there is none.

        :param names: Slots with their tables (:func:`cloudnode.ledger.chunks.slot_name`).
        :raises sqlite3.Error: The file can't be read.
        """
        with _Snapshot(self._open(), height) as snapshot:
            if snapshot.state is None:
                return None
            return snapshot.state.preimage, [snapshot.node(name) for name in names]

    def rows(self, height: int, names: Sequence[str], limits: PartLimits) -> list[bytes | None] | None:
        """The chunks under the first slots that fit, None for the first if it does not fit by itself.

        :raises sqlite3.Error: The file can't be read.
        """
        with _Snapshot(self._open(), height) as snapshot:
            if snapshot.state is None:
                return None
            found: list[bytes | None] = []
            rows = size = 0
            for name in names:
                below, weight = snapshot.measure(name, limits.rows + 1)
                if not found and (below > limits.rows or weight > limits.first):
                    return [None]
                rows += below
                size += weight
                if found and (rows > limits.rows or size > limits.size):
                    break
                found.append(snapshot.chunk(name))
            return found

    def close(self) -> None:
        """Close the file; the next question opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self._path, read_only=True, cache_kib=READER_CACHE_KIB)
        return self._connection


class _Snapshot:
    """The state at a height, within one read transaction; a context manager.

    :ivar state: Its root, or None if that height is not kept.
    """

    def __init__(self, connection: sqlite3.Connection, height: int) -> None:
        self.state: StateRoot | None = None
        self._connection = connection
        self._height = height

    def __enter__(self) -> _Snapshot:
        self._connection.execute("BEGIN")
        head = self._connection.execute("SELECT max(height) FROM states").fetchone()[0]
        if lowest_height(head) <= self._height <= head:
            self.state = load_state(self._connection, self._height)
        self._asof = AsOf(self._height, self._height == head)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.execute("ROLLBACK")

    def node(self, name: str) -> bytes:
        """The inner node at a slot, empty if there is none."""
        row = self._connection.execute(
            f"SELECT node FROM {self._asof.trie('slot = :slot')}", self._asof.parameters | {"slot": name}
        ).fetchone()
        return b"" if row is None else row[0]

    def measure(self, name: str, limit: int) -> tuple[int, int]:
        """How many rows there are under a slot, counted up to a limit, and about how many bytes they have."""
        table, slot = split_name(name)
        rows, size = self._one(self._source(table).measure, slot, limit)
        return rows, size

    def chunk(self, name: str) -> bytes:
        """All rows under a slot as they travel."""
        table, slot = split_name(name)
        (text,) = self._one(self._source(table).read, slot, -1)
        if table == RECORDS:
            return encode_contents([_sent_record(row) for row in _decode_records(text)])
        if table == SYSTEM:
            return encode_contents([SentSetting(name, bytes.fromhex(content)) for name, content in _decode_pairs(text)])
        return bytes.fromhex(text or "")

    def _one(self, sql: str, slot: str, limit: int) -> Any:
        low, high = key_range(slot)
        bounds = {"low": low, "high": ABOVE_ALL_KEYS if high is None else high, "limit": limit}
        return self._connection.execute(sql, self._asof.parameters | bounds).fetchone()

    def _source(self, table: int) -> _Source:
        asof = self._asof
        if table == RECORDS:
            rows = asof.records("hash >= :low AND hash < :high")
            return _Source(
                "SELECT count(*), coalesce(sum(120 + size), 0) FROM (SELECT length(data) + length(key)"
                f" + coalesce(length(ref), 0) AS size FROM {rows} LIMIT :limit)",
                "SELECT json_group_array(json_array(position, live, hex(account), collection, key, ref, version,"
                f" created, time, hex(data))) FROM (SELECT * FROM {rows} ORDER BY hash)",
            )
        where = "key >= :low AND key < :high"
        if table == SYSTEM:
            rows = asof.system(where)
            return _Source(
                "SELECT count(*), coalesce(sum(size), 0) FROM"
                f" (SELECT 80 + length(content) AS size FROM {rows} LIMIT :limit)",
                f"SELECT json_group_array(json_array(name, hex(content))) FROM (SELECT * FROM {rows} ORDER BY key)",
            )
        rows = (asof.ratings, asof.window, asof.accounts)[table - 1](where)
        width = TABLES[table].key_size + TABLES[table].value_size
        return _Source(
            f"SELECT count(*), {width} * count(*) FROM (SELECT 1 FROM {rows} LIMIT :limit)",
            f"SELECT group_concat(hex(key) || hex(value), '') FROM (SELECT * FROM {rows} ORDER BY key)",
        )


_JsonRecord = tuple[int, int, str, str, str, str | None, int, int, int, str]
_decode_records = msgspec.json.Decoder(list[_JsonRecord]).decode
_decode_pairs = msgspec.json.Decoder(list[tuple[str, str]]).decode


def _sent_record(row: _JsonRecord) -> SentRecord:
    position, live, account, collection, key, ref, version, created, time, data = row
    return SentRecord(
        position, bool(live), bytes.fromhex(account), collection, key, ref, version, created, time, bytes.fromhex(data)
    )

"""A database made from parts of the state that other nodes sent, beside the one in use.

Theory of operation. The new database is a file of its own, which takes the place of the old one only when it is whole
(:meth:`cloudnode.store.sqlite.SqliteStore.replace`): a crash at any moment leaves the old one or the new one, and of a
state that is half here no reader ever knows. What was put into it stays over a restart. Nothing keeps a record of what
is right in it, for hashes tell: :meth:`StateLoader.examine` computes the entry of the rows under a slot, and what has
the entry that is wanted need not be fetched, for whichever height it was fetched before.

While rows come there are only the indexes that find rows under a slot. The others, and the tables that follow from the
rows, are made at the end (:meth:`StateLoader.finish_in_steps`), each by one statement, which takes a fraction of the
time. Until then no commit waits for the disk: a power cut may cost what was put in last, but not the file.

Made for a thread; one call at a time.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Literal, TypeVar

import attrs

from cloudnode.formats.addresses import account_hash
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.nodes import ACCOUNTS, RATINGS, RECORDS, SYSTEM, TABLES, WINDOW, encode_window_key
from cloudnode.formats.operation import Operation
from cloudnode.ledger.chunks import Chunk, encode_rows, is_page, make_nodes, slot_name
from cloudnode.ledger.ranking import rank
from cloudnode.ledger.reading import Block
from cloudnode.ledger.system import system_row
from cloudnode.ledger.trie import InnerNode, entry_rows, key_range, node_entry
from cloudnode.store.checks import row_check
from cloudnode.store.connection import connect
from cloudnode.store.creation import WrongDatabase, check_meta, create_indexes, create_tables, is_empty
from cloudnode.store.epochs import EpochEnd, Epochs, store_epoch_end
from cloudnode.store.schema import RECORD_COLUMNS, SCORE_COLUMNS
from cloudnode.store.state import ABOVE_ALL_KEYS, ROWS_SQL
from cloudnode.store.states import StateRoot
from cloudnode.store.writer import BlockWriter

CACHE_KIB = 131_072
WAL_BYTES_MAX = 64 * 1024 * 1024
SORTING_THREADS = 2

Held = Literal["same", "other", "none"]
"""What is here under a slot: what is wanted, something else, or nothing."""

_TABLES = {RECORDS: "records", RATINGS: "ratings", WINDOW: "window", ACCOUNTS: "accounts", SYSTEM: "system"}
_KEYS = {table: "hash" if table == RECORDS else "key" for table in _TABLES}

_ROWS_A_STATEMENT = 400
_INSERTS = {
    table.number: f"INSERT INTO {_TABLES[table.number]} WITH RECURSIVE at (row) AS (SELECT 1 UNION ALL"
    f" SELECT row + {table.key_size + table.value_size} FROM at WHERE row + {table.key_size + table.value_size} <= ?2)"
    f" SELECT substr(?1, row, {table.key_size}), substr(?1, row + {table.key_size}, {table.value_size}) FROM at"
    for table in TABLES
}
"""Rows of fixed width out of one blob, of so many bytes: less than half of the time of a statement for each row."""

_Bound = TypeVar("_Bound", bytes, str)

_STARS = "sum(instr(x'0102030405', substr(value, 1, 1)))"


@attrs.frozen
class Slot:
    """A slot of a table with the entry that is wanted there."""

    table: int
    slot: str
    entry: bytes

    @property
    def rows(self) -> int:
        """How many rows are wanted."""
        return entry_rows(self.entry)

    @property
    def name(self) -> str:
        """Table and slot in one text."""
        return slot_name(self.table, self.slot)


class NotWhole(Exception):
    """The state is not what it is to be; the text says in what."""


class StateLoader:
    """Takes parts of a state until it is whole.

    :ivar path: The file. :ivar began_empty: Whether nothing was in it when it was opened.
    """

    def __init__(self, path: str, connection: sqlite3.Connection, genesis: Genesis) -> None:
        self.path = path
        self._connection = connection
        self._genesis = genesis
        self.began_empty = all(
            connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is None for table in _TABLES.values()
        )

    @classmethod
    def open(cls, path: str, genesis: Genesis) -> StateLoader:
        """Go on with the file at ``path``, or begin anew if there is none, or one that can't be gone on with.

        :raises sqlite3.Error: :raises OSError: It can't be made.
        """
        connection = None
        try:
            connection = _connect(path)
            if not is_empty(connection):
                check_meta(connection, genesis)
                if connection.execute("SELECT 1 FROM states").fetchone() is not None:
                    raise WrongDatabase("this one was finished, and can't be gone on with")
                return cls(path, connection, genesis)
        except (WrongDatabase, sqlite3.DatabaseError):
            if connection is not None:
                connection.close()
            remove_database(path)
            connection = _connect(path)
        with _transaction(connection):
            create_tables(connection, genesis)
        return cls(path, connection, genesis)

    def close(self) -> None:
        """Keep what is here for the next time."""
        self._connection.close()

    # Epochs

    @property
    def epoch(self) -> Epoch:
        """The epoch after the newest end that is here."""
        return Epochs(self._connection, self._genesis).present()

    def find_epoch(self, number: int) -> Epoch | None:
        """An epoch by its number; None if it is not known here."""
        return Epochs(self._connection, self._genesis).get(number)

    def put_ends(self, ends: Sequence[EpochEnd]) -> None:
        """Put the checked ends of epochs that follow those which are here."""
        with _transaction(self._connection):
            for end in ends:
                store_epoch_end(self._connection, end)

    # What is here

    def examine(self, slots: Sequence[Slot]) -> list[Held]:
        """Compare what is here under some slots, of some thousand rows at most, with what is wanted there."""
        with _transaction(self._connection):
            return [self._examine(each) for each in slots]

    def _examine(self, wanted: Slot) -> Held:
        low, high = _bounds(wanted.slot)
        rows = self._connection.execute(ROWS_SQL[wanted.table] + " LIMIT ?", (low, high, wanted.rows + 1)).fetchall()
        if not rows:
            return "same" if not wanted.rows else "none"
        if len(rows) != wanted.rows:
            return "other"
        entry, nodes = make_nodes(wanted.table, wanted.slot, rows)
        if entry != wanted.entry:
            return "other"
        stored = self._connection.execute(
            "SELECT slot, node FROM trie WHERE slot >= ? AND slot < ?", (wanted.name, wanted.name + "g")
        )
        if {slot[1:]: node for slot, node in stored} != nodes:
            self._put_nodes(wanted.table, wanted.slot, nodes)
        return "same"

    # What comes

    def put(self, chunks: Sequence[Chunk]) -> None:
        """Put checked chunks in place of whatever is under their slots.

        :raises sqlite3.Error: The disk is full.
        """
        with _transaction(self._connection):
            for chunk in chunks:
                low, high = _bounds(chunk.slot)
                key = _KEYS[chunk.table]
                name = _TABLES[chunk.table]
                self._connection.execute(f"DELETE FROM {name} WHERE {key} >= ? AND {key} < ?", (low, high))
                self._put_rows(chunk)
                self._put_nodes(chunk.table, chunk.slot, chunk.nodes)
        self._checkpoint_if_long()

    def put_node(self, wanted: Slot, node: InnerNode) -> None:
        """Put an inner node to a slot, and remove what is under the slot but under none of the node's children."""
        starts = [node.path + digit for digit in sorted(node.children)]
        with _transaction(self._connection):
            low, high = _bounds(wanted.slot)
            key, name = _KEYS[wanted.table], _TABLES[wanted.table]
            for start, end in _gaps(low, high, [_bounds(start) for start in starts]):
                self._connection.execute(f"DELETE FROM {name} WHERE {key} >= ? AND {key} < ?", (start, end))
            names = [slot_name(wanted.table, start) for start in starts]
            for first, last in _gaps(wanted.name, wanted.name + "g", [(each, each + "g") for each in names]):
                self._connection.execute("DELETE FROM trie WHERE slot >= ? AND slot < ?", (first, last))
            self._insert_nodes([(wanted.name, node.encode())])

    def _put_rows(self, chunk: Chunk) -> None:
        many = self._connection.executemany
        if chunk.table == RECORDS:
            many(
                f"INSERT INTO records ({RECORD_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                [
                    (
                        row.position, row.hash, row.value, row.live, row.account, row.collection,
                        row.key, row.ref, row.version, row.created, row.time, row.data,
                    )
                    for row in chunk.records
                ],
            )  # fmt: skip
        elif chunk.table == SYSTEM:
            rows = [(*system_row(each.name, each.content), each.name, each.content) for each in chunk.settings]
            many("INSERT INTO system VALUES (?, ?, ?, ?, 0, ?)", [(*row, row_check(row[2], 0)) for row in rows])
        else:
            for start in range(0, len(chunk.rows), _ROWS_A_STATEMENT):
                blob = encode_rows(chunk.rows[start : start + _ROWS_A_STATEMENT])
                self._connection.execute(_INSERTS[chunk.table], (blob, len(blob)))

    def _put_nodes(self, table: int, slot: str, nodes: dict[str, bytes]) -> None:
        name = slot_name(table, slot)
        self._connection.execute("DELETE FROM trie WHERE slot >= ? AND slot < ?", (name, name + "g"))
        self._insert_nodes([(slot_name(table, each), node) for each, node in sorted(nodes.items())])

    def _insert_nodes(self, nodes: Sequence[tuple[str, bytes]]) -> None:
        # Whatever is here holds from the height on that this database begins with: 0 is as good, and does not change.
        self._connection.executemany(
            "INSERT INTO trie VALUES (?, 0, ?, ?)", [(name, node, row_check(name, 0)) for name, node in nodes]
        )

    def _checkpoint_if_long(self) -> None:
        with contextlib.suppress(OSError):
            if os.path.getsize(f"{self.path}-wal") > WAL_BYTES_MAX:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # The end

    def finish_in_steps(self, state: StateRoot, block: Block, operations: Sequence[Operation]) -> Iterator[float]:
        """Make of the rows a whole database whose newest block is ``block``, and close it.

        :param state: The state after the block, all of whose slots are here. :param operations: The block's.
        :return: What says after each step how much is done, 0 to 1.
        :raises NotWhole: The tables' entries are not those of ``state``, or the block's results are not in it.
        :raises sqlite3.Error: The disk is full.
        """
        connection = self._connection
        connection.execute(f"PRAGMA threads = {SORTING_THREADS}")
        connection.create_function("rank_of", 2, rank, deterministic=True)
        connection.create_function("account_hash", 1, account_hash, deterministic=True)
        with _transaction(connection):
            self._check_tops(state)
            # The ends of epochs from this block on come with the blocks.
            connection.execute("DELETE FROM epochs WHERE last_height >= ?", (block.height,))
            state.store(connection)
            BlockWriter(connection, self._genesis).write_log(block, operations, self._results(operations))
            yield 0.05
            connection.execute(_SCORES)
            yield 0.25
            for statement in _TOTALS:
                connection.execute(statement)
            yield 0.4
            connection.execute("INSERT INTO words (words) VALUES ('rebuild')")
            yield 0.6
            for number, _ in enumerate(create_indexes(connection)):
                yield min(0.6 + 0.02 * number, 0.9)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.close()
        yield 1.0

    def _check_tops(self, state: StateRoot) -> None:
        """See that the topmost nodes are those of the state: everything below was checked when it came."""
        for table, entry in enumerate(state.entries):
            if is_page(entry):
                found = self._examine(Slot(table, "", entry)) == "same"
            else:
                row = self._connection.execute("SELECT node FROM trie WHERE slot = ?", (str(table),)).fetchone()
                found = row is not None and node_entry(row[0]) == entry
            if not found:
                raise NotWhole(f"table {_TABLES[table]} is not that of the state at height {state.height}")

    def _results(self, operations: Sequence[Operation]) -> list[int]:
        results = []
        for operation in operations:
            key = encode_window_key(operation.expiry, operation.id)
            row = self._connection.execute("SELECT value FROM window WHERE key = ?", (key,)).fetchone()
            if row is None:
                raise NotWhole(f"the state does not know operation {operation.id.hex()} of its own block")
            results.append(int.from_bytes(row[0][12:14], "big"))
        return results


_SCORES = f"""
INSERT INTO scores SELECT {SCORE_COLUMNS}, row_check({SCORE_COLUMNS}) FROM (
    SELECT created, 0 AS since, hash, account, collection, ref, live, sum, count, rank_of(sum, count) AS rank FROM (
        SELECT record.created, record.hash, account, collection, ref, live,
            coalesce({_STARS.replace("value", "rating.value")}, 0) AS sum, count(rating.key) AS count
        FROM records AS record LEFT JOIN ratings AS rating
            ON rating.key >= record.hash AND rating.key < CAST(record.hash || x'{"ff" * 33}' AS BLOB)
        GROUP BY record.position
    )
)
"""

_TOTALS = (
    "CREATE TEMP TABLE rated (key BLOB PRIMARY KEY, ratings INTEGER, stars INTEGER) WITHOUT ROWID",
    f"INSERT INTO rated SELECT substr(key, 33), count(*), {_STARS} FROM ratings GROUP BY substr(key, 33)",
    "CREATE TEMP TABLE wrote (key BLOB PRIMARY KEY, records INTEGER) WITHOUT ROWID",
    "INSERT INTO wrote SELECT account_hash(account), records FROM"
    " (SELECT account, sum(live) AS records FROM records GROUP BY account)",
    "INSERT INTO totals SELECT key, 0, records, ratings, stars, row_check(key, 0, records, ratings, stars) FROM ("
    "SELECT key, coalesce(records, 0) AS records, coalesce(ratings, 0) AS ratings, coalesce(stars, 0) AS stars"
    " FROM accounts LEFT JOIN rated USING (key) LEFT JOIN wrote USING (key)"
    " WHERE rated.key IS NOT NULL OR wrote.key IS NOT NULL)",
    "DROP TABLE rated",
    "DROP TABLE wrote",
)


def _connect(path: str) -> sqlite3.Connection:
    connection = connect(path, cache_kib=CACHE_KIB)
    os.chmod(path, 0o600)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _bounds(slot: str) -> tuple[bytes, bytes]:
    low, high = key_range(slot)
    return low, ABOVE_ALL_KEYS if high is None else high


def _gaps(low: _Bound, high: _Bound, parts: Sequence[tuple[_Bound, _Bound]]) -> Iterator[tuple[_Bound, _Bound]]:
    """What is left of a range without some parts of it, which are in order."""
    for start, end in parts:
        if low < start:
            yield low, start
        low = end
    if low < high:
        yield low, high


def remove_database(path: str) -> None:
    """Remove a database's file and what SQLite puts beside it."""
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + suffix)

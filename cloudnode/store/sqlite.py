"""The ledger in one SQLite file."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Generator, Iterator

from cloudnode.formats.block import Header
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import Genesis
from cloudnode.ledger.reading import Block, Head
from cloudnode.store.aside import set_aside
from cloudnode.store.connection import Budget, DatabaseDamaged, connect
from cloudnode.store.creation import check_meta, create_indexes, create_tables, is_empty
from cloudnode.store.epochs import EpochEnd, Epochs
from cloudnode.store.pruning import lowest_height
from cloudnode.store.reading import SqliteReading
from cloudnode.store.states import PASSED, StateRoot, load_state
from cloudnode.store.walindex import WalIndex
from cloudnode.store.writer import BlockWriter, Run

WRITER_CACHE_KIB = 65_536
READER_CACHE_KIB = 32_768
WAL_BYTES_MAX = 64 * 1024 * 1024
"""Beyond this the write-ahead log is moved into the file after the next block.

A page that many blocks change is moved once: with a shorter log all pages are written twice.
"""
CHECKPOINT_PATIENCE_MS = 50


class SqliteStore:
    """Blocks are written by one connection and read by another, both of them in the thread that serves the API.

    A read thus sees the last block that was committed, whole, and pins nothing: no read outlives its call.

    :ivar head: The newest block. :ivar state: The state root after it.
    :ivar epoch: The epoch of the next block.
    :ivar lowest_block: The height of the oldest block in the log; that of the first one to come if there is none.
    """

    def __init__(
        self,
        path: str,
        genesis: Genesis,
        writer: sqlite3.Connection,
        reader: sqlite3.Connection,
        keep_blocks: int | None = None,
    ) -> None:
        self.path = path
        self._keep_blocks = keep_blocks
        self._genesis = genesis
        self._wal_index = WalIndex(path)
        self._attach(writer, reader)

    def _attach(self, writer: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        self._write = writer
        self._read = reader
        self._budget = Budget(reader)
        self._blocks = BlockWriter(writer, self._genesis, self._keep_blocks)
        self._epochs = Epochs(reader, self._genesis)
        self._load()

    def _load(self) -> None:
        """Know what is in the file."""
        self.head, self.state, self._header = self._load_head()
        self.epoch = self._epochs.present()
        self._first_state = self._find_first_state()
        self._provable = self._find_provable()
        self.lowest_block = self._find_lowest_block()
        self._at_head = SqliteReading(self._read, self._budget, self.state, True)
        self._seen = self._look()

    def _look(self) -> tuple[object, ...]:
        """What changes when somebody else writes: a count that SQLite keeps, and the time of the file."""
        (count,) = self._write.execute("PRAGMA data_version").fetchone()
        return count, os.stat(self.path).st_mtime_ns

    def was_changed(self) -> bool:
        """Whether somebody else wrote to the file since this was asked last; only while no block is written.

        A disk that gives back something else than it was given is not noticed so: that is for audits.
        """
        try:
            seen = self._look()
        except (sqlite3.Error, OSError):
            return False
        before, self._seen = self._seen, seen
        return before != seen

    def reload(self) -> None:
        """See what a repair, on a connection of its own, wrote."""
        self._blocks.forget()
        self._load()

    def _find_first_state(self) -> int:
        (height,) = self._read.execute("SELECT min(height) FROM states").fetchone()
        return int(height)

    def _find_provable(self) -> int | None:
        header = self._header
        if header is None or load_state(self._read, header.root_height) is not None:
            return None if header is None else header.root_height
        # That of the newest header lies within a run: what can be proven is the state that the run began with.
        return self.find_provable(header.root_height)

    def find_provable(self, most: int) -> int | None:
        """The newest height, up to one, that is kept and whose state root is in a header; None if there is none."""
        found = self._read.execute(
            "SELECT height FROM states WHERE height <= ? AND root <> ?"
            " AND EXISTS (SELECT 1 FROM blocks WHERE root_height = states.height) ORDER BY height DESC LIMIT 1",
            (most, PASSED),
        ).fetchone()
        return None if found is None else int(found[0])

    def _find_lowest_block(self) -> int:
        height = self._read.execute("SELECT min(height) FROM blocks").fetchone()[0]
        return self.head.height + 1 if height is None else int(height)

    @classmethod
    def open(cls, path: str, genesis: Genesis, keep_blocks: int | None = None) -> SqliteStore:
        """Open the database, or make it with the state of height 0 if there is none.

        :param keep_blocks: How many blocks below the newest are kept, at least
            :data:`~cloudnode.store.pruning.HEIGHTS_KEPT`; None for all.
        :raises WrongDatabase: It is of another network or version.
        :raises DatabaseDamaged: SQLite can't read it.
        :raises sqlite3.OperationalError: The directory is read-only or the disk is full.
        """
        with _damage_named(path), contextlib.ExitStack() as opened:
            store = cls(path, genesis, *_open(path, genesis, opened), keep_blocks)
            opened.pop_all()
            return store

    def _load_head(self) -> tuple[Head, StateRoot, Header | None]:
        state_height = self._read.execute("SELECT max(height) FROM states").fetchone()[0]
        state = None if state_height is None else load_state(self._read, state_height)
        row = self._read.execute("SELECT height, hash, header FROM blocks ORDER BY height DESC LIMIT 1").fetchone()
        if state is None or state.height != (row[0] if row else 0):
            raise DatabaseDamaged(f"{self.path}: the newest block has no state")
        if row is None:
            return Head(0, self._genesis.network, self._genesis.time, state.root), state, None
        header = Header.decode(row[2])
        return Head(row[0], row[1], header.time, state.root), state, header

    @property
    def header(self) -> Header | None:
        """The header of the newest block; None at height 0."""
        return self._header

    @property
    def provable_height(self) -> int | None:
        """The newest height that is kept and whose state root is in a header; None if there is none."""
        return self._provable

    @property
    def lowest_height(self) -> int:
        """The lowest height that can be read."""
        return max(lowest_height(self.head.height), self._first_state)

    def write_in_steps(self, run: Run, root: bytes | None = None) -> Generator[None, None, tuple[Head, list[int]]]:
        """Execute and store the next block, or several; readers see them from the last step on.

        :param root: The state root after the last one, if it is known.
        :return: A generator that returns the new head and the results of all operations. To close it is to leave all
            as it was.
        :raises WrongState: :raises sqlite3.Error: See :meth:`cloudnode.store.writer.BlockWriter.write_in_steps`.
        """
        state, results = yield from self._blocks.write_in_steps(run, self.state, root)
        block, _ = run[-1]
        self.state = state
        self._header = Header.decode(block.header)
        self._provable = self._find_provable()
        if self._header.ends_epoch:
            self.epoch = self._epochs.present()
        self.head = Head(block.height, block.hash, self._header.time, state.root)
        self._at_head = SqliteReading(self._read, self._budget, state, True)
        if self._keep_blocks is not None:
            self.lowest_block = self._find_lowest_block()
        return self.head, results

    def reading(self, height: int | None = None) -> SqliteReading:
        """The ledger at a height, the newest by default.

        :raises LedgerError: ``height_future``, or ``height_pruned`` below :attr:`lowest_height`.
        """
        if height is None or height == self.head.height:
            return self._at_head
        if height > self.head.height:
            raise LedgerError("height_future", f"the newest height here is {self.head.height}")
        if height < self.lowest_height:
            raise LedgerError("height_pruned", f"the lowest height that can be read is {self.lowest_height}")
        state = load_state(self._read, height)
        if state is None:
            raise LedgerError("height_pruned", "this node was catching up at this height, and has no state of it")
        return SqliteReading(self._read, self._budget, state, False)

    def proving_block(self, height: int) -> Block | None:
        """The first final block whose header carries the state root of a height."""
        row = self._read.execute(
            "SELECT height FROM blocks WHERE root_height = ? ORDER BY height LIMIT 1", (height,)
        ).fetchone()
        return None if row is None else self._at_head.block(row[0])

    def newest_hashes(self, count: int) -> list[tuple[int, bytes]]:
        """Height and hash of so many of the newest blocks, ascending."""
        rows = self._read.execute("SELECT height, hash FROM blocks ORDER BY height DESC LIMIT ?", (count,)).fetchall()
        return rows[::-1]

    def find_epoch(self, number: int) -> Epoch | None:
        """An epoch by its number; None if it has not begun."""
        return self._epochs.get(number)

    def epochs(self, first: int = 0) -> Iterator[EpochEnd]:
        """How the epochs that are over ended, from the one with number ``first`` on."""
        return self._epochs.ends(first)

    def wants_checkpoint(self) -> bool:
        """Whether the write-ahead log has grown so long that reads through it become slow."""
        page_size: int = self._write.execute("PRAGMA page_size").fetchone()[0]
        return self._wal_index.frames() * page_size > WAL_BYTES_MAX

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file; for a thread, while no block is written.

        The next block then begins the log anew, if no reader is in it. No read for a caller outlives its call; steps of
        an audit are waited for a little, and where they take longer the log goes on to grow until the next time.
        """
        connection = connect(self.path)
        try:
            connection.execute(f"PRAGMA busy_timeout = {CHECKPOINT_PATIENCE_MS}")
            connection.execute("PRAGMA wal_checkpoint(RESTART)")
        finally:
            connection.close()
            # The file's new time is of our own doing.
            self._seen = self._seen[0], os.stat(self.path).st_mtime_ns

    def replace(self, path: str) -> None:
        """Put another database of the same network, which nobody has open, in the place of this one, and go on with it.

        Nobody else may have this one open either. A crash at any moment leaves the one or the other.

        :raises DatabaseDamaged: The other can't be used; it is then in this one's place.
        :raises OSError: It can't be renamed. The store is then closed.
        """
        self.close()
        for suffix in ("-wal", "-shm"):
            # Both are gone with the last connection; what a crash left of them belongs to no other file.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path + suffix)
        os.replace(path, self.path)
        _sync_directory(os.path.dirname(self.path) or ".")
        with _damage_named(self.path), contextlib.ExitStack() as opened:
            self._attach(*_open(self.path, self._genesis, opened))
            opened.pop_all()

    def start_over(self, now: float) -> str:
        """Put this database, which nobody else has open, aside and go on with a new one at height 0.

        :param now: Unix seconds, for the name of the old one.
        :return: The path of the old one.
        :raises OSError: The directory can't be written. The store is then closed.
        """
        with contextlib.suppress(sqlite3.Error):
            self.close()
        aside = set_aside(self.path, now)
        with contextlib.ExitStack() as opened:
            self._attach(*_open(self.path, self._genesis, opened))
            opened.pop_all()
        return aside

    def close(self) -> None:
        """Close both connections; the write-ahead log is merged into the file."""
        self._read.close()
        self._write.close()
        self._wal_index.close()


@contextlib.contextmanager
def _damage_named(path: str) -> Iterator[None]:
    """Turn what SQLite says of a file that it can't read into :class:`DatabaseDamaged`."""
    try:
        yield
    except sqlite3.OperationalError:
        raise
    except (sqlite3.DatabaseError, LedgerError, TypeError) as error:
        # What the newest rows hold is read at once; a damaged value can be of any type.
        raise DatabaseDamaged(f"{path}: {error}") from error


def _open(
    path: str, genesis: Genesis, opened: contextlib.ExitStack
) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """The writer and the reader; ``opened`` is given what closes them."""
    writer = connect(path, cache_kib=WRITER_CACHE_KIB)
    opened.callback(writer.close)
    # What a statement of many rows would have to take back if it failed is kept aside, in a file unless this is said.
    writer.execute("PRAGMA temp_store = MEMORY")
    # What a log grew to behind a long step of an audit is given back when it begins anew.
    writer.execute(f"PRAGMA journal_size_limit = {2 * WAL_BYTES_MAX}")
    os.chmod(path, 0o600)
    if is_empty(writer):
        _create(writer, genesis)
    check_meta(writer, genesis)
    reader = connect(path, read_only=True, cache_kib=READER_CACHE_KIB)
    opened.callback(reader.close)
    return writer, reader


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _create(connection: sqlite3.Connection, genesis: Genesis) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        create_tables(connection, genesis)
        for _ in create_indexes(connection):
            pass
        BlockWriter(connection, genesis).write_genesis()
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise

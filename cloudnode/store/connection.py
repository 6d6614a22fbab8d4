"""How the database file is opened: every connection with the same pragmas, functions and budget."""

from __future__ import annotations

import sqlite3

from cloudnode.formats.errors import LedgerError
from cloudnode.store.checks import row_check
from cloudnode.store.texts import record_text

# Python looks for an adapter of each value that is bound, but for those of five types, and bytes are none of them: what
# it finds is worth more than what it costs, for to find none takes four times as long.
sqlite3.register_adapter(bytes, bytearray)

_ALL = 1 << 40
"""More than SQLite ever maps."""

_STEP = 10_000
QUERY_BUDGET = 3_000_000
"""Virtual machine instructions that one read may take, some 100 ms. A bound on work, not on time, so that
one question is either always answered or always too broad."""


class DatabaseDamaged(Exception):
    """SQLite stumbled over the file, or a row is not what it must be: nothing from it may be served."""


def connect(
    path: str, *, read_only: bool = False, cache_kib: int = 16_384, is_mapped: bool = False
) -> sqlite3.Connection:
    """Open the database at ``path``.

    Transactions are begun and ended by statements (``isolation_level=None``). A commit is on disk when it returns
    (``synchronous=FULL``).

    :param cache_kib: The most memory for pages, in KiB; it is used only as pages are.
    :param is_mapped: Whether pages are read from a mapping of the file, as far as SQLite maps it (2 GiB). That saves a
        third of the time of whoever reads at random, but where the disk gives an error, or somebody cuts off the file,
        it ends the process (SIGBUS).
    :raises sqlite3.Error: The file can't be opened or is no database.
    """
    mode = "ro" if read_only else "rwc"
    # One connection is used by one thread at a time, but not always by the thread that made it.
    connection = sqlite3.connect(
        f"file:{_escape(path)}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.create_function("row_check", -1, row_check, deterministic=True)
    connection.create_function("record_text", 1, record_text, deterministic=True)
    connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA trusted_schema = ON")
    if is_mapped:
        connection.execute(f"PRAGMA mmap_size = {_ALL}")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    else:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # A checkpoint moves pages for tens of milliseconds; the store does it in a thread instead.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
    return connection


def _escape(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


class Budget:
    """Stops a read that takes too long to be answered between other people's requests; a context manager."""

    def __init__(self, connection: sqlite3.Connection, instructions: int = QUERY_BUDGET) -> None:
        self._steps = self._left = instructions // _STEP
        connection.set_progress_handler(self._spend, _STEP)

    def _spend(self) -> bool:
        self._left -= 1
        return self._left < 0

    def __enter__(self) -> None:
        """Begin a read with the whole budget to itself."""
        self._left = self._steps

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """End it.

        :raises LedgerError: ``query_too_broad``.
        :raises DatabaseDamaged: SQLite found the file damaged.
        """
        if not isinstance(error, sqlite3.DatabaseError):
            return
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise LedgerError("query_too_broad") from None
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise DatabaseDamaged(str(error)) from error

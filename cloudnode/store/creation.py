"""Making the tables of a database, and telling whether a file is the database of a network."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from cloudnode.formats.genesis import Genesis
from cloudnode.store.checks import row_check
from cloudnode.store.connection import DatabaseDamaged
from cloudnode.store.meta import meta_rows
from cloudnode.store.schema import SCHEMA, SCHEMA_VERSION


class WrongDatabase(Exception):
    """The file is of another network or of a version that this program does not read."""


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether nothing was made in the file yet."""
    return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0)


def create_tables(connection: sqlite3.Connection, genesis: Genesis) -> None:
    """Make all tables and what says whose they are, within the transaction that is open; no indexes yet."""
    for statement in _statements():
        if not statement.startswith("CREATE INDEX"):
            connection.execute(statement)
    connection.executemany("INSERT INTO meta VALUES (?, ?, ?)", meta_rows(genesis))


def create_indexes(connection: sqlite3.Connection) -> Iterator[None]:
    """Make all indexes that are no keys, one a step. Over rows that are there already it is done by sorting."""
    for statement in _statements():
        if statement.startswith("CREATE INDEX"):
            connection.execute(statement)
            yield


def _statements() -> list[str]:
    """The statements of the schema without comments; ``executescript`` would commit before it begins."""
    statements, part = [], ""
    for line in SCHEMA.splitlines():
        if not line.startswith("--"):
            part += line + "\n"
        if sqlite3.complete_statement(part):
            statements.append(part.strip())
            part = ""
    return statements


def check_meta(connection: sqlite3.Connection, genesis: Genesis) -> None:
    """See that a database is of this version and network.

    :raises WrongDatabase: It is not. :raises DatabaseDamaged: What says so is damaged.
    """
    try:
        meta = dict(connection.execute("SELECT name, value FROM meta"))
    except sqlite3.OperationalError:
        raise WrongDatabase("the file is no cloudnode database") from None
    for row in connection.execute('SELECT name, value, "check" FROM meta'):
        if row_check(*row[:2]) != row[2]:
            raise DatabaseDamaged(f"table meta: row {row[0]} is altered")
    version = int.from_bytes(meta.get("version", b""), "big")
    if version != SCHEMA_VERSION:
        raise WrongDatabase(f"the database has version {version}, this program reads {SCHEMA_VERSION}")
    if meta.get("network") != genesis.network:
        raise WrongDatabase(
            f"the database is of network {meta.get('network', b'').hex()}, not of {genesis.network.hex()}"
        )

"""Which row of a page is wrong: the page's hash says that one is, the log says which."""

from __future__ import annotations

import sqlite3
from hashlib import sha256

import msgspec

from cloudnode.formats.addresses import account_hash, record_hash
from cloudnode.formats.nodes import TABLES
from cloudnode.ledger.positions import position
from cloudnode.ledger.trie import Rows
from cloudnode.store.audit.phase import Audit


def name_rows(audit: Audit, connection: sqlite3.Connection, table: int, prefix: str, rows: Rows, expected: int) -> None:
    """Note what is wrong with a leaf page that does not hash to what its parent says.

    :param expected: How many rows the parent says that there are.
    """
    name = TABLES[table].name
    suspects = [key for key, value in rows if not _supported(connection, table, key, value)]
    if suspects:
        for key in suspects:
            audit.found(f"table {name}: row {_key_text(table, key)} is altered", place=(table, prefix))
    elif len(rows) != expected:
        audit.found(
            f"table {name}: {len(rows)} rows under {prefix or 'the top'}, the trie has {expected}: "
            + ("one is missing" if len(rows) < expected else "one is too many"),
            place=(table, prefix),
        )
    else:
        what = f"a row under {prefix or 'the top'} is altered, or the trie above it is"
        audit.found(f"table {name}: {what}", place=(table, prefix))


def _key_text(table: int, key: bytes) -> str:
    if table == 1:
        return f"record {key[:32].hex()} account {key[32:].hex()}"
    return key.hex()


def _supported(connection: sqlite3.Connection, table: int, key: bytes, value: bytes) -> bool:
    """Whether what is outside of the page speaks for a row."""
    if table == 1:
        return _rating_in_log(connection, key, value)
    if table == 2:
        row = connection.execute(
            "SELECT id, result FROM operations WHERE position = ?", (_position(value[:12]),)
        ).fetchone()
        return row is not None and row[0] == key[8:] and row[1] == int.from_bytes(value[12:], "big")
    if table == 3:
        return sha256(value[:32]).digest() == key
    # Records and system rows are recomputed in phases of their own.
    return True


def _position(cursor: bytes) -> int:
    return position(int.from_bytes(cursor[:8], "big"), int.from_bytes(cursor[8:12], "big"))


def _rating_in_log(connection: sqlite3.Connection, key: bytes, value: bytes) -> bool:
    row = connection.execute(
        "SELECT body FROM operations WHERE position = ? AND result = 0", (_position(value[1:13]),)
    ).fetchone()
    if row is None:
        return False
    body = msgspec.json.decode(row[0])
    return (
        body.get("type") == "rate"
        and body["stars"] == value[0]
        and record_hash(body["record"]) + account_hash(bytes.fromhex(body["account"])) == key
    )

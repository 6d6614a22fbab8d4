"""Records against their digests, and the sums that follow from the state against the state."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from cloudnode.formats.addresses import account_hash, format_address, record_hash
from cloudnode.formats.nodes import encode_record_value, record_digest
from cloudnode.ledger.positions import cursor
from cloudnode.ledger.ranking import rank
from cloudnode.store.audit.phase import Audit

_ROWS_A_STEP = 500
_ACCOUNTS_AT_ONCE = 500_000

_STARS = "sum(instr(x'0102030405', substr(value, 1, 1)))"
"""The sum of the first bytes of ratings' values, each of them 1 to 5."""

_END = b"\xff" * 33


def check_records(audit: Audit) -> Iterator[float]:
    """Every record's value must be what its columns hash to."""
    last = b""
    while True:
        with audit.snapshot() as connection:
            rows = connection.execute(
                "SELECT position, hash, value, live, account, collection, key, ref, version, created, time,"
                " data FROM records WHERE hash > ? ORDER BY hash LIMIT ?",
                (last, _ROWS_A_STEP),
            ).fetchall()
        for row in rows:
            if not _record_is_sound(row):
                address = f"{row[4].hex()}/{row[5]}/{row[6]}"
                audit.found(f"table records: row {address} (hash {row[1].hex()}) is altered")
        audit.rows += len(rows)
        if not rows:
            return
        last = rows[-1][1]
        yield last[0] / 256


def _record_is_sound(row: tuple[Any, ...]) -> bool:
    at, hashed, value, live, account, collection, key, ref, version, created, time, data = row
    try:
        first, updated = cursor(created), cursor(at)
        digest = record_digest(
            account, collection, key, version, (first.height, first.index), (updated.height, updated.index),
            time, bool(live), ref, data,
        )  # fmt: skip
        address = format_address(account, collection, key)
        return live in (0, 1) and value == encode_record_value(digest, bool(live)) and hashed == record_hash(address)
    except (TypeError, ValueError, ArithmeticError, AttributeError):
        # A flipped byte in a row's header turns a value into one of another type.
        return False


def check_scores(audit: Audit) -> Iterator[float]:
    """Each record's score against its ratings."""
    last = b""
    while True:
        with audit.snapshot() as connection:
            records = connection.execute(
                "SELECT hash, created, account, collection, ref, live FROM records WHERE hash > ?"
                " ORDER BY hash LIMIT ?",
                (last, _ROWS_A_STEP),
            ).fetchall()
            if not records:
                return
            first, last = records[0][0], records[-1][0]
            sums = _sums(connection, "substr(key, 1, 32)", "key", first, last)
            for hashed, created, *of_record in records:
                score = connection.execute(
                    "SELECT hash, account, collection, ref, live, sum, count, rank FROM scores WHERE created = ?",
                    (created,),
                ).fetchone()
                total, count = sums.get(hashed, (0, 0))
                if score != (hashed, *of_record, total, count, rank(total, count)):
                    audit.found(f"table scores: the row of record {hashed.hex()} is not what its ratings say")
        audit.rows += len(records)
        yield last[0] / 256


def check_totals(audit: Audit) -> Iterator[float]:
    """Each account's totals against its records and ratings."""
    return _check_totals(audit, _ROWS_A_STEP, _sums_by_account)


def check_totals_at_once(audit: Audit) -> Iterator[float]:
    """:func:`check_totals` in few and long steps, where no node waits: less than half of the time in all."""
    return _check_totals(audit, _ACCOUNTS_AT_ONCE, _scan_sums_by_account)


Sums = dict[bytes, tuple[int, int]]
"""The sum and number of ratings of each record, or by each account."""


def _check_totals(
    audit: Audit, step: int, sums_between: Callable[[sqlite3.Connection, bytes, bytes], Sums]
) -> Iterator[float]:
    last = b""
    while True:
        with audit.snapshot() as connection:
            totals = connection.execute(
                "SELECT key, records, ratings, stars FROM totals WHERE key > ? ORDER BY key LIMIT ?", (last, step)
            ).fetchall()
            if not totals:
                return
            first, last = totals[0][0], totals[-1][0]
            sums = sums_between(connection, first, last)
            for key, records, ratings, stars in totals:
                if (stars, ratings) != sums.get(key, (0, 0)) or records != _live_records(connection, key):
                    audit.found(f"table totals: the row of account {key.hex()} is not what its ratings say")
        audit.rows += len(totals)
        yield last[0] / 256


def _sums_by_account(connection: sqlite3.Connection, first: bytes, last: bytes) -> Sums:
    return _sums(connection, "substr(key, 33)", "substr(key, 33)", first, last)


def _scan_sums_by_account(connection: sqlite3.Connection, first: bytes, last: bytes) -> Sums:
    # From the index by account SQLite seeks each rating on its own, which takes longer than to read all of them.
    sums: Sums = {}
    for key, value in connection.execute("SELECT key, value FROM ratings"):
        account = key[32:]
        if first <= account <= last:
            total, count = sums.get(account, (0, 0))
            sums[account] = total + value[0], count + 1
    return sums


def _sums(connection: sqlite3.Connection, group: str, by: str, first: bytes, last: bytes) -> Sums:
    rows = connection.execute(
        f"SELECT {group}, {_STARS}, count(*) FROM ratings WHERE {by} >= ? AND {by} < ? GROUP BY {group}",
        (first, last + _END),
    )
    return {key: (total, count) for key, total, count in rows}


def _live_records(connection: sqlite3.Connection, account: bytes) -> int:
    row = connection.execute("SELECT substr(value, 1, 32) FROM accounts WHERE key = ?", (account,)).fetchone()
    if row is None or account_hash(row[0]) != account:
        return -1
    count: int = connection.execute("SELECT count(*) FROM records WHERE live AND account = ?", row).fetchone()[0]
    return count

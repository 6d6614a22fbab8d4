"""Records against their digests, and the sums that follow from the state against the state."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import chain
from typing import Any

from cloudnode.formats.addresses import format_address, record_hash
from cloudnode.formats.nodes import ACCOUNTS, RATINGS, RECORDS, encode_record_value, record_digest
from cloudnode.ledger.positions import cursor
from cloudnode.store.audit.phase import Audit
from cloudnode.store.audit.state import check_table_at_once
from cloudnode.store.derived import SumsBetween, record_sums, seek_sums, true_scores, true_totals
from cloudnode.store.sums import RatingSums

_ROWS_A_STEP = 500
_ACCOUNTS_AT_ONCE = 500_000
_RATINGS_AT_ONCE = 8192


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
            if not record_is_sound(row):
                address = f"{row[4].hex()}/{row[5]}/{row[6]}"
                what = f"row {address} (hash {row[1].hex()}) is altered"
                audit.found(f"table records: {what}", place=(RECORDS, row[1].hex()))
        audit.rows += len(rows)
        if not rows:
            return
        last = rows[-1][1]
        yield last[0] / 256


def record_is_sound(row: tuple[Any, ...]) -> bool:
    """Whether a row of all columns (:data:`cloudnode.store.schema.RECORD_COLUMNS`) has the hash and the digest that its
    content has."""
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
            hashed = _check_some_scores(audit, connection, last, record_sums)
        if hashed is None:
            return
        last = hashed
        yield last[0] / 256


def check_totals(audit: Audit) -> Iterator[float]:
    """Each account's totals against its records and ratings."""
    last = b""
    while True:
        with audit.snapshot() as connection:
            key = _check_some_totals(audit, connection, last, seek_sums)
        if key is None:
            return
        last = key
        yield last[0] / 256


def check_sums_at_once(audit: Audit) -> Iterator[float]:
    """:func:`check_scores` and :func:`check_totals` in one long step, where no node waits: all ratings are read once,
    in two thirds of the time in all."""
    with audit.snapshot() as connection:
        sums = RatingSums()
        ratings = connection.execute("SELECT key, value FROM ratings ORDER BY key")
        while rows := ratings.fetchmany(_RATINGS_AT_ONCE):
            sums.add(b"".join(chain.from_iterable(rows)))
        _check_sums(audit, connection, sums)
    yield 1.0


def check_ratings_and_sums(audit: Audit) -> Iterator[float]:
    """:func:`check_sums_at_once` and the state's part of the ratings, which are read once for both. If something is
    wrong with them, there is nothing that sums could be compared with."""
    before = len(audit.findings)
    with audit.snapshot() as connection:
        sums = RatingSums()
        check_table_at_once(audit, connection, RATINGS, sums.add)
        if len(audit.findings) == before:
            _check_sums(audit, connection, sums)
    yield 1.0


def _check_sums(audit: Audit, connection: sqlite3.Connection, sums: RatingSums) -> None:
    last: bytes | None = b""
    while last is not None:
        last = _check_some_scores(audit, connection, last, sums.records_between)
    last = b""
    while last is not None:
        last = _check_some_totals(audit, connection, last, sums.accounts_between, _ACCOUNTS_AT_ONCE)


def _check_some_scores(
    audit: Audit, connection: sqlite3.Connection, after: bytes, sums_between: SumsBetween
) -> bytes | None:
    """Check the scores of the next records; returns the last one's hash, None if there was none."""
    scores = true_scores(connection, after, _ROWS_A_STEP, sums_between)
    if not scores:
        return None
    last = scores[-1][1][0]
    stored = connection.execute(
        "SELECT scores.created, scores.hash, scores.account, scores.collection, scores.ref, scores.live, scores.sum,"
        " scores.count, scores.rank FROM records CROSS JOIN scores ON scores.created = records.created"
        " WHERE records.hash > ? AND records.hash <= ?",
        (after, last),
    )
    found = {created: score for created, *score in stored}
    for created, expected in scores:
        if found.get(created) != [*expected]:
            what = f"the row of record {expected[0].hex()} is not what its ratings say"
            audit.found(f"table scores: {what}", place=(RECORDS, expected[0].hex()))
    audit.rows += len(scores)
    return last


def _check_some_totals(
    audit: Audit, connection: sqlite3.Connection, after: bytes, sums_between: SumsBetween, limit: int = _ROWS_A_STEP
) -> bytes | None:
    """Check the totals of the next accounts; returns the last one's key, None if there was none."""
    totals = true_totals(connection, after, limit, sums_between)
    for key, expected in totals:
        row = connection.execute("SELECT records, ratings, stars FROM totals WHERE key = ?", (key,)).fetchone()
        # Who was invited and did nothing yet has no row.
        if (row or (0, 0, 0)) != expected:
            what = f"the row of account {key.hex()} is not what its ratings say"
            audit.found(f"table totals: {what}", place=(ACCOUNTS, key.hex()))
    audit.rows += len(totals)
    return totals[-1][0] if totals else None

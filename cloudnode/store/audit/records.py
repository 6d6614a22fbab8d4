"""Records against their digests, and the sums that follow from the state against the state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cloudnode.formats.addresses import format_address, record_hash
from cloudnode.formats.nodes import encode_record_value, record_digest
from cloudnode.ledger.positions import cursor
from cloudnode.store.audit.phase import Audit
from cloudnode.store.derived import SumsBetween, scan_sums, seek_sums, true_scores, true_totals

_ROWS_A_STEP = 500
_ACCOUNTS_AT_ONCE = 500_000


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
                audit.found(f"table records: row {address} (hash {row[1].hex()}) is altered")
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
            scores = true_scores(connection, last, _ROWS_A_STEP)
            for created, expected in scores:
                score = connection.execute(
                    "SELECT hash, account, collection, ref, live, sum, count, rank FROM scores WHERE created = ?",
                    (created,),
                ).fetchone()
                if score != expected:
                    audit.found(f"table scores: the row of record {expected[0].hex()} is not what its ratings say")
        if not scores:
            return
        audit.rows += len(scores)
        last = scores[-1][1][0]
        yield last[0] / 256


def check_totals(audit: Audit) -> Iterator[float]:
    """Each account's totals against its records and ratings."""
    return _check_totals(audit, _ROWS_A_STEP, seek_sums)


def check_totals_at_once(audit: Audit) -> Iterator[float]:
    """:func:`check_totals` in few and long steps, where no node waits: less than half of the time in all."""
    return _check_totals(audit, _ACCOUNTS_AT_ONCE, scan_sums)


def _check_totals(audit: Audit, step: int, sums_between: SumsBetween) -> Iterator[float]:
    last = b""
    while True:
        with audit.snapshot() as connection:
            totals = true_totals(connection, last, step, sums_between)
            for key, expected in totals:
                row = connection.execute(
                    "SELECT records, ratings, stars FROM totals WHERE key = ?", (key,)
                ).fetchone()
                # Who was invited and did nothing yet has no row.
                if (row or (0, 0, 0)) != expected:
                    audit.found(f"table totals: the row of account {key.hex()} is not what its ratings say")
        if not totals:
            return
        audit.rows += len(totals)
        last = totals[-1][0]
        yield last[0] / 256

"""What follows from the state: the scores of records and the totals of accounts, as they must be."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from cloudnode.formats.addresses import account_hash
from cloudnode.ledger.ranking import rank

_STARS = "sum(instr(x'0102030405', substr(value, 1, 1)))"
"""The sum of the first bytes of ratings' values, each of them 1 to 5."""

_END = b"\xff" * 33

Sums = dict[bytes, tuple[int, int]]
"""The sum and number of ratings of each record, or by each account."""

SumsBetween = Callable[[sqlite3.Connection, bytes, bytes], Sums]

Score = tuple[bytes, bytes, str, str | None, int, int, int, int]
"""Hash, account, collection, ref, live, sum, count, rank."""


def true_scores(
    connection: sqlite3.Connection, after: bytes, limit: int, sums_between: SumsBetween | None = None
) -> list[tuple[int, Score]]:
    """The scores of the next records in the order of their hashes: the height-free ``created``, and what is to stand
    there.

    :param after: The hash after which to begin. :param sums_between: Sums the ratings of a range of records; by
        default from the table.
    """
    records = connection.execute(
        "SELECT hash, created, account, collection, ref, live FROM records WHERE hash > ? ORDER BY hash LIMIT ?",
        (after, limit),
    ).fetchall()
    if not records:
        return []
    sums = (sums_between or record_sums)(connection, records[0][0], records[-1][0])
    scores: list[tuple[int, Score]] = []
    for hashed, created, account, collection, ref, live in records:
        total, count = sums.get(hashed, (0, 0))
        scores.append((created, (hashed, account, collection, ref, live, total, count, rank(total, count))))
    return scores


Total = tuple[int, int, int]
"""Live records, ratings, and the sum of their stars."""


def true_totals(
    connection: sqlite3.Connection, after: bytes, limit: int, sums_between: SumsBetween
) -> list[tuple[bytes, Total]]:
    """The totals of the next accounts in the order of their keys.

    :param after: The key after which to begin. :param sums_between: Sums the ratings by the accounts of a range.
    """
    accounts = connection.execute(
        "SELECT key, substr(value, 1, 32) FROM accounts WHERE key > ? ORDER BY key LIMIT ?", (after, limit)
    ).fetchall()
    if not accounts:
        return []
    sums = sums_between(connection, accounts[0][0], accounts[-1][0])
    totals: list[tuple[bytes, Total]] = []
    for key, account in accounts:
        stars, ratings = sums.get(key, (0, 0))
        totals.append((key, (_live_records(connection, key, account), ratings, stars)))
    return totals


def record_sums(connection: sqlite3.Connection, first: bytes, last: bytes) -> Sums:
    """Sums by record, from the table."""
    return _sums(connection, "substr(key, 1, 32)", "key", first, last)


def seek_sums(connection: sqlite3.Connection, first: bytes, last: bytes) -> Sums:
    """Sums by account, through the index: for a few accounts."""
    return _sums(connection, "substr(key, 33)", "substr(key, 33)", first, last)


def scan_sums(connection: sqlite3.Connection, first: bytes, last: bytes) -> Sums:
    """Sums by account, from all ratings: for many accounts.

    From the index by account SQLite seeks each rating on its own, which takes longer than to read all of them.
    """
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


def _live_records(connection: sqlite3.Connection, key: bytes, account: bytes) -> int:
    if account_hash(account) != key:
        return -1
    row = connection.execute("SELECT count(*) FROM records WHERE live AND account = ?", (account,)).fetchone()
    count: int = row[0]
    return count

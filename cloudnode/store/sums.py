"""The sums of all ratings by record and by account, taken in passing while all rows are read anyway."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping

from cloudnode.formats.nodes import RATINGS, TABLES
from cloudnode.store.derived import Sums, record_sums, scan_sums

_RECORD_SIZE = 32
_KEY_SIZE = TABLES[RATINGS].key_size
_WIDTH = _KEY_SIZE + TABLES[RATINGS].value_size

SUMS_MAX = 300_000
"""Sums that are kept in memory, some 200 bytes each; where there are more, the table is read again for them."""


class RatingSums:
    """Takes all ratings once and follows what is replaced; then tells sums as :mod:`cloudnode.store.derived` does."""

    def __init__(self, most: int = SUMS_MAX) -> None:
        """:param most: So many sums are kept at most."""
        self._most = most
        self._by_record: Sums = {}
        self._given: Counter[bytes] = Counter()
        self._by_account: Sums | None = None
        self._is_whole = True

    def add(self, packed: bytes) -> None:
        """Take rows: keys and values, one after the other, in the order of the keys."""
        if not self._is_whole:
            return
        starts = range(0, len(packed), _WIDTH)
        stars = packed[_KEY_SIZE::_WIDTH]
        at = 0
        for record, count in Counter([packed[start : start + _RECORD_SIZE] for start in starts]).items():
            self._add_to_record(record, sum(stars[at : at + count]), count)
            at += count
        # The account and the stars stand side by side: counted together, no row is touched on its own.
        self._given.update([packed[start + _RECORD_SIZE : start + _KEY_SIZE + 1] for start in starts])
        self._is_whole = len(self._by_record) + len(self._given) <= self._most
        if not self._is_whole:
            self._by_record.clear()
            self._given.clear()

    def replaced(self, keys: Iterable[bytes], before: Mapping[bytes, bytes], after: Mapping[bytes, bytes]) -> None:
        """Follow a change of rows: from the values that they had, if any, to those that they have, if any."""
        if not self._is_whole:
            return
        for key in keys:
            for values, sign in ((before, -1), (after, 1)):
                if key in values:
                    stars = values[key][:1]
                    self._add_to_record(key[:_RECORD_SIZE], sign * stars[0], sign)
                    self._given[key[_RECORD_SIZE:] + stars] += sign

    def records_between(self, connection: sqlite3.Connection, first: bytes, last: bytes) -> Sums:
        """At least the sums of the records of a range."""
        return self._by_record if self._is_whole else record_sums(connection, first, last)

    def accounts_between(self, connection: sqlite3.Connection, first: bytes, last: bytes) -> Sums:
        """At least the sums of the accounts of a range, once no row is replaced any more."""
        if not self._is_whole:
            return scan_sums(connection, first, last)
        if self._by_account is None:
            self._by_account = {}
            for account_and_stars, count in self._given.items():
                account, stars = account_and_stars[:-1], account_and_stars[-1]
                total, number = self._by_account.get(account, (0, 0))
                self._by_account[account] = total + stars * count, number + count
        return self._by_account

    def _add_to_record(self, record: bytes, stars: int, count: int) -> None:
        total, number = self._by_record.get(record, (0, 0))
        self._by_record[record] = total + stars, number + count

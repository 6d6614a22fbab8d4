"""What follows from the rows of a few places: which records' scores and which accounts' totals."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import attrs

from cloudnode.formats.addresses import account_hash
from cloudnode.formats.nodes import ACCOUNTS, RATINGS, RECORDS, TABLES

_RECORD_SIZE = TABLES[RECORDS].key_size


@attrs.define
class Affected:
    """What may be wrong because a row is.

    :ivar records: Hashes of records with a score. :ivar accounts: SHA-256 of accounts with totals.
    """

    records: set[bytes] = attrs.Factory(set)
    accounts: set[bytes] = attrs.Factory(set)

    def take_place(self, table: int, prefix: str) -> None:
        """A place that is one row says as well that what follows from this row is in doubt."""
        if len(prefix) != 2 * TABLES[table].key_size:
            return
        if table == RECORDS:
            self.records.add(bytes.fromhex(prefix))
        elif table == ACCOUNTS:
            self.accounts.add(bytes.fromhex(prefix))

    def take_rows(self, connection: sqlite3.Connection, table: int, keys: Iterable[bytes]) -> None:
        """Rows of the state were replaced."""
        if table == RATINGS:
            self.records.update(key[:_RECORD_SIZE] for key in keys)
            self.accounts.update(key[_RECORD_SIZE:] for key in keys)
        elif table == RECORDS:
            self.records.update(keys)
            for key in keys:
                row = connection.execute("SELECT account FROM records WHERE hash = ?", (key,)).fetchone()
                if row is not None:
                    self.accounts.add(account_hash(row[0]))
        elif table == ACCOUNTS:
            self.accounts.update(keys)

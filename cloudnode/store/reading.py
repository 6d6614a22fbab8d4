"""The ledger at one height, read from SQLite (:class:`cloudnode.ledger.reading.Reading`)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from functools import cached_property
from itertools import product
from typing import Any

from cloudnode.formats.addresses import account_hash, format_address, record_hash
from cloudnode.formats.block import split_values
from cloudnode.formats.nodes import ACCOUNTS, RATINGS, RECORDS, WINDOW
from cloudnode.ledger.positions import end_of, position
from cloudnode.ledger.ranking import rank
from cloudnode.ledger.reading import (
    Account,
    Block,
    Cursor,
    DataHash,
    ListOrder,
    LoggedOperation,
    Outcome,
    Proof,
    Rating,
    Record,
)
from cloudnode.store.asof import AsOf
from cloudnode.store.connection import Budget
from cloudnode.store.listing import list_best, list_newest, search_words
from cloudnode.store.proving import Prover
from cloudnode.store.rows import read_logged, read_rating, read_record, record_columns
from cloudnode.store.states import StateRoot


class SqliteReading:
    """Reads at one height. It is cheap to make and to be kept for one request only.

    :param state: The state root of that height. :param is_head: Whether that is the newest height.
    """

    def __init__(self, connection: sqlite3.Connection, budget: Budget, state: StateRoot, is_head: bool) -> None:
        self._connection = connection
        self._budget = budget
        self._state = state
        self._asof = AsOf(state.height, is_head)

    @property
    def height(self) -> int:
        return self._state.height

    def _all(self, sql: str, **parameters: Any) -> list[Any]:
        with self._budget:
            return self._connection.execute(sql, self._asof.parameters | parameters).fetchall()

    def _one(self, sql: str, **parameters: Any) -> Any:
        rows = self._all(sql, **parameters)
        return rows[0] if rows else None

    def get_record(self, account: bytes, collection: str, key: str) -> Record | None:
        record = record_hash(format_address(account, collection, key))
        row = self._one(self._record_sql, hash=record)
        return None if row is None else read_record(row)

    @cached_property
    def _record_sql(self) -> str:
        asof = self._asof
        return (
            f"SELECT {record_columns(asof, record_joined=False, score_joined=True)}"
            f" FROM {asof.records('hash = :hash')} AS record"
            f"{asof.join('scores', 'score', 'created', 'record.created')}"
        )

    def list_records(
        self,
        *,
        account: bytes | None = None,
        collection: str | None = None,
        ref: str | None = None,
        order: ListOrder = "newest",
        after: tuple[int, ...] | None = None,
        limit: int = 50,
    ) -> list[Record]:
        listed = list_newest if order == "newest" else list_best
        sql, parameters = listed(self._asof, account=account, collection=collection, ref=ref, after=after, limit=limit)
        return [read_record(row) for row in self._all(sql, **parameters)]

    def page_key(self, record: Record, order: ListOrder) -> tuple[int, ...]:
        if order == "newest":
            return record.updated.height, record.updated.index
        return (
            rank(record.ratings_sum, record.ratings_count),
            record.created.height,
            record.created.index,
        )

    def search(
        self, text: str, *, collection: str | None = None, after: Cursor | None = None, limit: int = 50
    ) -> list[Record]:
        query = search_words(self._asof, text, collection=collection, after=after, limit=limit)
        if query is None:
            return []
        sql, parameters = query
        return [read_record(row) for row in self._all(sql, **parameters)]

    def ratings_of_record(self, address: str, after: bytes | None = None, limit: int = 50) -> list[Rating]:
        record = record_hash(address)
        low = record if after is None else record + account_hash(after) + b"\0"
        rows = self._all(
            f"SELECT rating.key, rating.value, substr(account.value, 1, 32) FROM"
            f" {self._asof.ratings('key >= :low AND key < :high')} AS rating"
            " JOIN accounts AS account ON account.key = substr(rating.key, 33)"
            " ORDER BY rating.key LIMIT :limit",
            low=low,
            high=record + b"\xff" * 33,
            limit=limit,
        )
        return [read_rating(address, rater, value) for _, value, rater in rows]

    def ratings_by_account(self, account: bytes, after: Cursor | None = None, limit: int = 50) -> list[Rating]:
        before = b"\xff" * 12 if after is None else _cursor_key(after)
        rows = self._all(
            "SELECT rating.key, rating.value, record.account, record.collection, record.key FROM"
            f" {self._asof.ratings('substr(key, 33) = :rater AND substr(value, 2) < :before')} AS rating"
            " JOIN records AS record ON record.hash = substr(rating.key, 1, 32)"
            " ORDER BY substr(rating.value, 2) DESC LIMIT :limit",
            rater=account_hash(account),
            before=before,
            limit=limit,
        )
        return [
            read_rating(format_address(owner, collection, key), account, value)
            for _, value, owner, collection, key in rows
        ]

    def get_rating(self, address: str, account: bytes) -> Rating | None:
        row = self._one(
            f"SELECT value FROM {self._asof.ratings('key = :key')}",
            key=record_hash(address) + account_hash(account),
        )
        return None if row is None else read_rating(address, account, row[0])

    def get_account(self, account: bytes) -> Account | None:
        hashed = account_hash(account)
        row = self._one(f"SELECT value FROM {self._asof.accounts('key = :key')}", key=hashed)
        if row is None:
            return None
        total = self._one(f"SELECT records, ratings, stars FROM {self._asof.totals('key = :key')}", key=hashed)
        records, ratings, stars = total or (0, 0, 0)
        value = row[0]
        inviter = value[32:64]
        return Account(
            account=account,
            first=Cursor(int.from_bytes(value[64:72], "big"), int.from_bytes(value[72:76], "big")),
            inviter=inviter if any(inviter) else None,
            records=records,
            ratings_given=ratings,
            ratings_sum=stars,
        )

    def data_hash(self) -> DataHash:
        return self._state.data_hash()

    def block(self, height: int) -> Block | None:
        if height > self.height:
            return None
        sql = "SELECT hash, header, finality, ids, validators FROM blocks WHERE height = :wanted"
        row = self._one(sql, wanted=height)
        if row is None:
            return None
        hashed, header, finality, ids, validators = row
        return Block(height, hashed, header, finality, split_values(ids), split_values(validators))

    @property
    def lowest_block(self) -> int:
        row = self._one("SELECT min(height) FROM blocks")
        return self.height + 1 if row[0] is None else int(row[0])

    def operations(self, height: int, first: int = 0, count: int = -1) -> list[LoggedOperation]:
        if height > self.height:
            return []
        low = position(height, first)
        return self._log("position >= :low AND position < :high", low, end_of(height), count)

    def record_changes(self, after: Cursor, limit: int) -> list[LoggedOperation]:
        start = position(after.height, after.index) + 1
        return self._log("position >= :low AND position < :high AND result = 0", start, end_of(self.height), limit)

    def _log(self, where: str, low: int, high: int, limit: int) -> list[LoggedOperation]:
        rows = self._all(
            f"SELECT position, id, body, signature, result FROM operations WHERE {where}"
            " ORDER BY position LIMIT :limit",
            low=low,
            high=high,
            limit=limit,
        )
        return [read_logged(row) for row in rows]

    def outcome(self, operation_id: bytes, expiry: int) -> Outcome | None:
        """What became of an operation, as long as its id is remembered."""
        row = self._one("SELECT value FROM window WHERE key = :key", key=_window_key(expiry, operation_id))
        if row is None:
            return None
        value = row[0]
        at = Cursor(int.from_bytes(value[:8], "big"), int.from_bytes(value[8:12], "big"))
        return Outcome(operation_id, at, int.from_bytes(value[12:14], "big"))

    # Proofs

    def _prove(self, *rows: tuple[int, bytes]) -> Proof:
        """One budget is for all of it: some 100 instructions a row at the head, 400 where much has changed since.

        :param rows: Tables with keys, or prefixes of them.
        """
        prover = Prover(self._connection, self._asof, self._state)
        with self._budget:
            for table, key in rows:
                prover.add(table, key)
        return prover.proof

    def prove_record(self, account: bytes, collection: str, key: str) -> Proof:
        return self._prove((RECORDS, record_hash(format_address(account, collection, key))))

    def prove_records(self, addresses: Iterable[str]) -> Proof:
        hashes = list(map(record_hash, addresses))
        return self._prove(*product((RECORDS, RATINGS), hashes))

    def prove_ratings(self, address: str) -> Proof:
        return self._prove((RATINGS, record_hash(address)))

    def prove_rating(self, address: str, account: bytes) -> Proof:
        return self._prove((RATINGS, record_hash(address) + account_hash(account)))

    def prove_account(self, account: bytes) -> Proof:
        return self._prove((ACCOUNTS, account_hash(account)))

    def prove_operations(self, operations: Iterable[tuple[bytes, int]]) -> Proof:
        return self._prove(*((WINDOW, _window_key(expiry, operation_id)) for operation_id, expiry in operations))

    def prove_data_hash(self) -> Proof:
        return Proof(self._state.root, (self._state.preimage,))


def _cursor_key(at: Cursor) -> bytes:
    return at.height.to_bytes(8, "big") + at.index.to_bytes(4, "big")


def _window_key(expiry: int, operation_id: bytes) -> bytes:
    return expiry.to_bytes(8, "big") + operation_id

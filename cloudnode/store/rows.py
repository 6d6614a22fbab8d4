"""From SQL rows to the values of :mod:`cloudnode.ledger.reading`."""

from __future__ import annotations

from typing import Any

from cloudnode.ledger.positions import cursor
from cloudnode.ledger.reading import Cursor, LoggedOperation, Rating, Record

RECORD_SELECT = (
    "record.account, record.collection, record.key, record.data, record.ref, record.version, record.live,"
    " record.created, record.position, record.time, score.sum, score.count"
)
"""The columns of :func:`read_record`, of a record row named ``record`` and its score named ``score``."""


def read_record(row: tuple[Any, ...]) -> Record:
    """A record from :data:`RECORD_SELECT`."""
    account, collection, key, data, ref, version, live, created, updated, time, total, count = row
    return Record(
        account, collection, key, data, ref, version, not live, cursor(created), cursor(updated), time,
        total, count,
    )  # fmt: skip


def read_rating(address: str, account: bytes, value: bytes) -> Rating:
    """A rating from its value in the trie: stars u8, height u64, index u32."""
    given = Cursor(int.from_bytes(value[1:9], "big"), int.from_bytes(value[9:13], "big"))
    return Rating(address, account, value[0], given)


def read_logged(row: tuple[Any, ...]) -> LoggedOperation:
    """An operation from (position, id, body, signature, result)."""
    at, operation_id, body, signature, result = row
    return LoggedOperation(cursor(at), operation_id, body, signature, result)

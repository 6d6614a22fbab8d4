"""From SQL rows to the values of :mod:`cloudnode.ledger.reading`."""

from __future__ import annotations

from typing import Any

from cloudnode.ledger.positions import cursor
from cloudnode.ledger.reading import Cursor, LoggedOperation, Rating, Record
from cloudnode.store.asof import AsOf

_RECORD = ("account", "collection", "key", "data", "ref", "version", "live", "created", "position", "time")


def record_columns(asof: AsOf, *, record_joined: bool, score_joined: bool) -> str:
    """The columns of :func:`read_record`, from a record row named ``record`` and its score named ``score``.

    :param record_joined: Whether the record came by :meth:`AsOf.join`, else it is a row by itself; so for the score.
    """

    def column(alias: str, name: str, joined: bool) -> str:
        return asof.column(alias, name) if joined else f"{alias}.{name}"

    columns = [column("record", name, record_joined) for name in _RECORD]
    columns += [column("score", name, score_joined) for name in ("sum", "count")]
    return ", ".join(columns)


def read_record(row: tuple[Any, ...]) -> Record:
    """A record from :func:`record_columns`."""
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

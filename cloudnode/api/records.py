"""Records, ratings and accounts as answers show them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Raw, Struct

from cloudnode.api.types import AccountId, Address, Milliseconds, Stars
from cloudnode.ledger.reading import Account, Cursor, Rating, Record

PAGE_BYTES = 1_048_576
"""A page of records ends once their data adds up to this, whatever its limit.

A constant of the protocol and not a limit of the node, so that all nodes cut pages alike.
"""

_NULL = Raw(b"null")


class RecordAnswer(Struct, frozen=True, gc=False):
    """A record at some height. ``data`` is the author's exact JSON text, null once it is deleted.

    :ivar collection: Of its author's choice. :ivar key: Its name in the collection.
    :ivar ref: The address of the record that it refers to; null if to none.
    :ivar version: 1 when it is made, one more with each change.
    :ivar deleted: Whether it was deleted; then `data` is null. :ivar ratings_sum: Of all stars that it has.
    :ivar ratings_count: How many have rated it.
    """

    account: AccountId
    collection: str
    key: str
    data: Annotated[Raw, Meta(description="Any JSON value.")]
    ref: str | None
    version: int
    deleted: bool
    created: Cursor
    updated: Cursor
    time: Milliseconds
    ratings_sum: int
    ratings_count: int


class RatingAnswer(Struct, frozen=True, gc=False):
    """One account's rating of one record, and the operation that gave it.

    :ivar stars: From 1 to 5.
    """

    record: Address
    account: AccountId
    stars: Stars
    given: Cursor


class AccountAnswer(Struct, frozen=True, gc=False):
    """An account: the operation that made it known, who invited it, and what it has in force.

    :ivar inviter: Who invited it; null where nobody has to be. :ivar records: How many records of it there are.
    :ivar ratings_given: How many ratings of it are in force. :ivar ratings_sum: Of the stars in these.
    """

    account: AccountId
    first: Cursor
    inviter: AccountId | None
    records: int
    ratings_given: int
    ratings_sum: int


class RecordPage(Struct, frozen=True):
    """Records in order. ``next`` is the ``after`` of the next page, null at the end.

    :ivar next: The `after` of the next page; null at the end.
    """

    records: list[RecordAnswer]
    next: list[int] | None


def record_answer(record: Record) -> RecordAnswer:
    """A record as it is answered."""
    return RecordAnswer(
        record.account.hex(),
        record.collection,
        record.key,
        Raw(record.data) if record.data else _NULL,
        record.ref,
        record.version,
        record.deleted,
        record.created,
        record.updated,
        record.time,
        record.ratings_sum,
        record.ratings_count,
    )


def rating_answer(rating: Rating) -> RatingAnswer:
    """A rating as it is answered."""
    return RatingAnswer(rating.record, rating.account.hex(), rating.stars, rating.given)


def account_answer(account: Account) -> AccountAnswer:
    """An account as it is answered."""
    return AccountAnswer(
        account.account.hex(),
        account.first,
        None if account.inviter is None else account.inviter.hex(),
        account.records,
        account.ratings_given,
        account.ratings_sum,
    )


def cut_page(records: list[Record]) -> list[Record]:
    """As many of the first records as :data:`PAGE_BYTES` allows, but one at least."""
    total = 0
    for count, record in enumerate(records):
        total += len(record.data)
        if total > PAGE_BYTES and count:
            return records[:count]
    return records

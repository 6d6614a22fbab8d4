"""What subscribers are told: one JSON text for each change, made from the log alone.

The text is a function of the logged operation, so that a change reads the same whether it is told as it happens or
years later, on this node or on another, or is made by a client from a block that it verified.
"""

from __future__ import annotations

from typing import Literal

import attrs
import msgspec
from msgspec import Raw, Struct

from cloudnode.formats.block import Header
from cloudnode.ledger.reading import Cursor, LoggedOperation

Topic = Literal["records", "ratings", "blocks", "peers"]

_encode = msgspec.json.Encoder().encode


class _Written(Struct, tag_field="type", gc=False):
    """An operation in the log: its form was checked before it was ordered, so members of no interest are skipped."""

    account: str
    time: int


class _Put(_Written, tag="put"):
    collection: str
    key: str
    data: Raw
    ref: str | None = None


class _Delete(_Written, tag="delete"):
    collection: str
    key: str


class _Rate(_Written, tag="rate"):
    record: str
    stars: int


class _Withdraw(_Written, tag="withdraw"):
    record: str


class _Invite(_Written, tag="invite"):
    invited: str


class _Appoint(_Written, tag="appoint"):
    pass


_read = msgspec.json.Decoder(_Put | _Delete | _Rate | _Withdraw | _Invite | _Appoint).decode


class Wanted(Struct, frozen=True, forbid_unknown_fields=True):
    """What a subscriber wants of a topic; all that is given must hold.

    :ivar account: Whose operation it is: the record's author, or who rates.
    :ivar collection: The record's; for ratings, the rated record's. :ivar ref: Records that refer to this one.
    :ivar record: This record alone, or ratings of it.
    """

    account: str | None = None
    collection: str | None = None
    ref: str | None = None
    record: str | None = None

    def fits(self, topic: Topic) -> bool:
        """Whether a topic's items have what is filtered by."""
        if topic in ("blocks", "peers"):
            return self == type(self)()
        return topic == "records" or self.ref is None


@attrs.frozen
class Item:
    """A change: where it stands in the log, what filters look at, and its text."""

    cursor: Cursor
    account: str
    collection: str
    record: str
    ref: str | None
    text: bytes

    def passes(self, wanted: Wanted) -> bool:
        """Whether a filter lets it through."""
        return (
            wanted.account in (None, self.account)
            and wanted.collection in (None, self.collection)
            and wanted.record in (None, self.record)
            and wanted.ref in (None, self.ref)
        )


class RecordItem(Struct, frozen=True):
    """An accepted ``put`` or ``delete`` (``data`` and ``ref`` are null then)."""

    cursor: Cursor
    id: str
    type: Literal["put", "delete"]
    account: str
    collection: str
    key: str
    data: Raw
    ref: str | None
    time: int


class RatingItem(Struct, frozen=True):
    """An accepted ``rate`` or ``withdraw`` (``stars`` is null then)."""

    cursor: Cursor
    id: str
    type: Literal["rate", "withdraw"]
    account: str
    record: str
    stars: int | None
    time: int


class BlockItem(Struct, frozen=True):
    """A final block."""

    height: int
    hash: str
    time: int
    operations_count: int
    root_height: int
    root: str


def end_of_block(height: int, operations: int) -> Cursor:
    """The cursor after which the next block begins: the block's last operation, or where its first would be."""
    return Cursor(height, max(operations - 1, 0))


def block_item(header: Header) -> Item:
    """A block as its subscribers are told of it."""
    count = header.operations_count
    told = BlockItem(header.height, header.hash.hex(), header.time, count, header.root_height, header.root.hex())
    return Item(end_of_block(header.height, count), "", "", "", None, _encode(told))


def operation_item(topic: Topic, logged: LoggedOperation) -> Item | None:
    """An accepted operation as subscribers of a topic are told of it; None if it is of no interest to them."""
    if logged.result != 0 or topic not in ("records", "ratings"):
        return None
    written = _read(logged.body)
    if topic == "records" and isinstance(written, _Put | _Delete):
        return _record_item(logged, written)
    if topic == "ratings" and isinstance(written, _Rate | _Withdraw):
        return _rating_item(logged, written)
    return None


def _record_item(logged: LoggedOperation, written: _Put | _Delete) -> Item:
    is_put = isinstance(written, _Put)
    data, ref = (written.data, written.ref) if isinstance(written, _Put) else (Raw(b"null"), None)
    told = RecordItem(
        logged.cursor,
        logged.id.hex(),
        "put" if is_put else "delete",
        written.account,
        written.collection,
        written.key,
        data,
        ref,
        written.time,
    )
    address = f"{written.account}/{written.collection}/{written.key}"
    return Item(logged.cursor, written.account, written.collection, address, ref, _encode(told))


def _rating_item(logged: LoggedOperation, written: _Rate | _Withdraw) -> Item:
    stars = written.stars if isinstance(written, _Rate) else None
    told = RatingItem(
        logged.cursor,
        logged.id.hex(),
        "withdraw" if stars is None else "rate",
        written.account,
        written.record,
        stars,
        written.time,
    )
    collection = written.record.split("/", 2)[1]
    return Item(logged.cursor, written.account, collection, written.record, None, _encode(told))

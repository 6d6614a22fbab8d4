"""The state's tables as bytes: rows, leaf pages, inner nodes, and the preimage of the state root.

All are plain functions over bytes, because millions of rows pass through them. Encoders trust their arguments as far
as nothing else is said; decoders take bytes from anywhere and either give a value or raise ``LedgerError``. The layouts
are in ``docs/protocol.md``, what they are for in :mod:`cloudnode.ledger.trie`.

A path is written as hex digits, one a nibble, so that a prefix of a path is a prefix of its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import chain, pairwise
from struct import Struct, error
from typing import NamedTuple

import msgspec

from cloudnode.formats.errors import LedgerError, LocalError

RECORDS = 0
RATINGS = 1
WINDOW = 2
ACCOUNTS = 3
SYSTEM = 4

PAGE_ROWS = 32
"""A prefix with at most this many rows is a leaf page."""

ENTRY_SIZE = 56
EMPTY_ENTRY = bytes(ENTRY_SIZE)

STATE_TAG = b"cloudnode state 1\n"
RECORD_TAG = b"cloudnode record 1\n"

NO_INVITER = bytes(32)

_U64_MAX = 2**64 - 1
_DIGITS = "0123456789abcdef"
_NIBBLE_BITS = {digit: 1 << nibble for nibble, digit in enumerate(_DIGITS)}

_entry = Struct(">32sQQQ")
_head = Struct(">cBH")
_bitmap = Struct(">H")
_rating = Struct(">BQI")
_window_key = Struct(">Q32s")
_window = Struct(">QIH")
_account = Struct(">32s32sQI")
_record = Struct(">QQIQIqB")


class Table(NamedTuple):
    """A table's shape: sizes in bytes, and where in a row (key and value) the bytes are that entries sum.

    :ivar sum_offset: The byte whose total is an entry's sum; None for 0.
    :ivar count_offset: The byte whose total is an entry's count; None if ``counts_rows`` decides.
    :ivar counts_rows: Whether the count is the number of rows, else it is 0.
    """

    number: int
    name: str
    key_size: int
    value_size: int
    sum_offset: int | None = None
    count_offset: int | None = None
    counts_rows: bool = False


TABLES: tuple[Table, ...] = (
    Table(RECORDS, "records", 32, 33, count_offset=64),
    Table(RATINGS, "ratings", 64, 13, sum_offset=64, counts_rows=True),
    Table(WINDOW, "window", 40, 14),
    Table(ACCOUNTS, "accounts", 32, 76),
    Table(SYSTEM, "system", 32, 32),
)
"""The tables in the order of their numbers."""


class Entry(msgspec.Struct, frozen=True):
    """What a node's parent says of it: its hash, the sums below it, and how many rows lie there."""

    hash: bytes
    sum: int
    count: int
    rows: int

    def encode(self) -> bytes:
        """The 56 bytes."""
        return _entry.pack(self.hash, self.sum, self.count, self.rows)


NOTHING = Entry(bytes(32), 0, 0, 0)
"""The entry of no rows, encoded as 56 zero bytes."""


def decode_entry(raw: bytes) -> Entry:
    """Read an entry; one without rows must be all zeros.

    :raises LedgerError: ``node_malformed``.
    """
    if len(raw) != ENTRY_SIZE:
        raise LedgerError("node_malformed")
    entry = Entry(*_entry.unpack(raw))
    if not entry.rows and raw != EMPTY_ENTRY:
        raise LedgerError("node_malformed", "An entry without rows is not all zeros.")
    return entry


# Nodes


class Leaf(NamedTuple):
    """A leaf page: ``rows`` are pairs of key and value in the order of the keys."""

    table: int
    rows: tuple[tuple[bytes, bytes], ...]


class Inner(NamedTuple):
    """An inner node: ``path`` from the table's top, and the entries of its children by nibble as a hex digit."""

    table: int
    path: str
    children: dict[str, Entry]


def encode_leaf(table: int, rows: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A leaf page of 1 to 32 rows in the order of their keys."""
    return encode_packed_leaf(table, b"".join(chain.from_iterable(rows)), len(rows))


def encode_packed_leaf(table: int, packed: bytes, count: int) -> bytes:
    """A leaf page of so many rows, which stand one after the other, key and value, in the order of their keys."""
    return _head.pack(b"L", table, count) + packed


def encode_inner(table: int, path: str, children: Mapping[str, bytes]) -> bytes:
    """An inner node; ``children`` are the encoded entries by nibble as a hex digit."""
    bitmap = sum(map(_NIBBLE_BITS.__getitem__, children))
    return b"".join(
        (
            _head.pack(b"I", table, len(path)),
            bytes.fromhex(path if len(path) % 2 == 0 else path + "0"),
            _bitmap.pack(bitmap),
            *[children[digit] for digit in sorted(children)],
        )
    )


def decode_leaf(raw: bytes) -> Leaf:
    """Read a leaf page, all of whose rows must be well-formed.

    :raises LedgerError: ``node_malformed`` or ``row_malformed``.
    """
    table, count = _decode_head(raw, b"L")
    shape = TABLES[table]
    width = shape.key_size + shape.value_size
    if not 1 <= count <= PAGE_ROWS or len(raw) != _head.size + count * width:
        raise LedgerError("node_malformed")
    keyed = shape.key_size
    rows = tuple((raw[at : at + keyed], raw[at + keyed : at + width]) for at in range(_head.size, len(raw), width))
    if any(left[0] >= right[0] for left, right in pairwise(rows)):
        raise LedgerError("node_malformed", "A leaf page's rows are not in the order of their keys.")
    if table in (RECORDS, RATINGS):
        # Sums are made of these bytes, so what is not 0 or 1, or 1 to 5, must not pass.
        allowed = (0, 1) if table == RECORDS else range(1, 6)
        if any(value[-1 if table == RECORDS else 0] not in allowed for _, value in rows):
            raise LedgerError("row_malformed")
    return Leaf(table, rows)


def decode_inner(raw: bytes) -> Inner:
    """Read an inner node.

    :raises LedgerError: ``node_malformed``.
    """
    table, length = _decode_head(raw, b"I")
    at = _head.size + (length + 1) // 2
    if length >= 2 * TABLES[table].key_size or len(raw) < at + _bitmap.size:
        raise LedgerError("node_malformed")
    digits = raw[_head.size : at].hex()
    if length % 2 and digits[-1] != "0":
        raise LedgerError("node_malformed", "The half byte after an odd path is not zero.")
    (bitmap,) = _bitmap.unpack_from(raw, at)
    nibbles = [nibble for nibble in range(16) if bitmap >> nibble & 1]
    at += _bitmap.size
    if len(nibbles) < 2 or len(raw) != at + ENTRY_SIZE * len(nibbles):
        raise LedgerError("node_malformed")
    children = {}
    for nibble in nibbles:
        child = children[_DIGITS[nibble]] = Entry(*_entry.unpack_from(raw, at))
        if not child.rows:
            raise LedgerError("node_malformed", "A child has no rows.")
        at += ENTRY_SIZE
    totals = inner_totals(children.values())
    if totals[2] <= PAGE_ROWS or max(totals) > _U64_MAX:
        raise LedgerError("node_malformed", "An inner node stands where a leaf page belongs, or its sums overflow.")
    return Inner(table, digits[:length], children)


def _decode_head(raw: bytes, kind: bytes) -> tuple[int, int]:
    if len(raw) < _head.size or raw[:1] != kind or raw[1] >= len(TABLES):
        raise LedgerError("node_malformed")
    return raw[1], int.from_bytes(raw[2:4], "big")


def inner_totals(children: Iterable[Entry]) -> tuple[int, int, int]:
    """The (sum, count, rows) of an inner node from its children."""
    total = count = rows = 0
    for child in children:
        total += child.sum
        count += child.count
        rows += child.rows
    return total, count, rows


def leaf_totals(table: int, rows: Sequence[tuple[bytes, bytes]]) -> tuple[int, int, int]:
    """The (sum, count, rows) of rows of one table."""
    if table == RATINGS:
        return sum(value[0] for _, value in rows), len(rows), len(rows)
    if table == RECORDS:
        return 0, sum(value[32] for _, value in rows), len(rows)
    return 0, 0, len(rows)


def node_hash(raw: bytes) -> bytes:
    """The hash by which a parent names a node; of the bytes of :func:`encode_state` it is the state root."""
    return sha256(raw).digest()


def encode_state(entries: Sequence[bytes]) -> bytes:
    """The preimage of the state root: tag and the tables' encoded entries in order, 298 bytes."""
    return STATE_TAG + b"".join(entries)


def decode_state(raw: bytes) -> tuple[Entry, ...]:
    """Read the preimage of a state root.

    :raises LedgerError: ``node_malformed``.
    """
    start = len(STATE_TAG)
    if len(raw) != start + ENTRY_SIZE * len(TABLES) or raw[:start] != STATE_TAG:
        raise LedgerError("node_malformed")
    return tuple(decode_entry(raw[at : at + ENTRY_SIZE]) for at in range(start, len(raw), ENTRY_SIZE))


# Rows


class RatingValue(msgspec.Struct, frozen=True):
    """A rating: ``height`` and ``index`` are the place in the log of the operation that gave it."""

    stars: int
    height: int
    index: int


class WindowValue(msgspec.Struct, frozen=True):
    """An operation in the log: where, and its result (:data:`cloudnode.formats.errors.RESULTS`)."""

    height: int
    index: int
    result: int


class AccountValue(msgspec.Struct, frozen=True):
    """An account: ``inviter`` is 32 zero bytes if nobody invited it; the place is where it became known."""

    account: bytes
    inviter: bytes
    height: int
    index: int


def record_digest(
    account: bytes,
    collection: str,
    key: str,
    version: int,
    created: tuple[int, int],
    updated: tuple[int, int],
    time: int,
    live: bool,
    ref: str | None,
    data: bytes,
) -> bytes:
    """What the state says of a record's content.

    :param created: Height and index of the operation that made version 1. :param updated: Of the last one.
    :param time: The last operation's, in ms. :param data: Empty for a tombstone.
    :raises LocalError: A value does not fit its field.
    """
    try:
        named, keyed = collection.encode(), key.encode()
        referred = b"" if ref is None else ref.encode()
        preimage = b"".join(
            (
                RECORD_TAG,
                account,
                len(named).to_bytes(1, "big"),
                named,
                len(keyed).to_bytes(2, "big"),
                keyed,
                _record.pack(version, *created, *updated, time, live),
                len(referred).to_bytes(2, "big"),
                referred,
                len(data).to_bytes(4, "big"),
                data,
            )
        )
    except (error, OverflowError) as failure:
        raise LocalError(f"a record's value does not fit its field: {failure}") from None
    return sha256(preimage).digest()


def encode_record_value(digest: bytes, live: bool) -> bytes:
    """A records row's value: the digest, and whether it is no tombstone."""
    return digest + (b"\1" if live else b"\0")


def decode_record_value(value: bytes) -> tuple[bytes, bool]:
    """The digest and whether the record is live.

    :raises LedgerError: ``row_malformed``.
    """
    _check_size(value, RECORDS)
    if value[32] > 1:
        raise LedgerError("row_malformed")
    return value[:32], value[32] == 1


def encode_rating_value(stars: int, height: int, index: int) -> bytes:
    """A ratings row's value."""
    return _rating.pack(stars, height, index)


def decode_rating_value(value: bytes) -> RatingValue:
    """The stars and where they came from.

    :raises LedgerError: ``row_malformed``.
    """
    _check_size(value, RATINGS)
    rating = RatingValue(*_rating.unpack(value))
    if not 1 <= rating.stars <= 5:
        raise LedgerError("row_malformed")
    return rating


def encode_window_key(expiry: int, operation_id: bytes) -> bytes:
    """A window row's key, so that rows that expire together lie together."""
    return _window_key.pack(expiry, operation_id)


def decode_window_key(key: bytes) -> tuple[int, bytes]:
    """The expiry and the operation's id.

    :raises LedgerError: ``row_malformed``.
    """
    if len(key) != _window_key.size:
        raise LedgerError("row_malformed")
    expiry, operation_id = _window_key.unpack(key)
    return expiry, operation_id


def encode_window_value(height: int, index: int, result: int) -> bytes:
    """A window row's value."""
    return _window.pack(height, index, result)


def decode_window_value(value: bytes) -> WindowValue:
    """The operation's place and result.

    :raises LedgerError: ``row_malformed``.
    """
    _check_size(value, WINDOW)
    return WindowValue(*_window.unpack(value))


def encode_account_value(account: bytes, inviter: bytes, height: int, index: int) -> bytes:
    """An accounts row's value."""
    return _account.pack(account, inviter, height, index)


def decode_account_value(value: bytes) -> AccountValue:
    """The account and how it came to be known.

    :raises LedgerError: ``row_malformed``.
    """
    _check_size(value, ACCOUNTS)
    return AccountValue(*_account.unpack(value))


def _check_size(value: bytes, table: int) -> None:
    if len(value) != TABLES[table].value_size:
        raise LedgerError("row_malformed")

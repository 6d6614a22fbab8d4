"""Parts of the state as they travel between nodes, and the check of each against the hash that binds it. Pure.

A *chunk* is all rows of one table whose keys begin with a slot (:mod:`cloudnode.ledger.trie`), with everything that a
row needs: of a record its whole content, of which the trie binds a digest. Whoever knows the slot's entry, which is in
the inner node above it, can tell a right chunk from a wrong one by itself: entry, and inner nodes, are made again from
the rows. So a wrong chunk names its sender, and the right ones of many senders make one state.

A slot is named in one text with its table: the table's digit, then the slot's hex digits, as in the table ``trie``.

Layouts: rows of the tables 1 to 3 stand one after the other, key and value, in the order of the keys. Records and
system rows are MessagePack arrays of :class:`SentRecord` and :class:`SentSetting`, in the order of the keys too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import chain, pairwise
from typing import Annotated

import attrs
import msgspec
from msgspec import Meta

from cloudnode.formats.addresses import format_address, record_hash
from cloudnode.formats.errors import LedgerError, LocalError
from cloudnode.formats.nodes import (
    PAGE_ROWS,
    RECORDS,
    SYSTEM,
    TABLES,
    decode_inner,
    decode_state,
    encode_record_value,
    record_digest,
)
from cloudnode.ledger.executor import RecordRow
from cloudnode.ledger.packed import make_packed_nodes
from cloudnode.ledger.positions import cursor
from cloudnode.ledger.system import system_row
from cloudnode.ledger.trie import InnerNode, Rows, entry_rows, entry_sums

_Stored = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""A number that the store can hold."""
_Position = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class ChunkWrong(Exception):
    """What a peer sent is not what the hash above it says; the text says in which way."""


class SentRecord(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A record's row without what follows from the rest. ``data`` is empty for a tombstone."""

    position: _Position
    live: bool
    account: Annotated[bytes, Meta(min_length=32, max_length=32)]
    collection: str
    key: str
    ref: str | None
    version: _Position
    created: _Position
    time: _Stored
    data: bytes


class SentSetting(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A row of the system table: its name and its content."""

    name: str
    content: bytes


@attrs.frozen
class Chunk:
    """All rows under a slot, checked.

    :ivar slot: Hex digits. :ivar rows: Key and value as the trie binds them, in the order of the keys.
    :ivar records: The same rows with their contents, in table 0. :ivar settings: In table 4.
    :ivar nodes: The inner nodes at the slot and below, by slot; none under a leaf page.
    """

    table: int
    slot: str
    rows: Rows
    nodes: dict[str, bytes]
    records: Sequence[RecordRow] = ()
    settings: Sequence[SentSetting] = ()


def slot_name(table: int, slot: str) -> str:
    """A table's number and a slot in one text."""
    return f"{table}{slot}"


def split_name(name: str) -> tuple[int, str]:
    """The inverse of :func:`slot_name`."""
    return int(name[0]), name[1:]


_encode = msgspec.msgpack.Encoder().encode
_decode_records = msgspec.msgpack.Decoder(list[SentRecord]).decode
_decode_settings = msgspec.msgpack.Decoder(list[SentSetting]).decode


def encode_rows(rows: Rows) -> bytes:
    """A chunk of the tables 1 to 3."""
    return b"".join(chain.from_iterable(rows))


def encode_contents(rows: Iterable[SentRecord] | Iterable[SentSetting]) -> bytes:
    """A chunk of the tables 0 and 4."""
    return _encode(list(rows))


def read_state(root: bytes, preimage: bytes) -> tuple[bytes, ...]:
    """The tables' entries, from what the state root is the hash of.

    :raises ChunkWrong: It is the hash of something else.
    """
    if sha256(preimage).digest() != root:
        raise ChunkWrong(f"what it sent is not the preimage of the state root {root.hex()}")
    try:
        return tuple(entry.encode() for entry in decode_state(preimage))
    except LedgerError as error:
        raise ChunkWrong(f"the preimage of the state root {root.hex()}: {error}") from None


def read_node(table: int, slot: str, entry: bytes, raw: bytes) -> InnerNode:
    """An inner node that its parent names by an entry.

    :raises ChunkWrong: It is another one.
    """
    what = f"the inner node at slot {slot_name(table, slot)}"
    if sha256(raw).digest() != entry[:32]:
        raise ChunkWrong(f"{what} has not the hash that the node above it says")
    try:
        decode_inner(raw)
    except LedgerError as error:
        raise ChunkWrong(f"{what}: {error}") from None
    node = InnerNode.decode(raw)
    if node.table != table or not node.path.startswith(slot) or node.sums() != entry_sums(entry):
        raise ChunkWrong(f"{what} is not what the node above it says")
    return node


def read_chunk(table: int, slot: str, entry: bytes, raw: bytes) -> Chunk:
    """The rows under a slot whose entry is known.

    :raises ChunkWrong: They are others, more, or fewer.
    """
    try:
        if table == RECORDS:
            records = [complete_record(sent) for sent in _decode_records(raw)]
            rows: Rows = [(record.hash, record.value) for record in records]
            return Chunk(table, slot, rows, _check(table, slot, entry, rows), records=records)
        if table == SYSTEM:
            settings = _decode_settings(raw)
            rows = [system_row(setting.name, setting.content) for setting in settings]
            return Chunk(table, slot, rows, _check(table, slot, entry, rows), settings=settings)
    except (msgspec.MsgspecError, LocalError, UnicodeError, RecursionError) as error:
        raise ChunkWrong(f"the rows under slot {slot_name(table, slot)} can't be read: {str(error)[:200]}") from None
    rows = _split(table, slot, raw)
    return Chunk(table, slot, rows, _check(table, slot, entry, rows))


def complete_record(sent: SentRecord) -> RecordRow:
    """A record's row, with the hash of its address and the digest of its content."""
    created, updated = cursor(sent.created), cursor(sent.position)
    digest = record_digest(
        sent.account, sent.collection, sent.key, sent.version,
        (created.height, created.index), (updated.height, updated.index), sent.time, sent.live, sent.ref, sent.data,
    )  # fmt: skip
    return RecordRow(
        position=sent.position, hash=record_hash(format_address(sent.account, sent.collection, sent.key)),
        value=encode_record_value(digest, sent.live), live=sent.live, account=sent.account,
        collection=sent.collection, key=sent.key, ref=sent.ref, version=sent.version, created=sent.created,
        time=sent.time, data=sent.data,
    )  # fmt: skip


def _split(table: int, slot: str, raw: bytes) -> Rows:
    shape = TABLES[table]
    keyed, width = shape.key_size, shape.key_size + shape.value_size
    if len(raw) % width:
        raise ChunkWrong(f"the rows under slot {slot_name(table, slot)} are {len(raw)} bytes, not {width} each")
    return [(raw[at : at + keyed], raw[at + keyed : at + width]) for at in range(0, len(raw), width)]


def make_nodes(table: int, slot: str, rows: Rows) -> tuple[bytes, dict[str, bytes]]:
    """The entry of rows under a slot, and the inner nodes at it and below.

    :param rows: In the order of their keys, each once; all keys begin with the slot.
    """
    return make_packed_nodes(table, slot, encode_rows(rows))


def _check(table: int, slot: str, entry: bytes, rows: Rows) -> dict[str, bytes]:
    what = f"the rows under slot {slot_name(table, slot)}"
    if len(rows) != entry_rows(entry):
        raise ChunkWrong(f"{what} are {len(rows)}, not {entry_rows(entry)}")
    if any(left[0] >= right[0] for left, right in pairwise(rows)):
        raise ChunkWrong(f"{what} are not in the order of their keys")
    # In order, so that all keys begin with the slot if the first and the last do.
    if rows and not (rows[0][0].hex().startswith(slot) and rows[-1][0].hex().startswith(slot)):
        raise ChunkWrong(f"{what} lie elsewhere")
    found, nodes = make_nodes(table, slot, rows)
    if found != entry:
        raise ChunkWrong(f"{what} are others than the node above them says")
    return nodes


def is_page(entry: bytes) -> bool:
    """Whether an entry is that of a leaf page, so that there is no inner node for it."""
    return entry_rows(entry) <= PAGE_ROWS

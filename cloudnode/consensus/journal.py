"""The journal: the own votes on disk, so that no crash makes a validator contradict itself.

A file is a head (magic, network, public key) and records, each with its length and CRC-32. A record is an attachment
or an entry; an entry has the attachments before it, which are the node's own (the bodies of the block's operations, so
that what a quorum voted for a quorum still has after any crash). A crash may tear the end: it was not synced, so no
message that depends on it has left, and it is cut off after the last whole entry. Damage before the end is not a
crash's doing and is an error: a validator that has forgotten a vote must not vote on.

What is no longer needed is dropped when the file is written anew. Its *floor* then says up to which view votes were
dropped: should the store ever be put back to before it, the validator can't know what it signed there, and signs
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from struct import Struct
from zlib import crc32

import msgspec

from cloudnode.consensus.effects import Entry
from cloudnode.consensus.errors import ConsensusError
from cloudnode.consensus.messages import decode_block
from cloudnode.formats.block import VOTE_SIZE, Certificate, Vote
from cloudnode.formats.errors import LedgerError

MAGIC = b"cloudnode journal 1\n"

_entry_head = Struct(">II")
_u32 = Struct(">I")
_floor = Struct(">Qq")

HEAD_SIZE = len(MAGIC) + 64

_VOTE_BEGIN = re.compile(rb"[\x01-\x03]\0\0\0")
"""A vote's kind and the first bytes of its epoch, which is no number of billions."""


def journal_head(network: bytes, public: bytes) -> bytes:
    """What a journal file begins with."""
    return MAGIC + network + public


Floor = tuple[int, int]
"""Epoch and view up to which votes are forgotten."""

NO_FLOOR: Floor = (0, -1)


class Record(msgspec.Struct, frozen=True):
    """An entry as it stands in the file.

    :ivar attachments: What the node put beside it; consensus does not look into them.
    """

    entry: Entry
    attachments: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        """Attachments and entry, each with length and checksum, ready to append."""
        return b"".join((*(_framed(b"\0" + each) for each in self.attachments), encode_entry(self.entry)))


def encode_entry(entry: Entry) -> bytes:
    """An entry with its length and checksum, ready to append."""
    block = b"" if entry.block is None else entry.block.encode()
    certificate = b"" if entry.certificate is None else entry.certificate.encode()
    return _framed(b"".join((entry.vote.encode(), _u32.pack(len(block)), block, certificate)))


def _framed(body: bytes) -> bytes:
    return _entry_head.pack(len(body), crc32(body)) + body


def encode_floor(floor: Floor) -> bytes:
    """What stands behind the head of a file that was written anew."""
    return _framed(b"\xff" + _floor.pack(*floor))


class JournalContent(msgspec.Struct, frozen=True):
    """What is in a journal.

    :ivar length: Up to where the file is whole: cut it there before appending.
    """

    records: tuple[Record, ...]
    floor: Floor
    length: int


def read_journal(raw: bytes, network: bytes, public: bytes, max_operations: int) -> JournalContent:
    """Read a file.

    :raises ConsensusError: ``journal_other``, ``journal_damaged``.
    """
    head = journal_head(network, public)
    if raw[:HEAD_SIZE] != head:
        if head.startswith(raw):
            return JournalContent((), NO_FLOOR, 0)  # torn while it was created: nothing had been signed
        raise ConsensusError("journal_other")
    records: list[Record] = []
    attachments: list[bytes] = []
    floor = NO_FLOOR
    at = whole = HEAD_SIZE
    while at < len(raw):
        body = _body(raw, at)
        if body is None:
            break
        at += _entry_head.size + len(body)
        if body[:1] == b"\0":
            attachments.append(body[1:])
            continue
        if body[:1] == b"\xff" and len(body) == 1 + _floor.size and not records:
            floor, whole = _floor.unpack_from(body, 1), at
            continue
        try:
            entry = _entry(body, max_operations)
        except LedgerError:
            raise ConsensusError("journal_damaged") from None
        records.append(Record(entry, tuple(attachments)))
        attachments, whole = [], at
    return JournalContent(tuple(records), floor, whole)


def keep(records: Sequence[Record], epoch: int, view: int) -> tuple[list[Record], Floor]:
    """The records that are still needed after a :class:`~cloudnode.consensus.effects.Prune`, and the newest view of one
    that is not."""
    places = [(record.entry.vote.epoch, record.entry.vote.view) for record in records]
    kept = [record for record, place in zip(records, places, strict=True) if place > (epoch, view)]
    return kept, max((place for place in places if place <= (epoch, view)), default=NO_FLOOR)


def _body(raw: bytes, at: int) -> bytes | None:
    """The entry's body, or None for a torn one at the end of the file."""
    rest = len(raw) - at - _entry_head.size
    if rest < 0 or _is_blank(raw, at):
        return None  # a few bytes, or blocks that the file system had allocated but not written
    length, checksum = _entry_head.unpack_from(raw, at)
    if length > rest:
        if _has_entry(raw, at + 1):
            raise ConsensusError("journal_damaged")
        return None
    body = raw[at + _entry_head.size : at + _entry_head.size + length]
    if crc32(body) == checksum:
        return body
    if length == rest or _is_blank(raw, at + _entry_head.size + length):
        return None
    raise ConsensusError("journal_damaged")


def _is_blank(raw: bytes, at: int) -> bool:
    """Whether nothing but zeros follows. Looks at a few bytes first: it is asked at each of many thousand records."""
    return not any(raw[at : at + _entry_head.size]) and not any(raw[at:])


def _has_entry(raw: bytes, start: int) -> bool:
    """Whether an entry stands behind one that reaches beyond the end: its length is wrong then, it is not torn."""
    for found in _VOTE_BEGIN.finditer(raw, start + _entry_head.size):
        at = found.start() - _entry_head.size
        length, checksum = _entry_head.unpack_from(raw, at)
        body = raw[found.start() : found.start() + length]
        if VOTE_SIZE <= length == len(body) and crc32(body) == checksum:
            return True
    return False


def _entry(body: bytes, max_operations: int) -> Entry:
    vote = Vote.decode(body[:VOTE_SIZE])
    if len(body) < VOTE_SIZE + _u32.size:
        raise ConsensusError("journal_damaged")
    (size,) = _u32.unpack_from(body, VOTE_SIZE)
    block = body[VOTE_SIZE + _u32.size : VOTE_SIZE + _u32.size + size]
    certificate = body[VOTE_SIZE + _u32.size + size :]
    return Entry(
        vote,
        decode_block(block, max_operations) if block else None,
        Certificate.decode(certificate) if certificate else None,
    )

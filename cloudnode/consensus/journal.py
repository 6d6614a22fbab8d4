"""The journal: the own votes on disk, so that no crash makes a validator contradict itself.

A file is a head (magic, network, public key) and entries, each with its length and CRC-32. A crash may tear the last
entry: it was not synced, so no message that depends on it has left, and it is cut off. Damage before the end is not a
crash's doing and is an error: a validator that has forgotten a vote must not vote on.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from zlib import crc32

from cloudnode.consensus.effects import Entry
from cloudnode.consensus.errors import ConsensusError
from cloudnode.consensus.messages import decode_block
from cloudnode.formats.block import VOTE_SIZE, Certificate, Vote
from cloudnode.formats.errors import LedgerError

MAGIC = b"cloudnode journal 1\n"

_entry_head = Struct(">II")
_u32 = Struct(">I")

HEAD_SIZE = len(MAGIC) + 64


def journal_head(network: bytes, public: bytes) -> bytes:
    """What a journal file begins with."""
    return MAGIC + network + public


def encode_entry(entry: Entry) -> bytes:
    """An entry with its length and checksum, ready to append."""
    block = b"" if entry.block is None else entry.block.encode()
    certificate = b"" if entry.certificate is None else entry.certificate.encode()
    body = b"".join((entry.vote.encode(), _u32.pack(len(block)), block, certificate))
    return _entry_head.pack(len(body), crc32(body)) + body


def read_journal(raw: bytes, network: bytes, public: bytes, max_operations: int) -> tuple[list[Entry], int]:
    """The entries of a journal, and the length up to which the file is whole: cut it there before appending.

    :raises ConsensusError: ``journal_other``, ``journal_damaged``.
    """
    head = journal_head(network, public)
    if raw[:HEAD_SIZE] != head:
        if head.startswith(raw):
            return [], 0  # torn while it was created: nothing had been signed
        raise ConsensusError("journal_other")
    entries: list[Entry] = []
    at = HEAD_SIZE
    while at < len(raw):
        body = _body(raw, at)
        if body is None:
            break
        try:
            entries.append(_entry(body, max_operations))
        except LedgerError:
            raise ConsensusError("journal_damaged") from None
        at += _entry_head.size + len(body)
    return entries, at


def keep(entries: Sequence[Entry], epoch: int, view: int) -> list[Entry]:
    """The entries that are still needed after a :class:`~cloudnode.consensus.effects.Prune`."""
    return [entry for entry in entries if (entry.vote.epoch, entry.vote.view) > (epoch, view)]


def _body(raw: bytes, at: int) -> bytes | None:
    """The entry's body, or None for a torn one at the end of the file."""
    rest = len(raw) - at - _entry_head.size
    if rest < 0 or not any(raw[at:]):
        return None  # a few bytes, or blocks that the file system had allocated but not written
    length, checksum = _entry_head.unpack_from(raw, at)
    if length > rest:
        return None
    body = raw[at + _entry_head.size : at + _entry_head.size + length]
    if crc32(body) == checksum:
        return body
    if length == rest or not any(raw[at + _entry_head.size + length :]):
        return None
    raise ConsensusError("journal_damaged")


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

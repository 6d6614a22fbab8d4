"""What validators say to each other, and its bytes (layouts in ``docs/consensus.md``).

Values are immutable and hold only what their form allows; whether signatures are true, and whether a view or an epoch
is of interest, is judged where they are heard.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from struct import error as StructError

import msgspec

from cloudnode.consensus.errors import ConsensusError
from cloudnode.formats.block import (
    HEADER_SIZE,
    NOTARIZE,
    SKIP,
    VOTE_SIZE,
    Certificate,
    Header,
    Vote,
    check_contents,
    contradict,
    split_values,
)
from cloudnode.formats.errors import LedgerError

SKIPS_MOST = 64
"""Skip certificates that a proposal carries; of a longer gap the newest (the others have been forwarded before)."""

BLOCKS_MOST = 16
"""Blocks that may be asked for, and answered, at once."""

ID_SIZE = 32
SIGNATURE_SIZE = 64

_certificate_head = Struct(">BQQ32sH")
_want = Struct(">32sH")
_u16 = Struct(">H")
_proposal_tail = Struct(">H64sBH")


class Block(msgspec.Struct, frozen=True):
    """A header with the operation ids and the validators that it names.

    :ivar validators: Whom the block appoints, in the order of their indexes; empty for almost all blocks.
    :ivar hash: The header's hash, computed once by :meth:`of`.
    """

    header: Header
    ids: tuple[bytes, ...]
    validators: tuple[bytes, ...]
    hash: bytes

    @classmethod
    def of(cls, header: Header, ids: tuple[bytes, ...], validators: tuple[bytes, ...] = ()) -> Block:
        """The block of a header, its ids and the validators that it appoints.

        :raises LedgerError: ``block_operations`` or ``block_validators``.
        """
        check_contents(header, ids, validators)
        return cls(header, ids, validators, header.hash)

    def encode(self) -> bytes:
        """Header, ids (the header says how many) and, if it appoints any, validators."""
        appointed = _u16.pack(len(self.validators)) + b"".join(self.validators) if self.header.ends_epoch else b""
        return b"".join((self.header.encode(), *self.ids, appointed))

    @property
    def size(self) -> int:
        """The length of the encoded block in bytes, without the count of its validators."""
        return HEADER_SIZE + ID_SIZE * (len(self.ids) + len(self.validators))


class Proposal(msgspec.Struct, frozen=True):
    """A leader's block with what justifies it.

    :ivar vote: The leader's own notarize vote for the block, which is also what authenticates the proposal.
    :ivar parent: What notarizes (or finalizes) the parent; None where the leader has no such certificate because the
        parent is the block that the epoch begins on, or was finalized through a descendant.
    :ivar skips: Skip certificates for the views between the parent's and the block's, in ascending order.
    """

    block: Block
    vote: Vote
    parent: Certificate | None
    skips: tuple[Certificate, ...]


class Evidence(msgspec.Struct, frozen=True):
    """Two votes of one validator in one view that no correct node casts both of: a proof that anyone can check."""

    first: Vote
    second: Vote


class Want(msgspec.Struct, frozen=True):
    """A request for a block and up to ``most - 1`` of its ancestors."""

    hash: bytes
    most: int


class Blocks(msgspec.Struct, frozen=True):
    """The answer to :class:`Want`: the block asked for, then its parent, and so on."""

    blocks: tuple[Block, ...]


Message = Proposal | Vote | Certificate | Evidence | Want | Blocks


def encode_message(message: Message) -> bytes:
    """One type byte and the body."""
    match message:
        case Proposal():
            parent = b"" if message.parent is None else message.parent.encode()
            tail = _proposal_tail.pack(
                message.vote.validator, message.vote.signature, message.parent is not None, len(message.skips)
            )
            skips = b"".join(skip.encode() for skip in message.skips)
            return b"".join((b"\x01", message.block.encode(), tail, parent, skips))
        case Vote():
            return b"\x02" + message.encode()
        case Certificate():
            return b"\x03" + message.encode()
        case Evidence():
            return b"\x04" + message.first.encode() + message.second.encode()
        case Want():
            return b"\x05" + _want.pack(message.hash, message.most)
        case Blocks():
            encoded = b"".join(block.encode() for block in message.blocks)
            return b"\x06" + _u16.pack(len(message.blocks)) + encoded


def decode_message(raw: bytes, max_operations: int) -> Message:
    """Read a message.

    :param max_operations: Of one block (the genesis parameter ``max_block_operations``).
    :raises ConsensusError: ``message_malformed``, ``message_unknown``, ``message_too_large``.
    :raises LedgerError: The codes of blocks, headers, votes and certificates.
    """
    if not raw:
        raise ConsensusError("message_malformed")
    reader = _Reader(raw, max_operations)
    decode = _decoders.get(raw[0])
    if decode is None:
        raise ConsensusError("message_unknown")
    try:
        message = decode(reader)
    except StructError:
        raise ConsensusError("message_malformed") from None
    reader.end()
    return message


def decode_block(raw: bytes, max_operations: int) -> Block:
    """Read a lone block's bytes; errors as in :func:`decode_message`."""
    reader = _Reader(b"\x00" + raw, max_operations)
    block = reader.block()
    reader.end()
    return block


class _Reader:
    """Takes values off the front of a message."""

    __slots__ = ("_at", "_max_operations", "_raw")

    def __init__(self, raw: bytes, max_operations: int) -> None:
        self._raw = raw
        self._at = 1
        self._max_operations = max_operations

    def take(self, size: int) -> bytes:
        taken = self._raw[self._at : self._at + size]
        if len(taken) != size:
            raise ConsensusError("message_malformed")
        self._at += size
        return taken

    def rest(self) -> bytes:
        return self.take(len(self._raw) - self._at)

    def end(self) -> None:
        if self._at != len(self._raw):
            raise ConsensusError("message_malformed")

    def block(self) -> Block:
        header = Header.decode(self.take(HEADER_SIZE))
        count = header.operations_count
        if count > self._max_operations:
            raise ConsensusError("message_too_large")
        ids = self._each(count)
        validators: tuple[bytes, ...] = ()
        if header.ends_epoch:
            (count,) = _u16.unpack(self.take(_u16.size))
            validators = self._each(count)
        return Block.of(header, ids, validators)

    def _each(self, count: int) -> tuple[bytes, ...]:
        """So many values of 32 bytes."""
        return split_values(self.take(count * ID_SIZE))

    def certificate(self) -> Certificate:
        head = self._raw[self._at : self._at + _certificate_head.size]
        count = _certificate_head.unpack(head)[4]
        return Certificate.decode(self.take(_certificate_head.size + count * (2 + SIGNATURE_SIZE)))


def _proposal(reader: _Reader) -> Proposal:
    block = reader.block()
    validator, signature, has_parent, count = _proposal_tail.unpack(reader.take(_proposal_tail.size))
    if has_parent > 1:
        raise ConsensusError("message_malformed")
    if count > SKIPS_MOST:
        raise ConsensusError("message_too_large")
    header = block.header
    vote = Vote(NOTARIZE, header.epoch, header.view, block.hash, validator, signature)
    parent = reader.certificate() if has_parent else None
    skips = tuple(reader.certificate() for _ in range(count))
    if parent is not None and (
        parent.hash != header.parent
        or parent.kind == SKIP
        or parent.epoch != header.epoch
        or parent.view >= header.view
    ):
        raise ConsensusError("proposal_parent")
    lowest = -1 if parent is None else parent.view
    for skip in skips:
        if skip.kind != SKIP or skip.epoch != header.epoch or not lowest < skip.view < header.view:
            raise ConsensusError("proposal_gap")
        lowest = skip.view
    return Proposal(block, vote, parent, skips)


def _evidence(reader: _Reader) -> Evidence:
    evidence = Evidence(Vote.decode(reader.take(VOTE_SIZE)), Vote.decode(reader.take(VOTE_SIZE)))
    if not contradict(evidence.first, evidence.second):
        raise ConsensusError("evidence_votes")
    return evidence


def _want_decoded(reader: _Reader) -> Want:
    want = Want(*_want.unpack(reader.take(_want.size)))
    if not 1 <= want.most <= BLOCKS_MOST:
        raise ConsensusError("message_too_large")
    return want


def _blocks(reader: _Reader) -> Blocks:
    (count,) = _u16.unpack(reader.take(_u16.size))
    if count > BLOCKS_MOST:
        raise ConsensusError("message_too_large")
    return Blocks(tuple(reader.block() for _ in range(count)))


_decoders: dict[int, Callable[[_Reader], Message]] = {
    1: _proposal,
    2: lambda reader: Vote.decode(reader.rest()),
    3: lambda reader: Certificate.decode(reader.rest()),
    4: _evidence,
    5: _want_decoded,
    6: _blocks,
}

__all__ = [
    "BLOCKS_MOST",
    "SKIPS_MOST",
    "Block",
    "Blocks",
    "Evidence",
    "LedgerError",
    "Message",
    "Proposal",
    "Want",
    "contradict",
    "decode_block",
    "decode_message",
    "encode_message",
]

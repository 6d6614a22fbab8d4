"""Blocks: the header that names operations and a state, the votes for it, the certificate that makes it final.

A header is 236 bytes and its hash is the block's. Votes are Ed25519 signatures over network, kind, epoch, view and
block hash; a certificate is a quorum of votes of one kind for one block. One validator alone is a quorum of itself, in
the same format. The layouts are in ``docs/protocol.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import pairwise
from struct import Struct

import msgspec

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import VALIDATORS_MAX
from cloudnode.formats.keys import VOTE, SigningKey, verify

HEADER_TAG = b"cloudnode header 1\n"
OPERATIONS_TAG = b"cloudnode operations 1\n"
SIGNATURES_TAG = b"cloudnode signatures 1\n"
VALIDATORS_TAG = b"cloudnode validators 1\n"

NOTARIZE = 1
SKIP = 2
FINALIZE = 3

NO_BLOCK = bytes(32)
"""The block hash in votes and certificates of kind :data:`SKIP`."""

NO_VALIDATORS = bytes(32)
"""A header's ``next_validators`` where the block appoints none."""

_header = Struct(">32sQQQQ32s32sIQ32s32s32s")
_vote_message = Struct(">32sBQQ32s")
_vote = Struct(">BQQ32sH64s")
_certificate = Struct(">BQQ32sH")
_signature = Struct(">H64s")

HEADER_SIZE = _header.size
VOTE_SIZE = _vote.size


def split_values(joined: bytes) -> tuple[bytes, ...]:
    """The 32-byte values (operation ids, validators' keys) that stand one after the other."""
    return tuple(joined[at : at + 32] for at in range(0, len(joined), 32))


def quorum(validators: int) -> int:
    """How many of so many validators must sign: all but the third that may lie, n - floor((n-1)/3)."""
    return validators - (validators - 1) // 3


def operations_hash(ids: Iterable[bytes]) -> bytes:
    """What a header says of its block's operation ids, in order."""
    return sha256(OPERATIONS_TAG + b"".join(ids)).digest()


def signatures_hash(signatures: Iterable[bytes]) -> bytes:
    """What a header says of its operations' 64-byte signatures, in order: an id is of the body alone."""
    return sha256(SIGNATURES_TAG + b"".join(signatures)).digest()


def validators_hash(validators: Sequence[bytes]) -> bytes:
    """What a header says of the validators that its block appoints: :data:`NO_VALIDATORS` of none."""
    return sha256(VALIDATORS_TAG + b"".join(validators)).digest() if validators else NO_VALIDATORS


class Header(msgspec.Struct, frozen=True):
    """A block's header.

    :ivar time: Milliseconds since 1970, greater than the parent's.
    :ivar parent: The parent's hash; at height 1 the network id.
    :ivar root: The state root after the block of height ``root_height``, which is less than ``height``.
    :ivar signatures_hash: See :func:`signatures_hash`. :ivar next_validators: See :func:`validators_hash`; if it is
        not :data:`NO_VALIDATORS`, this block ends its epoch, and its one operation is what appoints them.
    """

    network: bytes
    epoch: int
    view: int
    height: int
    time: int
    parent: bytes
    operations_hash: bytes
    operations_count: int
    root_height: int
    root: bytes
    signatures_hash: bytes
    next_validators: bytes = NO_VALIDATORS

    @classmethod
    def decode(cls, raw: bytes) -> Header:
        """Read a header.

        :raises LedgerError: ``header_malformed``.
        """
        if len(raw) != HEADER_SIZE:
            raise LedgerError("header_malformed")
        header = cls(*_header.unpack(raw))
        if header.root_height >= header.height:
            raise LedgerError("header_malformed", "A header's root_height is less than its height.")
        if header.ends_epoch and header.operations_count != 1:
            raise LedgerError("header_malformed", "A block that appoints validators holds one operation.")
        return header

    def encode(self) -> bytes:
        """The 236 bytes."""
        return _header.pack(
            self.network,
            self.epoch,
            self.view,
            self.height,
            self.time,
            self.parent,
            self.operations_hash,
            self.operations_count,
            self.root_height,
            self.root,
            self.signatures_hash,
            self.next_validators,
        )

    @property
    def hash(self) -> bytes:
        """The block hash."""
        return header_hash(self.encode())

    @property
    def ends_epoch(self) -> bool:
        """Whether the block appoints validators, who decide from the next block on."""
        return self.next_validators != NO_VALIDATORS


def header_hash(raw: bytes) -> bytes:
    """The block hash of a header's bytes."""
    return sha256(HEADER_TAG + raw).digest()


def check_contents(header: Header, ids: Sequence[bytes], validators: Sequence[bytes]) -> None:
    """Check that operation ids and appointed validators are those that a header names.

    :raises LedgerError: ``block_operations`` or ``block_validators``.
    """
    if header.operations_count != len(ids) or header.operations_hash != operations_hash(ids):
        raise LedgerError("block_operations")
    check_appointed(header, validators)


def check_appointed(header: Header, validators: Sequence[bytes]) -> None:
    """Check that validators are those that a header names.

    :raises LedgerError: ``block_validators``.
    """
    if len(validators) > VALIDATORS_MAX or len(set(validators)) != len(validators):
        raise LedgerError("block_validators", f"Appointed validators are at most {VALIDATORS_MAX}, each named once.")
    if header.next_validators != validators_hash(validators):
        raise LedgerError("block_validators")


def vote_message(network: bytes, kind: int, epoch: int, view: int, block_hash: bytes) -> bytes:
    """What a vote signs, without the purpose tag: 81 bytes."""
    return _vote_message.pack(network, kind, epoch, view, block_hash)


def sign_vote(key: SigningKey, network: bytes, kind: int, epoch: int, view: int, block_hash: bytes) -> bytes:
    """The 64-byte signature of a vote; ``block_hash`` is :data:`NO_BLOCK` for a skip."""
    return key.sign(VOTE, vote_message(network, kind, epoch, view, block_hash))


class Vote(msgspec.Struct, frozen=True):
    """One validator's vote; ``validator`` is its index in the epoch's set."""

    kind: int
    epoch: int
    view: int
    hash: bytes
    validator: int
    signature: bytes

    @classmethod
    def decode(cls, raw: bytes) -> Vote:
        """Read a vote.

        :raises LedgerError: ``vote_malformed``.
        """
        if len(raw) != VOTE_SIZE:
            raise LedgerError("vote_malformed")
        vote = cls(*_vote.unpack(raw))
        if not _is_kind(vote.kind, vote.hash):
            raise LedgerError("vote_malformed")
        return vote

    def encode(self) -> bytes:
        """The 115 bytes."""
        return _vote.pack(self.kind, self.epoch, self.view, self.hash, self.validator, self.signature)

    def verify(self, network: bytes, validators: Sequence[bytes]) -> bool:
        """Whether the validator that it names has signed it."""
        if self.validator >= len(validators):
            return False
        message = vote_message(network, self.kind, self.epoch, self.view, self.hash)
        return verify(validators[self.validator], VOTE, message, self.signature)


def contradict(first: Vote, second: Vote) -> bool:
    """Whether no correct validator casts both votes.

    In one view it notarizes one block at most, finalizes no other, and does not both skip and finalize.
    """
    if (first.validator, first.epoch, first.view) != (second.validator, second.epoch, second.view):
        return False
    if first.kind == second.kind:
        return first.hash != second.hash
    if SKIP in (first.kind, second.kind):
        return FINALIZE in (first.kind, second.kind)
    return first.hash != second.hash


class Certificate(msgspec.Struct, frozen=True):
    """Votes of one kind for one block (or for skipping one view).

    :ivar signatures: Pairs of validator index and signature, in ascending order of the index, each once.
    """

    kind: int
    epoch: int
    view: int
    hash: bytes
    signatures: tuple[tuple[int, bytes], ...]

    @classmethod
    def decode(cls, raw: bytes) -> Certificate:
        """Read a certificate; that it holds a quorum of true signatures is for :meth:`verify`.

        :raises LedgerError: ``certificate_malformed``.
        """
        if len(raw) < _certificate.size:
            raise LedgerError("certificate_malformed")
        kind, epoch, view, block_hash, count = _certificate.unpack_from(raw)
        if len(raw) != _certificate.size + count * _signature.size or not _is_kind(kind, block_hash):
            raise LedgerError("certificate_malformed")
        signatures = tuple(_signature.iter_unpack(raw[_certificate.size :]))
        if any(left[0] >= right[0] for left, right in pairwise(signatures)):
            raise LedgerError("certificate_malformed", "A certificate's validators are not in ascending order.")
        return cls(kind, epoch, view, block_hash, signatures)

    def encode(self) -> bytes:
        """The exact bytes."""
        return b"".join(
            (
                _certificate.pack(self.kind, self.epoch, self.view, self.hash, len(self.signatures)),
                *(_signature.pack(validator, signature) for validator, signature in self.signatures),
            )
        )

    def verify(self, network: bytes, validators: Sequence[bytes]) -> None:
        """Check that a quorum of the validators signed exactly this.

        Every signature must be true, not only a quorum of them, so that all agree which certificates are good.

        :raises LedgerError: ``certificate_validator``, ``certificate_quorum`` or ``certificate_signature``.
        """
        indexes = [validator for validator, _ in self.signatures]
        if any(not 0 <= index < len(validators) for index in indexes):
            raise LedgerError("certificate_validator")
        if len(set(indexes)) != len(indexes) or len(indexes) < quorum(len(validators)):
            raise LedgerError("certificate_quorum")
        message = vote_message(network, self.kind, self.epoch, self.view, self.hash)
        for index, signature in self.signatures:
            if not verify(validators[index], VOTE, message, signature):
                raise LedgerError("certificate_signature", f"The signature of validator {index} is not true.")


def _is_kind(kind: int, block_hash: bytes) -> bool:
    return kind in (NOTARIZE, FINALIZE) or (kind == SKIP and block_hash == NO_BLOCK)

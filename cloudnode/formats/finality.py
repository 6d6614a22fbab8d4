"""Why a block is final: a certificate for it, or for a descendant with the headers that lead there.

Who finalizes a block finalizes its ancestors with it, so often a block has no finalize certificate of its own. The
descendants in a proof are of the block's epoch; if they stand above the block that ended it, they were discarded and
are no part of the chain, but what they say of their ancestors holds. The layout is in ``docs/protocol.md``. Proofs of
one block may differ from node to node: they are no part of what is identical.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

import msgspec

from cloudnode.formats.block import FINALIZE, HEADER_SIZE, Certificate, Header
from cloudnode.formats.errors import LedgerError

DESCENDANTS_MAX = 1024
"""Headers in one proof: more than the blocks which a validator lets become final at once."""

_count = Struct(">H")


class Finality(msgspec.Struct, frozen=True):
    """A proof that a block is final.

    :ivar descendants: From the block's child to the block that the certificate is for; empty if that is the block.
    :ivar certificate: Of kind finalize.
    """

    certificate: Certificate
    descendants: tuple[Header, ...] = ()

    @classmethod
    def decode(cls, raw: bytes) -> Finality:
        """Read a proof; what it proves is for :meth:`verify`.

        :raises LedgerError: ``finality_malformed``, ``header_malformed`` or ``certificate_malformed``.
        """
        if len(raw) < _count.size:
            raise LedgerError("finality_malformed")
        (count,) = _count.unpack_from(raw)
        end = _count.size + count * HEADER_SIZE
        if count > DESCENDANTS_MAX or len(raw) < end:
            raise LedgerError("finality_malformed")
        descendants = tuple(Header.decode(raw[at : at + HEADER_SIZE]) for at in range(_count.size, end, HEADER_SIZE))
        return cls(Certificate.decode(raw[end:]), descendants)

    def encode(self) -> bytes:
        """The exact bytes."""
        headers = b"".join(header.encode() for header in self.descendants)
        return _count.pack(len(self.descendants)) + headers + self.certificate.encode()

    def check_block(self, header: Header) -> None:
        """Check that this is about a block; whether the signatures are true is not looked at.

        :raises LedgerError: ``header_network``, ``header_epoch``, ``finality_chain``, ``certificate_kind`` or
            ``certificate_block``.
        """
        last, last_hash = header, header.hash
        for child in self.descendants:
            if child.network != header.network:
                raise LedgerError("header_network")
            if child.epoch != header.epoch:
                raise LedgerError("header_epoch")
            if child.parent != last_hash or child.height != last.height + 1 or child.view <= last.view:
                raise LedgerError("finality_chain")
            last, last_hash = child, child.hash
        signed = self.certificate
        if signed.epoch != header.epoch:
            raise LedgerError("header_epoch")
        if signed.kind != FINALIZE:
            raise LedgerError("certificate_kind")
        if (signed.hash, signed.view) != (last_hash, last.view):
            raise LedgerError("certificate_block")

    def verify(self, header: Header, network: bytes, epoch: int, validators: Sequence[bytes]) -> None:
        """Check that a block is final.

        :param header: The block's. :param epoch: The number of the epoch that the validators decide in.
        :raises LedgerError: ``header_network``, ``header_epoch``, ``finality_chain``, ``certificate_kind``,
            ``certificate_block``, ``certificate_validator``, ``certificate_quorum`` or ``certificate_signature``.
        """
        if header.network != network:
            raise LedgerError("header_network")
        if header.epoch != epoch:
            raise LedgerError("header_epoch")
        self.check_block(header)
        self.certificate.verify(network, validators)


def prove_final(headers: Sequence[Header], discarded: Sequence[Header], certificate: Certificate) -> list[Finality]:
    """The proofs for blocks that became final together.

    :param headers: Of the blocks, each the child of the one before. :param discarded: Of the blocks on top of them
        that the epoch's end discarded. :param certificate: For the last one of all.
    """
    line = (*headers, *discarded)
    return [Finality(certificate, line[index:]) for index in range(1, len(headers) + 1)]

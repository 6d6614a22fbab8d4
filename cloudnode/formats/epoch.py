"""An epoch: the validators that decide, and the heights that they decide about.

The genesis names the first validators. A block whose header has ``next_validators`` ends its epoch, and the next one
begins above it with those validators: so whoever knows the genesis can follow the epochs by their last blocks alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from cloudnode.formats.block import Header, check_appointed, quorum
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import Genesis


@attrs.frozen
class Epoch:
    """The validators whose certificates are believed.

    :ivar network: The genesis hash. :ivar number: The epoch. :ivar validators: Their keys in the order of the indexes.
    :ivar base: The height of the block that it begins on, which belongs to the epoch before.
    :ivar last: The height of the block that ended it; None if that is not known, or it goes on.
    """

    network: bytes
    number: int
    validators: tuple[bytes, ...]
    base: int = 0
    last: int | None = None

    @classmethod
    def of_genesis(cls, genesis: Genesis) -> Epoch:
        """The network's first epoch."""
        return cls(genesis.network, 0, genesis.validators)

    @property
    def quorum(self) -> int:
        """How many of the validators must sign."""
        return quorum(len(self.validators))

    def verify(self, header: Header, finality: Finality) -> None:
        """Check that a block of this epoch is final and part of the chain.

        :raises LedgerError: ``header_discarded``, and the codes of :meth:`cloudnode.formats.finality.Finality.verify`.
        """
        finality.verify(header, self.network, self.number, self.validators)
        if header.height <= self.base or (self.last is not None and header.height > self.last):
            raise LedgerError("header_discarded")

    def closed(self, header: Header) -> Epoch:
        """This epoch, known to end with a block (that was verified)."""
        return attrs.evolve(self, last=header.height)

    def after(self, header: Header, validators: Sequence[bytes]) -> Epoch:
        """The epoch that begins on a block of this one, which was verified.

        :param validators: Those that the block appoints.
        :raises LedgerError: ``epoch_goes_on``: the block ends no epoch. ``block_validators``: it appoints others.
        """
        if not header.ends_epoch:
            raise LedgerError("epoch_goes_on")
        check_appointed(header, validators)
        return Epoch(self.network, self.number + 1, tuple(validators), header.height)

    def next(self, header: Header, finality: Finality, validators: Sequence[bytes]) -> Epoch:
        """Check that a block ended this epoch, and go on to the next one.

        :raises LedgerError: As :meth:`verify` and :meth:`after`.
        """
        self.verify(header, finality)
        return self.after(header, validators)

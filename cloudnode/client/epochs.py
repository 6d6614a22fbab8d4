"""Who decides now: the epochs of a network, followed and checked from its genesis (or any epoch that is trusted).

A node tells how each set of validators was replaced (``getepochs``). Nothing of it is believed: the last block of each
epoch must be final by that epoch's validators and name the next ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from cloudnode.client.client import Client
from cloudnode.client.errors import ConnectionFailed
from cloudnode.formats.addresses import decode_account
from cloudnode.formats.block import Header
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.verify import read_finality

PAGE = 50
"""Epochs asked for at once: what every node allows."""


class _End(Struct, frozen=True):
    header: str
    certificate: str
    descendants: list[str]

    def decode(self) -> tuple[Header, Finality]:
        descendants = [_bytes(each) for each in self.descendants]
        return Header.decode(_bytes(self.header)), read_finality(_bytes(self.certificate), descendants)


class _Told(Struct, frozen=True):
    epoch: int
    validators: list[str]
    end: _End | None


class _Page(Struct, frozen=True):
    epochs: list[_Told]
    next: int | None


class EpochChain:
    """The epochs that were verified.

    :ivar newest: The last one: as far as is known, its validators decide now.
    """

    def __init__(self, trusted: Epoch) -> None:
        """:param trusted: Where to begin: the genesis's epoch, or one that was verified earlier."""
        self._epochs = {trusted.number: trusted}
        self._oldest = trusted
        self.newest = trusted

    @classmethod
    def of_genesis(cls, genesis: Genesis) -> EpochChain:
        """All that is known at the beginning."""
        return cls(Epoch.of_genesis(genesis))

    def find(self, number: int) -> Epoch | None:
        """An epoch by its number; None if it is not known (yet)."""
        return self._epochs.get(number)

    def verify_header(self, header: bytes, certificate: bytes, descendants: Sequence[bytes] = ()) -> Header:
        """Check that a header is final by the validators of its epoch. One that ends its epoch closes it at once:
        the validators finalize blocks above it that are discarded, and their certificates are public.

        :raises LedgerError: ``header_epoch`` if that one is not known: :meth:`follow` first. Else as
            :func:`cloudnode.formats.verify.verify_header`.
        """
        read = Header.decode(header)
        epoch = self._epochs.get(read.epoch)
        if epoch is None:
            raise LedgerError("header_epoch", f"Epoch {read.epoch} is not known: the newest is {self.newest.number}.")
        epoch.verify(read, read_finality(certificate, descendants))
        self.saw(read)
        return read

    def saw(self, header: Header) -> None:
        """Take note of a header that was verified, now or in an earlier session: its epoch may end with it."""
        epoch = self._epochs.get(header.epoch)
        if epoch is None or not header.ends_epoch or epoch.last is not None:
            return
        closed = self._epochs[epoch.number] = epoch.closed(header)
        if self.newest is epoch:
            self.newest = closed

    def discards(self, header: Header) -> bool:
        """Whether a header that was verified is known by now to stand above the end of its epoch."""
        epoch = self._epochs.get(header.epoch)
        if epoch is None:
            return self.precedes(header.epoch) and header.height > self._oldest.base
        return epoch.last is not None and header.height > epoch.last

    async def follow(self, client: Client) -> Epoch:
        """Ask a node for all epochs after the newest one, and check them.

        :return: The newest one now.
        :raises LedgerError: What the node told is not so: the codes of headers, certificates, ``finality_`` and
            ``epoch_``, ``block_validators``.
        :raises ClientError: It did not answer.
        """
        after = None if self.newest.number == 0 else self.newest.number - 1
        pending: tuple[Header, Finality] | None = None
        while True:
            params = {"limit": PAGE} if after is None else {"limit": PAGE, "after": after}
            page = (await client.call("getepochs", params)).decode(_Page)
            for told in page.epochs:
                self._take(told, pending)
                pending = None if told.end is None else told.end.decode()
            if page.next is None or not page.epochs or pending is None:
                return self.newest
            after = self.newest.number

    async def follow_back(self, client: Client, genesis: Genesis) -> None:
        """Ask a node for the epochs between the genesis and the oldest one that is known, and check them: they have to
        lead there.

        :raises LedgerError: What the node told is not so, or leads elsewhere (``block_validators``).
        :raises ClientError: It did not answer, or does not know of so many epochs.
        """
        oldest = self._oldest
        older = EpochChain.of_genesis(genesis)
        await older.follow(client)
        found = older.find(oldest.number)
        if found is None:
            raise ConnectionFailed(f"{client.url} does not tell of the epochs up to {oldest.number}.")
        if (found.validators, found.base) != (oldest.validators, oldest.base):
            raise LedgerError("block_validators", f"Epoch {oldest.number} is told with other validators.")
        before = {number: epoch for number, epoch in older._epochs.items() if number < oldest.number}
        self._epochs = before | self._epochs
        self._oldest = self._epochs[0]

    def precedes(self, number: int) -> bool:
        """Whether an epoch is older than all that are known here."""
        return number < self._oldest.number

    def _take(self, told: _Told, pending: tuple[Header, Finality] | None) -> None:
        """Take the next epoch; ``pending`` is the end of the one before."""
        validators = tuple(decode_account(key) for key in told.validators)
        if pending is None:
            if (told.epoch, validators) != (self.newest.number, self.newest.validators):
                raise LedgerError("block_validators", f"Epoch {told.epoch} is told with other validators.")
            return
        header, finality = pending
        after = self.newest.next(header, finality, validators)
        if told.epoch != after.number:
            raise LedgerError("header_epoch", f"Epoch {told.epoch} is told where {after.number} follows.")
        self._epochs[self.newest.number] = self.newest.closed(header)
        self._epochs[after.number] = self.newest = after


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise LedgerError("finality_malformed", "A header or certificate is not hex.") from None

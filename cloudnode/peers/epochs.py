"""Which epochs this node knows: those that its ledger has been through, and the newest that peers have shown.

A block is judged by its epoch's validators. A node that is behind hears of blocks whose epoch it has not reached; it
then asks whoever told it how the epochs between ended, and checks that chain of last blocks from its own epoch on. So
it knows how far the network is, and believes nobody.

What was verified once is kept to, after a restart as well (:mod:`cloudnode.peers.epochfile`): a history in which an
epoch ended otherwise is refused, whoever signed it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.formats.block import Header
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.finality import Finality
from cloudnode.node.ledger import Ledger
from cloudnode.node.threads import RunInThread
from cloudnode.peers.blockcheck import check_ends
from cloudnode.peers.epochfile import ENDS_MOST, EpochFile, KnownEnd
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import Answer, Epochs, GetEpochs
from cloudnode.peers.peer import Peer

KEPT_AHEAD = 8
"""So many of the newest epochs are remembered: peers may be some blocks apart. Each can have 32 kB of keys."""

SAVE_SECONDS = 0.5
"""So long after there is a newer epoch it is on disk: one who replays may go through many in that time."""

PAUSE_SECONDS = 10.0
"""So long nothing more is asked of a peer that could not tell how an epoch ended."""


class KnownEpochs:
    """Finds epochs, and learns of newer ones.

    :ivar newest: The newest one that was verified. It may be far ahead of the ledger's.
    :ivar on_newer: Called when there is a newer one. :ivar trouble: Why a history was refused, while no other came; or
        None.
    """

    _log = Logger()

    def __init__(self, ledger: Ledger, clock: IReactorTime, run_in_thread: RunInThread, file: EpochFile) -> None:
        """:param file: Where what was verified outlives this process."""
        self.trouble: str | None = None
        self.on_newer: Callable[[], None] = lambda: None
        self._ledger = ledger
        self._clock = clock
        self._run_in_thread = run_in_thread
        self._ahead: dict[int, Epoch] = {}
        self._asking: set[Peer] = set()
        self._pauses: dict[Peer, float] = {}
        self._ends: dict[int, KnownEnd] = {}
        self._file = file
        self._saving: IDelayedCall | None = None
        self._is_contradicted = False
        first = max(0, ledger.epoch.number - ENDS_MOST)
        ledger_ends = [KnownEnd(end.number, end.last_height, end.hash) for end in ledger.epochs(first)]
        self._restore(file.load(), ledger_ends)

    @property
    def newest(self) -> Epoch:
        """The newest epoch known."""
        return max((self._ledger.epoch, *self._ahead.values()), key=lambda epoch: epoch.number)

    def get(self, number: int) -> Epoch | None:
        """An epoch by its number; None if it is not known: it lies ahead of the ledger, and is not among the newest."""
        present = self._ledger.epoch
        found = present if number == present.number else self._ledger.find_epoch(number) or self._ahead.get(number)
        end = self._ends.get(number)
        return found if found is None or end is None else attrs.evolve(found, last=end.height)

    def ahead(self) -> list[Epoch]:
        """Those of the newest that the ledger has not reached."""
        return [epoch for number, epoch in self._ahead.items() if number > self._ledger.epoch.number]

    def check(self, headers: Iterable[Header]) -> None:
        """See that blocks which peers brought, each final by its epoch's validators, are of the history that is known.

        :raises PeerFault: ``wrong_block``: an epoch ended otherwise.
        """
        for header in headers:
            end = self._ends.get(header.epoch)
            if end is None or (header.height < end.height and not header.ends_epoch):
                continue
            if (header.height, header.hash) != (end.height, end.hash):
                self._refuse(end, f"block {header.height}, {header.hash.hex()}")
        if not self._is_contradicted:
            self.trouble = None

    def _refuse(self, end: KnownEnd, instead: str) -> None:
        self.trouble = (
            f"this node verified that epoch {end.number} ended with block {end.height}, {end.hash.hex()}, and a peer "
            f"has {instead} instead: one of the two is signed with stolen keys. The node goes on when a peer has the "
            f"first one; if that is the false one, stop the node and remove {self._file}"
        )
        self._log.critical("Another history is refused: {trouble}", trouble=self.trouble)
        raise PeerFault("wrong_block", f"epoch {end.number} did not end with {instead}")

    def reached(self, epoch: Epoch, base: Header) -> None:
        """Take note of an epoch that was verified elsewhere.

        :param base: The block that it begins on.
        """
        if epoch.number - 1 not in self._ends:
            self._ends[epoch.number - 1] = KnownEnd(epoch.number - 1, base.height, base.hash)
            for number in sorted(self._ends)[:-ENDS_MOST]:
                del self._ends[number]
            if self._saving is None:
                self._saving = self._clock.callLater(SAVE_SECONDS, self._save)
        if epoch.number > self.newest.number:
            self._ahead[epoch.number] = epoch
            for number in sorted(self._ahead)[:-KEPT_AHEAD]:
                del self._ahead[number]
            self.on_newer()

    def _restore(self, stored: tuple[list[KnownEnd], Epoch] | None, held: list[KnownEnd]) -> None:
        """:param held: The ends that the ledger has."""
        known = {end.number: end for end in held}
        for end in () if stored is None else stored[0]:
            own = known.setdefault(end.number, end)
            if own != end:
                self._is_contradicted = True
                self.trouble = (
                    f"this node verified once that epoch {end.number} ended with block {end.height}, {end.hash.hex()}, "
                    f"but its database has block {own.height}, {own.hash.hex()}: put the true one in its place, or "
                    f"remove {self._file} if that is wrong"
                )
        if self._is_contradicted:
            self._log.critical("The database holds another history: {trouble}", trouble=self.trouble)
        self._ends = {number: known[number] for number in sorted(known)[-ENDS_MOST:]}
        if stored is not None and stored[1].number > self._ledger.epoch.number:
            self._ahead[stored[1].number] = stored[1]

    def stop(self) -> None:
        """Have all of it on disk."""
        if self._saving is not None:
            self._saving.cancel()
            self._save()

    def _save(self) -> None:
        self._saving = None
        newest = self.get(max(self._ends) + 1)
        if newest is not None and not self._is_contradicted:
            self._file.save(self._ends.values(), newest)

    def forget(self, peer: Peer) -> None:
        """The link with a peer is over."""
        self._asking.discard(peer)
        self._pauses.pop(peer, None)

    def learn(self, peer: Peer, header: bytes, finality: bytes) -> Deferred[Header | None]:
        """Ask a peer for the epochs up to that of a block which it told, and check that the block is final.

        :param header: The block's. :param finality: What proves it final, as the peer says.
        :return: Fires with the block's header if it is final; with None if that could not be found out (now). It does
            not fail: a lie ends the link.
        """
        found: Deferred[Header | None] = Deferred()
        if peer in self._asking or self._pauses.get(peer, 0.0) > self._clock.seconds():
            found.callback(None)
            return found
        self._asking.add(peer)
        learning = Deferred.fromCoroutine(self._learn(peer, header, finality))
        learning.addErrback(self._failed, peer)
        learning.addBoth(self._done, peer, found)
        return found

    async def _learn(self, peer: Peer, raw: bytes, finality: bytes) -> Header | None:
        header = Header.decode(raw)
        while (epoch := self.newest).number < header.epoch:
            answer: Answer = await peer.ask(GetEpochs, epoch.number)
            assert isinstance(answer, Epochs)
            if not answer.ends:
                self._pauses[peer] = self._clock.seconds() + PAUSE_SECONDS
                return None
            chain = await self._run_in_thread(check_ends, answer.ends, epoch)
            for end, after in chain:
                self.reached(after, Header.decode(end.header))
        found = self.get(header.epoch)
        if found is None:
            return None
        try:
            await self._run_in_thread(found.verify, header, Finality.decode(finality))
        except LedgerError as error:
            raise PeerFault("wrong_certificate", f"block {header.height}: {error}") from None
        return header

    def _failed(self, failure: Failure, peer: Peer) -> None:
        self._pauses[peer] = self._clock.seconds() + PAUSE_SECONDS
        if isinstance(failure.value, LedgerError):
            peer.end(PeerFault("wrong_block", str(failure.value)))
        elif isinstance(failure.value, PeerFault):
            peer.end(failure.value)
        else:
            self._log.failure("What {peer} told of epochs could not be checked", failure, peer=peer)

    def _done(self, header: Header | None, peer: Peer, found: Deferred[Header | None]) -> None:
        self._asking.discard(peer)
        if not peer.is_open:
            self.forget(peer)
        found.callback(header)

"""Which epochs this node knows: those that its ledger has been through, and the newest that peers have shown.

A block is judged by its epoch's validators. A node that is behind hears of blocks whose epoch it has not reached; it
then asks whoever told it how the epochs between ended, and checks that chain of last blocks from its own epoch on. So
it knows how far the network is, and believes nobody.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.formats.block import Header
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.finality import Finality
from cloudnode.node.ledger import Ledger
from cloudnode.node.threads import RunInThread
from cloudnode.peers.blockcheck import check_ends
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import Answer, Epochs, GetEpochs
from cloudnode.peers.peer import Peer

KEPT_AHEAD = 8
"""So many of the newest epochs are remembered: peers may be some blocks apart. Each can have 32 kB of keys."""

PAUSE_SECONDS = 10.0
"""So long nothing more is asked of a peer that could not tell how an epoch ended."""


class KnownEpochs:
    """Finds epochs, and learns of newer ones.

    :ivar newest: The newest one that was verified. It may be far ahead of the ledger's.
    :ivar on_newer: Called when there is a newer one.
    """

    _log = Logger()

    def __init__(self, ledger: Ledger, clock: IReactorTime, run_in_thread: RunInThread) -> None:
        self.on_newer: Callable[[], None] = lambda: None
        self._ledger = ledger
        self._clock = clock
        self._run_in_thread = run_in_thread
        self._ahead: dict[int, Epoch] = {}
        self._asking: set[Peer] = set()
        self._pauses: dict[Peer, float] = {}

    @property
    def newest(self) -> Epoch:
        """The newest epoch known."""
        return max((self._ledger.epoch, *self._ahead.values()), key=lambda epoch: epoch.number)

    def get(self, number: int) -> Epoch | None:
        """An epoch by its number; None if it is not known: it lies ahead of the ledger, and is not among the newest."""
        if number == self._ledger.epoch.number:
            return self._ledger.epoch
        return self._ledger.find_epoch(number) or self._ahead.get(number)

    def ahead(self) -> list[Epoch]:
        """Those of the newest that the ledger has not reached."""
        return [epoch for number, epoch in self._ahead.items() if number > self._ledger.epoch.number]

    def reached(self, epoch: Epoch) -> None:
        """Take note of an epoch that was verified elsewhere."""
        if epoch.number > self.newest.number:
            self._ahead[epoch.number] = epoch
            for number in sorted(self._ahead)[:-KEPT_AHEAD]:
                del self._ahead[number]
            self.on_newer()

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
            for _, after in chain:
                self.reached(after)
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

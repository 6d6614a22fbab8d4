"""Asking whichever peer can answer, and not those again at once that could not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from cloudnode.ledger.chunks import ChunkWrong
from cloudnode.peers.answering import Answering, Overdue
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.link import Allowance, LinkLimits
from cloudnode.peers.messages import COSTS, Answer, Question
from cloudnode.peers.peer import Peer

UNABLE_SECONDS = 5.0

COST_MAX = 200.0
"""Of a question, at most (:data:`cloudnode.peers.messages.COSTS`)."""

BUDGET_SHARE = 0.7
"""Of what a peer takes from one node; the rest is for blocks, offers and the like."""

_Found = TypeVar("_Found")
_Told = TypeVar("_Told")


class Asker:
    """Shares questions out to peers.

    :ivar on_way: Questions without an answer yet that are not overdue.
    """

    def __init__(self, clock: IReactorTime, peers: Callable[[], Iterable[Peer]], answering: Answering) -> None:
        """:param peers: All open peers."""
        self._answering = answering
        self.on_way = 0
        self._clock = clock
        self._peers = peers
        self._unable: dict[Peer, float] = {}
        self._budgets: dict[Peer, Allowance] = {}

    @property
    def newest(self) -> int:
        """The greatest height that a peer has shown to be final; 0 if none has."""
        return max((peer.height for peer in self._peers()), default=0)

    def choose(self, height: int, question: type[Question]) -> list[Peer]:
        """Whom to ask at once of those that may have a height; nobody, if nobody can be asked now."""
        now = self._clock.seconds()
        self._unable = {peer: until for peer, until in self._unable.items() if until > now and peer.is_open}
        able = self._able(height)
        return self._answering.choose(able, question, lambda peer: self._budget(peer).holds(COST_MAX, now))

    def _able(self, height: int) -> list[Peer]:
        return [peer for peer in self._peers() if peer.height >= height and peer not in self._unable]

    def _budget(self, peer: Peer) -> Allowance:
        """What may be asked of a peer now: part of what it takes, lest an honest node on a fast link be flooding."""
        budget = self._budgets.get(peer)
        if budget is None:
            self._budgets = {known: each for known, each in self._budgets.items() if known.is_open}
            limits = LinkLimits()
            budget = Allowance(limits.allowance * BUDGET_SHARE, limits.refill * BUDGET_SHARE, self._clock.seconds())
            self._budgets[peer] = budget
        return budget

    def nobody_can(self, height: int) -> bool:
        """Whether peers with a height could not tell of it just now, and the others of them do not answer."""
        having = [peer for peer in self._peers() if peer.height >= height]
        silent = [peer for peer in having if peer not in self._unable]
        return len(silent) < len(having) and not self.on_way and all(map(self._answering.is_doubtful, silent))

    def could_not(self, peer: Peer) -> None:
        """A peer had not what it was asked for."""
        self._unable[peer] = self._clock.seconds() + UNABLE_SECONDS

    def forget(self) -> None:
        """Something else is asked for from now on: everybody may have it."""
        self._unable.clear()

    def ask(
        self, peers: Sequence[Peer], height: int, question: type[Question], *arguments: object
    ) -> Deferred[tuple[Peer, Answer] | None]:
        """Ask peers that were chosen, for they may have a height.

        :return: See :meth:`cloudnode.peers.answering.Answering.ask`.
        """
        for peer in peers:
            self._budget(peer).take(COSTS[question], self._clock.seconds())
        self.on_way += 1

        def answered(result: _Told) -> _Told:
            self.on_way -= 1
            return result

        asking = self._answering.ask(
            peers, question, *arguments, could_not=self.could_not, able=lambda: self._able(height)
        )
        return asking.addBoth(answered)

    async def ask_one(
        self, height: int, check: Callable[[Answer], _Found | None], question: type[Question], *arguments: object
    ) -> _Found | None:
        """Ask one peer after the other that has a height, until one has what is wanted; None if none has.

        :param check: Gives what is in an answer, or None if it is not there; raises PeerFault or ChunkWrong, which
            ends the link.
        """
        for _ in list(self._peers()):
            peers = self.choose(height, question)
            if not peers:
                break
            try:
                told = await self.ask(peers, height, question, *arguments)
            except (Overdue, PeerFault):
                continue
            if told is None:
                continue
            peer, answer = told
            try:
                found = check(answer)
            except PeerFault as fault:
                peer.end(fault)
                continue
            except ChunkWrong as wrong:
                peer.end(PeerFault("wrong_state", str(wrong)))
                continue
            if found is not None:
                return found
            self.could_not(peer)
        return None

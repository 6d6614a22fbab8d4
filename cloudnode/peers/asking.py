"""Asking whichever peer can answer, and not those again at once that could not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from cloudnode.ledger.chunks import ChunkWrong
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.link import Allowance, LinkLimits
from cloudnode.peers.messages import COSTS, Answer, Question
from cloudnode.peers.peer import Peer

QUESTIONS_OF_A_PEER = 2
UNABLE_SECONDS = 5.0

COST_MAX = 200.0
"""Of a question, at most (:data:`cloudnode.peers.messages.COSTS`)."""

BUDGET_SHARE = 0.7
"""Of what a peer takes from one node; the rest is for blocks, offers and the like."""

_Found = TypeVar("_Found")


class Asker:
    """Shares questions out to peers.

    :ivar on_way: Questions without an answer yet.
    """

    def __init__(self, clock: IReactorTime, peers: Callable[[], Iterable[Peer]]) -> None:
        """:param peers: All open peers."""
        self.on_way = 0
        self._clock = clock
        self._peers = peers
        self._unable: dict[Peer, float] = {}
        self._budgets: dict[Peer, Allowance] = {}

    @property
    def newest(self) -> int:
        """The greatest height that a peer has shown to be final; 0 if none has."""
        return max((peer.height for peer in self._peers()), default=0)

    def choose(self, height: int) -> Peer | None:
        """The peer with the fewest questions of those that may have a height."""
        now = self._clock.seconds()
        self._unable = {peer: until for peer, until in self._unable.items() if until > now and peer.is_open}
        able = [
            peer
            for peer in self._peers()
            if peer.is_open
            and peer.height >= height
            and peer not in self._unable
            and peer.asked < QUESTIONS_OF_A_PEER
            and self._budget(peer).holds(COST_MAX, now)
        ]
        return min(able, key=lambda peer: (peer.asked, peer.ping_seconds or 1.0), default=None)

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
        """Whether there are peers with a height, and all of them could not tell of it just now."""
        having = [peer for peer in self._peers() if peer.height >= height]
        return bool(having) and not self.on_way and all(peer in self._unable for peer in having)

    def could_not(self, peer: Peer) -> None:
        """A peer had not what it was asked for."""
        self._unable[peer] = self._clock.seconds() + UNABLE_SECONDS

    def forget(self) -> None:
        """Something else is asked for from now on: everybody may have it."""
        self._unable.clear()

    def ask(self, peer: Peer, question: type[Question], *arguments: object) -> Deferred[Answer]:
        """Ask a peer that was chosen."""
        self._budget(peer).take(COSTS[question], self._clock.seconds())
        self.on_way += 1
        peer.asked += 1

        def answered(result: Answer) -> Answer:
            self.on_way -= 1
            peer.asked -= 1
            return result

        return peer.ask(question, *arguments).addBoth(answered)

    async def ask_one(
        self, height: int, check: Callable[[Answer], _Found | None], question: type[Question], *arguments: object
    ) -> _Found | None:
        """Ask one peer after the other that has a height, until one has what is wanted; None if none has.

        :param check: Gives what is in an answer, or None if it is not there; raises PeerFault or ChunkWrong, which
            ends the link.
        """
        for _ in list(self._peers()):
            peer = self.choose(height)
            if peer is None:
                break
            try:
                found = check(await self.ask(peer, question, *arguments))
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

"""Passing on evidence: each piece once, when it is new here, to all peers but the one that sent it.

Evidence is rare, so it is sent as a whole. What names nodes is without bound, since anybody can make keys and
contradict himself with them; what names validators is bounded by the number of all that ever were. Of both only so much
is passed on in a time, or somebody could have this node flood its peers. What is more is kept by this node alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from hashlib import sha256

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.formats.errors import LedgerError
from cloudnode.node.evidence import EvidenceStore, Kept
from cloudnode.node.ledger import Ledger
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import Accusation
from cloudnode.peers.peer import Peer
from cloudnode.store.connection import DatabaseDamaged

GREETING = 16
"""So many of the newest pieces are sent to a new peer."""

VOTES_BURST, VOTES_SECONDS = 50, 10.0
"""So many pieces against validators are passed on in so many seconds: what peers take without calling it a flood."""

BURST, BURST_SECONDS = 20, 120.0
"""The same for pieces against nodes."""

_UNKNOWN_HERE = frozenset({"evidence_waiting", "evidence_epoch", "header_epoch", "header_discarded"})
"""What an honest peer that is ahead of this node, or behind it, may send."""


class EvidenceGossip:
    """Sends and takes evidence."""

    _log = Logger()

    def __init__(
        self, ledger: Ledger, store: EvidenceStore, clock: IReactorTime, peers: Callable[[], Iterable[Peer]]
    ) -> None:
        """:param peers: All open peers."""
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._peers = peers
        self._votes = _Pace(VOTES_BURST, VOTES_SECONDS)
        self._others = _Pace(BURST, BURST_SECONDS)
        self.stop = store.watch(self._kept)
        if ledger.validator is not None:
            ledger.validator.on_evidence = store.add_votes

    def greet(self, peer: Peer) -> None:
        """Send a new peer what was found lately."""
        for kept in self._store.newest(GREETING):
            peer.send(Accusation(kept.raw))

    def heard(self, peer: Peer, message: Accusation) -> None:
        """A peer sends evidence.

        :raises PeerFault: It shows nothing, so the peer should not have passed it on.
        """
        evidence_id = sha256(message.evidence).digest()
        peer.known.add(evidence_id)
        if self._store.has_seen(evidence_id):
            return
        try:
            adding = self._store.add(message.evidence)
        except LedgerError as error:
            self._refused(error)
        except DatabaseDamaged:
            self._ledger.read_failed(Failure())
        else:
            adding.addErrback(self._not_added, peer)

    def _not_added(self, failure: Failure, peer: Peer) -> None:
        if not isinstance(failure.value, LedgerError):
            self._log.failure("Evidence could not be verified", failure)
            return
        try:
            self._refused(failure.value)
        except PeerFault as fault:
            peer.end(fault)

    @staticmethod
    def _refused(error: LedgerError) -> None:
        if error.code not in _UNKNOWN_HERE:
            raise PeerFault("wrong_evidence", f"it sent evidence that shows nothing: {error}")

    def _kept(self, kept: Kept) -> None:
        pace = self._votes if kept.verdict.kind == "votes" else self._others
        if not pace.take(self._clock.seconds()):
            return
        for peer in self._peers():
            if kept.id not in peer.known and peer.has_room:
                peer.known.add(kept.id)
                peer.send(Accusation(kept.raw))


class _Pace:
    """So many in so many seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        self._times: deque[float] = deque(maxlen=most)
        self._seconds = seconds

    def take(self, now: float) -> bool:
        """Count one; False if there were too many."""
        if len(self._times) == self._times.maxlen and now - self._times[0] < self._seconds:
            return False
        self._times.append(now)
        return True

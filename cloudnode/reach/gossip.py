"""Gossip of STUN data: this node's own at once to all peers, that of others once to those who may not have it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.stundata import SignedStunData
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.link import Allowance
from cloudnode.peers.messages import STUN_RECORDS_MAX, StunRecords
from cloudnode.peers.peer import Peer
from cloudnode.reach.own import OwnStunData
from cloudnode.reach.records import StunRecordBook

GREETED_MAX = 256
"""So many records, the newest, are told when a link opens."""

CHANGES_MAX = 4.0
CHANGES_SECOND = 0.1
"""Of one node so many records are passed on at once, and then so many a second: a network may change at any time,
but not all the time. The newest one is passed on in any case, later."""

_EXPECTED = ("stun_data_expired", "stun_data_future")
"""What an honest peer's clock makes of an honest record."""


class StunGossip:
    """Tells and hears STUN data."""

    def __init__(
        self,
        own: OwnStunData,
        book: StunRecordBook,
        peers: Callable[[], Iterable[Peer]],
        wall_time: Callable[[], float],
        heard: Callable[[SignedStunData], None] = lambda record: None,
    ) -> None:
        """
        :param peers: All open peers. :param wall_time: Unix seconds.
        :param heard: Called with every record that is news.
        """
        self._own = own
        self._book = book
        self._peers = peers
        self._wall_time = wall_time
        self._heard = heard
        self._news: dict[bytes, bytes] = {}
        self._allowances: dict[bytes, Allowance] = {}

    def greet(self, peer: Peer) -> None:
        """Tell a new peer what is known."""
        own = [] if self._own.record is None else [self._own.record]
        self._tell(peer, own + self._book.newest(GREETED_MAX, [peer.id]))

    def announce(self) -> None:
        """Tell all peers this node's own record."""
        if self._own.record is not None:
            for peer in self._peers():
                self._tell(peer, [self._own.record])

    def said(self, peer: Peer, message: StunRecords) -> None:
        """Take records, and have those that are news passed on.

        :raises PeerFault: One of them is none.
        """
        now = self._wall_time()
        for encoded in message.records:
            try:
                record = self._book.learn(encoded, peer.id, now)
            except LedgerError as error:
                if error.code in _EXPECTED:
                    continue
                raise PeerFault("wrong_stun_data", str(error)) from None
            if record is not None:
                self._news[record.data.node] = peer.id
                self._heard(record)

    def time_passed(self, now: float) -> None:
        """Pass on what came since the last time.

        :param now: Of a clock that never goes back.
        """
        due: dict[bytes, list[SignedStunData]] = {}
        for node, teller in list(self._news.items()):
            allowance = self._allowances.setdefault(node, Allowance(CHANGES_MAX, CHANGES_SECOND, now))
            record = self._book.get(node)
            if record is None or (allowance.holds(1, now) and allowance.take(1, now)):
                del self._news[node]
                if record is not None:
                    due.setdefault(teller, []).append(record)
        for peer in self._peers() if due else ():
            others = [each for teller, records in due.items() if teller != peer.id for each in records]
            self._tell(peer, others, left_out=peer.id)
        for node in [each for each, left in self._allowances.items() if left.holds(CHANGES_MAX, now)]:
            del self._allowances[node]

    @staticmethod
    def _tell(peer: Peer, records: Sequence[SignedStunData], left_out: bytes = b"") -> None:
        told = [record.encode() for record in records if record.data.node != left_out]
        for at in range(0, len(told), STUN_RECORDS_MAX):
            if peer.has_room:
                peer.send(StunRecords(tuple(told[at : at + STUN_RECORDS_MAX])))

"""Operations on their way to the validators: ids first, bodies once.

Whatever comes into this node's pool is offered by its id to every peer that is not known to have it, many ids at a
time. Who is offered an id that it has not seen asks for the body, of one peer; if that one does not send it, the next
one that offered it is asked. So a body comes to each node about once, whatever the number of its links.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from hashlib import sha256

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.formats.errors import CODES, LedgerError
from cloudnode.formats.operation import Operation
from cloudnode.ledger.reading import Accepted, FinalBlock
from cloudnode.node.ledger import Ledger
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import (
    BODIES_MAX,
    OFFERED_MAX,
    Bodies,
    Offer,
    SentOperation,
    Want,
    split_ids,
    take_fitting,
)
from cloudnode.peers.peer import KnownIds, Peer

OFFER_DELAY = 0.02
"""Seconds that an id waits for others to be offered together with it."""

RELAY_DELAY = 0.1
"""The same for an id that a peer offered: the others hear of it from that peer, and then it need not be told."""

BODY_SECONDS = 5.0
"""After so long without the body, another peer that offered it is asked."""

NEEDED_SECONDS = 0.5
"""The same for a body without which a proposed block can't be voted for."""

AGAIN_SECONDS = 5.0
"""What still waits after this is offered again to all: a peer may have had no room for it, or been too far behind."""

AGAIN_MAX = 500
"""So many of the oldest, each time."""

NEEDED_TRIES = 20
"""So often such a body is asked for, in turn of all that may get it."""

WANTED_MAX = 20_000
FIRST_OFFER_MAX = 10_000

_FORM = frozenset(code.name for code in CODES if code.group == "form")


@attrs.define
class _Wanted:
    """A body that is on its way: who is asked, since when, and who else may have it.

    :ivar needed: Whether a proposed block names it. :ivar tries: How often somebody was asked.
    :ivar hoped: Whether the one who is asked did not offer it; it may get it yet.
    """

    asked: Peer
    since: float
    others: list[Peer]
    needed: bool = False
    hoped: bool = False
    tries: int = 1


class OperationGossip:
    """Offers, wants and takes operations."""

    _log = Logger()

    def __init__(self, ledger: Ledger, clock: IReactorTime, peers: Callable[[], Iterable[Peer]]) -> None:
        """:param peers: All open peers."""
        self._ledger = ledger
        self._clock = clock
        self._peers = peers
        self._seen = KnownIds(100_000)
        self._wanted: dict[bytes, _Wanted] = {}
        self._checking: dict[bytes, bool] = {}
        self._to_offer: dict[float, list[bytes]] = {}
        self._offering: dict[float, IDelayedCall] = {}
        self._retrying: IDelayedCall | None = None
        self._waited: frozenset[bytes] = frozenset()
        self._next_again = clock.seconds() + AGAIN_SECONDS
        self._stops = [ledger.watch_pool(self._pooled), ledger.watch_blocks(self._final)]

    def stop(self) -> None:
        """Offer nothing more."""
        for stop in self._stops:
            stop()
        for call in (*self._offering.values(), self._retrying):
            if call is not None:
                call.cancel()
        self._offering.clear()
        self._retrying = None

    def greet(self, peer: Peer) -> None:
        """Offer a new peer what waits here."""
        self._offer(peer, self._ledger.waiting_ids()[:FIRST_OFFER_MAX])

    def offered(self, peer: Peer, offer: Offer) -> None:
        """A peer offers operations."""
        now = self._clock.seconds()
        ids = split_ids(offer.ids)
        peer.known.add_all(ids)
        wanted = []
        for operation_id in self._seen.unknown(ids):
            if self._ledger.waiting_operation(operation_id) is not None:
                continue
            waiting = self._wanted.get(operation_id)
            if waiting is not None:
                if peer is not waiting.asked and len(waiting.others) < 8:
                    waiting.others.append(peer)
                elif peer is waiting.asked and waiting.hoped:
                    waiting.hoped, waiting.since = False, now
                    wanted.append(operation_id)
            elif len(self._wanted) < WANTED_MAX:
                self._wanted[operation_id] = _Wanted(peer, now, [])
                wanted.append(operation_id)
        self._want(peer, wanted)

    def need(self, ids: Iterable[bytes], peers: Sequence[Peer]) -> None:
        """A proposed block names operations that aren't here: ask for them, and soon again.

        :param peers: Who may have them.
        """
        now = self._clock.seconds()
        asked: dict[Peer, list[bytes]] = {}
        for operation_id in ids:
            if operation_id in self._checking:
                self._checking[operation_id] = True
                continue
            waiting = self._wanted.get(operation_id)
            if waiting is None:
                if not peers:
                    continue
                # The first one that offered it, else whoever comes next.
                order = sorted(peers, key=lambda peer: operation_id not in peer.known)
                hoped = operation_id not in order[0].known
                self._wanted[operation_id] = _Wanted(order[0], now, order[1:], needed=True, hoped=hoped)
                asked.setdefault(order[0], []).append(operation_id)
            elif not waiting.needed:
                waiting.needed = True
                waiting.others.extend(peer for peer in peers if peer not in (waiting.asked, *waiting.others))
            self._seen.discard(operation_id)
        for peer, wanted in asked.items():
            self._want(peer, wanted)
        if self._retrying is None and self._wanted:
            self._retrying = self._clock.callLater(NEEDED_SECONDS, self._try_again)

    def _try_again(self) -> None:
        self._retrying = None
        self.time_passed()
        if any(waiting.needed for waiting in self._wanted.values()):
            self._retrying = self._clock.callLater(NEEDED_SECONDS, self._try_again)

    def wanted(self, peer: Peer, want: Want) -> None:
        """A peer asks for bodies: it is sent what still waits here, in messages of bounded size."""
        found = []
        for operation_id in split_ids(want.ids):
            operation = self._ledger.waiting_operation(operation_id)
            if operation is not None:
                peer.known.add(operation_id)
                found.append(SentOperation(operation.body, operation.signature))
        while found:
            part = take_fitting(found, BODIES_MAX)
            peer.send(Bodies(tuple(part)))
            found = found[len(part) :]

    def took(self, peer: Peer, bodies: Bodies) -> None:
        """A peer sends bodies; those that were asked of it go to the ledger.

        :raises PeerFault: What it sent is no operation, so it should not have passed it on.
        """
        for sent in bodies.operations:
            operation_id = sha256(sent.body).digest()
            if operation_id in self._seen:
                continue  # it was late, and somebody else was asked
            if operation_id not in peer.known:
                raise PeerFault("unexpected", f"it sent operation {operation_id.hex()}, which it never offered")
            waiting = self._wanted.pop(operation_id, None)
            is_needed = waiting is not None and waiting.needed
            self._seen.add(operation_id)
            self._checking[operation_id] = is_needed
            try:
                told = partial(self._checked, peer, operation_id)
                self._ledger.relay(sent.body, sent.signature, told, is_needed)
            except LedgerError as error:
                del self._checking[operation_id]
                self._refused(peer, operation_id, error)

    def _checked(self, peer: Peer, operation_id: bytes, result: Accepted | Failure) -> None:
        is_needed = self._checking.pop(operation_id, False)
        if not isinstance(result, Failure):
            return
        if is_needed:
            self.need((operation_id,), [peer for peer in self._peers() if operation_id in peer.known])
        result.trap(LedgerError)
        assert isinstance(result.value, LedgerError)
        try:
            self._refused(peer, operation_id, result.value)
        except PeerFault as fault:
            peer.end(fault)

    def is_coming(self, operation_id: bytes) -> bool:
        """Whether somebody was asked for an operation, or it is here and its signature under check."""
        return operation_id in self._wanted or operation_id in self._checking

    def time_passed(self) -> None:
        """Ask others for what did not come, and offer again what stays; to be called about once a second."""
        now = self._clock.seconds()
        if now >= self._next_again:
            self._next_again = now + AGAIN_SECONDS
            self._offer_again()
        again: dict[Peer, list[bytes]] = {}
        for operation_id, waiting in list(self._wanted.items()):
            patience = NEEDED_SECONDS if waiting.needed else BODY_SECONDS
            if now - waiting.since < patience and waiting.asked.is_open:
                continue
            if waiting.needed and waiting.tries < NEEDED_TRIES:
                waiting.others.append(waiting.asked)
            while waiting.others and not waiting.others[0].is_open:
                waiting.others.pop(0)
            if not waiting.others:
                # Whoever has it offers it again with the next link, or the block comes that holds it.
                del self._wanted[operation_id]
                continue
            waiting.asked, waiting.since = waiting.others.pop(0), now
            waiting.tries += 1
            again.setdefault(waiting.asked, []).append(operation_id)
        for peer, ids in again.items():
            self._want(peer, ids)

    def _offer_again(self) -> None:
        waiting = self._ledger.waiting_ids()[:AGAIN_MAX]
        ids = [operation_id for operation_id in waiting if operation_id in self._waited]
        self._waited = frozenset(waiting)
        for peer in list(self._peers()) if ids else []:
            if peer.has_room:
                peer.send(Offer(b"".join(ids)))

    def _want(self, peer: Peer, ids: list[bytes]) -> None:
        peer.known.add_all(ids)
        for at in range(0, len(ids), BODIES_MAX):
            peer.send(Want(b"".join(ids[at : at + BODIES_MAX])))

    def _refused(self, peer: Peer, operation_id: bytes, error: LedgerError) -> None:
        if error.code in _FORM:
            raise PeerFault("wrong_operation", f"it passed on operation {operation_id.hex()}: {error}")
        # It may be taken when it is offered again, by somebody else or later.
        self._seen.discard(operation_id)
        self._log.debug("Operation {id} of {peer} is not taken: {error}", id=operation_id.hex(), peer=peer, error=error)

    def _pooled(self, operation: Operation) -> None:
        delay = RELAY_DELAY if operation.id in self._seen else OFFER_DELAY
        self._seen.add(operation.id)
        self._wanted.pop(operation.id, None)
        self._to_offer.setdefault(delay, []).append(operation.id)
        if delay not in self._offering:
            self._offering[delay] = self._clock.callLater(delay, self._offer_all, delay)

    def _final(self, final: FinalBlock) -> None:
        ids = final.block.operation_ids
        self._seen.add_all(ids)
        for operation_id in ids:
            self._wanted.pop(operation_id, None)

    def _offer_all(self, delay: float) -> None:
        del self._offering[delay]
        ids = [each for each in self._to_offer.pop(delay) if self._ledger.waiting_operation(each) is not None]
        for peer in list(self._peers()):
            self._offer(peer, ids)

    def _offer(self, peer: Peer, ids: list[bytes]) -> None:
        fresh = peer.known.unknown(ids)
        for at in range(0, len(fresh), OFFERED_MAX):
            if not peer.has_room:
                return  # it is told of them with the blocks
            part = fresh[at : at + OFFERED_MAX]
            peer.known.add_all(part)
            peer.send(Offer(b"".join(part)))

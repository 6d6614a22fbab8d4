"""How well peers answer: whom to ask, how long to wait, and what is remembered of those that did not answer.

Theory of operation. A question is put to a peer that answered such a one before; while there is none, to one of the
others, and after each that was in vain to twice as many at once, so that any number of silent peers costs a few
seconds once. A question is *overdue* when for some time nothing of an answer came: time in which bytes of answers come
does not count, so a long answer over a slow uplink is not asked for a second time. Nor does time in which this node
itself did nothing. Whoever asked then asks somebody else, and what still comes is dropped.

A peer with an overdue question is asked nothing until it answers, or the link ends for it. If it answers, it is *slow*
for a while: asked only where there is nobody better, and with more patience. If the link ends with the question, the
node, and its address for other nodes there of which nothing good is known, is not asked for a pause that grows with
each time; the next link finds it remembered. All this decides only whom to ask: nobody is cut off or banned for it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from cloudnode.peers.messages import Answer, Blocks, Epochs, Nodes, Operations, Question, State
from cloudnode.peers.peer import Peer
from cloudnode.peers.places import reach
from cloudnode.transports.addresses import address_group

QUESTIONS_OF_A_PEER = 2

PATIENCE_SECONDS = 1.0
"""So long nothing of an answer may come, and so many times the way there and back, which counts up to a second:"""
PINGS_WAITED = 3
PING_SECONDS_MOST = 1.0

PATIENCE_SECONDS_MOST = 30.0
"""With a slow peer; the link ends then anyway (:class:`cloudnode.peers.link.LinkLimits`)."""

PROGRESS_BYTES_SECOND = 32 * 1024
"""So many bytes of answers make up for a second."""

TICK_SECONDS = 0.25
STALL_SECONDS = 0.5
"""Of the time since the last look, no more than this is counted: for the rest this node itself did nothing."""

SLOW_SECONDS = 30.0
ASKED_AT_ONCE = 16

PAUSE_SECONDS = 10.0
PAUSE_GROWTH = 4.0
PAUSE_SECONDS_MOST = 600.0
FORGIVEN_SECONDS = 600.0
"""After so long each a failure is forgotten."""

REMEMBERED = 4_096
"""Nodes and addresses, the last that something was noted of."""


class Overdue(Exception):
    """All who were asked answered nothing for too long; what they still say is dropped."""


class _Standing(IntEnum):
    """What is known of a peer; somebody is asked only if there is nobody who stands better."""

    GOOD = 0
    SLOW = 1
    PAUSED = 2


@attrs.define(eq=False)
class _Record:
    """What is remembered of a node, or of an address.

    :ivar answered: Kinds of questions that it answered, since it last was overdue. :ivar overdue: Questions that are.
    :ivar patience: How long it is waited for while it is slow, in seconds. :ivar failures: Links that ended with a
        question, less what was forgotten. :ivar failed_at: The last time.
    """

    answered: set[type[Question]] = attrs.Factory(set)
    overdue: int = 0
    patience: float = PATIENCE_SECONDS
    slow_until: float = 0.0
    failures: float = 0.0
    failed_at: float = float("-inf")
    paused_until: float = 0.0


@attrs.define(eq=False)
class _Joint:
    """A question to one peer or several; the first that has what is asked for ends it.

    :ivar left: How many may still answer in time.
    """

    question: type[Question]
    could_not: Callable[[Peer], None]
    able: Callable[[], Iterable[Peer]]
    peers: Sequence[Peer]
    left: int
    was_empty: bool = False
    was_overdue: bool = False
    done: Deferred[tuple[Peer, Answer] | None] = attrs.Factory(Deferred)


@attrs.define(eq=False)
class _Waiting:
    """One peer's part of it.

    :ivar patience: Seconds without progress after which it is overdue. :ivar waited: Such seconds.
    :ivar progress: The peer's (:attr:`Peer.progress_bytes`) at the last look.
    """

    peer: Peer
    record: _Record
    joint: _Joint
    ordinary: float
    patience: float
    progress: int
    since: float
    waited: float = 0.0
    is_overdue: bool = False


class Answering:
    """Puts questions to peers, and remembers how that went."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._records: OrderedDict[bytes | str, _Record] = OrderedDict()
        self._waiting: dict[_Waiting, None] = {}
        self._in_vain: Counter[type[Question]] = Counter()
        self._ticking: IDelayedCall | None = None

    # Whom to ask

    def choose(
        self, able: Iterable[Peer], question: type[Question], is_free: Callable[[Peer], bool] = lambda peer: True
    ) -> list[Peer]:
        """Whom to ask at once; nobody, if all are busy or overdue.

        :param able: Peers that may have what is asked for. :param is_free: Whether one may be asked anything now.
        """
        # One whose link is just ending would fail a question at once, and be chosen again without end.
        standings = {peer: self._standing(peer) for peer in able if peer.is_open and not self._is_overdue(peer)}
        best = min(standings.values(), default=_Standing.GOOD)
        good = [peer for peer, standing in standings.items() if standing is best]
        free = [peer for peer in good if peer.asked < QUESTIONS_OF_A_PEER and is_free(peer)]
        free.sort(key=lambda peer: self._rank(peer, question))
        is_answered = any(self._did_answer(peer, question) for peer in good)
        return free[: 1 if is_answered else min(ASKED_AT_ONCE, 2 ** min(self._in_vain[question], 8))]

    def is_doubtful(self, peer: Peer) -> bool:
        """Whether it is overdue, or failed lately."""
        return self._is_overdue(peer) or self._standing(peer) is _Standing.PAUSED

    def _rank(self, peer: Peer, question: type[Question]) -> tuple[bool, float, int, float]:
        record = self._records.get(peer.id)
        failures = 0.0 if record is None else record.failures
        return not self._did_answer(peer, question), failures, peer.asked, peer.ping_seconds or 1.0

    def _did_answer(self, peer: Peer, question: type[Question]) -> bool:
        record = self._records.get(peer.id)
        return record is not None and question in record.answered

    def _is_overdue(self, peer: Peer) -> bool:
        record = self._records.get(peer.id)
        return record is not None and record.overdue > 0

    def _standing(self, peer: Peer) -> _Standing:
        now = self._clock.seconds()
        record = self._records.get(peer.id)
        if record is not None:
            if record.paused_until > now:
                return _Standing.PAUSED
            if record.slow_until > now:
                return _Standing.SLOW
            if record.answered:
                return _Standing.GOOD
        beside = self._records.get(address_group(peer.address))
        return _Standing.PAUSED if beside is not None and beside.paused_until > now else _Standing.GOOD

    # Questions

    def ask(
        self,
        peers: Sequence[Peer],
        question: type[Question],
        *arguments: object,
        could_not: Callable[[Peer], None] = lambda peer: None,
        able: Callable[[], Iterable[Peer]],
    ) -> Deferred[tuple[Peer, Answer] | None]:
        """Ask the same of one peer or several, which were chosen.

        :param could_not: Is told who answered that it has it not. :param able: All who may have it; while there is
            nobody else to be asked, these are waited for until their links end.
        :return: Fires with who had it, and the answer; with None if nobody did. Fails with :class:`Overdue`, or with
            a :class:`~cloudnode.peers.faults.PeerFault` if the links ended.
        """
        joint = _Joint(question, could_not, able, peers, len(peers))
        for peer in peers:
            record, ordinary = self._record(peer.id), self._ordinary_patience(peer)
            is_slow = record.slow_until > self._clock.seconds()
            waiting = _Waiting(
                peer, record, joint, ordinary, max(ordinary, record.patience) if is_slow else ordinary,
                peer.progress_bytes, self._clock.seconds(),
            )  # fmt: skip
            self._waiting[waiting] = None
            peer.asked += 1
            asking = peer.ask(question, *arguments)
            asking.addCallbacks(self._answered, self._ended, callbackArgs=(waiting,), errbackArgs=(waiting,))
        if self._ticking is None and self._waiting:
            self._ticking = self._clock.callLater(TICK_SECONDS, self._tick)
        return joint.done

    @staticmethod
    def _ordinary_patience(peer: Peer) -> float:
        return PATIENCE_SECONDS + PINGS_WAITED * min(peer.ping_seconds or 0.0, PING_SECONDS_MOST)

    def _answered(self, answer: Answer, waiting: _Waiting) -> None:
        self._look_at(waiting)
        self._over(waiting)
        record, joint, peer = waiting.record, waiting.joint, waiting.peer
        if waiting.waited > waiting.ordinary:
            record.patience = min(PATIENCE_SECONDS_MOST, 2 * waiting.waited)
            record.slow_until = self._clock.seconds() + SLOW_SECONDS
        if _is_empty(answer):
            joint.was_empty = True
            joint.could_not(peer)
        else:
            self._in_vain[joint.question] = 0
            if not waiting.is_overdue:
                record.answered.add(joint.question)
                if not joint.done.called:
                    joint.done.callback((peer, answer))
        if not waiting.is_overdue:
            self._one_less(joint)

    def _ended(self, failure: Failure, waiting: _Waiting) -> None:
        self._over(waiting)
        peer, joint = waiting.peer, waiting.joint
        self._note_failure(peer.id)
        if reach(peer.address):
            self._note_failure(address_group(peer.address))
        if not waiting.is_overdue:
            self._one_less(joint, failure)

    def _over(self, waiting: _Waiting) -> None:
        del self._waiting[waiting]
        waiting.peer.asked -= 1
        if waiting.is_overdue:
            waiting.record.overdue -= 1
        if not self._waiting and self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    def _one_less(self, joint: _Joint, failure: Failure | None = None) -> None:
        joint.left -= 1
        if joint.left or joint.done.called:
            return
        if joint.was_overdue:
            self._in_vain[joint.question] += 1
            joint.done.errback(Overdue())
        elif joint.was_empty or failure is None:
            joint.done.callback(None)
        else:
            joint.done.errback(failure)

    # Time

    def _tick(self) -> None:
        self._ticking = self._clock.callLater(TICK_SECONDS, self._tick)
        overdue = []
        for waiting in self._waiting:
            self._look_at(waiting)
            if waiting.waited > waiting.patience and not waiting.is_overdue and self._has_others(waiting.joint):
                waiting.is_overdue = waiting.joint.was_overdue = True
                waiting.record.overdue += 1
                waiting.record.answered.clear()
                overdue.append(waiting.joint)
        # All are known to be overdue before the first of those who asked chooses somebody else.
        for joint in overdue:
            self._one_less(joint)

    def _has_others(self, joint: _Joint) -> bool:
        return joint.done.called or any(
            peer.is_open and peer not in joint.peers and not self._is_overdue(peer) for peer in joint.able()
        )

    def _look_at(self, waiting: _Waiting) -> None:
        """Count the time since the last look, and the bytes that make up for it."""
        now, progress = self._clock.seconds(), waiting.peer.progress_bytes
        passed = min(now - waiting.since, STALL_SECONDS)
        came = max(0, progress - waiting.progress)
        waiting.waited = max(0.0, waiting.waited + passed - came / PROGRESS_BYTES_SECOND)
        waiting.since, waiting.progress = now, progress

    # Memory

    def _record(self, name: bytes | str) -> _Record:
        record = self._records.get(name)
        if record is None:
            record = self._records[name] = _Record()
        self._records.move_to_end(name)
        if len(self._records) > REMEMBERED:
            self._records.popitem(last=False)
        return record

    def _note_failure(self, name: bytes | str) -> None:
        record, now = self._record(name), self._clock.seconds()
        record.answered.clear()
        if now > record.failed_at:  # several questions end with one link
            forgotten = (now - record.failed_at) / FORGIVEN_SECONDS
            record.failures = max(0.0, record.failures - forgotten) + 1.0
            record.failed_at = now
            pause = PAUSE_SECONDS * PAUSE_GROWTH ** (record.failures - 1.0)
            record.paused_until = now + min(PAUSE_SECONDS_MOST, pause)


def _is_empty(answer: Answer) -> bool:
    """Whether an answer says that what was asked for is not there."""
    match answer:
        case Blocks():
            return not answer.blocks
        case Operations():
            return not answer.operations
        case Epochs():
            return not answer.ends
        case Nodes():
            return not answer.state and not answer.nodes
        case State():
            return not answer.chunks
        case _:
            return False

"""Answering what other nodes ask of the state: inner nodes and rows, at any height that is kept.

It is done in a thread, one question after the other in the order in which they came, so that a node which serves many
others answers its own callers as before. Who asks pays out of the link's allowance, and has few questions waiting.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, deque

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.node.ledger import Ledger
from cloudnode.node.threads import RunInThread, settled
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import ANSWER_BYTES, CHUNK_ROWS_MAX, GetNodes, GetState, Nodes, State
from cloudnode.peers.peer import Peer
from cloudnode.store.parts import PartLimits, StateParts

WAITING_MAX = 8
"""Questions of one peer that wait; an honest one has two on their way."""

FIRST_BYTES = 3 * 1024 * 1024
"""A leaf page of the longest records fits."""

LIMITS = PartLimits(CHUNK_ROWS_MAX, ANSWER_BYTES, FIRST_BYTES)

StateQuestion = GetNodes | GetState


class StateServing:
    """Answers questions for the state; with nothing while this node does not serve its data."""

    _log = Logger()

    def __init__(self, ledger: Ledger, run_in_thread: RunInThread) -> None:
        self._ledger = ledger
        self._run_in_thread = run_in_thread
        self._parts = StateParts(ledger.database)
        self._waiting: deque[tuple[Peer, StateQuestion]] = deque()
        self._waiting_of: Counter[Peer] = Counter()
        self._busy: Deferred[None] | None = None
        self._is_stopped = False

    def asked(self, peer: Peer, question: StateQuestion) -> None:
        """Answer a question when its turn comes.

        :raises PeerFault: ``flooding``: the peer does not wait for answers.
        """
        if self._waiting_of[peer] >= WAITING_MAX:
            raise PeerFault("flooding", f"it has {WAITING_MAX} questions for the state waiting and asks more")
        self._waiting_of[peer] += 1
        self._waiting.append((peer, question))
        self._next()

    async def stop(self) -> None:
        """Answer nothing more, once the thread is done, and give the database free."""
        self._is_stopped = True
        self._waiting.clear()
        await self.release()

    async def release(self) -> None:
        """Wait for the thread and close the database's file, which the next question opens again."""
        while self._busy is not None:
            await settled(self._busy)
        self._parts.close()

    def _next(self) -> None:
        while self._busy is None and not self._is_stopped:
            # Whoever does not take what it was answered waits, and keeps nobody else waiting.
            turn = next((each for each in self._waiting if each[0].has_room or not each[0].is_open), None)
            if turn is None:
                for each in set(self._waiting_of):
                    each.when_room(self._next)
                return
            self._waiting.remove(turn)
            peer, question = turn
            self._waiting_of[peer] -= 1
            if not self._waiting_of[peer]:
                del self._waiting_of[peer]
            if peer.is_open:
                self._answer(peer, question)

    def _answer(self, peer: Peer, question: StateQuestion) -> None:
        if self._ledger.state != "serving":
            self._send(self._empty(question), peer)
            return
        self._busy = finding = self._run_in_thread(self._find, question)
        finding.addErrback(self._failed, question)
        finding.addCallback(self._send, peer)
        finding.addErrback(lambda failure: self._log.failure("A question for the state failed", failure))
        finding.addBoth(self._done)

    def _done(self, _: object) -> None:
        self._busy = None
        self._next()

    def _find(self, question: StateQuestion) -> Nodes | State:
        """In the thread."""
        if isinstance(question, GetNodes):
            found = self._parts.nodes(question.height, question.slots)
            return self._empty(question) if found is None else Nodes(question.request, found[0], tuple(found[1]))
        chunks = self._parts.rows(question.height, question.slots, LIMITS)
        return self._empty(question) if chunks is None else State(question.request, tuple(chunks))

    def _failed(self, failure: Failure, question: StateQuestion) -> Nodes | State:
        if failure.check(sqlite3.DatabaseError) and not failure.check(sqlite3.OperationalError):
            self._ledger.read_failed(failure)
        else:
            self._log.failure("A question for the state could not be answered", failure)
        return self._empty(question)

    @staticmethod
    def _empty(question: StateQuestion) -> Nodes | State:
        if isinstance(question, GetNodes):
            return Nodes(question.request, b"", ())
        return State(question.request, ())

    @staticmethod
    def _send(answer: Nodes | State, peer: Peer) -> None:
        peer.send(answer)

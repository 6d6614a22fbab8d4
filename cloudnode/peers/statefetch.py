"""Bringing the rows of one state into the new database, from several peers at once.

What to ask for next is the plan's decision (:mod:`cloudnode.peers.stateplan`). Here questions go to peers, and their
answers to a thread, which checks each against the hash above it and puts it into the database. A wrong one ends the
link with its sender, and its slots go back to the plan.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.ledger.chunks import Chunk, ChunkWrong, is_page, read_chunk, read_node
from cloudnode.ledger.trie import InnerNode
from cloudnode.node.threads import RunInThread
from cloudnode.peers.answering import Overdue
from cloudnode.peers.asking import Asker
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import Answer, GetNodes, GetState, Nodes, Question, State
from cloudnode.peers.peer import Peer
from cloudnode.peers.stateplan import StatePlan
from cloudnode.store.loading import Held, Slot, StateLoader
from cloudnode.store.states import StateRoot

ANSWERS_AHEAD = 8
"""Answers on their way or waiting for the thread: 3 MiB each at the very most."""

HEIGHTS_OLD = 800
"""So far below the newest height a newer state is to be taken; peers give this one up at 1,000."""

RETRY_SECONDS = 5.0
"""After the disk took nothing."""


@attrs.frozen
class _Arrived:
    """What a peer sent for some slots: nodes, or chunks."""

    peer: Peer
    slots: list[Slot]
    is_nodes: bool
    parts: Sequence[bytes | None]


@attrs.define
class _Taken:
    """What became of it.

    :ivar nodes: Are in the database. :ivar loaded: Slots whose rows are. :ivar too_long: Slots with too many rows.
    :ivar left: Slots that are to be asked for again. :ivar fault: What the sender did wrong.
    """

    nodes: list[InnerNode] = attrs.Factory(list)
    loaded: list[Slot] = attrs.Factory(list)
    too_long: list[Slot] = attrs.Factory(list)
    left: list[Slot] = attrs.Factory(list)
    fault: PeerFault | None = None


class StateFetch:
    """Fetches one state.

    :ivar plan: What there is to be had. :ivar trouble: Why the database takes nothing now, or None.
    """

    _log = Logger()

    def __init__(
        self,
        state: StateRoot,
        loader: StateLoader,
        asker: Asker,
        clock: IReactorTime,
        run_in_thread: RunInThread,
        *,
        is_fresh: bool,
    ) -> None:
        """:param is_fresh: Whether nothing is in the database yet."""
        self.trouble: str | None = None
        self.plan = StatePlan([Slot(table, "", entry) for table, entry in enumerate(state.entries)], is_fresh)
        self._height = state.height
        self._loader = loader
        self._asker = asker
        self._clock = clock
        self._run_in_thread = run_in_thread
        self._arrived: deque[_Arrived] = deque()
        self._is_busy = False
        self._is_over = False
        self._done: Deferred[bool] = Deferred()
        self._next_turn: IDelayedCall | None = None

    def run(self) -> Deferred[bool]:
        """Begin.

        :return: Fires with True once all rows are in the database, or with False if that state is too old to be had,
            or :meth:`stop` was called; the thread then does nothing more.
        """
        self.pump()
        return self._done

    def stop(self) -> None:
        """Give it up, once the thread is done."""
        self._is_over = True
        self._finish_if_over()

    def pump(self) -> None:
        """Do what can be done now."""
        if self._done.called:
            return
        if not self._is_over and self._is_old():
            self._is_over = True
        if not self._is_over:
            self._work()
            while self._asker.on_way + len(self._arrived) < ANSWERS_AHEAD and self._ask_next():
                pass
        self._finish_if_over()

    def _is_old(self) -> bool:
        return self._asker.newest - self._height > HEIGHTS_OLD or self._asker.nobody_can(self._height)

    def _finish_if_over(self) -> None:
        if self._done.called or self._is_busy or not (self._is_over or self.plan.is_done):
            return
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        self._is_over = True
        self._done.callback(self.plan.is_done)

    # Questions

    def _ask_next(self) -> bool:
        """Ask the next question; False if there is none, or nobody to ask."""
        # Nodes first: without them there is soon nothing else to ask for.
        slots = self.plan.next_nodes()
        is_nodes = bool(slots)
        if not slots:
            slots = self.plan.next_chunks()
        if not slots:
            return False
        question: type[Question] = GetNodes if is_nodes else GetState
        peers = self._asker.choose(self._height, question)
        if not peers:
            self._give_back(slots, is_nodes)
            return False
        asking = self._asker.ask(peers, self._height, question, self._height, tuple(slot.name for slot in slots))
        asking.addCallback(self._came, slots, is_nodes)
        asking.addErrback(self._not_came, slots, is_nodes)
        asking.addBoth(lambda _: self.pump())
        return True

    def _came(self, told: tuple[Peer, Answer] | None, slots: list[Slot], is_nodes: bool) -> None:
        if told is None:
            self._give_back(slots, is_nodes)
            return
        peer, answer = told
        parts = answer.nodes if isinstance(answer, Nodes) else answer.chunks if isinstance(answer, State) else ()
        if len(parts) > len(slots) or (is_nodes and len(parts) < len(slots)):
            self._give_back(slots, is_nodes)
            peer.end(PeerFault("unexpected", "it sent another number of parts of the state than it was asked for"))
            return
        self._give_back(slots[len(parts) :], is_nodes)
        self._arrived.append(_Arrived(peer, slots[: len(parts)], is_nodes, parts))

    def _not_came(self, failure: Failure, slots: list[Slot], is_nodes: bool) -> None:
        self._give_back(slots, is_nodes)
        if failure.check(Overdue, PeerFault) is None:
            self._log.failure("A question for the state failed", failure)

    def _give_back(self, slots: Sequence[Slot], is_nodes: bool) -> None:
        (self.plan.give_back_nodes if is_nodes else self.plan.give_back_chunks)(slots)

    # The thread's work

    def _work(self) -> None:
        """Give the thread its next work: what arrived, or else slots to compare."""
        if self._is_busy or self._next_turn is not None:
            return
        if self._arrived:
            arrived = self._arrived.popleft()
            self._begin(_take, arrived, self._taken, lambda: self._give_back(arrived.slots, arrived.is_nodes))
        elif slots := self.plan.next_comparison():
            self._begin(_compare, slots, self._compared, lambda: self.plan.give_back_comparison(slots))

    def _begin(
        self, function: Callable[..., object], what: object, done: Callable[..., None], give_back: Callable[[], None]
    ) -> None:
        self._is_busy = True
        work = self._run_in_thread(function, self._loader, what)
        work.addCallback(done, what)
        work.addErrback(self._failed, give_back)
        work.addBoth(self._worked)

    def _taken(self, taken: _Taken, arrived: _Arrived) -> None:
        self.trouble = None
        for node in taken.nodes:
            self.plan.node_came(node)
        for slot in taken.loaded:
            self.plan.loaded(slot)
        for slot in taken.too_long:
            self.plan.too_long(slot)
        self._give_back(taken.left, arrived.is_nodes)
        if taken.fault is not None:
            arrived.peer.end(taken.fault)

    def _compared(self, held: list[Held], slots: list[Slot]) -> None:
        self.trouble = None
        for slot, what in zip(slots, held, strict=True):
            self.plan.compared(slot, what)

    def _failed(self, failure: Failure, give_back: Callable[[], None]) -> None:
        give_back()
        self.trouble = f"the state can't be written: {failure.getErrorMessage()}"
        if failure.check(sqlite3.Error, OSError):
            self._log.error("{trouble}; trying again in {delay:.0f} s", trouble=self.trouble, delay=RETRY_SECONDS)
        else:
            self._log.failure("A part of the state could not be taken", failure)
        self._next_turn = self._clock.callLater(RETRY_SECONDS, self._try_again)

    def _try_again(self) -> None:
        self._next_turn = None
        self.pump()

    def _worked(self, _: object) -> None:
        self._is_busy = False
        # In a turn of its own, so that work which is done at once does not pile up calls.
        self._clock.callLater(0, self.pump)


def _compare(loader: StateLoader, slots: list[Slot]) -> list[Held]:
    """In the thread: what the database has under some slots; where nothing is wanted, nothing is left."""
    held = loader.examine(slots)
    emptied = [slot for slot, what in zip(slots, held, strict=True) if what == "other" and not slot.rows]
    if emptied:
        loader.put([Chunk(slot.table, slot.slot, (), {}) for slot in emptied])
    return ["same" if slot in emptied else what for slot, what in zip(slots, held, strict=True)]


def _take(loader: StateLoader, arrived: _Arrived) -> _Taken:
    """In the thread: check what arrived, and put what is right into the database."""
    taken = _Taken()
    chunks: list[Chunk] = []
    for slot, part in zip(arrived.slots, arrived.parts, strict=True):
        if taken.fault is not None:
            taken.left.append(slot)
            continue
        try:
            if arrived.is_nodes:
                node = read_node(slot.table, slot.slot, slot.entry, part or b"")
                loader.put_node(slot, node)
                taken.nodes.append(node)
            elif part is not None:
                chunks.append(read_chunk(slot.table, slot.slot, slot.entry, part))
                taken.loaded.append(slot)
            elif is_page(slot.entry):
                raise ChunkWrong(f"it says that the leaf page at slot {slot.name} is too long to be sent")
            else:
                taken.too_long.append(slot)
        except ChunkWrong as wrong:
            taken.fault = PeerFault("wrong_state", str(wrong))
            taken.left.append(slot)
    if chunks:
        loader.put(chunks)
    return taken

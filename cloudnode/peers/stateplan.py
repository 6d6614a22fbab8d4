"""Which parts of a state are still to be had, in which order: the decisions of state sync, without peers or database.

Theory of operation. One begins with the five tables' entries, and goes down. A slot with few enough rows is a chunk; of
one with more its inner node is fetched, which names the slots below, and so on in the order of the keys, so that rows
come into the database about in the order in which they lie there. If something is in the database already, each chunk's
slot is first compared with what is there. If it is the same, it need not be fetched; if it is another, one goes further
down, to what really differs, for a leaf page costs no more than a node.

Whatever is handed out is either done or given back, so nothing is lost with a peer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from cloudnode.formats.nodes import PAGE_ROWS
from cloudnode.ledger.trie import InnerNode
from cloudnode.store.loading import Held, Slot

CHUNK_ROWS = 2_000
"""The most rows under a slot that is fetched at once, and of a question for rows in all."""

COMPARED_ROWS = 5 * PAGE_ROWS
"""Of what is there but differs, slots with at most so many rows are fetched, others are looked into."""

SLOTS_ASKED = 64
NODES_ASKED = 16
SLOTS_AHEAD = 2_048
"""No further node is looked into while so many slots wait."""


class StatePlan:
    """What is to be had of one state.

    :ivar total: Rows in all. :ivar done: Rows that are in the database.
    """

    def __init__(self, tops: Sequence[Slot], is_fresh: bool) -> None:
        """:param is_fresh: Whether the database has no rows at all."""
        self.total = sum(slot.rows for slot in tops)
        self.done = 0
        self._is_fresh = is_fresh
        self._to_look_into: list[Slot] = []
        self._to_compare: deque[Slot] = deque()
        self._to_fetch: deque[Slot] = deque()
        self._out = 0
        self._add(tops)

    @property
    def is_done(self) -> bool:
        """Whether all of it is in the database."""
        return not (self._out or self._to_look_into or self._to_compare or self._to_fetch)

    def _add(self, slots: Iterable[Slot]) -> None:
        large = []
        for slot in slots:
            if slot.rows > CHUNK_ROWS:
                large.append(slot)
            elif not self._is_fresh:
                self._to_compare.append(slot)
            elif slot.rows:
                self._to_fetch.append(slot)
        # The last one is taken first: what lies lowest stands last.
        self._to_look_into += reversed(large)

    # Inner nodes

    def next_nodes(self) -> list[Slot]:
        """Slots whose inner nodes are to be fetched; each goes to :meth:`node_came` or :meth:`give_back_nodes`."""
        if len(self._to_compare) + len(self._to_fetch) > SLOTS_AHEAD:
            return []
        taken = [self._to_look_into.pop() for _ in range(min(NODES_ASKED, len(self._to_look_into)))]
        self._out += len(taken)
        return taken

    def node_came(self, node: InnerNode) -> None:
        """The inner node of a slot is in the database."""
        self._out -= 1
        self._add(Slot(node.table, node.path + digit, node.children[digit]) for digit in sorted(node.children))

    def give_back_nodes(self, slots: Sequence[Slot]) -> None:
        """Nobody brings them for now."""
        self._out -= len(slots)
        self._to_look_into += reversed(slots)

    # What is here already

    def next_comparison(self) -> list[Slot]:
        """Slots to be compared with the database; each goes to :meth:`compared`."""
        taken: list[Slot] = []
        rows = 0
        while self._to_compare and len(taken) < SLOTS_ASKED and (not taken or rows < CHUNK_ROWS):
            slot = self._to_compare.popleft()
            rows += slot.rows
            taken.append(slot)
        self._out += len(taken)
        return taken

    def compared(self, slot: Slot, held: Held) -> None:
        """What the database has there is known."""
        self._out -= 1
        if held == "same":
            self.done += slot.rows
        elif held == "other" and slot.rows > COMPARED_ROWS:
            self._to_look_into.append(slot)
        else:
            self._to_fetch.append(slot)

    def give_back_comparison(self, slots: Sequence[Slot]) -> None:
        """It could not be known."""
        self._out -= len(slots)
        self._to_compare.extendleft(reversed(slots))

    # Rows

    def next_chunks(self) -> list[Slot]:
        """Slots whose rows are to be fetched in one question; each goes to one of the methods below."""
        taken: list[Slot] = []
        rows = 0
        while self._to_fetch and len(taken) < SLOTS_ASKED:
            rows += self._to_fetch[0].rows
            if taken and rows > CHUNK_ROWS:
                break
            taken.append(self._to_fetch.popleft())
        self._out += len(taken)
        return taken

    def loaded(self, slot: Slot) -> None:
        """Its rows are in the database."""
        self._out -= 1
        self.done += slot.rows

    def too_long(self, slot: Slot) -> None:
        """Its rows are too long for one answer: they are had by the slots below it."""
        self._out -= 1
        self._to_look_into.append(slot)

    def give_back_chunks(self, slots: Sequence[Slot]) -> None:
        """Nobody brings them for now."""
        self._out -= len(slots)
        self._to_fetch.extendleft(reversed(slots))

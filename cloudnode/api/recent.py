"""Answers that many callers want alike, made once for each state of the ledger.

Whoever follows the log asks for a block as soon as it is there: all at once, and for the same. An answer is kept until
the next block, until the database is repaired, or until many others have been asked for since it was.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from cloudnode.node.ledger import Ledger

BYTES_MAX = 8 * 1024 * 1024
"""Of what is kept; what was asked for the longest time ago is given up first."""

ENTRY_BYTES = 500
"""About what an answer takes besides its bytes: the question, the objects, the places in tables."""

T = TypeVar("T")


class RecentAnswers(Generic[T]):
    """Answers by what was asked."""

    def __init__(self, ledger: Ledger, bytes_max: int = BYTES_MAX) -> None:
        self._ledger = ledger
        self._bytes_max = bytes_max
        self._kept: dict[Hashable, tuple[T, int]] = {}
        self._size = 0
        self._held_for: tuple[object, object] = (None, None)

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, asked: Hashable) -> T | None:
        """The answer to what was asked before, if the ledger is as it was then."""
        ledger = self._ledger
        head, repair = self._held_for
        if head is not ledger.head or repair is not ledger.repair:
            self._held_for = ledger.head, ledger.repair
            self._kept.clear()
            self._size = 0
        kept = self._kept.pop(asked, None)
        if kept is None:
            return None
        self._kept[asked] = kept  # the last one now
        return kept[0]

    def keep(self, asked: Hashable, answer: T, size: int) -> None:
        """Keep an answer that the last :meth:`find` did not find.

        :param size: In bytes.
        """
        size += ENTRY_BYTES
        if size > self._bytes_max:
            return
        self._kept[asked] = answer, size
        self._size += size
        while self._size > self._bytes_max:
            _, given_up = self._kept.pop(next(iter(self._kept)))
            self._size -= given_up

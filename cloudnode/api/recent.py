"""Answers that many callers want alike, made once for each state of the ledger.

Whoever follows the log asks for a block as soon as it is there: all at once, and for the same. An answer is kept until
the next block, or until the database is repaired.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from cloudnode.node.ledger import Ledger

BYTES_MAX = 8 * 1024 * 1024
"""Of what is kept; what is beyond is made anew each time."""

T = TypeVar("T")


class RecentAnswers(Generic[T]):
    """Answers by what was asked."""

    def __init__(self, ledger: Ledger, bytes_max: int = BYTES_MAX) -> None:
        self._ledger = ledger
        self._bytes_max = bytes_max
        self._kept: dict[Hashable, T] = {}
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
        return self._kept.get(asked)

    def keep(self, asked: Hashable, answer: T, size: int) -> None:
        """Keep an answer that was made since the last :meth:`find`.

        :param size: In bytes.
        """
        if self._size + size <= self._bytes_max:
            self._kept[asked] = answer
            self._size += size

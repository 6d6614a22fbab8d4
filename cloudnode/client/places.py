"""Places in the log: cursors, as clients read and write them."""

from __future__ import annotations

from msgspec import Struct


class LogPlace(Struct, frozen=True, order=True, gc=False):
    """A cursor: the operation ``index`` of block ``height``; the same place on every node."""

    height: int
    index: int

    def __str__(self) -> str:
        return f"{self.height}:{self.index}"

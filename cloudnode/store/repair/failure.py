"""Why a repair does not succeed."""

from __future__ import annotations

from collections.abc import Sequence


class MendingFailed(Exception):
    """This way does not lead to a true database; the text says why.

    :ivar heights: Blocks of the log that are damaged and have to be fetched first.
    """

    def __init__(self, reason: str, heights: Sequence[int] = ()) -> None:
        super().__init__(reason)
        self.heights = tuple(heights)

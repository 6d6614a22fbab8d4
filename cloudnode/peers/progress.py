"""How far a follower is, how fast, and how long it will take."""

from __future__ import annotations

from collections import deque

import attrs

SECONDS_LOOKED_AT = 20.0


@attrs.frozen
class Progress:
    """How far a node is.

    :ivar height: Of its newest block. :ivar target: The height that it knows its peers to have.
    :ivar operations_second: Operations that it wrote in the last seconds, a second.
    :ivar seconds_left: Until it is at the target, or None if that can't be said.
    """

    height: int
    target: int
    operations_second: float
    seconds_left: float | None


class ProgressMeter:
    """Measures over the last seconds. Pure: the time is given."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int, int]] = deque()
        self._operations = 0

    def wrote(self, operations: int) -> None:
        """A block with so many operations is on disk."""
        self._operations += operations

    def mark(self, now: float, height: int) -> None:
        """Note how far it is; to be called about once a second."""
        self._marks.append((now, height, self._operations))
        while self._marks[0][0] < now - SECONDS_LOOKED_AT:
            self._marks.popleft()

    def progress(self, height: int, target: int) -> Progress:
        """What the marks say."""
        target = max(height, target)
        if len(self._marks) < 2:
            return Progress(height, target, 0.0, None if target > height else 0.0)
        (began, low, before), (ended, high, after) = self._marks[0], self._marks[-1]
        seconds = max(ended - began, 1e-3)
        pace = (high - low) / seconds
        left = 0.0 if target == height else (target - height) / pace if pace > 0 else None
        return Progress(height, target, (after - before) / seconds, left)

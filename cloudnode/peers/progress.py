"""How far a follower is, how fast, and how long it will take."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import attrs
from twisted.logger import Logger

SECONDS_LOOKED_AT = 20.0
LOG_SECONDS = 5.0


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


class ProgressLog:
    """Says in the log how catching up goes, and when it is done."""

    _log = Logger()

    def __init__(self, progress: Callable[[], Progress], now: float) -> None:
        """:param now: Seconds, of the clock that :meth:`time_passed` tells."""
        self._progress = progress
        self._next = now
        self._is_behind = False

    def time_passed(self, now: float) -> None:
        """Say it if there is something to say."""
        progress = self._progress()
        behind = progress.target - progress.height
        if self._is_behind and behind < 2:
            self._is_behind = False
            self._log.info("Caught up at height {height}", height=progress.height)
        if behind < 10 or now < self._next:
            return
        self._is_behind = True
        self._next = now + LOG_SECONDS
        self._log.info(
            "Catching up: height {height} of {target}, {rate:.0f} operations/s, {left}",
            height=progress.height,
            target=progress.target,
            rate=progress.operations_second,
            left="" if progress.seconds_left is None else f"{progress.seconds_left:.0f} s left",
        )

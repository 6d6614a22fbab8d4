"""Simulated time: a queue of what happens when."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any


class Clock:
    """Runs what is due in order of time, and of planning where times are equal.

    :ivar now: Seconds since the beginning.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._planned = 0
        self._queue: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []

    def later(self, seconds: float, call: Callable[..., None], *arguments: Any) -> None:
        """Plan a call."""
        self.at(self.now + seconds, call, *arguments)

    def at(self, time: float, call: Callable[..., None], *arguments: Any) -> None:
        """Plan a call at an absolute time, at once if that has passed."""
        self._planned += 1
        heapq.heappush(self._queue, (max(time, self.now), self._planned, call, arguments))

    def run(self, until: float, is_over: Callable[[], bool]) -> None:
        """Let time pass until then, or until it is over."""
        while self._queue and self._queue[0][0] <= until and not is_over():
            self.now, _, call, arguments = heapq.heappop(self._queue)
            call(*arguments)
        if not is_over():
            self.now = until

"""A progress bar: one line on standard error that tells how far, how fast and how long still."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import IO

WINDOW = 5.0
"""Seconds over which the present rate is taken."""

INTERVAL = 0.1
BAR = 24


class ProgressBar:
    """Draws at most ten times a second. Nothing is drawn where the stream is no terminal."""

    def __init__(self, stream: IO[str], label: str, total: int, now: Callable[[], float], unit: str = "") -> None:
        """
        :param total: What there is to do. :param now: Seconds of some clock. :param unit: What is counted a second;
            empty for a share without a rate.
        """
        self.done = 0
        self._stream = stream
        self._label = label
        self._total = total
        self._now = now
        self._unit = unit
        self._is_shown = stream.isatty()
        self._marks: deque[tuple[float, int]] = deque([(now(), 0)])
        self._drawn_at = float("-inf")
        self._drawn = 0

    def advance(self, count: int = 1) -> None:
        """So many more are done."""
        self.set(self.done + count)

    def set(self, done: int) -> None:
        """So many are done."""
        self.done = done
        if self._is_shown:
            now = self._now()
            if now - self._drawn_at >= INTERVAL:
                self._draw(now)

    def skip(self, count: int) -> None:
        """So many need not be done; they do not count for the rate."""
        self.done += count
        self._marks = deque([(self._now(), self.done)])

    def finish(self) -> None:
        """Draw the last state and go to the next line."""
        if self._is_shown:
            self._draw(self._now())
            self._stream.write("\n")
            self._stream.flush()

    def text(self, now: float) -> str:
        """The line."""
        share = min(1.0, self.done / self._total) if self._total else 1.0
        filled = int(share * BAR)
        bar = "█" * filled + "░" * (BAR - filled)
        if not self._unit:
            return f"{self._label} {bar} {share:4.0%}"
        rate = self._rate(now)
        left = f"{_clock((self._total - self.done) / rate)} left" if rate > 0 and self.done < self._total else ""
        return f"{self._label} {bar} {self.done:,}/{self._total:,}  {rate:,.0f} {self._unit}/s  {left}".rstrip()

    def _rate(self, now: float) -> float:
        self._marks.append((now, self.done))
        while len(self._marks) > 2 and now - self._marks[1][0] >= WINDOW:
            self._marks.popleft()
        since, before = self._marks[0]
        return (self.done - before) / (now - since) if now > since else 0.0

    def _draw(self, now: float) -> None:
        text = self.text(now)
        self._stream.write("\r" + text + " " * max(0, self._drawn - len(text)))
        self._stream.flush()
        self._drawn, self._drawn_at = len(text), now


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"

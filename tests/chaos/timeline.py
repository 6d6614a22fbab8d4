"""What happens in a run, told at once and kept."""

from __future__ import annotations

import time
from collections.abc import Callable


class Timeline:
    """What happened, told at once and kept.

    :ivar lines: All of it. :ivar notes: The same, with seconds of the wall clock.
    """

    def __init__(self, tell: Callable[[str], object]) -> None:
        self.lines: list[str] = []
        self.notes: list[tuple[float, str]] = []
        self._tell = tell
        self._began = time.monotonic()

    def begin(self) -> None:
        """Count from now on."""
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    def tell(self, text: str) -> None:
        """Something happened."""
        self.notes.append((time.time(), text))
        self.lines.append(f"{self.seconds:8.1f} s  {text}")
        self._tell(self.lines[-1])

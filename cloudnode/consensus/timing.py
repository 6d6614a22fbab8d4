"""How long to wait: an estimate of the network's delay, and a record of which leaders are there.

Neither decides what is valid: nodes may differ in them at any time, and only speed suffers.
"""

from __future__ import annotations

from cloudnode.consensus.seams import Settings

MISSES = 2
"""So many of its own views in a row must a leader miss to be skipped at once."""

BACKOFF_MOST = 32
"""A missing leader is given a chance again after 2, 4, ... and at last so many of its turns."""


class Delay:
    """The delay of one message, estimated like a retransmission time-out (RFC 6298): mean plus four deviations."""

    __slots__ = ("_deviation", "_mean", "_settings", "value")

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._mean: float | None = None
        self._deviation = 0.0
        self.value = settings.delta_first

    def measured(self, seconds: float) -> None:
        """A message, or the slowest that a quorum needed, took so long."""
        if self._mean is None:
            self._mean, self._deviation = seconds, seconds / 2
        else:
            self._deviation += (abs(seconds - self._mean) - self._deviation) / 4
            self._mean += (seconds - self._mean) / 8
        estimate = self._mean + 4 * self._deviation
        self.value = min(max(estimate, self._settings.delta_least), self._settings.delta_most)

    def patience(self, unfinished: int) -> float:
        """How long after a proposal was due to wait for its view to be cleared.

        :param unfinished: Views since the last final block beyond the two that are always under way.
        """
        exponent = min(unfinished, 64)
        return min(3 * self.value * self._settings.alpha**exponent, self._settings.timeout_most)


class Attendance:
    """Which leaders missed their own last views.

    At most as many are skipped at once as may be faulty, so that after a long partition, in which all missed views, a
    quorum of leaders is always waited for.
    """

    def __init__(self, leaders: int, tolerated: int) -> None:
        self._tolerated = tolerated
        self._misses = [0] * leaders
        self._backoff = [1] * leaders
        self._turns = [0] * leaders

    def proposed(self, leader: int) -> None:
        """A block of this leader was notarized."""
        self._misses[leader] = 0
        self._backoff[leader] = 1
        self._turns[leader] = 0

    def missed(self, leader: int) -> None:
        """A view of this leader was skipped."""
        self._misses[leader] += 1

    def is_skipped(self, leader: int) -> bool:
        """Whether to skip this view of the leader at once; asked once a view of it."""
        if self._misses[leader] < MISSES or leader not in self._worst():
            return False
        self._turns[leader] += 1
        if self._turns[leader] < self._backoff[leader]:
            return True
        self._turns[leader] = 0
        self._backoff[leader] = min(self._backoff[leader] * 2, BACKOFF_MOST)
        return False

    def _worst(self) -> list[int]:
        order = sorted(range(len(self._misses)), key=lambda leader: (-self._misses[leader], leader))
        return order[: self._tolerated]

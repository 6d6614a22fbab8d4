"""How long a NAT keeps a mapping without a packet: found out with a socket that may lose its own (pure).

Theory of operation. A second socket gets a mapping of its own, sends nothing for some seconds, and then the STUN server
is asked to send to the mapping: if that arrives, mappings live so long at least. What is tried doubles from the
interval at which mappings are kept to the longest that is wanted; when it failed twice in a row (one packet may be
lost) it is halved between what held and what did not, until the two are close. The mappings in use are never at stake:
their interval only grows to what has held, less a margin for packets that are late.

A mapping that changes although it was kept shows that all this is no longer true (another router, or one that promises
less than it kept), so it begins anew, with shorter intervals if the shortest was not short enough.
"""

from __future__ import annotations

MARGIN = 0.9
CLOSE = 1.25
"""What held and what did not are close enough."""

TRIES = 2
"""So many failures in a row at one length count."""

SHRINK = 2.0
SHORTEST = 0.25
"""The interval is never shorter than this share of the first one."""


class LifetimeSearch:
    """Which interval between keep-alives is safe.

    :ivar held: The longest silence that a mapping survived, in seconds, or None.
    :ivar lost: The shortest that it did not survive, or None. :ivar interval: Seconds between keep-alives.
    :ivar first: The interval to begin with.
    """

    def __init__(self, first: float, longest: float) -> None:
        """:param first: In seconds. :param longest: The longest interval that is wanted."""
        self.first = first
        self._longest = max(first, longest)
        self.held: float | None = None
        self.lost: float | None = None
        self.interval = first
        self._failures = 0

    @property
    def candidate(self) -> float | None:
        """The silence to be tried next, in seconds; None if enough is known."""
        held = self.held or self.interval
        if self.lost is not None:
            return None if self.lost / held < CLOSE else (held + self.lost) / 2
        wanted = self._longest / MARGIN
        return None if held >= wanted else min(2 * held, wanted)

    def survived(self, silence: float) -> None:
        """A mapping held so long."""
        self._failures = 0
        self.held = max(silence, self.held or 0.0)
        self.interval = min(self._longest, max(self.interval, self.held * MARGIN))

    def died(self, silence: float) -> None:
        """A mapping did not, or the packet that should have shown it was lost."""
        self._failures += 1
        if self._failures >= TRIES:
            self._failures = 0
            self.lost = min(silence, self.lost or silence)

    def contradicted(self) -> None:
        """A mapping that was kept at the interval has changed: begin anew."""
        if self.held is None:
            self.interval = max(self.interval / SHRINK, self.first * SHORTEST)
        else:
            self.interval = self.first
        self.held = self.lost = None
        self._failures = 0

    def begin_anew(self) -> None:
        """The network is another one."""
        self.interval = self.first
        self.held = self.lost = None
        self._failures = 0

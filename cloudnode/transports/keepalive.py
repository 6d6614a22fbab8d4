"""Finding out that the other end of a silent connection is gone.

Nothing is done for a byte that comes but to note the time; a connection that is busy is asked nothing. Only
when a connection was silent for the whole interval is it sent a ping, and dropped if nothing at all came
after it. Ten thousand idle connections cost one ping each an interval.
"""

from __future__ import annotations

from typing import Protocol

from cloudnode.transports.timers import TimerWheel, WheelCall


class Watched(Protocol):
    """A connection whose silence is watched."""

    def silence_met(self) -> None:
        """Nothing came for the interval: send a ping."""

    def silence_unbroken(self) -> None:
        """Nothing came after the ping either: drop the connection."""


class KeepAlive:
    """Watches the silence of one connection, from its making until :meth:`stop`."""

    __slots__ = ("_call", "_connection", "_heard_at", "_interval", "_pinged_at", "_timeout", "_wheel")

    def __init__(self, connection: Watched, wheel: TimerWheel, interval: float, timeout: float) -> None:
        """
        :param interval: After how many seconds of silence to ping; 0 for never.
        :param timeout: How many seconds after that something must have come.
        """
        self._connection = connection
        self._wheel = wheel
        self._interval = interval
        self._timeout = timeout
        self._heard_at = wheel.clock.seconds()
        self._pinged_at: float | None = None
        self._call: WheelCall | None = wheel.call_later(interval, self._check) if interval > 0 else None

    def heard(self) -> None:
        """Something came."""
        self._heard_at = self._wheel.clock.seconds()

    def stop(self) -> None:
        """The connection is gone."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _check(self) -> None:
        now = self._wheel.clock.seconds()
        silence = now - self._heard_at
        if self._pinged_at is not None and self._heard_at < self._pinged_at:
            left = self._pinged_at + self._timeout - now
            if left > 0:
                self._call = self._wheel.call_later(left, self._check)
                return
            self._call = None
            self._connection.silence_unbroken()
            return
        if silence >= self._interval:
            self._pinged_at = now
            # The answer is to be followed by the next ping in time, not only once the time for it is over: whoever
            # keeps a way through a NAT open by pings counts on the interval.
            self._call = self._wheel.call_later(min(self._interval, self._timeout), self._check)
            self._connection.silence_met()
        else:
            self._pinged_at = None
            self._call = self._wheel.call_later(self._interval - silence, self._check)

"""Stopping what has started in the reverse order, each part awaited before the next.

``MultiService`` stops its children without waiting for one before the next and swallows their failures; a
node that closes its store while a session still writes to it would lose what it promised. Here a start hands
over what stops each part as soon as that part runs, so that at any moment exactly what runs can be stopped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger


class StartError(Exception):
    """A node that can't start for a reason outside its program; the text is one line for the operator."""


class StartAbandoned(Exception):
    """A start that goes no further, since the node is to stop."""


@attrs.frozen
class _Part:
    name: str
    stop: Callable[[], Awaitable[object] | None]
    seconds: float | None


class Shutdown:
    """What there is to stop, in the order in which it started.

    :ivar requested: Whether the node is to stop.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self.requested = False
        self._clock = clock
        self._parts: list[_Part] = []

    def add(self, name: str, stop: Callable[[], Awaitable[object] | None], seconds: float | None = None) -> None:
        """Take over a part that has just started.

        :param name: What it is, for the log. :param stop: Stops it; what it raises is logged.
        :param seconds: After so long without an end of ``stop`` the next part is stopped; None always waits.
        :raises StartAbandoned: No further part is to be started.
        """
        self._parts.append(_Part(name, stop, seconds))
        if self.requested:
            raise StartAbandoned

    def request(self) -> None:
        """Let a start in progress go no further."""
        self.requested = True

    async def run(self) -> None:
        """Stop all parts, last one first. Never fails; not to be called while a start is in progress."""
        while self._parts:
            part = self._parts.pop()
            began = self._clock.seconds()
            try:
                stopped = Deferred.fromCoroutine(_stop(part))
                if part.seconds is not None:
                    stopped.addTimeout(part.seconds, self._clock)
                await stopped
            except TimeoutError:
                self._log.error("{part} did not stop in {seconds} s", part=part.name, seconds=part.seconds)
            except Exception:
                self._log.failure("{part} failed to stop", part=part.name)
            else:
                took = self._clock.seconds() - began
                self._log.debug("{part} stopped in {seconds:.3f} s", part=part.name, seconds=took)


async def _stop(part: _Part) -> None:
    waiting = part.stop()
    if waiting is not None:
        await waiting

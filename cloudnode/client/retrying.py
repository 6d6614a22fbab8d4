"""Which failures may pass, and how long to wait until the next attempt."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from twisted.internet.task import deferLater

from cloudnode.client.errors import ClientError, ConnectionFailed, RemoteError, TimedOut

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 15.0

TRANSIENT = frozenset(
    ("node_starting", "node_syncing", "node_stopping", "too_many_connections", "node_overloaded", "internal_error")
)


def is_transient(error: ClientError) -> bool:
    """Whether the same request may succeed later, perhaps on a new connection."""
    if isinstance(error, RemoteError):
        return error.name in TRANSIENT or error.code in (429, 503)
    return isinstance(error, ConnectionFailed | TimedOut)


class Backoff:
    """Pauses that double up to :data:`LONGEST_PAUSE`, each cut by up to a half at random, so that the clients of a
    node that comes back do not all come at once.
    """

    def __init__(self, clock: Any, random_fraction: Callable[[], float] = random.random) -> None:
        self._clock = clock
        self._random = random_fraction
        self._next = FIRST_PAUSE

    def reset(self) -> None:
        """It worked."""
        self._next = FIRST_PAUSE

    async def pause(self) -> None:
        """Wait before the next attempt."""
        seconds = self._next * (1 - self._random() / 2)
        self._next = min(self._next * 2, LONGEST_PAUSE)
        await deferLater(self._clock, seconds)

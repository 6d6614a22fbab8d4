"""Following a topic through lost connections: the same items, in order, none twice, as long as it takes."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from twisted.internet.task import deferLater

from cloudnode.client.client import Client
from cloudnode.client.errors import ClientError, ConnectionFailed, RemoteError, TimedOut
from cloudnode.client.places import LogPlace
from cloudnode.client.subscription import Item

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


async def follow(
    connect: Callable[[], Awaitable[Client]],
    clock: Any,
    topic: str,
    wanted: dict[str, Any] | None = None,
    after: LogPlace | None = None,
    *,
    on_trouble: Callable[[ClientError], object] = lambda error: None,
    random_fraction: Callable[[], float] = random.random,
) -> AsyncIterator[Item]:
    """Items of a topic, for ever.

    :param connect: Makes a connection. :param on_trouble: Told of each failure that is overcome.
    :raises ClientError: The first connection can't be made, or the node refuses (``cursor_pruned``).
    """
    backoff = Backoff(clock, random_fraction)
    has_worked = False
    while True:
        client: Client | None = None
        try:
            client = await connect()
            subscription = await client.subscribe(topic, wanted, after)
            has_worked, after = True, subscription.cursor
            backoff.reset()
            async for item in subscription:
                after = item.cursor
                yield item
        except ClientError as error:
            if not has_worked or not is_transient(error):
                raise
            on_trouble(error)
        finally:
            if client is not None:
                await client.close()
        await backoff.pause()

"""The same session for programs that run asyncio's loop. The reactor runs in a thread of its own.

::

    async with await AsyncioCloud.connect(["ws://127.0.0.1:38082"]) as cloud:
        print((await cloud.call("getdatahash")).result)
        async for item in await cloud.subscribe("ratings"):
            print(item.cursor)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, Literal, TypeVar

from cloudnode.client.background import run_in_background, start_reactor
from cloudnode.client.cloud.cloud import Cloud, CloudAnswer
from cloudnode.client.cloud.face import Face
from cloudnode.client.cloud.subscription import CloudItem, CloudSubscription
from cloudnode.client.places import LogPlace
from cloudnode.client.writer import SignedOperation, Submitted, Writer
from cloudnode.formats.keys import SigningKey

T = TypeVar("T")


async def _wait(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run it in the reactor's thread; a task that is cancelled gives it up."""
    return await asyncio.wrap_future(run_in_background(work))


class AsyncioSubscription:
    """Iterate over it with ``async for``; as :class:`CloudSubscription`."""

    def __init__(self, subscription: CloudSubscription) -> None:
        self._subscription = subscription

    @property
    def cursor(self) -> LogPlace:
        """That of the last item taken, or where the subscription began."""
        return self._subscription.cursor

    def __aiter__(self) -> AsyncioSubscription:
        return self

    async def __anext__(self) -> CloudItem:
        item = await _wait(self._next)
        if item is None:
            raise StopAsyncIteration
        return item

    async def close(self) -> None:
        """End it."""
        await _wait(self._subscription.close)

    async def _next(self) -> CloudItem | None:
        try:
            return await anext(self._subscription)
        except StopAsyncIteration:
            return None


class AsyncioCloud(Face):
    """As :class:`Cloud`."""

    @classmethod
    async def connect(cls, seeds: Iterable[str] = (), **options: Any) -> AsyncioCloud:
        """As :meth:`Cloud.connect`, with the same options but for the reactor."""
        reactor = start_reactor()
        return cls(await _wait(lambda: Cloud.connect(seeds, reactor, **options)))

    async def call(
        self, method: str, params: Any = None, context: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> CloudAnswer:
        """As :meth:`Cloud.call`."""
        return await _wait(lambda: self.cloud.call(method, params, context, timeout=timeout))

    async def submit(
        self, operation: SignedOperation, wait: Literal["accepted", "final"] = "final", *, timeout: float | None = None
    ) -> Submitted:
        """As :meth:`Cloud.submit`."""
        return await _wait(lambda: self.cloud.submit(operation, wait, timeout=timeout))

    async def writer(self, key: SigningKey) -> Writer:
        """As :meth:`Cloud.writer`."""
        return await _wait(lambda: self.cloud.writer(key))

    async def subscribe(
        self, topic: str, wanted: dict[str, Any] | None = None, after: LogPlace | None = None
    ) -> AsyncioSubscription:
        """As :meth:`Cloud.subscribe`."""
        return AsyncioSubscription(await _wait(lambda: self.cloud.subscribe(topic, wanted, after)))

    async def pin(self, *urls: str) -> None:
        """As :meth:`Cloud.pin`."""

        async def pin() -> None:
            self.cloud.pin(*urls)

        await _wait(pin)

    async def close(self) -> None:
        """As :meth:`Cloud.close`."""
        await _wait(self.cloud.close)

    async def __aenter__(self) -> AsyncioCloud:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

"""The same session for scripts: each method waits for its outcome. The reactor runs in a thread of its own.

::

    with BlockingCloud.connect(["ws://127.0.0.1:38082"]) as cloud:
        print(cloud.call("getdatahash").result)
        for item in cloud.subscribe("ratings"):
            print(item.cursor)
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator
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


def _wait(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run it in the reactor's thread and wait; whoever stops waiting (Ctrl-C) gives it up."""
    outcome = run_in_background(work)
    try:
        return outcome.result()
    except BaseException:
        outcome.cancel()
        raise


class BlockingSubscription:
    """Iterate over it with ``for``; as :class:`CloudSubscription`."""

    def __init__(self, subscription: CloudSubscription) -> None:
        self._subscription = subscription

    @property
    def cursor(self) -> LogPlace:
        """That of the last item taken, or where the subscription began."""
        return self._subscription.cursor

    def __iter__(self) -> Iterator[CloudItem]:
        return self

    def __next__(self) -> CloudItem:
        item = _wait(self._next)
        if item is None:
            raise StopIteration
        return item

    def close(self) -> None:
        """End it."""
        _wait(self._subscription.close)

    async def _next(self) -> CloudItem | None:
        try:
            return await anext(self._subscription)
        except StopAsyncIteration:
            return None


class BlockingCloud(Face):
    """As :class:`Cloud`; any thread may call it."""

    @classmethod
    def connect(cls, seeds: Iterable[str] = (), **options: Any) -> BlockingCloud:
        """As :meth:`Cloud.connect`, with the same options but for the reactor."""
        reactor = start_reactor()
        return cls(_wait(lambda: Cloud.connect(seeds, reactor, **options)))

    def call(
        self, method: str, params: Any = None, context: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> CloudAnswer:
        """As :meth:`Cloud.call`."""
        return _wait(lambda: self.cloud.call(method, params, context, timeout=timeout))

    def submit(
        self, operation: SignedOperation, wait: Literal["accepted", "final"] = "final", *, timeout: float | None = None
    ) -> Submitted:
        """As :meth:`Cloud.submit`."""
        return _wait(lambda: self.cloud.submit(operation, wait, timeout=timeout))

    def writer(self, key: SigningKey) -> Writer:
        """As :meth:`Cloud.writer`."""
        return _wait(lambda: self.cloud.writer(key))

    def subscribe(
        self, topic: str, wanted: dict[str, Any] | None = None, after: LogPlace | None = None
    ) -> BlockingSubscription:
        """As :meth:`Cloud.subscribe`."""
        return BlockingSubscription(_wait(lambda: self.cloud.subscribe(topic, wanted, after)))

    def pin(self, *urls: str) -> None:
        """As :meth:`Cloud.pin`."""

        async def pin() -> None:
            self.cloud.pin(*urls)

        _wait(pin)

    def close(self) -> None:
        """As :meth:`Cloud.close`."""
        _wait(self.cloud.close)

    def __enter__(self) -> BlockingCloud:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

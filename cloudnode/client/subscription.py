"""Subscriptions: what a node tells by itself, one item at a time, each with its cursor.

A consumer may be slower than the network. Items wait for it up to :data:`WAITING_MAX` and :data:`BYTES_MAX`; then the
subscription is ended at the node, and made again after the last cursor once the consumer has taken what waited. The
node does the same with a connection that is not read. In both cases nothing is missed and nothing comes twice.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any
from weakref import ref

import msgspec
from msgspec import Raw, Struct
from twisted.internet.defer import Deferred

from cloudnode.client.errors import ClientError, ConnectionFailed, RemoteError
from cloudnode.client.messages import ToldError
from cloudnode.client.places import LogPlace

if TYPE_CHECKING:
    from cloudnode.client.client import Client

WAITING_MAX = 10_000
"""Items that wait for the consumer."""

BYTES_MAX = 8 * 1024 * 1024
"""Their bytes, and those of one notification more."""


class Item(Struct, frozen=True, gc=False):
    """A change.

    :ivar cursor: After this nothing comes twice. :ivar raw: Its JSON text as the node sent it.
    """

    cursor: LogPlace
    raw: Raw


class Notification(Struct, frozen=True):
    """The parameters of a notification: items, or the error that ends the subscription."""

    subscription: str
    cursor: LogPlace
    items: list[Raw] = []
    error: ToldError | None = None

    @property
    def remote_error(self) -> RemoteError | None:
        """The error that ends the subscription, if one does."""
        return None if self.error is None else self.error.remote_error()


class Subscribed(Struct, frozen=True):
    """The answer to ``subscribe``."""

    subscription: str
    cursor: LogPlace


class _Place(Struct, frozen=True, gc=False):
    """The members of an item that tell where it stands; a block's cursor is that of its last operation."""

    cursor: LogPlace | None = None
    height: int = 0
    operations_count: int = 0

    def place(self) -> LogPlace:
        return self.cursor or LogPlace(self.height, max(self.operations_count - 1, 0))


_decode_place = msgspec.json.Decoder(_Place).decode


def split_items(notification: Notification) -> list[Item]:
    """A notification's items, each with its own cursor."""
    # Copied: an item that is kept would keep the whole message.
    return [Item(_decode_place(raw).place(), raw.copy()) for raw in notification.items]


class Subscription:
    """Iterate over it with ``async for``; it ends by an error only, or by :meth:`close`.

    :ivar cursor: That of the last item taken, or where the subscription began.
    """

    def __init__(
        self, client: Client, topic: str, wanted: dict[str, Any], cursor: LogPlace, subscription_id: str
    ) -> None:
        self.cursor = cursor
        self._client = client
        self._topic = topic
        self._wanted = wanted
        self._id: str | None = None
        self._reached = cursor
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._failure: Exception | None = None
        self._next: Deferred[None] | None = None
        self._is_overfull = False
        self._begin(subscription_id)
        # The client outlives many of them, and can't be made to forget whom it tells.
        client.lost.addCallback(_tell_lost, ref(self))
        client.moved.add(self._moved)

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Item:
        while not self._items:
            if self._is_overfull:
                await self._resume()
                continue
            if self._failure is not None:
                raise self._failure
            self._next = Deferred()
            await self._next
        item = self._items.popleft()
        self._bytes -= len(bytes(item.raw))
        self.cursor = item.cursor
        return item

    async def close(self) -> None:
        """End it at the node as well; what waits may still be taken."""
        await self._end_at_node()
        self._fail(StopAsyncIteration())

    # Inside

    def _begin(self, subscription_id: str) -> None:
        self._id = subscription_id
        self._client.subscribers[subscription_id] = self._notified

    def _notified(self, notification: Notification) -> None:
        error = notification.remote_error
        if error is not None:
            self._client.subscribers.pop(notification.subscription, None)
            self._id = None
            if error.name == "subscriber_slow":
                self._is_overfull = True
                self._wake()
            else:
                self._fail(error)
            return
        if self._is_overfull:
            return
        for item in split_items(notification):
            if item.cursor > self._reached:
                self._items.append(item)
                self._bytes += len(bytes(item.raw))
        self._reached = max(self._reached, notification.cursor)
        if len(self._items) > WAITING_MAX or self._bytes > BYTES_MAX:
            self._is_overfull = True
            Deferred.fromCoroutine(self._end_at_node()).addErrback(lambda _: None)
        self._wake()

    async def _end_at_node(self) -> None:
        if self._id is None:
            return
        subscription_id, self._id = self._id, None
        self._client.subscribers.pop(subscription_id, None)
        if self._client.is_connected:
            await self._client.call("unsubscribe", {"subscription": subscription_id})

    async def _resume(self) -> None:
        self._is_overfull = False
        subscribed = await ask(self._client, self._topic, self._wanted, self._reached)
        self._begin(subscribed.subscription)
        if self._failure is not None:
            await self._end_at_node()  # it was closed meanwhile

    def _moved(self) -> None:
        """The client has another connection, on which nothing is subscribed to yet."""
        self._id = None
        if not self._is_overfull:
            Deferred.fromCoroutine(self._resume_or_fail())

    async def _resume_or_fail(self) -> None:
        try:
            await self._resume()
        except ClientError as error:
            self._fail(error)

    def lost(self, reason: ConnectionFailed | None) -> None:
        """The connection is lost, or was closed here if there is no reason."""
        self._fail(reason or ConnectionFailed("The connection was closed."))

    def _fail(self, error: Exception) -> None:
        if self._failure is None:
            self._failure = error
        self._client.moved.discard(self._moved)
        self._wake()

    def _wake(self) -> None:
        waiting, self._next = self._next, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)


def _tell_lost(reason: Any, subscription: ref[Subscription]) -> Any:
    told = subscription()
    if told is not None:
        told.lost(reason)
    return reason


async def ask(client: Client, topic: str, wanted: dict[str, Any], after: LogPlace | None) -> Subscribed:
    """Call ``subscribe``."""
    params: dict[str, Any] = {"topic": topic}
    if wanted:
        params["filter"] = wanted
    if after is not None:
        params["after"] = after
    return (await client.call("subscribe", params)).decode(Subscribed)


async def subscribe(
    client: Client, topic: str, wanted: dict[str, Any] | None = None, after: LogPlace | None = None
) -> Subscription:
    """Be told of changes.

    :param topic: ``records``, ``ratings``, ``blocks`` or ``peers``. :param wanted: The node's ``filter``.
    :param after: Go on after this cursor; from now on if None.
    :raises RemoteError: ``cursor_pruned`` among others.
    """
    subscribed = await ask(client, topic, wanted or {}, after)
    return Subscription(client, topic, wanted or {}, subscribed.cursor, subscribed.subscription)

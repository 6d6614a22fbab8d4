"""A subscription that outlives the node which serves it: every item once and in order, from whichever node.

It goes on after the last item that was taken, at another node, when its node is lost, left or too far behind.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import attrs

from cloudnode.client.client import Client
from cloudnode.client.cloud.directory import Place
from cloudnode.client.cloud.errors import remedy
from cloudnode.client.errors import ClientError
from cloudnode.client.places import LogPlace
from cloudnode.client.subscription import Item, Subscription


@attrs.frozen
class Opened:
    """A subscription at one node."""

    place: Place
    client: Client
    subscription: Subscription


class CloudSubscription:
    """Iterate over it with ``async for``; it ends by an error that no node can help, or by :meth:`close`.

    :ivar cursor: That of the last item taken, or where the subscription began.
    """

    def __init__(
        self,
        begin: Callable[[LogPlace], Awaitable[Opened]],
        take: Callable[[Place, Client, Item], Awaitable[None]],
        ended: Callable[[CloudSubscription], object],
        opened: Opened,
    ) -> None:
        """
        :param begin: Subscribes at a node after a cursor. :param take: Checks an item; raises if it is to be asked for
            elsewhere.
        :param ended: Told when it is over. :param opened: At the first node.
        """
        self.cursor = opened.subscription.cursor
        self._begin = begin
        self._take = take
        self._ended = ended
        self._opened: Opened | None = opened
        self._item: Item | None = None
        self._is_closed = False

    @property
    def url(self) -> str:
        """The node that serves it now; empty while it looks for one."""
        return "" if self._opened is None else self._opened.place.url

    def __aiter__(self) -> CloudSubscription:
        return self

    async def __anext__(self) -> Item:
        while not self._is_closed:
            if self._opened is None:
                opened = await self._begin(self.cursor)
                if self._is_closed:
                    await opened.subscription.close()
                    break
                self._opened = opened
            opened = self._opened
            try:
                # Kept until it is checked: whoever gives up waiting meanwhile gets it the next time.
                if self._item is None:
                    self._item = await anext(opened.subscription)
                item = self._item
                if item.cursor > self.cursor:
                    await self._take(opened.place, opened.client, item)
            except StopAsyncIteration:
                self._leave(opened)
            except ClientError as error:
                if remedy(error) == "none":
                    await self.close()
                    raise
                self._leave(opened)
            else:
                self._item = None
                if item.cursor > self.cursor:
                    self.cursor = item.cursor
                    return item
        raise StopAsyncIteration

    async def close(self) -> None:
        """End it, at its node as well."""
        self._is_closed = True
        self._ended(self)
        opened, self._opened = self._opened, None
        if opened is not None:
            await _end(opened)

    async def leave(self, place: Place) -> None:
        """Go on elsewhere if it is this place that serves it."""
        if self._opened is not None and self._opened.place is place:
            await _end(self._opened)

    def _leave(self, opened: Opened) -> None:
        self._item = None
        if self._opened is opened:
            self._opened = None


async def _end(opened: Opened) -> None:
    with suppress(ClientError):  # the node is gone, and the subscription with it
        await opened.subscription.close()

"""Subscriptions that outlive the node which serves them: every item once and in order, from whichever node.

There are two kinds, alike to whoever iterates over them. A :class:`ServedSubscription` takes a node's word for what
there is, and goes on after the last item that was taken, at another node, when its node is lost, left or too far
behind. A :class:`ProvenSubscription` reads the blocks of the log one by one, each proven with all that is in it, and
tells by itself what of them is wanted: no node can add, alter or leave out an item, and none is asked which are wanted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import attrs
from msgspec import Raw
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from cloudnode.client.client import Client
from cloudnode.client.cloud.checking import Checked
from cloudnode.client.cloud.directory import Place
from cloudnode.client.cloud.errors import remedy
from cloudnode.client.cloud.log import ProvenLog
from cloudnode.client.errors import ClientError, RemoteError
from cloudnode.client.places import LogPlace
from cloudnode.client.subscription import Item, Subscription
from cloudnode.ledger.items import Item as LoggedItem
from cloudnode.ledger.items import Topic, Wanted

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0
"""Seconds before a node is sought again that is to tell something, when several told nothing good one after another."""


class CloudItem(Item, frozen=True, gc=False, kw_only=True):
    """A change.

    :ivar checked: ``proof``: that it took place so, and that nothing wanted is missing before it. ``partly``: that it
        was signed and ordered so; that it had an effect is a node's word, since no state remembers it. ``certificate``:
        a node's word, for a block that is final. ``none``: a node's word.
    """

    checked: Checked = "none"


class CloudSubscription(ABC):
    """Iterate over it with ``async for``; it ends by an error that no node can help, or by :meth:`close`.

    :ivar cursor: That of the last item taken, or where the subscription began.
    """

    def __init__(self, cursor: LogPlace, ended: Callable[[CloudSubscription], object]) -> None:
        """:param ended: Told when it is over."""
        self.cursor = cursor
        self._ended = ended
        self._is_closed = False
        self._failure: ClientError | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """The node that serves it now; empty while there is none."""

    def __aiter__(self) -> CloudSubscription:
        return self

    @abstractmethod
    async def __anext__(self) -> CloudItem: ...

    async def close(self, failure: ClientError | None = None) -> None:
        """End it, at its node as well.

        :param failure: What whoever iterates over it gets; None if there was to be no more.
        """
        if self._is_closed:
            return
        self._is_closed, self._failure = True, failure
        self._ended(self)
        await self._end()

    @abstractmethod
    async def _end(self) -> None:
        """End what is under way."""

    @abstractmethod
    async def leave(self, place: Place) -> None:
        """Go on elsewhere if it is this place that serves it."""

    def _over(self) -> Exception:
        return StopAsyncIteration() if self._failure is None else self._failure


@attrs.frozen
class Opened:
    """A subscription at one node."""

    place: Place
    client: Client
    subscription: Subscription


class ServedSubscription(CloudSubscription):
    """Tells what a node tells."""

    def __init__(
        self,
        begin: Callable[[LogPlace], Awaitable[Opened]],
        take: Callable[[Place, Client, Item], Awaitable[Checked]],
        ended: Callable[[CloudSubscription], object],
        opened: Opened,
        moved: Callable[[str], object],
        clock: Any,
    ) -> None:
        """
        :param begin: Subscribes at a node after a cursor. :param take: Checks an item; raises if it is to be asked for
            elsewhere.
        :param opened: At the first node. :param moved: Told of the URL of each node, and of an empty text when another
            is sought.
        """
        super().__init__(opened.subscription.cursor, ended)
        self._begin = begin
        self._take = take
        self._moved = moved
        self._opened: Opened | None = opened
        self._item: Item | None = None
        self._clock = clock
        self._fruitless = 0
        self._pausing: Deferred[None] | None = None
        moved(self.url)

    @property
    def url(self) -> str:
        return "" if self._opened is None else self._opened.place.url

    async def __anext__(self) -> CloudItem:
        while not self._is_closed:
            if self._opened is None:
                await self._pause()
                if self._is_closed:
                    break
                opened = await self._begin(self.cursor)
                if self._is_closed:
                    await opened.subscription.close()
                    break
                self._opened = opened
                self._moved(self.url)
            opened = self._opened
            checked: Checked = "none"
            try:
                # Kept until it is checked: whoever gives up waiting meanwhile gets it the next time.
                if self._item is None:
                    self._item = await anext(opened.subscription)
                item = self._item
                if item.cursor > self.cursor:
                    checked = await self._take(opened.place, opened.client, item)
            except StopAsyncIteration:
                self._leave(opened)
            except ClientError as error:
                if self._is_closed:
                    break
                if remedy(error) == "none":
                    await self.close(error)
                    break
                self._leave(opened)
            else:
                self._item = None
                self._fruitless = 0
                if item.cursor > self.cursor:
                    self.cursor = item.cursor
                    return CloudItem(item.cursor, item.raw, checked=checked)
        raise self._over()

    async def _end(self) -> None:
        opened, self._opened = self._opened, None
        pausing, self._pausing = self._pausing, None
        if pausing is not None:
            pausing.cancel()
        if opened is not None:
            await _end_at_node(opened)

    async def leave(self, place: Place) -> None:
        if self._opened is not None and self._opened.place is place:
            await _end_at_node(self._opened)

    async def _pause(self) -> None:
        """A node that fails is left at once for another; if that one fails as well, there is time."""
        if self._fruitless < 2:
            return
        self._pausing = deferLater(self._clock, min(FIRST_PAUSE * 2 ** (self._fruitless - 2), LONGEST_PAUSE))
        try:
            await self._pausing
        except CancelledError:
            if not self._is_closed:
                raise  # it is the caller who gives up
        finally:
            self._pausing = None

    def _leave(self, opened: Opened) -> None:
        self._item = None
        self._fruitless = min(self._fruitless + 1, 16)
        Deferred.fromCoroutine(_end_at_node(opened))
        if self._opened is opened:
            self._opened = None
            self._moved("")


async def _end_at_node(opened: Opened) -> None:
    with suppress(ClientError):  # the node is gone, and the subscription with it
        await opened.subscription.close()


class ProvenSubscription(CloudSubscription):
    """Tells what follows from the blocks of the log."""

    def __init__(
        self,
        log: ProvenLog,
        topic: Topic,
        wanted: Wanted,
        cursor: LogPlace,
        saw: Callable[[int], object],
        ended: Callable[[CloudSubscription], object],
        moved: Callable[[str], object],
    ) -> None:
        """
        :param cursor: What comes after it is told. :param saw: Told the height of each item that the caller is shown.
        :param moved: Told of the node that tells of new heights: its URL, or an empty text.
        """
        super().__init__(cursor, ended)
        self._log = log
        self._topic = topic
        self._wanted = wanted
        self._saw = saw
        # Of the cursor's own block there may be more.
        self._read = cursor.height if log.ends_block(cursor) else cursor.height - 1
        self._waiting: Deferred[tuple[list[LoggedItem], frozenset[int]]] | None = None
        self._items: list[LoggedItem] = []
        self._unproven: frozenset[int] = frozenset()
        self._next = 0
        self._moved = moved
        log.begin(moved)

    @property
    def url(self) -> str:
        return self._log.url

    async def __anext__(self) -> CloudItem:
        while not self._is_closed:
            item = self._find()
            if item is not None:
                self.cursor = LogPlace(item.cursor.height, item.cursor.index)
                self._saw(self.cursor.height)
                checked: Checked = "partly" if item.cursor.index in self._unproven else "proof"
                return CloudItem(self.cursor, Raw(item.text), checked=checked)
            try:
                await self._advance()
            except CancelledError:
                if not self._is_closed:
                    raise  # it is the caller who gives up
            except ClientError as error:
                if not self._is_closed:
                    await self.close(error)
        raise self._over()

    def _find(self) -> LoggedItem | None:
        """The next item of the block at hand that is wanted."""
        while self._next < len(self._items):
            item = self._items[self._next]
            self._next += 1
            place = LogPlace(item.cursor.height, item.cursor.index)
            if place > self.cursor and item.passes(self._wanted):
                return item
        return None

    async def _advance(self) -> None:
        """Take the next block, which may have to be waited for."""
        height = self._read + 1
        self._waiting = Deferred.fromCoroutine(self._log.items(height, self._topic))
        try:
            items, unproven = await self._waiting
        except RemoteError as error:
            if error.name != "cursor_pruned" or height != self.cursor.height:
                raise
            items, unproven = [], frozenset()  # whoever begins at a block that is pruned goes on after it
        finally:
            self._waiting = None
        # Nothing of this happens if whoever waited has given up: the block is taken the next time.
        self._read, self._items, self._unproven, self._next = height, items, unproven, 0

    async def leave(self, place: Place) -> None:
        pass  # the log asks elsewhere by itself

    async def _end(self) -> None:
        self._items = []
        self._log.end(self._moved)
        if self._waiting is not None:
            self._waiting.cancel()

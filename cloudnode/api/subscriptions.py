"""Subscriptions of one connection: from any cursor on, without gap or repetition, at the subscriber's pace.

A subscription that can send nothing for too many heights, because its subscriber does not read, is ended by a last
notification with an error and the cursor up to which everything was told; whoever subscribes again after that cursor,
here or at another node, misses nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec
from twisted.internet.interfaces import IDelayedCall

from cloudnode.api.errors import ApiError
from cloudnode.api.feeds import Feeds, Follower, Page
from cloudnode.api.jsonrpc import encode_error, encode_notification
from cloudnode.api.metrics import Meters
from cloudnode.api.types import AccountId, Address, Collection
from cloudnode.ledger.items import Topic, Wanted
from cloudnode.ledger.reading import Cursor

__all__ = ["Filter", "Sink", "Subscription", "Subscriptions", "Topic"]

NOTIFICATION_BYTES = 262_144
"""A notification ends once its items add up to this."""

QUIET_HEIGHTS = 100
"""After so many blocks without an item for it, a live subscriber is told how far it is."""

_encode = msgspec.json.Encoder().encode


class Filter(Wanted, frozen=True, forbid_unknown_fields=True):
    """What a subscriber wants of a topic; all that is given must hold.

    :ivar account: Whose operation it is: the record's author, or who rates. :ivar collection: The record's; for
        ratings, the rated record's. :ivar ref: Records that refer to this one. :ivar record: This record alone, or
        ratings of it.
    """

    account: AccountId | None = None
    collection: Collection | None = None
    ref: Address | None = None
    record: Address | None = None


class Sink(Protocol):
    """Where a subscription's notifications go."""

    @property
    def paused(self) -> bool:
        """Whether nothing that can wait should be sent."""

    def send(self, message: bytes) -> None:
        """Send a message, or drop it if the connection is gone."""


class Subscription(Follower):
    """One subscription. It begins with :meth:`run`, once its subscriber was told of it.

    :ivar cursor: Everything up to here was told.
    """

    def __init__(
        self,
        subscription_id: str,
        topic: Topic,
        wanted: Filter,
        cursor: Cursor,
        feeds: Feeds,
        sink: Sink,
        ended: Callable[[Subscription], None],
    ) -> None:
        self.id = subscription_id
        self.topic = topic
        self.cursor = cursor
        self._wanted = wanted
        self._feeds = feeds
        self._sink = sink
        self._ended = ended
        self._turn: IDelayedCall | None = None
        self._told_height = cursor.height
        self._stuck_since: int | None = None
        self._over = False

    def run(self) -> None:
        """Go on from the cursor, as far as the subscriber takes it."""
        if self._over or self._turn is not None:
            return
        if self._sink.paused:
            self._get_stuck()
        elif self.topic == "peers":
            pass  # what happens to peers is not told yet: it has no place in the log to resume at
        elif self.cursor.height > self._feeds.height:
            self._feeds.watch_heights(self._height_reached)
        else:
            self._turn = self._feeds.clock.callLater(0, self._read_on)

    def resume(self) -> None:
        """The subscriber takes something again."""
        if self._stuck_since is not None:
            self._stuck_since = None
            self._feeds.unwatch_heights(self._check_stuck)
            self.run()

    def stop(self) -> None:
        """End it without a word."""
        self._over = True
        self._feeds.unfollow(self.topic, self)
        self._feeds.unwatch_heights(self._check_stuck)
        self._feeds.unwatch_heights(self._height_reached)
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

    def _fail(self, error: ApiError) -> None:
        self.stop()
        self._sink.send(self._notification(b'"error":' + encode_error(error)))
        self._ended(self)

    # Waiting

    def _height_reached(self, height: int) -> None:
        """A cursor in the future waits until the log has come there."""
        if height >= self.cursor.height:
            self._feeds.unwatch_heights(self._height_reached)
            self.run()

    def _get_stuck(self) -> None:
        self._feeds.unfollow(self.topic, self)
        if self._stuck_since is None:
            self._stuck_since = self._feeds.height
            self._feeds.watch_heights(self._check_stuck)

    def _check_stuck(self, height: int) -> None:
        assert self._stuck_since is not None
        if height - self._stuck_since > self._feeds.limits.slow_heights:
            self._fail(ApiError("subscriber_slow"))

    # Telling

    def _read_on(self) -> None:
        """Tell one page of the log, then go on with the next or follow the blocks."""
        self._turn = None
        try:
            page = self._feeds.read_log(self.topic, self.cursor)
        except ApiError as error:
            self._fail(error)
            return
        if self._tell(page) and page.complete:
            self._feeds.follow(self.topic, self)
        else:
            self.run()

    def block_final(self, page: Page) -> None:
        if self._sink.paused:
            self._get_stuck()
        elif not self._tell(page):
            self._feeds.unfollow(self.topic, self)
            self.run()

    def log_jumped(self) -> None:
        self.run()

    def _tell(self, page: Page) -> bool:
        """Send a page's items, in messages of bounded size; False if the subscriber took only some of them."""
        batch: list[bytes] = []
        size = 0
        reached = self.cursor
        for item in page.items:
            if item.cursor <= reached or not item.passes(self._wanted):
                continue
            if batch and size + len(item.text) > NOTIFICATION_BYTES:
                self._send(batch, reached)
                if self._sink.paused:
                    return False
                batch, size = [], 0
            batch.append(item.text)
            size += len(item.text)
            reached = item.cursor
        end = max(reached, page.end)
        if batch or end.height - self._told_height >= QUIET_HEIGHTS:
            self._send(batch, end)
        else:
            self.cursor = end
        return True

    def _send(self, texts: list[bytes], reached: Cursor) -> None:
        self.cursor = reached
        self._told_height = reached.height
        self._sink.send(self._notification(b'"items":[' + b",".join(texts) + b"]"))

    def _notification(self, member: bytes) -> bytes:
        head = b'{"subscription":%s,"cursor":%s,' % (_encode(self.id), _encode(self.cursor))
        return encode_notification(head + member + b"}")


class Subscriptions:
    """The subscriptions of one connection."""

    def __init__(self, feeds: Feeds, meters: Meters, sink: Sink) -> None:
        self._feeds = feeds
        self._meters = meters
        self._sink = sink
        self._all: dict[str, Subscription] = {}
        self._new: list[Subscription] = []
        self._count = 0

    def begin(self, topic: Topic, wanted: Filter, after: Cursor | None) -> Subscription:
        """Make a subscription; it runs once :meth:`take_new` has handed it out.

        :param after: Where to go on; None for from now on.
        :raises ApiError: ``too_many_subscriptions``, ``parameters_conflict`` or ``cursor_pruned``.
        """
        if len(self._all) >= self._feeds.limits.subscriptions:
            raise ApiError("too_many_subscriptions", most=self._feeds.limits.subscriptions)
        if not wanted.fits(topic):
            raise ApiError("parameters_conflict", f"The topic {topic} has nothing that this filter looks at.")
        if after is not None:
            self._feeds.check_kept(after)
        cursor = self._feeds.head_cursor() if after is None else after
        self._count += 1
        made = Subscription(str(self._count), topic, wanted, cursor, self._feeds, self._sink, self._forget)
        self._all[made.id] = made
        self._new.append(made)
        self._meters.subscriptions += 1
        return made

    def take_new(self) -> list[Subscription]:
        """The subscriptions that were made since this was last asked; each is run once its subscriber knows of it."""
        new, self._new = self._new, []
        return new

    def end(self, subscription_id: str) -> Cursor:
        """End one.

        :returns: The cursor up to which everything was told.
        :raises ApiError: ``subscription_unknown``.
        """
        subscription = self._all.get(subscription_id)
        if subscription is None:
            raise ApiError("subscription_unknown")
        subscription.stop()
        self._forget(subscription)
        return subscription.cursor

    def resume(self) -> None:
        """The subscriber takes something again."""
        for subscription in list(self._all.values()):
            subscription.resume()

    def end_all(self) -> None:
        """The connection is gone."""
        for subscription in list(self._all.values()):
            subscription.stop()
            self._forget(subscription)

    def _forget(self, subscription: Subscription) -> None:
        if self._all.pop(subscription.id, None) is not None:
            self._meters.subscriptions -= 1

"""Where subscriptions get their items: from each block as it becomes final, or from the log.

Theory of operation. A subscription that has told everything up to the newest block is *live*: it is handed each block's
items, which are made once for all live subscriptions of a topic. Any other reads the log from its cursor on, a page a
turn, until it meets the newest block in the same turn and is live. Neither way keeps a queue: what a subscriber has
not taken yet is in the log, and its cursor says where.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.api.errors import ApiError
from cloudnode.api.limits import Limits
from cloudnode.api.unready import not_serving
from cloudnode.formats.block import Header
from cloudnode.ledger.items import Item, Topic, block_item, end_of_block, operation_item
from cloudnode.ledger.reading import Cursor, FinalBlock
from cloudnode.node.ledger import Ledger
from cloudnode.store.connection import DatabaseDamaged

LOG_PAGE = 200
"""Operations or blocks that one turn reads from the log."""


@attrs.frozen
class Page:
    """Items in log order.

    :ivar end: Everything up to this cursor is in here or of no interest. :ivar complete: Whether the log ends there.
    """

    items: list[Item]
    end: Cursor
    complete: bool


class Follower:
    """What a feed tells: a live subscription."""

    def block_final(self, page: Page) -> None:
        """Take the newest block's items."""
        raise NotImplementedError

    def log_jumped(self) -> None:
        """Blocks are missing before the newest one: go on from the log, if it can be."""
        raise NotImplementedError


class Feeds:
    """Reads the log for subscriptions, and hands blocks to the live ones."""

    _log = Logger()

    def __init__(self, ledger: Ledger, limits: Limits, clock: IReactorTime) -> None:
        self.clock = clock
        self.limits = limits
        self._ledger = ledger
        self._live: dict[Topic, set[Follower]] = {"records": set(), "ratings": set(), "blocks": set(), "peers": set()}
        self._waiting: set[Callable[[int], None]] = set()
        self._unwatch: Callable[[], None] | None = None
        self._last = 0

    @property
    def height(self) -> int:
        """The newest height."""
        return self._ledger.head.height

    def check_serving(self) -> None:
        """Refuse to read the log while it may not be read.

        :raises ApiError: Why it may not.
        """
        if self._ledger.state != "serving":
            raise not_serving(self._ledger.state)

    def follow(self, topic: Topic, follower: Follower) -> None:
        """Hand a follower every block from the next one on."""
        self._live[topic].add(follower)
        self._watch()

    def unfollow(self, topic: Topic, follower: Follower) -> None:
        """Stop that; nothing happens if it did not follow."""
        self._live[topic].discard(follower)

    def watch_heights(self, observer: Callable[[int], None]) -> None:
        """Call ``observer`` with each new height, until :meth:`unwatch_heights`."""
        self._waiting.add(observer)
        self._watch()

    def unwatch_heights(self, observer: Callable[[int], None]) -> None:
        """Stop that; nothing happens if it was not called."""
        self._waiting.discard(observer)

    def stop(self) -> None:
        """Look at no more blocks."""
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None

    def _watch(self) -> None:
        if self._unwatch is None:
            self._last = self._ledger.head.height
            self._unwatch = self._ledger.watch_blocks(self._block_final)

    def _block_final(self, final: FinalBlock) -> None:
        is_next, self._last = final.block.height == self._last + 1, final.block.height
        for observer in list(self._waiting):
            observer(final.block.height)
        end = end_of_block(final.block.height, len(final.operations))
        for topic, followers in self._live.items():
            if not followers:
                continue
            if not is_next:
                # The node fetched a state and has not the blocks before it: followers look at the log, and are told.
                gone, self._live[topic] = followers, set()
                for follower in gone:
                    follower.log_jumped()
                continue
            page = Page(self._items(topic, final), end, True)
            for follower in list(followers):
                try:
                    follower.block_final(page)
                except Exception:
                    self._log.failure("A subscription to {topic} failed", topic=topic)
                    followers.discard(follower)

    def _items(self, topic: Topic, final: FinalBlock) -> list[Item]:
        if topic == "blocks":
            return [block_item(Header.decode(final.block.header))]
        made = (operation_item(topic, logged) for logged in final.operations)
        return [item for item in made if item is not None]

    # The log

    def head_cursor(self) -> Cursor:
        """After everything that is final."""
        height = self._ledger.head.height
        block = self._ledger.reading().block(height) if height else None
        return end_of_block(height, len(block.operation_ids) if block else 0)

    def check_kept(self, after: Cursor) -> None:
        """Refuse a cursor whose next block is no longer here.

        :raises ApiError: ``cursor_pruned``, with the cursor to start after instead.
        """
        reading = self._ledger.reading()
        following = after.height + 1
        lowest = reading.lowest_block
        if following <= reading.height and following < lowest:
            raise ApiError("cursor_pruned", start={"height": lowest - 1, "index": 0})

    def read_log(self, topic: Topic, after: Cursor) -> Page:
        """The next page after a cursor at or below the newest height.

        :raises ApiError: ``cursor_pruned``, why the log may not be read, or ``internal_error`` for what is logged here.
        """
        try:
            self.check_serving()
            self.check_kept(after)
            return self._read(topic, after)
        except ApiError:
            raise
        except DatabaseDamaged:
            self._ledger.read_failed(Failure())
            raise ApiError("data_corrupt") from None
        except Exception:
            self._log.failure("The log can't be read after {after}", after=after)
            raise ApiError("internal_error") from None

    def _read(self, topic: Topic, after: Cursor) -> Page:
        if topic == "blocks":
            return self._read_blocks(after)
        reading = self._ledger.reading()
        logged = reading.record_changes(after, LOG_PAGE)
        items = [item for entry in logged if (item := operation_item(topic, entry)) is not None]
        if len(logged) == LOG_PAGE:
            return Page(items, logged[-1].cursor, False)
        return Page(items, self.head_cursor(), True)

    def _read_blocks(self, after: Cursor) -> Page:
        reading = self._ledger.reading()
        last = min(after.height + LOG_PAGE, reading.height)
        blocks = [reading.block(height) for height in range(after.height + 1, last + 1)]
        items = [block_item(Header.decode(block.header)) for block in blocks if block is not None]
        end = items[-1].cursor if items else self.head_cursor()
        return Page(items, end, last == reading.height)

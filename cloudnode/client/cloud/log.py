"""The network's log as a session reads it: block after block, each proven, shared by all of its subscriptions.

Theory of operation. While anybody reads, one node is followed for the heights that come (its topic ``blocks``), which
says when there is something to read and nothing else: what is read is proven, whoever brings it. Should that node keep
silent, the heights that other answers prove are noticed every :data:`LOOK` seconds. Blocks that are there are fetched a
few ahead of whoever reads.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferTimeoutError
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.client.client import Client
from cloudnode.client.cloud.blocks import STORE, BlockStore, LogBlock, fetch_block
from cloudnode.client.cloud.checking import Checker
from cloudnode.client.cloud.directory import Place
from cloudnode.client.cloud.errors import NotEnoughNodes
from cloudnode.client.cloud.questions import HEADER_SECONDS, Questions
from cloudnode.client.cloud.shared import Shared
from cloudnode.client.errors import ClientError, ConnectionFailed, RemoteError
from cloudnode.client.places import LogPlace
from cloudnode.formats.block import Header
from cloudnode.formats.errors import LedgerError
from cloudnode.ledger.items import Item, Topic, block_item

if TYPE_CHECKING:
    from cloudnode.client.cloud.subscription import ServedSubscription

T = TypeVar("T")

LOOK = 2.0
"""Seconds between two looks at the newest height that is known."""

AHEAD = 4
"""Blocks that are fetched ahead of whoever reads."""

READS_KEPT = 12
"""Blocks that were read and are kept for another subscription that reads the same."""

SECOND_WORD = 5.0
"""Seconds that a second node may take to confirm what can't be proven."""

BLOCK_SECONDS = 20.0
"""Seconds that a node may take to show all of a block; a second one is asked as well much earlier."""

PAUSE = 1.0
"""Seconds after which a node is sought again to tell of new heights."""


class ProvenLog:
    """Blocks by height, for the subscriptions of one session."""

    _log = Logger()

    def __init__(
        self,
        questions: Questions,
        checker: Callable[[], Checker],
        follow: Callable[[Callable[[str], None]], Awaitable[ServedSubscription]],
        clock: Any,
        store: BlockStore = STORE,
    ) -> None:
        """
        :param checker: What is believed. :param follow: Has a node tell of blocks from now on; is given
            who is told of each change of that node.
        """
        self._questions = questions
        self._checker = checker
        self._follow = follow
        self._clock = clock
        self._store = store
        self._users: list[Callable[[str], object]] = []
        self._tip = 0
        self._reads: OrderedDict[int, Shared[LogBlock]] = OrderedDict()
        self._headers: dict[int, Shared[Header]] = {}
        self._waiting: set[tuple[int, Deferred[None]]] = set()
        self._served: ServedSubscription | None = None
        self._following: Deferred[None] | None = None
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    # Beginning and end

    def begin(self, moved: Callable[[str], object]) -> None:
        """Somebody reads from now on.

        :param moved: Told of each change of :attr:`url`.
        """
        self._users.append(moved)
        if len(self._users) > 1:
            moved(self.url)
            return
        self._following = Deferred.fromCoroutine(self._follow_heights())
        self._following.addErrback(self._follow_failed)
        self._looking.start(LOOK, now=False)

    def end(self, moved: Callable[[str], object]) -> None:
        """Somebody reads no more."""
        self._users.remove(moved)
        if self._users:
            return
        self._looking.stop()
        following, self._following = self._following, None
        if following is not None:
            following.cancel()
        served, self._served = self._served, None
        if served is not None:
            Deferred.fromCoroutine(served.close()).addErrback(lambda _: None)
        under_way: list[Shared[Any]] = [*self._reads.values(), *self._headers.values()]
        for shared in under_way:
            if not shared.is_done:
                shared.cancel()
        self._reads.clear()
        self._headers.clear()

    @property
    def url(self) -> str:
        """The node that tells of new heights; empty while there is none."""
        return "" if self._served is None else self._served.url

    # Reading

    def ends_block(self, cursor: LogPlace) -> bool:
        """Whether a cursor is known to be the end of its block."""
        header = self._checker().find_final(cursor.height)
        return not cursor.height or (header is not None and cursor.index + 1 >= header.operations_count)

    async def check_kept(self, cursor: LogPlace, deadline: float) -> None:
        """See that a node still has the block after a cursor.

        :param deadline: In seconds of the clock.
        :raises RemoteError: ``cursor_pruned``. :raises ClientError: No node answers in time.
        """
        height = cursor.height + 1
        if height <= self._newest and self._checker().find_final(height) is None:
            await self._ask_header(height, deadline)

    async def items(self, height: int, topic: Topic) -> tuple[list[Item], frozenset[int]]:
        """What subscribers of a topic are told of a block, as soon as it can be proven, and the indexes of those whose
        effect is a node's word.

        :raises RemoteError: ``cursor_pruned``: no node has the block any more.
        """
        await self._until(height)
        if topic == "blocks":
            return [block_item(await self._header(height))], frozenset()
        for ahead in range(height, min(height + AHEAD, self._newest) + 1):
            shared = self._reads.get(ahead)
            if shared is None or shared.has_failed:
                self._reads[ahead] = Shared(self._read(ahead))
        block = await self._reads[height].wait()
        while self._checker().discards(block.header):  # read ahead, before it was known that its epoch ended below
            self._reads[height] = Shared(self._read(height))
            block = await self._reads[height].wait()
        self._forget()
        return block.items(topic), block.unproven

    def _forget(self) -> None:
        for height in [height for height, shared in self._reads.items() if shared.is_done][:-READS_KEPT]:
            del self._reads[height]

    async def _header(self, height: int) -> Header:
        """A block's header, verified; several who want the same ask once."""
        known = self._checker().find_final(height)
        if known is not None:
            return known
        shared = self._headers.get(height)
        if shared is None or shared.has_failed:
            shared = self._headers[height] = Shared(self._ask_header(height))
        try:
            return await shared.wait()
        finally:
            if shared.is_done and self._headers.get(height) is shared:
                del self._headers[height]

    async def _ask_header(self, height: int, deadline: float | None = None) -> Header:
        async def show(client: Client) -> Header:
            header = await self._checker().learn_final(client, height, waits=True)
            before = self._checker().find_final(height - 1)
            if before is not None and header.parent != before.hash:
                raise LedgerError("finality_chain", f"Block {height} does not follow on the one before.")
            return header

        firsts: list[int] = []
        try:
            ask = partial(self._at, show, height, HEADER_SECONDS, firsts)
            header, _ = await self._questions.ask(ask, deadline, hedges=True)
        except RemoteError as error:
            raise self._cursor_pruned(error, firsts) from error
        return header

    async def _read(self, height: int) -> LogBlock:
        header = await self._header(height)
        if not header.operations_count:
            return LogBlock(header, ())
        return await self._store.get(header.hash, partial(self._fetch, header), self._clock)

    async def _fetch(self, header: Header) -> LogBlock:
        """A block with its operations. Results that can't be proven count when a second node tells the same, or no
        other can be asked.
        """

        async def fetch(client: Client) -> LogBlock:
            return await fetch_block(self._checker(), client, header)

        firsts: list[int] = []
        ask = partial(self._at, fetch, header.height, BLOCK_SECONDS, firsts)
        try:
            block, place = await self._questions.ask(ask, None, hedges=True)
        except RemoteError as error:
            raise self._cursor_pruned(error, firsts) from error
        told, asked = [block], self._questions.same_node(place)
        while told[-1].unproven and not any(_tells_same(told[-1], each) for each in told[:-1]):
            deadline = self._clock.seconds() + SECOND_WORD
            try:
                block, place = await self._questions.ask(ask, deadline, hedges=False, without=asked)
            except ClientError:
                if len(told) > 1:
                    raise NotEnoughNodes(
                        f"Nodes tell different results for block {header.height}, and no state that is left proves one."
                    ) from None
                break
            told.append(block)
            asked |= self._questions.same_node(place)
        return told[-1]

    async def _at(
        self,
        work: Callable[[Client], Coroutine[Deferred[Any], Any, T]],
        height: int,
        seconds: float,
        firsts: list[int],
        place: Place,
    ) -> T:
        """:param firsts: Gets the lowest block that a node says to have, if it has this one no more."""
        try:
            return await self._questions.work_at(place, work, "getblock", {"height": height}, height, seconds)
        except RemoteError as error:
            first = error.data.get("blocks_from")
            if error.name == "block_pruned" and isinstance(first, int) and first > height:
                firsts.append(first)
            raise

    def _cursor_pruned(self, error: RemoteError, firsts: list[int]) -> RemoteError:
        """What a subscriber is told of a block that is pruned everywhere: where to begin instead. Each node says so for
        itself, so that is as early as any of them has the log: one alone has nobody pass over what others have.
        """
        if error.name != "block_pruned" or not firsts:
            return error
        message = "The log before the start given is pruned: go on from there, or ask another node."
        start = max(0, min(*firsts, self._newest + 1) - 1)
        return RemoteError(-8, "cursor_pruned", message, {"start": {"height": start, "index": 0}})

    # Heights

    @property
    def _newest(self) -> int:
        return max(self._tip, self._checker().newest)

    async def _until(self, height: int) -> None:
        """Wait until there is a block of a height, as far as can be told."""
        if self._newest >= height:
            return
        waiter: Deferred[None] = Deferred()
        waiting = (height, waiter)
        self._waiting.add(waiting)
        try:
            await waiter
        finally:
            self._waiting.discard(waiting)

    def _look(self) -> None:
        newest = self._newest
        for height, waiter in list(self._waiting):
            if height <= newest and not waiter.called:
                waiter.callback(None)

    async def _follow_heights(self) -> None:
        while True:
            try:
                self._served = await self._follow(self._tell_moved)
                self._reached(self._served.cursor)
                async for item in self._served:
                    self._reached(item.cursor)
            except CancelledError:
                raise
            except ClientError as error:
                self._log.info("No node tells of new blocks: {error}", error=error.message)
            await deferLater(self._clock, PAUSE)

    def _tell_moved(self, url: str) -> None:
        for moved in list(self._users):
            moved(url)

    def _reached(self, cursor: LogPlace) -> None:
        self._tip = max(self._tip, cursor.height)
        self._look()

    def _follow_failed(self, failure: Failure) -> None:
        if failure.check(CancelledError, DeferTimeoutError, ConnectionFailed) is None:
            self._log.failure("New heights are not told any more", failure)


def _tells_same(one: LogBlock, other: LogBlock) -> bool:
    return [each.result for each in one.operations] == [each.result for each in other.operations]

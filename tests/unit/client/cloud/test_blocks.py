"""Work that several wait for, and blocks that all sessions of a process share."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client.cloud.blocks import PATIENCE, BlockStore, LogBlock
from cloudnode.client.cloud.shared import Shared
from cloudnode.client.errors import ConnectionFailed
from cloudnode.formats.block import Header
from cloudnode.ledger.reading import Cursor, LoggedOperation

ZEROS = bytes(32)


def make_block(height: int = 1, size: int = 100, *, is_proven: bool = True) -> LogBlock:
    header = Header(ZEROS, 0, 0, height, 0, ZEROS, ZEROS, 1, 0, ZEROS, ZEROS)
    operation = LoggedOperation(Cursor(height, 0), ZEROS, b"x" * size, bytes(64), 0)
    return LogBlock(header, (operation,), frozenset() if is_proven else frozenset((0,)))


class SharedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.work: Deferred[str] = Deferred()
        self.shared = Shared(self.wait())

    async def wait(self) -> str:
        return await self.work

    def test_all_get_it(self) -> None:
        """Whoever waits gets the outcome, before and after it is there."""
        early = self.shared.wait()
        self.work.callback("done")
        self.assertEqual((self.successResultOf(early), self.successResultOf(self.shared.wait())), ("done", "done"))
        self.assertEqual((self.shared.is_done, self.shared.has_failed), (True, False))

    def test_failure(self) -> None:
        """So does a failure come to all."""
        early = self.shared.wait()
        self.work.errback(ConnectionFailed("It broke."))
        for waiting in (early, self.shared.wait()):
            self.failureResultOf(waiting, ConnectionFailed)
        self.assertTrue(self.shared.has_failed)

    def test_one_gives_up(self) -> None:
        """One who gives up leaves the work to the others."""
        one, other = self.shared.wait(), self.shared.wait()
        one.cancel()
        self.failureResultOf(one, CancelledError)
        self.work.callback("done")
        self.assertEqual(self.successResultOf(other), "done")

    def test_given_up(self) -> None:
        """Whoever gives up the work itself ends the waiting of all."""
        waiting = self.shared.wait()
        self.shared.cancel()
        self.failureResultOf(waiting, CancelledError)


class StoreTests(SynchronousTestCase):
    """One store, and sessions that want the block with the hash ``a`` and others."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = BlockStore(bytes_kept=3 * make_block().size)
        self.fetching: list[Deferred[LogBlock]] = []

    def get(self, hashed: bytes = b"a") -> Deferred[LogBlock]:
        async def fetch() -> LogBlock:
            self.fetching.append(Deferred())
            return await self.fetching[-1]

        return Deferred.fromCoroutine(self.store.get(hashed, fetch, self.clock))

    def fetched(self, hashed: bytes, block: LogBlock) -> None:
        waiting = self.get(hashed)
        self.fetching[-1].callback(block)
        self.successResultOf(waiting)

    def test_once(self) -> None:
        """Who wants a block that another session is bringing waits for it, and it is kept."""
        block, waiting = make_block(), [self.get() for _ in range(3)]
        self.fetching[0].callback(block)
        for each in [*waiting, self.get()]:
            self.assertIs(self.successResultOf(each), block)
        self.assertEqual(len(self.fetching), 1)

    def test_other_fails(self) -> None:
        """Where the other's nodes fail, hang, or it is closed, each asks its own."""
        for what in ("fail", "hang", "close"):
            first, second = self.get(), self.get()
            theirs = self.fetching[-1]
            first.addErrback(lambda failure: None)
            if what == "fail":
                theirs.errback(ConnectionFailed("It broke."))
            elif what == "hang":
                self.clock.advance(PATIENCE + 0.1)
            else:
                first.cancel()
            self.assertNoResult(second)
            self.fetching[-1].callback(make_block())
            self.successResultOf(second)
            self.store.clear()
            if what == "hang":
                theirs.callback(make_block())
            self.store.clear()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_gives_up(self) -> None:
        """One who gives up waiting for another's block is told so, and the other goes on."""
        first, second = self.get(), self.get()
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.fetching[0].callback(make_block())
        self.successResultOf(first)

    def test_unproven(self) -> None:
        """What is in parts the word of one session's nodes is no other's."""
        first, second = self.get(), self.get()
        self.fetching[0].callback(make_block(is_proven=False))
        self.assertTrue(self.successResultOf(first).unproven)
        self.fetching[1].callback(make_block())
        self.assertFalse(self.successResultOf(second).unproven)

    def test_bounds(self) -> None:
        """The longest unused is forgotten when there is no more room; one that is too large is handed on alone."""
        for number in range(3):
            self.fetched(bytes([number]), make_block(number + 1))
        self.successResultOf(self.get(b"\0"))  # used again
        self.fetched(b"\3", make_block(4))
        before = len(self.fetching)
        for hashed, is_kept in ((b"\0", True), (b"\1", False), (b"\2", True), (b"\3", True)):
            waiting = self.get(hashed)
            self.assertEqual(waiting.called, is_kept, hashed)
            waiting.addErrback(lambda failure: None)
            waiting.cancel()
        self.assertEqual(len(self.fetching), before + 1)
        self.fetched(b"large", make_block(9, size=1_000_000))
        self.assertEqual((len(self.store._kept), self.store._size), (3, 3 * make_block().size))

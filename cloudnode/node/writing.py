"""Writing blocks, one or several at a time, in slices, so that the thread that serves the API gets its turns."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Sequence
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Cooperator
from twisted.logger import Logger

from cloudnode.formats.operation import Operation
from cloudnode.ledger.positions import cursor, position
from cloudnode.ledger.reading import Block, FinalBlock, LoggedOperation
from cloudnode.node.threads import RunInThread, settled
from cloudnode.store.connection import DatabaseDamaged
from cloudnode.store.sqlite import SqliteStore
from cloudnode.store.writer import Run, WrongState

SLICE = 0.005
"""Seconds that the making of a block goes on before others get their turn."""

RETRY_DELAY = 5.0
"""Seconds until a block that could not be written (a full disk) is tried again."""


class _Slice:
    """Ends a turn of the cooperator after :data:`SLICE`."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._end = reactor.seconds() + SLICE

    def __call__(self) -> bool:
        return self._reactor.seconds() >= self._end


class BlockWriting:
    """Puts final blocks on the disk; whoever orders them says which.

    :ivar on_final: Called with each block once it is on disk.
    :ivar on_wrong: Called if a run of blocks did not lead to the state root that was told.
    :ivar on_damage: Called with a sentence if the database shows damage.
    :ivar on_idle: Called after each attempt, successful or not, when the next one may begin.
    :ivar trouble: Why blocks can't be written at present, or None.
    :ivar retry_at: When to try again after such trouble, by the reactor's clock.
    """

    _log = Logger()

    def __init__(self, reactor: IReactorTime, run_in_thread: RunInThread, store: SqliteStore) -> None:
        self.on_final: Callable[[FinalBlock], None] = lambda final: None
        self.on_wrong: Callable[[], None] = lambda: None
        self.on_damage: Callable[[str], None] = lambda finding: None
        self.on_idle: Callable[[], None] = lambda: None
        self.trouble: str | None = None
        self.retry_at = 0.0
        self._reactor = reactor
        self._run_in_thread = run_in_thread
        self._store = store
        self._cooperator = Cooperator(
            terminationPredicateFactory=lambda: _Slice(reactor),
            scheduler=lambda work: reactor.callLater(0, work),
        )
        self._busy: Deferred[Any] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a block is being written."""
        return self._busy is not None

    def write(self, run: Run, root: bytes | None = None) -> None:
        """Begin to write the block that follows the head, or several. Only while nothing is being written.

        :param root: The state root after the last one, if it is known.
        """
        assert self._busy is None, "one run at a time"
        task = self._cooperator.cooperate(self._steps(run, root))
        self._busy = task.whenDone()
        self._busy.addErrback(self._failed)
        self._busy.addBoth(self._written)

    async def finish(self) -> None:
        """Wait until the block under way is on disk."""
        while self._busy is not None:
            await settled(self._busy)

    async def stop(self) -> None:
        """The same, and write no other one ever."""
        await self.finish()
        self._cooperator.stop()

    def _steps(self, run: Run, root: bytes | None) -> Generator[None, None, None]:
        head, results = yield from self._store.write_in_steps(run, root)
        self.trouble = None
        self.retry_at = 0.0
        following = iter(results)
        # Without a pause, for the head is at the last one: nobody is to see it before what is told of those below it.
        for block, operations in run:
            block_root = head.root if block.height == head.height else None
            final = _final(block, block_root, operations, list(islice(following, len(operations))))
            try:
                self.on_final(final)
            except Exception:
                # It is on disk all the same, and so are those behind it.
                self._log.failure("Block {height} could not be told of", height=block.height)

    def _failed(self, failure: object) -> None:
        error = getattr(failure, "value", None)
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            self.on_damage(f"writing a block: {error}")
        elif isinstance(error, DatabaseDamaged):
            self.on_damage(str(error))
        elif isinstance(error, WrongState):
            self._log.warn("Blocks are executed again, one by one: {error}", error=error)
            self.on_wrong()
        else:
            self.trouble = f"no block can be written: {error}"
            self.retry_at = self._reactor.seconds() + RETRY_DELAY
            self._log.error("No block can be written, trying again in {delay:.0f} s: {error}",
                            delay=RETRY_DELAY, error=error)  # fmt: skip

    def _written(self, _: object) -> None:
        if self._store.wants_checkpoint():
            # No block is written meanwhile, or the log could grow as fast as it is moved.
            self._busy = self._run_in_thread(self._store.checkpoint)
            self._busy.addErrback(lambda failure: self._log.failure("The checkpoint failed", failure))
            self._busy.addBoth(self._idle)
        else:
            self._idle(None)

    def _idle(self, _: object) -> None:
        self._busy = None
        self.on_idle()


def _final(block: Block, root: bytes | None, operations: Sequence[Operation], results: Sequence[int]) -> FinalBlock:
    logged = tuple(
        LoggedOperation(
            cursor(position(block.height, index)), operation.id, operation.body, operation.signature, result
        )
        for index, (operation, result) in enumerate(zip(operations, results, strict=True))
    )
    return FinalBlock(block, root, logged)

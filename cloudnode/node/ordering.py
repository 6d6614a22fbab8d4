"""Order on a network of one: a lone validator makes a block whenever there is something to order.

Pace. The next block is made no sooner than ``pace_ms`` after the last one. It is made at that time if operations
wait, or if the last block changed the state and no header carries its root yet (so that proofs on an idle network
are never late); otherwise ``heartbeat_ms`` after the last one.

A block is final with this validator's own vote. It is told to nobody before it is on disk with its effects, so that
a crash at any moment leaves nothing signed that could be contradicted later.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import Cooperator
from twisted.logger import Logger

from cloudnode.formats.block import FINALIZE, Certificate, Header, operations_hash, sign_vote
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import Operation
from cloudnode.ledger.positions import cursor, position
from cloudnode.ledger.reading import Block, FinalBlock, Head, LoggedOperation
from cloudnode.node.pool import Pool
from cloudnode.node.threads import RunInThread
from cloudnode.store.connection import DatabaseDamaged
from cloudnode.store.sqlite import SqliteStore

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


class LoneValidator:
    """Makes all blocks of a network that has this one validator.

    :ivar on_final: Called with each block once it is on disk.
    :ivar on_damage: Called with a sentence if the database shows damage.
    :ivar trouble: Why blocks can't be written at present, or None.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        run_in_thread: RunInThread,
        store: SqliteStore,
        pool: Pool,
        genesis: Genesis,
        validator_key: SigningKey,
        wall_time: Callable[[], float] = time.time,
    ) -> None:
        if genesis.validators != (validator_key.public,):
            raise ValueError("this validator is not the network's only one")
        self.on_final: Callable[[FinalBlock], None] = lambda final: None
        self.on_damage: Callable[[str], None] = lambda finding: None
        self.trouble: str | None = None
        self._reactor = reactor
        self._run_in_thread = run_in_thread
        self._store = store
        self._pool = pool
        self._genesis = genesis
        self._key = validator_key
        self._wall_time = wall_time
        self._cooperator = Cooperator(
            terminationPredicateFactory=lambda: _Slice(reactor),
            scheduler=lambda work: reactor.callLater(0, work),
        )
        self._timer: IDelayedCall | None = None
        self._running = False
        self._writing: Deferred[Any] | None = None
        self._last = reactor.seconds()
        self._root_is_new = False
        self._retry_at = 0.0

    def start(self) -> None:
        """Begin. The first block on a new network comes at once, so that it has something to prove."""
        self._running = True
        header = self._store.header
        self._root_is_new = header is None or header.operations_count > 0
        self._last = self._reactor.seconds() - self._genesis.parameters.pace_ms / 1000
        self._schedule()

    def halt(self) -> None:
        """Make no more blocks."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def stop(self) -> None:
        """Make no more blocks, once the one under way is on disk."""
        self.halt()
        if self._writing is not None:
            done: Deferred[None] = Deferred()
            self._writing.addBoth(lambda _: done.callback(None))
            await done
        self._cooperator.stop()

    def wake(self) -> None:
        """The pool is no longer empty."""
        if self._running and self._writing is None and len(self._pool) == 1:
            self._schedule()

    def _schedule(self) -> None:
        if not self._running or self._writing is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
        parameters = self._genesis.parameters
        wanted = len(self._pool) > 0 or self._root_is_new
        interval = parameters.pace_ms if wanted else parameters.heartbeat_ms
        at = max(self._last + interval / 1000, self._retry_at)
        self._timer = self._reactor.callLater(max(0.0, at - self._reactor.seconds()), self._due)

    def _due(self) -> None:
        self._timer = None
        self._last = self._reactor.seconds()
        height = self._store.head.height + 1
        operations = self._pool.choose(height, self._genesis.parameters)
        block = self._make_block(height, operations)
        task = self._cooperator.cooperate(self._write(block, operations))
        self._writing = task.whenDone()
        self._writing.addErrback(self._failed)
        self._writing.addBoth(self._written)

    def _make_block(self, height: int, operations: Sequence[Operation]) -> Block:
        head = self._store.head
        before = self._store.header
        ids = tuple(operation.id for operation in operations)
        header = Header(
            network=self._genesis.network,
            epoch=0,
            view=0 if before is None else before.view + 1,
            height=height,
            time=max(head.time + 1, int(self._wall_time() * 1000)),
            parent=head.hash,
            operations_hash=operations_hash(ids),
            operations_count=len(ids),
            root_height=head.height,
            root=head.root,
        )
        signature = sign_vote(self._key, header.network, FINALIZE, header.epoch, header.view, header.hash)
        certificate = Certificate(FINALIZE, header.epoch, header.view, header.hash, ((0, signature),))
        return Block(height, header.hash, header.encode(), certificate.encode(), ids)

    def _write(self, block: Block, operations: Sequence[Operation]) -> Generator[None, None, None]:
        head, results = yield from self._store.write_in_steps(block, operations)
        self.trouble = None
        self._retry_at = 0.0
        self._root_is_new = bool(operations)
        self.on_final(_final(block, head, operations, results))

    def _failed(self, failure: object) -> None:
        error = getattr(failure, "value", None)
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            self.on_damage(f"writing a block: {error}")
        elif isinstance(error, DatabaseDamaged):
            self.on_damage(str(error))
        else:
            self.trouble = f"no block can be written: {error}"
            self._retry_at = self._reactor.seconds() + RETRY_DELAY
            self._log.error("No block can be written, trying again in {delay:.0f} s: {error}",
                            delay=RETRY_DELAY, error=error)  # fmt: skip

    def _written(self, _: object) -> None:
        if self._store.wants_checkpoint():
            # No block is written meanwhile, or the log could grow as fast as it is moved.
            self._writing = self._run_in_thread(self._store.checkpoint)
            self._writing.addErrback(lambda failure: self._log.failure("The checkpoint failed", failure))
            self._writing.addBoth(self._idle)
        else:
            self._idle(None)

    def _idle(self, _: object) -> None:
        self._writing = None
        self._schedule()


def _final(block: Block, head: Head, operations: Sequence[Operation], results: Sequence[int]) -> FinalBlock:
    logged = tuple(
        LoggedOperation(
            cursor(position(block.height, index)), operation.id, operation.body, operation.signature, result
        )
        for index, (operation, result) in enumerate(zip(operations, results, strict=True))
    )
    return FinalBlock(block, head, logged)

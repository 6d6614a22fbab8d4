"""Order on a network of one: a lone validator makes a block whenever there is something to order.

Pace. The next block is made no sooner than ``pace_ms`` after the last one. It is made at that time if operations
wait, or if the last block changed the state and no header carries its root yet (so that proofs on an idle network
are never late); otherwise ``heartbeat_ms`` after the last one.

Once other validators are appointed, it makes no more.

A block is final with this validator's own vote. It is told to nobody before it is on disk with its effects, so that
a crash at any moment leaves nothing signed that could be contradicted later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from cloudnode.formats.appointment import appointed_by
from cloudnode.formats.block import (
    FINALIZE,
    Certificate,
    Header,
    operations_hash,
    sign_vote,
    signatures_hash,
    validators_hash,
)
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import Operation
from cloudnode.ledger.reading import Block
from cloudnode.node.pool import Pool
from cloudnode.node.writing import BlockWriting
from cloudnode.store.sqlite import SqliteStore


class LoneValidator:
    """Makes all blocks of a network that has this one validator (:class:`cloudnode.node.ordering.Ordering`)."""

    def __init__(
        self,
        reactor: IReactorTime,
        writing: BlockWriting,
        store: SqliteStore,
        pool: Pool,
        genesis: Genesis,
        validator_key: SigningKey,
        wall_time: Callable[[], float] = time.time,
    ) -> None:
        """:param wall_time: Unix seconds, which blocks tell."""
        self._reactor = reactor
        self._writing = writing
        self._writing.on_idle = self._schedule
        self._store = store
        self._pool = pool
        self._genesis = genesis
        self._key = validator_key
        self._wall_time = wall_time
        self._timer: IDelayedCall | None = None
        self._running = False
        self._last = reactor.seconds()

    def start(self) -> None:
        """Begin. The first block on a new network comes at once, so that it has something to prove."""
        self._running = True
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
        await self._writing.stop()

    def wake(self) -> None:
        """The pool is no longer empty."""
        if self._running and not self._writing.is_busy and len(self._pool) == 1:
            self._schedule()

    def _schedule(self) -> None:
        if not self._running or self._writing.is_busy or not self._decides_alone():
            return
        if self._timer is not None:
            self._timer.cancel()
        parameters = self._genesis.parameters
        header = self._store.header
        root_is_new = header is None or header.operations_count > 0
        wanted = len(self._pool) > 0 or root_is_new
        interval = parameters.pace_ms if wanted else parameters.heartbeat_ms
        at = max(self._last + interval / 1000, self._writing.retry_at)
        self._timer = self._reactor.callLater(max(0.0, at - self._reactor.seconds()), self._due)

    def _decides_alone(self) -> bool:
        return self._store.epoch.validators == (self._key.public,)

    def _due(self) -> None:
        self._timer = None
        self._last = self._reactor.seconds()
        height = self._store.head.height + 1
        operations = self._pool.choose(height, self._genesis.parameters)
        block = self._make_block(height, operations)
        self._writing.write(block, operations)

    def _make_block(self, height: int, operations: Sequence[Operation]) -> Block:
        head = self._store.head
        before = self._store.header
        ids = tuple(operation.id for operation in operations)
        validators = appointed_by(operations)
        header = Header(
            network=self._genesis.network,
            epoch=self._store.epoch.number,
            view=0 if before is None or before.ends_epoch else before.view + 1,
            height=height,
            time=max(head.time + 1, int(self._wall_time() * 1000)),
            parent=head.hash,
            operations_hash=operations_hash(ids),
            operations_count=len(ids),
            root_height=head.height,
            root=head.root,
            signatures_hash=signatures_hash(operation.signature for operation in operations),
            next_validators=validators_hash(validators),
        )
        signature = sign_vote(self._key, header.network, FINALIZE, header.epoch, header.view, header.hash)
        certificate = Certificate(FINALIZE, header.epoch, header.view, header.hash, ((0, signature),))
        return Block(height, header.hash, header.encode(), Finality(certificate).encode(), ids, validators)

"""The queue of final blocks: they are written in order, and each state root is compared.

What comes here was checked already as far as a block can be without the state: it follows the one before it, a
quorum of validators made it final, and its operations are those that it names. What is left is whether executing
them leads to the state that the validators signed. A header carries the root of an earlier height; before a block is
written, that root is compared with this node's own. If they differ, this node has gone wrong (its disk, its memory
or its program): it writes nothing more and says why, for it must not serve what it knows to be wrong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from cloudnode.formats.block import Header
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.operation import Operation
from cloudnode.ledger.reading import Block
from cloudnode.node.writing import BlockWriting
from cloudnode.store.sqlite import SqliteStore


@attrs.frozen
class CheckedBlock:
    """A final block with its operations in order, all of them checked but for their effects."""

    block: Block
    header: Header
    operations: Sequence[Operation]


class Follower:
    """Writes blocks in the order of their heights.

    :ivar on_diverged: Called with one sentence when this node's state is not the one that the validators signed.
    """

    def __init__(self, reactor: IReactorTime, writing: BlockWriting, store: SqliteStore) -> None:
        self.on_diverged: Callable[[str], None] = lambda reason: None
        self._reactor = reactor
        self._writing = writing
        self._writing.on_idle = self._next
        self._store = store
        self._blocks: deque[CheckedBlock] = deque()
        self._running = False
        self._retry: IDelayedCall | None = None

    @property
    def waiting(self) -> int:
        """Blocks that wait to be written."""
        return len(self._blocks)

    @property
    def is_idle(self) -> bool:
        """Whether all blocks are on disk."""
        return not self._blocks or self._blocks[-1].block.height <= self._store.head.height

    def add(self, block: CheckedBlock) -> None:
        """Take the next block.

        :raises ValueError: It is not the one that follows what was taken before.
        """
        before = self._blocks[-1].block if self._blocks else self._store.head
        if block.header.height != before.height + 1 or block.header.parent != before.hash:
            raise ValueError("this block does not follow the one before it")
        self._blocks.append(block)
        self._next()

    def start(self) -> None:
        """Write what comes. What waits and does not follow the newest block is forgotten: the database is another."""
        self._drop_written()
        if self._blocks and self._blocks[0].header.parent != self._store.head.hash:
            self._blocks.clear()
        self._running = True
        self._next()

    def halt(self) -> None:
        """Write nothing more."""
        self._running = False
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    async def stop(self) -> None:
        """Write nothing more, once the block under way is on disk."""
        self.halt()
        await self._writing.stop()

    def _drop_written(self) -> None:
        # A block stays in the queue until it is on disk, so that a full disk loses none.
        while self._blocks and self._blocks[0].block.height <= self._store.head.height:
            self._blocks.popleft()

    def _next(self) -> None:
        self._drop_written()
        if not self._running or self._writing.is_busy or not self._blocks or self._retry is not None:
            return
        delay = self._writing.retry_at - self._reactor.seconds()
        if delay > 0:
            self._retry = self._reactor.callLater(delay, self._try_again)
            return
        checked = self._blocks[0]
        difference = self._compare(checked.header)
        if difference is not None:
            self.halt()
            self.on_diverged(difference)
            return
        self._writing.write(checked.block, checked.operations)

    def _try_again(self) -> None:
        self._retry = None
        self._next()

    def _compare(self, header: Header) -> str | None:
        try:
            root = self._store.reading(header.root_height).data_hash().root
        except LedgerError:
            # A root of so long ago is not kept; later headers carry later ones.
            return None
        if root == header.root:
            return None
        return (
            f"the state root at height {header.root_height} is {root.hex()} here, "
            f"but the validators signed {header.root.hex()} in block {header.height}"
        )

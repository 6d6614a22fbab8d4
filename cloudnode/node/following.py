"""The queue of final blocks: they are written in order, and each state root is compared.

What comes here was checked already as far as a block can be without the state: it follows the one before it, a
quorum of validators made it final, and its operations are those that it names. What is left is whether executing
them leads to the state that the validators signed. A header carries the root of an earlier height; before a block is
written, that root is compared with this node's own. If they differ, this node has gone wrong (its disk, its memory
or its program): it writes nothing more and says why, for it must not serve what it knows to be wrong.

Of blocks so old that nobody asks for the states between them, as many are executed together as wait here, up to one
whose root stands in a header that waits as well (:mod:`cloudnode.store.writer`). If that is not the root that they lead
to, they are written one by one, so that it shows where the difference begins. The roots that headers within a run carry
are not compared: the one at its end binds all rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from cloudnode.formats.block import Header
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.operation import Operation
from cloudnode.ledger.reading import Block
from cloudnode.node.writing import BlockWriting
from cloudnode.store.sqlite import SqliteStore

BLOCKS_WAITING = 16
"""So many blocks wait at most to be written; and more if they are small, up to one of these limits of a run:"""
BLOCKS_TOGETHER = 128
OPERATIONS_TOGETHER = 8_000
BYTES_TOGETHER = 8 * 1024 * 1024


@attrs.frozen
class CheckedBlock:
    """A final block with its operations in order, all of them checked but for their effects.

    :ivar is_old: Whether it is so far below the network's newest height that no state after it is needed.
    :ivar size: Bytes of its operations.
    """

    block: Block
    header: Header
    operations: Sequence[Operation]
    is_old: bool = False
    size: int = attrs.field(init=False)

    @size.default
    def _add_sizes(self) -> int:
        return sum(len(operation.body) for operation in self.operations)


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
        self._operations = 0
        self._size = 0
        self._running = False
        self._retry: IDelayedCall | None = None
        self._one_by_one_until = 0
        writing.on_wrong = self._go_one_by_one

    @property
    def has_room(self) -> bool:
        """Whether another block may be added without waiting for those that are here."""
        waiting = len(self._blocks)
        if waiting < BLOCKS_WAITING:
            return True
        has_room = self._operations < OPERATIONS_TOGETHER and self._size < BYTES_TOGETHER
        return waiting < BLOCKS_TOGETHER and has_room

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
        self._operations += len(block.operations)
        self._size += block.size
        self._next()

    def start(self) -> None:
        """Write what comes. What waits and does not follow the newest block is forgotten: the database is another."""
        self._drop_written()
        if self._blocks and self._blocks[0].header.parent != self._store.head.hash:
            self._blocks.clear()
            self._operations = self._size = 0
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
            block = self._blocks.popleft()
            self._operations -= len(block.operations)
            self._size -= block.size

    def _next(self) -> None:
        self._drop_written()
        if not self._running or self._writing.is_busy or not self._blocks or self._retry is not None:
            return
        delay = self._writing.retry_at - self._reactor.seconds()
        if delay > 0:
            self._retry = self._reactor.callLater(delay, self._try_again)
            return
        difference = self._compare(self._blocks[0].header)
        if difference is not None:
            self.halt()
            self.on_diverged(difference)
            return
        run, root = self._choose_run()
        self._writing.write([(each.block, each.operations) for each in run], root)

    def _choose_run(self) -> tuple[list[CheckedBlock], bytes | None]:
        """The next block, or as many of the next ones as may be executed together, with the root that they lead to."""
        roots = {each.header.root_height: each.header.root for each in self._blocks}
        length, operations, size = 1, 0, 0
        for count, each in enumerate(self._blocks, 1):
            operations += len(each.operations)
            size += each.size
            is_mergeable = each.is_old and not each.header.ends_epoch and each.block.height > self._one_by_one_until
            if not is_mergeable or operations > OPERATIONS_TOGETHER or size > BYTES_TOGETHER:
                break
            if each.block.height in roots:
                length = count
        run = list(islice(self._blocks, length))
        return run, roots[run[-1].block.height] if length > 1 else None

    def _go_one_by_one(self) -> None:
        self._one_by_one_until = self._blocks[-1].block.height

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

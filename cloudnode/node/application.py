"""The ledger as consensus asks of it (:class:`cloudnode.consensus.seams.Application`): what to put in a block, whether
a proposed one is good, which state root a height has.

Theory of operation. An operation is *taken* once it stands in a block of the chain that is being built: in one that is
executed, or in an ancestor that is not. Of the first kind none is in the pool any more. So an operation may stand in a
new block exactly if it is in the pool, in no ancestor, and valid at the height; nobody has to ask the disk.

A proposed block with bodies that aren't here waits for them. One that repeats an operation of long ago waits for ever,
which is as good as a refusal: the view is skipped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence

from cloudnode.consensus.messages import Block
from cloudnode.consensus.seams import Draft, Verdict
from cloudnode.formats.appointment import appointed_by
from cloudnode.formats.block import Certificate, Header, signatures_hash
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.operation import Appoint, Operation
from cloudnode.ledger.reading import Block as FinalBlock
from cloudnode.node.pool import Pool
from cloudnode.store.sqlite import SqliteStore

AHEAD_MOST_MS = 2_000
"""A block whose time is further ahead of this node's clock than this waits for its vote, unless its parent's is too."""

ROOTS_KEPT = 1_000
HASHES_KEPT = 1_000
DISCARDED_KEPT = 1_000


class LedgerApplication:
    """Answers consensus from pool and store.

    :ivar on_missing: Called with a proposed block and the ids of its operations that aren't here.
    :ivar on_other_signatures: Called with a proposed block whose operations are here, but not with the signatures that
        the leader has; both may be true.
    :ivar on_early: Called with a proposed block and the milliseconds until its time is near enough.
    """

    def __init__(self, store: SqliteStore, pool: Pool, genesis: Genesis, wall_time: Callable[[], float]) -> None:
        """:param wall_time: Unix seconds."""
        self.on_missing: Callable[[Block, tuple[bytes, ...]], None] = lambda block, ids: None
        self.on_other_signatures: Callable[[Block], None] = lambda block: None
        self.on_early: Callable[[Block, int], None] = lambda block, milliseconds: None
        self._store = store
        self._pool = pool
        self._genesis = genesis
        self._wall_time = wall_time
        self._roots: dict[int, bytes] = {}
        self._heights: dict[bytes, int] = {}
        self._discarded: dict[bytes, Block] = {}
        self._epochs_read = 0
        self.begin()

    def begin(self) -> None:
        """Know what the store holds now, and nothing else: it may have been repaired, or got by another way."""
        self._roots.clear()
        self._discarded.clear()
        self._epochs_read = 0
        # Peers that are a few blocks behind ask for them after a restart as well.
        self._heights = {block_hash: height for height, block_hash in self._store.newest_hashes(HASHES_KEPT)}

    def executed(self, height: int, block_hash: bytes, root: bytes | None) -> None:
        """A final block is on disk with its effects.

        :param root: The state root after it; None if there was no state between it and the next block.
        """
        if root is not None:
            self._roots[height] = root
        self._roots.pop(height - ROOTS_KEPT, None)
        self._heights[block_hash] = height
        if len(self._heights) > HASHES_KEPT:
            del self._heights[next(iter(self._heights))]

    # What consensus asks.

    def draft(self, height: int, epoch: int, ancestors: Sequence[Block], empty: bool) -> Draft:
        """The oldest operations that wait."""
        parameters = self._genesis.parameters
        operations = [] if empty else self._pool.choose(height, epoch, parameters, _taken(ancestors))
        return Draft(
            ids=tuple(operation.id for operation in operations),
            time=int(self._wall_time() * 1000),
            signatures_hash=signatures_hash(operation.signature for operation in operations),
            validators=appointed_by(operations),
        )

    def has_work(self, epoch: int, ancestors: Sequence[Block]) -> bool:
        """Whether any wait."""
        if len(self._pool) > sum(len(block.ids) for block in ancestors):
            return True
        return not _taken(ancestors).issuperset(self._pool.ids())

    def check(self, block: Block, ancestors: Sequence[Block]) -> Verdict:
        """Whether each operation may stand in the block and all bodies are here."""
        if len(set(block.ids)) != len(block.ids) or not _taken(ancestors).isdisjoint(block.ids):
            return Verdict.INVALID
        found = [self._pool.get(operation_id) for operation_id in block.ids]
        operations = [operation for operation in found if operation is not None]
        if not self._fit(block.header.height, operations):
            return Verdict.INVALID
        if len(operations) < len(found):
            missing = (each for each, held in zip(block.ids, found, strict=True) if held is None)
            self.on_missing(block, tuple(missing))
            return Verdict.WAITING
        if not _appoints_rightly(block, operations):
            return Verdict.INVALID
        if signatures_hash(operation.signature for operation in operations) != block.header.signatures_hash:
            self.on_other_signatures(block)
            return Verdict.WAITING
        early = block.header.time - self._latest(ancestors)
        if early > 0:
            self.on_early(block, early)
            return Verdict.WAITING
        return Verdict.VALID

    def _latest(self, ancestors: Sequence[Block]) -> int:
        """The latest time that a block may tell now, in milliseconds since 1970.

        One that is just later than its parent's is never too late: when clocks that were ahead made blocks and are
        right again, no block could tell less, and the network would wait until they have caught up.
        """
        parent = max([self._store.head.time, *(each.header.time for each in ancestors)])
        return max(int(self._wall_time() * 1000) + AHEAD_MOST_MS, parent + 1)

    def _fit(self, height: int, operations: Iterable[Operation]) -> bool:
        size = 0
        for operation in operations:
            size += len(operation.body)
            if not operation.valid_from <= height <= operation.expiry:
                return False
        return size <= self._genesis.parameters.max_block_bytes

    def root(self, height: int) -> bytes | None:
        """The state root after a height; None if it isn't executed, or was so long ago that it is forgotten."""
        head = self._store.head
        if height == head.height:
            return head.root
        if height > head.height:
            return None
        root = self._roots.get(height)
        if root is None:
            with contextlib.suppress(LedgerError):
                root = self._roots[height] = self._store.reading(height).data_hash().root
        return root

    def find_block(self, block_hash: bytes) -> Block | None:
        """A recent final block, or one discarded at an epoch's end."""
        height = self._heights.get(block_hash)
        stored = None if height is None else self._store.reading().block(height)
        if stored is not None:
            return core_block(stored)
        return self._find_discarded(block_hash)

    def _find_discarded(self, block_hash: bytes) -> Block | None:
        """Each epoch's end is read once, however often somebody asks for a block that nobody knows."""
        for end in self._store.epochs(self._epochs_read):
            self._epochs_read = end.number + 1
            for header in Finality.decode(end.finality).descendants:
                self._discarded[header.hash] = Block.of(header, (), ())
                if len(self._discarded) > DISCARDED_KEPT:
                    del self._discarded[next(iter(self._discarded))]
        return self._discarded.get(block_hash)

    def epoch_end(self, epoch: int) -> Certificate | None:
        """The certificate that ended a past epoch."""
        end = next(self._store.epochs(epoch), None)
        return None if end is None else Finality.decode(end.finality).certificate


def _appoints_rightly(block: Block, operations: Sequence[Operation]) -> bool:
    """Whether the block appoints whom its operation appoints; approvals were checked before it came into the pool."""
    try:
        if appointed_by(operations) != block.validators:
            return False
    except LedgerError:
        return False
    action = operations[0].action if operations else None
    return not isinstance(action, Appoint) or action.epoch == block.header.epoch


def _taken(ancestors: Iterable[Block]) -> frozenset[bytes]:
    return frozenset().union(*(block.ids for block in ancestors))


def core_block(block: FinalBlock) -> Block:
    """A stored block as consensus knows it."""
    return Block(Header.decode(block.header), block.operation_ids, block.validators, block.hash)

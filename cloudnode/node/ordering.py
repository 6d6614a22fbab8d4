"""Where a node's blocks come from.

Every node has a queue of final blocks that it executes one after the other (:mod:`cloudnode.node.following`). What
fills it is the node's part in consensus, while its key is among the validators of the present epoch
(:mod:`cloudnode.node.validating`), and otherwise what peers tell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import attrs
from twisted.internet.interfaces import IReactorTime

from cloudnode.formats.block import Header
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import Operation
from cloudnode.ledger.reading import Block, FinalBlock
from cloudnode.node.following import CheckedBlock, Follower
from cloudnode.node.journalfile import JournalFile
from cloudnode.node.pool import Pool
from cloudnode.node.validating import Validator
from cloudnode.node.writing import BlockWriting
from cloudnode.store.sqlite import SqliteStore

Role = Literal["validator", "follower"]


@attrs.frozen
class ValidatorIdentity:
    """What a node votes with.

    :ivar key: The validator's. :ivar journal: What it has signed.
    """

    key: SigningKey
    journal: JournalFile


class Ordering:
    """Decides which block comes next and has it written, by the ledger's one
    :class:`~cloudnode.node.writing.BlockWriting`, which tells of each final block.

    :ivar follower: The queue of final blocks.
    :ivar validator: This node's part in consensus; None if it can't have any.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        writing: BlockWriting,
        store: SqliteStore,
        pool: Pool,
        genesis: Genesis,
        identity: ValidatorIdentity | None,
        wall_time: Callable[[], float],
    ) -> None:
        self.follower = Follower(reactor, writing, store)
        self.validator: Validator | None = None
        self._pool = pool
        if identity is not None:
            self.validator = Validator(reactor, store, pool, genesis, identity.key, identity.journal, wall_time)
            # Whoever has links replaces this by what fetches what is missing.
            self.validator.on_final = self._take_final
            self.validator.may_begin = lambda: self.follower.is_idle

    @property
    def role(self) -> Role:
        """What this node is in the network at present."""
        return "validator" if self.validator is not None and self.validator.is_validator else "follower"

    def start(self) -> None:
        """Begin, or begin again after :meth:`halt`."""
        self.follower.start()
        if self.validator is not None:
            self.validator.start()

    def halt(self) -> None:
        """Write no further block: the database can't be trusted."""
        if self.validator is not None:
            self.validator.halt()
        self.follower.halt()

    async def stop(self) -> None:
        """Write no further block, once the one under way is on disk."""
        if self.validator is not None:
            await self.validator.stop()
        await self.follower.stop()

    def pooled(self, operation: Operation) -> None:
        """An operation came into the pool."""
        if self.validator is not None:
            self.validator.pooled(operation)
            self.validator.wake()

    def executed(self, final: FinalBlock) -> None:
        """A block is on disk."""
        if self.validator is not None:
            self.validator.executed(final)

    def _take_final(self, block: Block, header: Header) -> None:
        """On a node without links all bodies are in the pool, or no quorum could have notarized."""
        held = [self._pool.get(operation_id) for operation_id in block.operation_ids]
        operations = [operation for operation in held if operation is not None]
        assert len(operations) == len(held), "a body that was voted for is gone"
        self.follower.add(CheckedBlock(block, header, operations))

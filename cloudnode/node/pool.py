"""Operations that are checked and wait for a block. Pure: no reactor, no clock.

The pool is bounded in number and bytes; what does not fit is refused with a named error, and nothing that is in it
is given up before its expiry. It is first in, first out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from heapq import heappop, heappush

import attrs

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import Parameters
from cloudnode.formats.operation import Appoint, Operation


@attrs.frozen
class PoolLimits:
    """What a node holds at most; the ledger's rules know nothing of it.

    :ivar operations: Their number. :ivar size: Bytes of their bodies.
    """

    operations: int = 50_000
    size: int = 64 * 1024 * 1024


class Pool:
    """Operations by id, in the order of their arrival."""

    def __init__(self, limits: PoolLimits) -> None:
        self._limits = limits
        self._operations: dict[bytes, Operation] = {}
        self._appoints: dict[bytes, Operation] = {}
        self._expiries: list[tuple[int, bytes]] = []
        self._size = 0

    def __len__(self) -> int:
        return len(self._operations)

    def __contains__(self, operation_id: bytes) -> bool:
        return operation_id in self._operations

    @property
    def size(self) -> int:
        """Bytes of all bodies."""
        return self._size

    def get(self, operation_id: bytes) -> Operation | None:
        """An operation that is here."""
        return self._operations.get(operation_id)

    def ids(self) -> list[bytes]:
        """The ids of all, oldest first."""
        return list(self._operations)

    def check_room(self, operations: int, size: int) -> None:
        """See whether there is room for so many operations of so many bytes in all.

        :raises LedgerError: ``pool_full``; to try again later is to succeed, as blocks empty the pool.
        """
        if len(self._operations) + operations > self._limits.operations or self._size + size > self._limits.size:
            raise LedgerError("pool_full")

    def add(self, operation: Operation) -> None:
        """Take an operation that was checked; one that is here already stays where it is."""
        if operation.id not in self._operations:
            self._operations[operation.id] = operation
            self._size += len(operation.body)
            heappush(self._expiries, (operation.expiry, operation.id))
            if isinstance(operation.action, Appoint):
                self._appoints[operation.id] = operation

    def remove(self, operation_ids: Iterable[bytes]) -> None:
        """Forget operations, for instance because a block holds them."""
        for operation_id in operation_ids:
            operation = self._operations.pop(operation_id, None)
            self._appoints.pop(operation_id, None)
            if operation is not None:
                self._size -= len(operation.body)

    def drop_expired(self, height: int) -> list[bytes]:
        """Forget what no block of ``height`` or above may hold, and say what that was."""
        dropped = []
        while self._expiries and self._expiries[0][0] < height:
            _, operation_id = heappop(self._expiries)
            if operation_id in self._operations:
                dropped.append(operation_id)
        self.remove(dropped)
        return dropped

    def drop_appoints(self) -> list[bytes]:
        """Forget what would appoint validators, because the epoch that it would end is over, and say what that was."""
        dropped = list(self._appoints)
        self.remove(dropped)
        return dropped

    def replace(self, operation: Operation) -> None:
        """Take the same operation with another true signature of its author's, in place of the one that is here."""
        if operation.id in self._operations:
            self._operations[operation.id] = operation
        if operation.id in self._appoints:
            self._appoints[operation.id] = operation

    def choose(
        self, height: int, epoch: int, parameters: Parameters, taken: Collection[bytes] = frozenset()
    ) -> list[Operation]:
        """The oldest operations that fit into a block of this height; they stay here until they are final.

        One that appoints validators goes before all others, alone, as it must.

        :param epoch: The block's. :param taken: What stands in a block already.
        """
        for operation in self._appoints.values():
            assert isinstance(operation.action, Appoint)
            is_due = operation.action.epoch == epoch and operation.valid_from <= height <= operation.expiry
            if is_due and operation.id not in taken:
                return [operation]
        chosen: list[Operation] = []
        size = 0
        for operation in self._operations.values():
            if len(chosen) == parameters.max_block_operations:
                break
            if operation.id in taken or operation.id in self._appoints:
                continue
            if not operation.valid_from <= height <= operation.expiry:
                continue
            size += len(operation.body)
            if size > parameters.max_block_bytes:
                break
            chosen.append(operation)
        return chosen

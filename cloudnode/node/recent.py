"""What the last blocks held, so that the disk is asked about few operations: of a young one memory knows all."""

from __future__ import annotations

from collections import deque

from cloudnode.ledger.positions import cursor, position
from cloudnode.ledger.reading import FinalBlock, Outcome

OPERATIONS = 50_000
"""So many operations are remembered, some 130 bytes each."""

BLOCKS = 8
"""So many blocks are remembered however many they hold: the verification of a signature takes less time."""

_RESULT_BITS = 16
_RESULT_MASK = (1 << _RESULT_BITS) - 1


class RecentOutcomes:
    """Outcomes of the operations of the last blocks."""

    def __init__(self, operations: int = OPERATIONS) -> None:
        """:param operations: How many are remembered."""
        self._most = operations
        self._blocks: deque[tuple[int, tuple[bytes, ...]]] = deque()
        # Position and result of each in one integer, for there are many.
        self._outcomes: dict[bytes, int] = {}

    def add(self, final: FinalBlock) -> None:
        """Remember a block. If it does not follow the last one, only it is remembered."""
        height = final.block.height
        if self._blocks and self._blocks[-1][0] != height - 1:
            self._blocks.clear()
            self._outcomes.clear()
        ids = final.block.operation_ids
        self._blocks.append((height, ids))
        for index, logged in enumerate(final.operations):
            self._outcomes[logged.id] = position(height, index) << _RESULT_BITS | logged.result
        while len(self._outcomes) > self._most and len(self._blocks) > BLOCKS:
            for operation_id in self._blocks.popleft()[1]:
                self._outcomes.pop(operation_id, None)

    def covers(self, first: int, last: int) -> bool:
        """Whether all blocks of these heights are remembered."""
        return first > last or (bool(self._blocks) and self._blocks[0][0] <= first and self._blocks[-1][0] == last)

    def outcome(self, operation_id: bytes) -> Outcome | None:
        """What a remembered block made of an operation; None if it is in none of them."""
        found = self._outcomes.get(operation_id)
        if found is None:
            return None
        return Outcome(operation_id, cursor(found >> _RESULT_BITS), found & _RESULT_MASK)

"""What the last few blocks held, so that nobody has to ask the disk twice about one operation."""

from __future__ import annotations

from collections import deque

from cloudnode.formats.errors import LedgerError
from cloudnode.ledger.reading import FinalBlock, Outcome

BLOCKS = 8
"""Blocks that are remembered; the verification of a signature takes less time than so many blocks."""


class RecentOutcomes:
    """Outcomes of the operations of the last blocks."""

    def __init__(self) -> None:
        self._blocks: deque[tuple[int, dict[bytes, Outcome]]] = deque(maxlen=BLOCKS)

    def add(self, final: FinalBlock) -> None:
        """Remember a block."""
        outcomes = {logged.id: Outcome(logged.id, logged.cursor, logged.result) for logged in final.operations}
        self._blocks.append((final.head.height, outcomes))

    def outcome_since(self, height: int, operation_id: bytes) -> Outcome | None:
        """What a block above ``height`` made of an operation; None if it is in none of them.

        :raises LedgerError: ``pool_full``: the node is so busy that more blocks came since than are remembered.
        """
        if len(self._blocks) == BLOCKS and self._blocks[0][0] > height + 1:
            raise LedgerError("pool_full")
        for at, outcomes in self._blocks:
            if at > height and operation_id in outcomes:
                return outcomes[operation_id]
        return None

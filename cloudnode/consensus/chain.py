"""The blocks that are not final yet, and a few that are."""

from __future__ import annotations

import attrs

from cloudnode.consensus.messages import Block
from cloudnode.consensus.seams import Tip
from cloudnode.formats.block import Header

KEPT = 16
"""Final blocks kept for peers that ask; older ones are served from the store."""


@attrs.frozen
class Path:
    """The way from the last final block to some block.

    :ivar blocks: Ascending, without the final one. :ivar missing: The hash of an ancestor that isn't held.
    :ivar forked: The block is no descendant of the final one, nor the final one itself.
    """

    blocks: tuple[Block, ...] = ()
    missing: bytes | None = None
    forked: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether all of it is held."""
        return self.missing is None and not self.forked


class Chain:
    """A tree of blocks that grows on the last final one.

    :ivar final: The last final block.
    """

    def __init__(self, final: Tip) -> None:
        self.final = final
        self._blocks: dict[bytes, Block] = {}

    def __len__(self) -> int:
        return len(self._blocks)

    def get(self, block_hash: bytes) -> Block | None:
        """A block that is held."""
        return self._blocks.get(block_hash)

    def tip(self, block_hash: bytes) -> Tip | None:
        """A block as its children see it; None if it isn't held."""
        if block_hash == self.final.hash:
            return self.final
        block = self._blocks.get(block_hash)
        return None if block is None else tip_of(block)

    def add(self, block: Block) -> None:
        """Keep a block."""
        self._blocks.setdefault(block.hash, block)

    def path(self, block_hash: bytes) -> Path:
        """The way to a block. Nothing else is walked: it is as long as the part that isn't final."""
        backwards: list[Block] = []
        while block_hash != self.final.hash:
            block = self._blocks.get(block_hash)
            if block is None:
                return Path(tuple(reversed(backwards)), missing=block_hash)
            if block.header.height <= self.final.height:
                return Path(forked=True)
            backwards.append(block)
            block_hash = block.header.parent
        return Path(tuple(reversed(backwards)))

    def advance(self, blocks: tuple[Block, ...]) -> None:
        """These are final, the first one on top of what was."""
        for block in blocks:
            carries = block.header.operations_count > 0
            height = block.header.height if carries else self.final.operations_height
            self.final = attrs.evolve(tip_of(block), operations_height=height)
        for old in [old for old in self._blocks.values() if self._is_obsolete(old.header)]:
            del self._blocks[old.hash]

    def _is_obsolete(self, header: Header) -> bool:
        """Whether a block is long final, or can never be: what a liar proposed names any height."""
        final = self.final
        return header.height <= final.height - KEPT or (header.height > final.height and header.view <= final.view)


def tip_of(block: Block) -> Tip:
    """A block as its children see it (what it says of operations is of itself alone)."""
    header = block.header
    return Tip(
        hash=block.hash,
        height=header.height,
        view=header.view,
        time=header.time,
        root_height=header.root_height,
        root=header.root,
        operations_height=header.height if header.operations_count else 0,
    )

"""What a repair asks of other nodes, each answer checked by the hash above it or by the validators' signatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from cloudnode.formats.block import Header
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.received import SignedBody
from cloudnode.ledger.chunks import Chunk, ChunkWrong, is_page, read_chunk, read_node, read_state, slot_name
from cloudnode.ledger.reading import Block
from cloudnode.ledger.trie import InnerNode
from cloudnode.node.ledger import Ledger
from cloudnode.node.threads import RunInThread
from cloudnode.peers.asking import Asker
from cloudnode.peers.blockcheck import check_final
from cloudnode.peers.bodies import fetch_operations
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import (
    SLOTS_MAX,
    Answer,
    Blocks,
    GetBlocks,
    GetNodes,
    GetState,
    Nodes,
    SentBlock,
    State,
)
from cloudnode.store.repair.mending import Difference
from cloudnode.store.states import StateRoot

_Item = TypeVar("_Item")


class NobodyTells(Exception):
    """No other node tells what is needed; the text says what that is."""


class Truth:
    """Asks one peer after the other until one tells the truth; who tells something else is cut off and banned."""

    def __init__(self, ledger: Ledger, asker: Asker, run_in_thread: RunInThread) -> None:
        self._ledger = ledger
        self._asker = asker
        self._run_in_thread = run_in_thread

    async def state(self, height: int, root: bytes) -> StateRoot:
        """The tables' entries at a height.

        :raises NobodyTells: Nobody has them.
        """

        def check(answer: Answer) -> StateRoot | None:
            assert isinstance(answer, Nodes)
            return StateRoot(height, read_state(root, answer.state)) if answer.state else None

        found = await self._asker.ask_one(height, check, GetNodes, height, ())
        if found is None:
            raise NobodyTells(f"no linked node tells the state of height {height}")
        return found

    async def nodes(self, height: int, wanted: Sequence[Difference]) -> list[InnerNode]:
        """The inner nodes at some places, as many as may be asked for at once, from the first one on.

        :raises NobodyTells: Nobody has them.
        """
        asked = wanted[:SLOTS_MAX]

        def check(answer: Answer) -> list[InnerNode] | None:
            assert isinstance(answer, Nodes)
            if not answer.nodes:
                return None
            if len(answer.nodes) != len(asked):
                raise ChunkWrong(f"it sent {len(answer.nodes)} inner nodes where {len(asked)} were asked for")
            return [
                read_node(each.table, each.slot, each.entry, raw) for each, raw in zip(asked, answer.nodes, strict=True)
            ]

        found = await self._asker.ask_one(height, check, GetNodes, height, _names(asked))
        if found is None:
            raise NobodyTells(f"no linked node tells inner nodes of height {height}")
        return found

    async def rows(self, height: int, wanted: Sequence[Difference]) -> list[Chunk | None]:
        """The rows at some places, as many as come at once; None where there are too many for an answer.

        :raises NobodyTells: Nobody has them.
        """
        asked = wanted[:SLOTS_MAX]

        def check(answer: Answer) -> list[Chunk | None] | None:
            assert isinstance(answer, State)
            if not answer.chunks:
                return None
            if len(answer.chunks) > len(asked):
                raise ChunkWrong(f"it sent {len(answer.chunks)} chunks where {len(asked)} were asked for")
            return [_read_rows(each, raw) for each, raw in zip(asked, answer.chunks, strict=False)]

        found = await self._asker.ask_one(height, check, GetState, height, _names(asked))
        if found is None:
            raise NobodyTells(f"no linked node tells rows of height {height}")
        return found

    async def block(self, height: int) -> tuple[Block, list[SignedBody]]:
        """A final block with its operations.

        :raises NobodyTells: Nobody has it.
        """

        def check(answer: Answer) -> tuple[Block, Header] | None:
            assert isinstance(answer, Blocks)
            if not answer.blocks:
                return None
            return _check_block(answer.blocks[0], height, self._ledger)

        found = await self._asker.ask_one(height, check, GetBlocks, height, 1)
        if found is None:
            raise NobodyTells(f"no linked node tells block {height}")
        block, header = found
        for _ in range(8):
            operations = await self._operations(block, header)
            if operations is not None:
                return block, operations
        raise NobodyTells(f"no linked node tells the operations of block {height}")

    async def _operations(self, block: Block, header: Header) -> list[SignedBody] | None:
        """All from one peer, which names who lies about the signatures; None if that one has them not."""
        epoch = self._ledger.find_epoch(header.epoch)
        assert epoch is not None, "the block was checked by its epoch"
        genesis = self._ledger.genesis
        found = await fetch_operations(self._asker, self._run_in_thread, block, header, genesis, epoch)
        return None if found is None else [(each.body, each.signature) for each in found]


def _names(wanted: Sequence[Difference]) -> tuple[str, ...]:
    return tuple(slot_name(each.table, each.slot) for each in wanted)


def _read_rows(wanted: Difference, raw: bytes | None) -> Chunk | None:
    if raw is not None:
        return read_chunk(wanted.table, wanted.slot, wanted.entry, raw)
    if is_page(wanted.entry):
        raise ChunkWrong(f"it says that the page at slot {slot_name(wanted.table, wanted.slot)} is too long to be sent")
    return None


def _check_block(sent: SentBlock, height: int, ledger: Ledger) -> tuple[Block, Header]:
    try:
        number = Header.decode(sent.header).epoch
    except LedgerError as error:
        raise PeerFault("wrong_block", str(error)) from None
    epoch = ledger.find_epoch(number)
    if epoch is None:
        raise PeerFault("wrong_block", f"block {height} is said to be of epoch {number}, which has not begun")
    block, header = check_final(sent, epoch)
    if header.height != height:
        raise PeerFault("wrong_block", f"block {header.height} came where block {height} was asked for")
    return block, header

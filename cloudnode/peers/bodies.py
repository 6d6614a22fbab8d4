"""The operations of one final block, whole and from one peer."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from cloudnode.formats.block import Header
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.operation import Operation
from cloudnode.ledger.reading import Block
from cloudnode.node.receiving import ReceivingHere
from cloudnode.node.threads import RunInThread
from cloudnode.peers.answering import Overdue
from cloudnode.peers.asking import Asker
from cloudnode.peers.blockcheck import Unchecked, check_body, check_operations
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import GetOperations, Operations, SentOperation, Span
from cloudnode.peers.peer import Peer


async def fetch_operations(
    asker: Asker, run_in_thread: RunInThread, block: Block, header: Header, genesis: Genesis, epoch: Epoch
) -> list[Operation] | None:
    """All from one peer, which names who lies about the signatures; None if it can't or lies, which ends its link.

    :param epoch: The block's.
    """
    while peers := asker.choose(block.height, GetOperations):
        try:
            return await _fetch_from(peers, asker, run_in_thread, Unchecked(block, header, epoch, []), genesis)
        except Overdue:
            continue  # somebody else is chosen now
    return None


async def _fetch_from(
    peers: Sequence[Peer], asker: Asker, run_in_thread: RunInThread, unchecked: Unchecked, genesis: Genesis
) -> list[Operation] | None:
    """From whichever of some peers is the first to begin."""
    block = unchecked.block
    held: list[SentOperation] = []
    while len(held) < len(block.operation_ids):
        wanted = block.operation_ids[len(held) :]
        try:
            told = await asker.ask(peers, block.height, GetOperations, (Span(block.height, len(held), len(wanted)),))
        except PeerFault:
            return None  # the link is over
        if told is None:
            return None
        peer, answer = told
        peers = [peer]
        assert isinstance(answer, Operations)
        try:
            if len(answer.operations) > len(wanted):
                raise PeerFault("unexpected", "it sent more operations than it was asked for")
            for sent, operation_id in zip(answer.operations, wanted, strict=False):
                check_body(sent, operation_id)
        except PeerFault as fault:
            peer.end(fault)
            return None
        held += answer.operations
    [checked] = await run_in_thread(
        check_operations, [attrs.evolve(unchecked, held=held)], ReceivingHere(genesis).receive
    )
    wrong = next(iter(checked.faults.values()), None)
    if wrong is None and not checked.signed_so:
        wrong = PeerFault("wrong_signature", f"the signatures it sent are not those of block {block.height}")
    if wrong is not None:
        peers[0].end(wrong)
        return None
    return list(checked.operations)

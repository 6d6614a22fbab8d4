"""The operations of one final block, whole and from one peer."""

from __future__ import annotations

from cloudnode.formats.block import Header
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.operation import Operation
from cloudnode.ledger.reading import Block
from cloudnode.node.receiving import ReceivingHere
from cloudnode.node.threads import RunInThread
from cloudnode.peers.asking import Asker
from cloudnode.peers.blockcheck import Unchecked, check_body, check_operations
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import GetOperations, Operations, SentOperation, Span


async def fetch_operations(
    asker: Asker, run_in_thread: RunInThread, block: Block, header: Header, genesis: Genesis, epoch: Epoch
) -> list[Operation] | None:
    """All from one peer, which names who lies about the signatures; None if it can't or lies, which ends its link.

    :param epoch: The block's.
    """
    peer = asker.choose(block.height)
    if peer is None:
        return None
    held: list[SentOperation] = []
    try:
        while len(held) < len(block.operation_ids):
            wanted = block.operation_ids[len(held) :]
            answer = await asker.ask(peer, GetOperations, (Span(block.height, len(held), len(wanted)),))
            assert isinstance(answer, Operations)
            if not answer.operations:
                asker.could_not(peer)
                return None
            if len(answer.operations) > len(wanted):
                raise PeerFault("unexpected", "it sent more operations than it was asked for")
            for sent, operation_id in zip(answer.operations, wanted, strict=False):
                check_body(sent, operation_id)
            held += answer.operations
        unchecked = Unchecked(block, header, epoch, held)
        [checked] = await run_in_thread(check_operations, [unchecked], ReceivingHere(genesis).receive)
        for fault in checked.faults.values():
            raise fault
        if not checked.signed_so:
            raise PeerFault("wrong_signature", f"the signatures it sent are not those of block {block.height}")
    except PeerFault as fault:
        peer.end(fault)
        return None
    return list(checked.operations)

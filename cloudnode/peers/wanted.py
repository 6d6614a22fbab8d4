"""Blocks on their way: which of their operations are here, which are asked for, and which are to be asked for next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs

from cloudnode.formats.block import Header
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.operation import Operation
from cloudnode.ledger.reading import Block
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import SentOperation, Span
from cloudnode.peers.peer import Peer

BYTES_AHEAD = 32 * 1024 * 1024
OPERATIONS_ASKED = 1_000
SPANS_ASKED = 200


@attrs.define(eq=False)
class Wanted:
    """A block on its way.

    :ivar held: What there is of its operations. :ivar senders: Whom those are from that were fetched, by index.
    :ivar missing: Indexes that nobody is asked for now, ascending. :ivar coming: How many somebody is asked for.
    :ivar hoped: Indexes, by id, of what gossip is about to bring. :ivar patient_until: Then it is asked for after all.
    :ivar is_undivided: Whether all must come from one peer, because what there was had true signatures but others than
        the block's. :ivar source: That peer, once it is chosen.
    :ivar checked: Whether the check of the whole is under way or done. :ivar ready: The operations, once it is done.
    """

    block: Block
    header: Header
    epoch: Epoch
    held: list[Operation | SentOperation | None]
    missing: list[int]
    hoped: dict[bytes, int]
    patient_until: float
    senders: dict[int, Peer] = attrs.Factory(dict)
    coming: int = 0
    size: int = 0
    is_undivided: bool = False
    source: Peer | None = None
    checked: bool = False
    ready: Sequence[Operation] | None = None

    @classmethod
    def begin(
        cls,
        block: Block,
        header: Header,
        epoch: Epoch,
        held: Sequence[Operation | None],
        is_coming: Callable[[bytes], bool],
        patient_until: float,
    ) -> Wanted:
        """A block that was checked to be final.

        :param held: What the pool has of its operations. :param is_coming: Whether gossip is about to bring one.
        """
        hoped: dict[bytes, int] = {}
        missing = []
        for index, operation_id in enumerate(block.operation_ids):
            if held[index] is None:
                if is_coming(operation_id):
                    hoped[operation_id] = index
                else:
                    missing.append(index)
        return cls(block, header, epoch, list(held), missing, hoped, patient_until)

    @property
    def is_whole(self) -> bool:
        """Whether all operations are here."""
        return not self.missing and not self.coming and not self.hoped

    def forget(self) -> None:
        """Begin again with no operation; only while nobody is asked for any."""
        self.held = [None] * len(self.held)
        self.missing = list(range(len(self.held)))
        self.hoped = {}
        self.senders.clear()
        self.source = None
        self.size = 0
        self.checked = False

    def give_up_hope(self) -> list[bytes]:
        """Ask for what gossip has not brought; returns the ids of that."""
        ids = list(self.hoped)
        self.missing = sorted([*self.missing, *self.hoped.values()])
        self.hoped = {}
        return ids

    def take_body(self, index: int, sent: SentOperation, sender: Peer) -> None:
        """An operation came that was asked for."""
        self.coming -= 1
        self.held[index] = sent
        self.senders[index] = sender
        self.size += len(sent.body)

    def refuse(self, faults: Mapping[int, PeerFault]) -> list[tuple[Peer, PeerFault]]:
        """Miss operations again that are wrong; returns who sent them, with what is wrong."""
        senders = [(self.senders.pop(index), fault) for index, fault in faults.items()]
        for index in faults:
            self.held[index] = None
            self.missing.append(index)
        self.missing.sort()
        return senders


Asked = list[tuple[Wanted, int]]
"""Operations that one question is about: blocks and indexes in them, in the order of both."""


def next_missing(wanted_blocks: Sequence[Wanted]) -> Asked:
    """What to ask for next: not taken off the list yet (:func:`take`)."""
    found: Asked = []
    size = spans = 0
    for wanted in wanted_blocks:
        size += wanted.size
        if size > BYTES_AHEAD and wanted is not wanted_blocks[0]:
            break
        if wanted.is_undivided:
            continue
        before = -2
        for index in wanted.missing:
            spans += index != before + 1
            if len(found) == OPERATIONS_ASKED or spans > SPANS_ASKED:
                return found
            found.append((wanted, index))
            before = index
    return found


def take(asked: Asked) -> tuple[Span, ...]:
    """Take operations off the list, and say how a question names them."""
    spans: list[Span] = []
    for wanted, index in asked:
        height, last = wanted.block.height, spans[-1] if spans else None
        if last is not None and last.height == height and last.first + last.count == index:
            spans[-1] = Span(height, last.first, last.count + 1)
        else:
            spans.append(Span(height, index, 1))
        wanted.coming += 1
    for wanted in {id(each): each for each, _ in asked}.values():
        taken = {index for each, index in asked if each is wanted}
        wanted.missing = [index for index in wanted.missing if index not in taken]
    return tuple(spans)


def give_back(asked: Asked) -> None:
    """Put operations on the list again whose question brought none of them."""
    for wanted, index in asked:
        wanted.coming -= 1
        wanted.missing.append(index)
    for wanted in {id(each): each for each, _ in asked}.values():
        wanted.missing.sort()
    asked.clear()

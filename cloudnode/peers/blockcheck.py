"""What can be checked of final blocks without the state: that each follows the one before it, that a quorum of the
epoch's validators made it final, and that the operations are those that it names. Pure; made for a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

import attrs

from cloudnode.formats.appointment import check_block_appoints
from cloudnode.formats.block import Header, check_contents, signatures_hash
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.finality import Finality
from cloudnode.formats.operation import Operation, check_window
from cloudnode.formats.received import Received, SignedBody
from cloudnode.ledger.reading import Block
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import SentBlock, SentEpochEnd, SentOperation, split_ids
from cloudnode.store.epochs import EpochEnd


@attrs.frozen
class Tip:
    """The block that the next one follows.

    :ivar epoch: The epoch of the next one.
    """

    height: int
    hash: bytes
    time: int
    epoch: Epoch

    def after(self, block: Block, header: Header) -> Tip:
        """The tip once a block was checked to follow."""
        epoch = self.epoch.after(header, block.validators) if header.ends_epoch else self.epoch
        return Tip(header.height, block.hash, header.time, epoch)


class RulesBroken(Exception):
    """The validators made final what no quorum of honest ones does; the text says what. No peer is to blame."""


def check_final(sent: SentBlock, epoch: Epoch) -> tuple[Block, Header]:
    """Check a block by itself: header, ids, appointed validators, and that it is final in an epoch.

    :raises PeerFault: ``wrong_block`` or ``wrong_certificate``.
    """
    try:
        header = Header.decode(sent.header)
    except LedgerError as error:
        raise PeerFault("wrong_block", str(error)) from None
    ids, validators = split_ids(sent.ids), split_ids(sent.validators)
    if header.network != epoch.network:
        raise PeerFault("wrong_block", f"block {header.height} is of another network")
    if header.epoch != epoch.number:
        raise PeerFault("wrong_block", f"block {header.height} is of epoch {header.epoch}, not {epoch.number}")
    try:
        check_contents(header, ids, validators)
    except LedgerError as error:
        raise PeerFault("wrong_block", f"block {header.height}: {error}") from None
    try:
        epoch.verify(header, Finality.decode(sent.finality))
    except LedgerError as error:
        raise PeerFault("wrong_certificate", f"block {header.height}: {error}") from None
    return Block(header.height, header.hash, sent.header, sent.finality, ids, validators), header


def check_following(header: Header, tip: Tip) -> None:
    """Check that a final block is the next one.

    :raises PeerFault: ``wrong_block``: it is of another height. :raises RulesBroken: It has another parent.
    """
    if header.height != tip.height + 1:
        raise PeerFault("wrong_block", f"block {header.height} came where block {tip.height + 1} was asked for")
    if header.parent != tip.hash:
        raise RulesBroken(
            f"block {tip.height} is {tip.hash.hex()} here, but {header.parent.hex()} is what "
            f"the final block {header.height} follows: the validators signed two histories"
        )
    if header.time <= tip.time:
        raise PeerFault("wrong_block", f"block {header.height} is not later than the one before it")


def check_chain(sent: Sequence[SentBlock], tip: Tip) -> list[tuple[Block, Header]]:
    """Check blocks one after the other, through any number of epochs.

    :raises PeerFault: See above. :raises RulesBroken: See above.
    """
    checked = []
    for each in sent:
        block, header = check_final(each, tip.epoch)
        check_following(header, tip)
        tip = tip.after(block, header)
        checked.append((block, header))
    return checked


def check_ends(sent: Sequence[SentEpochEnd], epoch: Epoch) -> list[tuple[EpochEnd, Epoch]]:
    """Check how epochs ended, one after the other.

    :param epoch: The one that the first ended. :return: Each end, with the epoch that it begins; at least one.
    :raises PeerFault: ``wrong_block``.
    """
    checked = []
    for each in sent:
        try:
            header, finality = Header.decode(each.header), Finality.decode(each.finality)
            validators = split_ids(each.validators)
            after = epoch.next(header, finality, validators)
        except LedgerError as error:
            raise PeerFault("wrong_block", f"the end of epoch {epoch.number}: {error}") from None
        end = EpochEnd(epoch.number, header.height, header.hash, each.header, each.finality, validators)
        checked.append((end, after))
        epoch = after
    return checked


def check_body(sent: SentOperation, operation_id: bytes) -> None:
    """Check that a body is the one that was asked for.

    :raises PeerFault: ``wrong_body``.
    """
    if sha256(sent.body).digest() != operation_id:
        raise PeerFault("wrong_body", f"what it sent is not the body of operation {operation_id.hex()}")


@attrs.frozen
class CheckedOperations:
    """What is known of a block's operations.

    :ivar operations: All of them in order, if ``faults`` is empty. :ivar faults: What is wrong, by index.
    :ivar signed_so: Whether the signatures are those that the header names. An account can sign one body in several
        true ways, of which the log has one; which of the signatures is another one does not show.
    :ivar broken: A rule that the block breaks, though its operations are those that it names; None if it keeps them.
    """

    operations: Sequence[Operation]
    faults: dict[int, PeerFault]
    signed_so: bool
    broken: str | None = None


@attrs.frozen
class Unchecked:
    """A final block whose operations are to be checked.

    :ivar epoch: The block's. :ivar held: One for each id, in order; an :class:`Operation` was checked before.
    """

    block: Block
    header: Header
    epoch: Epoch
    held: Sequence[Operation | SentOperation]


Receive = Callable[[Sequence[SignedBody]], list[Received]]
"""Reads operations and verifies their signatures."""


def check_operations(blocks: Sequence[Unchecked], receive: Receive) -> list[CheckedOperations]:
    """Read the operations of blocks, verify their signatures and that they may stand in these blocks, and that each
    block appoints whom its operations appoint."""
    sent = [
        (each.body, each.signature) for block in blocks for each in block.held if not isinstance(each, Operation)
    ]
    received = receive(sent) if sent else []
    if len(received) != len(sent):
        raise ValueError(f"{len(sent)} operations were to be read, and there are answers for {len(received)}")
    answers = iter(received)
    return [_check_block(each, answers) for each in blocks]


def _check_block(unchecked: Unchecked, received: Iterator[Received]) -> CheckedOperations:
    """:param received: What the next operations that were sent turned out to be."""
    block, header = unchecked.block, unchecked.header
    faults: dict[int, PeerFault] = {}
    operations: list[Operation] = []
    for index, each in enumerate(unchecked.held):
        read = each if isinstance(each, Operation) else _judge(next(received), header.height)
        if isinstance(read, Operation):
            operations.append(read)
        elif read.code == "signature_invalid":
            what = f"the signature of operation {index} of block {header.height} is not true"
            faults[index] = PeerFault("wrong_signature", what)
        else:
            faults[index] = PeerFault("wrong_operation", f"operation {index} of block {header.height}: {read}")
    if faults:
        return CheckedOperations(operations, faults, False)
    signed_so = header.signatures_hash == signatures_hash(operation.signature for operation in operations)
    broken = None
    if signed_so:
        try:
            check_block_appoints(header, block.validators, operations, unchecked.epoch)
        except LedgerError as error:
            broken = f"the validators made block {header.height} final, against the rules: {error}"
    return CheckedOperations(operations, faults, signed_so, broken)


def _judge(received: Received, height: int) -> Received:
    """The same, or why it may not stand in a block of this height."""
    if isinstance(received, Operation):
        try:
            check_window(received, height)
        except LedgerError as error:
            return error.with_traceback(None)
    return received

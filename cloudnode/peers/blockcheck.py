"""What can be checked of final blocks without the state: that each follows the one before it, that a quorum of the
epoch's validators made it final, and that the operations are those that it names. Pure; made for a thread."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import attrs

from cloudnode.formats.block import Header, check_contents, signatures_hash
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.operation import Operation, check_window, decode_operation, signatures_valid
from cloudnode.ledger.reading import Block
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import SentBlock, SentOperation, split_ids


@attrs.frozen
class Tip:
    """The block that the next one follows."""

    height: int
    hash: bytes
    time: int


class TwoHistories(Exception):
    """The validators made two blocks of one height final; the text says which."""


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
        Finality.decode(sent.finality).verify(header, epoch.network, epoch.number, epoch.validators)
    except LedgerError as error:
        raise PeerFault("wrong_certificate", f"block {header.height}: {error}") from None
    return Block(header.height, header.hash, sent.header, sent.finality, ids, validators), header


def check_following(header: Header, tip: Tip) -> None:
    """Check that a final block is the next one.

    :raises PeerFault: ``wrong_block``: it is of another height. :raises TwoHistories: It has another parent.
    """
    if header.height != tip.height + 1:
        raise PeerFault("wrong_block", f"block {header.height} came where block {tip.height + 1} was asked for")
    if header.parent != tip.hash:
        raise TwoHistories(
            f"block {tip.height} is {tip.hash.hex()} here, but {header.parent.hex()} is what "
            f"the final block {header.height} follows: the validators signed two histories"
        )
    if header.time <= tip.time:
        raise PeerFault("wrong_block", f"block {header.height} is not later than the one before it")


def check_chain(sent: Sequence[SentBlock], tip: Tip, epoch: Epoch) -> list[tuple[Block, Header]]:
    """Check blocks one after the other.

    :raises PeerFault: See above. :raises TwoHistories: See above.
    """
    checked = []
    for each in sent:
        block, header = check_final(each, epoch)
        check_following(header, tip)
        tip = Tip(header.height, block.hash, header.time)
        checked.append((block, header))
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
    """

    operations: Sequence[Operation]
    faults: dict[int, PeerFault]
    signed_so: bool


def check_operations(
    header: Header, held: Sequence[Operation | SentOperation], genesis: Genesis
) -> CheckedOperations:
    """Read the operations of a block and verify their signatures.

    :param held: One for each id, in order; an :class:`Operation` was checked before.
    """
    faults: dict[int, PeerFault] = {}
    operations: list[Operation] = []
    fresh: list[int] = []
    for index, each in enumerate(held):
        if isinstance(each, Operation):
            operations.append(each)
            continue
        try:
            operation = decode_operation(each.body, each.signature, genesis)
            check_window(operation, header.height)
        except LedgerError as error:
            faults[index] = PeerFault("wrong_operation", f"operation {index} of block {header.height}: {error}")
            continue
        fresh.append(len(operations))
        operations.append(operation)
    if not faults:
        valid = signatures_valid(operations[index] for index in fresh)
        for index, is_valid in zip(fresh, valid, strict=True):
            if not is_valid:
                what = f"the signature of operation {index} of block {header.height} is not true"
                faults[index] = PeerFault("wrong_signature", what)
    signed_so = header.signatures_hash == signatures_hash(operation.signature for operation in operations)
    return CheckedOperations(operations, faults, signed_so)

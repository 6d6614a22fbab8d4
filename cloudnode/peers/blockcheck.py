"""What can be checked of final blocks without the state: that each follows the one before it, that a quorum of the
genesis validators made it final, and that the operations are those that it names. Pure; made for a thread."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import attrs

from cloudnode.formats.block import FINALIZE, Certificate, Header, operations_hash
from cloudnode.formats.errors import LedgerError
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


def check_final(sent: SentBlock, genesis: Genesis) -> tuple[Block, Header]:
    """Check a block by itself: header, ids, certificate.

    :raises PeerFault: ``wrong_block`` or ``wrong_certificate``.
    """
    try:
        header = Header.decode(sent.header)
    except LedgerError as error:
        raise PeerFault("wrong_block", str(error)) from None
    ids = tuple(split_ids(sent.ids))
    if header.network != genesis.network:
        raise PeerFault("wrong_block", f"block {header.height} is of another network")
    if header.operations_count != len(ids) or header.operations_hash != operations_hash(ids):
        raise PeerFault("wrong_block", f"block {header.height} does not name the operations that came with it")
    block_hash = header.hash
    try:
        certificate = Certificate.decode(sent.certificate)
        if certificate.kind != FINALIZE or certificate.hash != block_hash:
            raise PeerFault("wrong_certificate", f"the certificate of block {header.height} does not make it final")
        if (certificate.epoch, certificate.view) != (header.epoch, header.view):
            raise PeerFault("wrong_certificate", f"the certificate of block {header.height} is of another view")
        certificate.verify(genesis.network, genesis.validators)
    except LedgerError as error:
        raise PeerFault("wrong_certificate", f"block {header.height}: {error}") from None
    return Block(header.height, block_hash, sent.header, sent.certificate, ids), header


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


def check_chain(sent: Sequence[SentBlock], tip: Tip, genesis: Genesis) -> list[tuple[Block, Header]]:
    """Check blocks one after the other.

    :raises PeerFault: See above. :raises TwoHistories: See above.
    """
    checked = []
    for each in sent:
        block, header = check_final(each, genesis)
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


def check_operations(
    block: Block, held: Sequence[Operation | SentOperation], genesis: Genesis
) -> tuple[list[Operation], dict[int, PeerFault]]:
    """Read the operations of a block and verify their signatures.

    :param held: One for each id, in order; an :class:`Operation` was checked before.
    :return: The operations, and what is wrong with those that are not good, by index (then the list is of no use).
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
            check_window(operation, block.height)
        except LedgerError as error:
            faults[index] = PeerFault("wrong_operation", f"operation {index} of block {block.height}: {error}")
            continue
        fresh.append(len(operations))
        operations.append(operation)
    if not faults:
        valid = signatures_valid(operations[index] for index in fresh)
        for index, is_valid in zip(fresh, valid, strict=True):
            if not is_valid:
                what = f"the signature of operation {index} of block {block.height} is not true"
                faults[index] = PeerFault("wrong_signature", what)
    return operations, faults

"""Appointing validators: what the present ones approve, and which block may hold that.

A quorum of an epoch's validators approves the next ones, each with a signature over network, epoch and keys
(:func:`sign_approval`). An operation of type ``appoint`` carries list and approvals; anybody may send it. It stands
alone in its block, which ends the epoch. All this follows from the epoch's validators and the block, never from the
state, so it is checked before a block is ordered or taken over.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

from cloudnode.formats.block import Header, quorum
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.keys import APPOINT, SigningKey, verify
from cloudnode.formats.operation import Appoint, Approval, Operation

_head = Struct(">32sQ")


def approval_message(network: bytes, epoch: int, validators: Sequence[bytes]) -> bytes:
    """What an approval signs, without the purpose tag: network 32, epoch u64, the new validators' keys."""
    return _head.pack(network, epoch) + b"".join(validators)


def sign_approval(key: SigningKey, index: int, network: bytes, epoch: int, validators: Sequence[bytes]) -> Approval:
    """The approval of the validator with this index in the epoch that is to end."""
    return Approval(index, key.sign(APPOINT, approval_message(network, epoch, validators)))


def approves(approval: Approval, epoch: Epoch, validators: Sequence[bytes]) -> bool:
    """Whether an approval is that of the present validator which it names, of exactly these new ones."""
    if approval.validator >= len(epoch.validators):
        return False
    message = approval_message(epoch.network, epoch.number, validators)
    return verify(epoch.validators[approval.validator], APPOINT, message, approval.signature)


def check_appoint(appoint: Appoint, epoch: Epoch) -> None:
    """Check that a quorum of the present validators approves. Some 60 us a signature: many are for a thread.

    Every approval must be true, not only a quorum of them, so that all agree which operations are good.

    :raises LedgerError: ``appoint_epoch``, ``appoint_validator``, ``appoint_quorum`` or ``appoint_signature``.
    """
    if appoint.epoch != epoch.number:
        raise LedgerError("appoint_epoch", f"The epoch is {epoch.number}, and this would end {appoint.epoch}.")
    present = len(epoch.validators)
    if any(approval.validator >= present for approval in appoint.approvals):
        raise LedgerError("appoint_validator")
    if len(appoint.approvals) < quorum(present):
        told = f"{len(appoint.approvals)} of {present} validators approve, and {quorum(present)} have to."
        raise LedgerError("appoint_quorum", told)
    for approval in appoint.approvals:
        if not approves(approval, epoch, appoint.validators):
            told = f"The approval of validator {approval.validator} is not its signature of these validators."
            raise LedgerError("appoint_signature", told)


def appointed_by(operations: Sequence[Operation]) -> tuple[bytes, ...]:
    """The validators that a block with these operations appoints; none if none of them does so.

    :raises LedgerError: ``block_appoint``: an operation that appoints does not stand alone.
    """
    appoints = [operation.action for operation in operations if isinstance(operation.action, Appoint)]
    if appoints and len(operations) != 1:
        raise LedgerError("block_appoint")
    return appoints[0].validators if appoints else ()


def check_block_appoints(
    header: Header, validators: Sequence[bytes], operations: Sequence[Operation], epoch: Epoch
) -> None:
    """Check that a block appoints exactly whom its operation appoints, with a quorum's approval.

    :param validators: Those of the block, which are those of its header. :param operations: All of the block's.
    :param epoch: The block's.
    :raises LedgerError: ``block_appoint``, or as :func:`check_appoint`.
    """
    appointed = appointed_by(operations)
    if tuple(validators) != appointed or header.epoch != epoch.number:
        raise LedgerError("block_appoint")
    if appointed and isinstance(action := operations[0].action, Appoint):
        check_appoint(action, epoch)

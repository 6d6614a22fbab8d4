"""Operations as others send them, many at a time: read, and their signatures verified. Pure; made for a thread or a
process of its own."""

from __future__ import annotations

from collections.abc import Iterable

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.operation import Operation, decode_operation, signatures_valid

SignedBody = tuple[bytes, bytes]
"""An operation's exact body and its signature of 64 bytes."""

Received = Operation | LedgerError
"""A good operation, or what is wrong with it: a code of the group ``form``, of which ``signature_invalid`` says that
its form is good but its account did not sign it."""


def receive_operations(signed: Iterable[SignedBody], genesis: Genesis) -> list[Received]:
    """Read operations and verify their signatures. Whether they may stand in a block is for whoever knows which one."""
    received: list[Received] = []
    for body, signature in signed:
        try:
            received.append(decode_operation(body, signature, genesis))
        except LedgerError as error:
            received.append(error.with_traceback(None))
    valid = iter(signatures_valid(each for each in received if isinstance(each, Operation)))
    return [
        each if isinstance(each, LedgerError) or next(valid) else LedgerError("signature_invalid") for each in received
    ]

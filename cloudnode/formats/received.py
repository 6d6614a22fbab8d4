"""Operations as others send them, many at a time: read, and their signatures verified. Pure; made for a thread or a
process of its own."""

from __future__ import annotations

from collections.abc import Iterable

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.operation import Operation, check_window, decode_operation, signatures_valid

SignedBody = tuple[bytes, bytes]
"""An operation's exact body and its signature of 64 bytes."""

Received = Operation | LedgerError
"""A good operation, or what is wrong with it: a code of the group ``form``, of which ``signature_invalid`` says that
its form is good but its account did not sign it."""


def receive_operations(signed: Iterable[SignedBody], genesis: Genesis, height: int) -> list[Received]:
    """Read operations and verify their signatures.

    :param height: That of the block which holds them, by which their windows are judged.
    """
    received: list[Received] = []
    for body, signature in signed:
        try:
            operation = decode_operation(body, signature, genesis)
            check_window(operation, height)
        except LedgerError as error:
            received.append(error.with_traceback(None))
        else:
            received.append(operation)
    valid = iter(signatures_valid(each for each in received if isinstance(each, Operation)))
    return [
        each if isinstance(each, LedgerError) or next(valid) else LedgerError("signature_invalid") for each in received
    ]

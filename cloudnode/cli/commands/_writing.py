"""What all writing commands share: a writer for the user's key, and the wait for the result."""

from __future__ import annotations

from collections.abc import Callable

from cloudnode.cli.exits import Exit
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.session import open_cloud
from cloudnode.client.writer import SignedOperation, Submitted, Writer


async def write(invocation: Invocation, address: str, verb: str, make: Callable[[Writer], SignedOperation]) -> Exit:
    """Sign an operation, submit it, wait as told, and say what became of it.

    :param verb: What was done to the record, for people.
    """
    key = invocation.read_key()
    async with open_cloud(invocation) as cloud:
        operation = make(await cloud.writer(key))
        submitted = await cloud.submit(operation, invocation.arguments.wait)
        is_proven = cloud.proves and submitted.cursor is not None
    _tell(invocation, address, verb, submitted, operation, is_proven)
    return Exit.OK


def _tell(
    invocation: Invocation,
    address: str,
    verb: str,
    submitted: Submitted,
    operation: SignedOperation,
    is_proven: bool,
) -> None:
    terminal = invocation.terminal
    if terminal.is_json:
        members = {
            "address": address,
            "id": submitted.id,
            "cursor": submitted.cursor,
            "result": submitted.result,
            "receipt": submitted.receipt,
            "checked": "proof" if is_proven else "none",
        }
        terminal.json({name: value for name, value in members.items() if value is not None})
        return
    if submitted.cursor is not None:
        terminal.line(f"{verb} {address}")
        proven = "proven to be final" if is_proven else "final, by the word of the node that took it,"
        terminal.note(f"{proven} at {submitted.cursor}, operation {submitted.id}")
    else:
        terminal.line(f"sent {address}")
        terminal.note(f"taken by the node, to be final by height {operation.expiry}, operation {submitted.id}")

"""What all writing commands share: a writer for the user's key, and the wait for the result."""

from __future__ import annotations

from collections.abc import Callable

from cloudnode.cli.exits import Exit
from cloudnode.cli.invocation import Invocation
from cloudnode.client.writer import SignedOperation, Submitted, Writer, submit_final


async def write(invocation: Invocation, address: str, verb: str, make: Callable[[Writer], SignedOperation]) -> Exit:
    """Sign an operation, submit it, wait as told, and say what became of it.

    :param verb: What was done to the record, for people.
    """
    key = invocation.read_key()
    client = await invocation.connect()
    try:
        operation = make(await Writer.open(client, key))
        if invocation.arguments.wait == "final":
            submitted = await submit_final(client, operation, invocation.reactor, invocation.timeout)
        else:
            answer = await client.submit(operation.body, operation.signature)
            submitted = answer.decode(Submitted)
    finally:
        await client.close()
    _tell(invocation, address, verb, submitted, operation)
    return Exit.OK


def _tell(
    invocation: Invocation, address: str, verb: str, submitted: Submitted, operation: SignedOperation
) -> None:
    terminal = invocation.terminal
    if terminal.is_json:
        members = {
            "address": address,
            "id": submitted.id,
            "cursor": submitted.cursor,
            "result": submitted.result,
            "receipt": submitted.receipt,
        }
        terminal.json({name: value for name, value in members.items() if value is not None})
        return
    if submitted.cursor is not None:
        terminal.line(f"{verb} {address}")
        terminal.note(f"final at {submitted.cursor}, operation {submitted.id}")
    else:
        terminal.line(f"sent {address}")
        terminal.note(f"taken by the node, to be final by height {operation.expiry}, operation {submitted.id}")

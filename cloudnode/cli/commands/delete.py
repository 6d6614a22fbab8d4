"""``cloudnode delete``: delete a record."""

from __future__ import annotations

from cloudnode.cli.commands._writing import write
from cloudnode.cli.exits import Exit
from cloudnode.cli.invocation import Invocation


async def run(invocation: Invocation) -> Exit:
    """Delete a record of the user's own."""
    arguments = invocation.arguments
    address = f"{invocation.own_account()}/{arguments.collection}/{arguments.record_key}"
    return await write(
        invocation,
        address,
        "deleted",
        lambda writer: writer.delete(arguments.collection, arguments.record_key, if_version=arguments.if_version),
    )

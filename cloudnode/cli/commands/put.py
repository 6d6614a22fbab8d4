"""``cloudnode put``: write a record."""

from __future__ import annotations

from cloudnode.cli.commands._writing import write
from cloudnode.cli.exits import Exit
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.values import json_data, read_content


async def run(invocation: Invocation) -> Exit:
    """Write a record of the user's own."""
    arguments = invocation.arguments
    data = json_data(read_content(arguments.data))
    address = f"{invocation.own_account()}/{arguments.collection}/{arguments.record_key}"
    ref = None if arguments.ref is None else invocation.full_address(arguments.ref)
    return await write(
        invocation,
        address,
        "put",
        lambda writer: writer.put(
            arguments.collection, arguments.record_key, data, ref=ref, if_version=arguments.if_version
        ),
    )

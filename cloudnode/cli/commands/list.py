"""``cloudnode list``: list records."""

from __future__ import annotations

from cloudnode.cli.commands._pages import list_pages
from cloudnode.cli.exits import Exit
from cloudnode.cli.invocation import Invocation


async def run(invocation: Invocation) -> Exit:
    """List records that match the filters."""
    arguments = invocation.arguments
    ref = None if arguments.ref is None else invocation.full_address(arguments.ref)
    given = {
        "account": invocation.own_account() if arguments.mine else arguments.account,
        "collection": arguments.collection,
        "ref": ref,
        "order": "best" if arguments.best else None,
    }
    filters = {name: value for name, value in given.items() if value is not None}
    return await list_pages(invocation, "listrecords", filters, at_one_height=True)

"""``cloudnode search``: find records by words."""

from __future__ import annotations

from cloudnode.cli.commands._pages import list_pages
from cloudnode.cli.exits import Exit
from cloudnode.cli.invocation import Invocation


async def run(invocation: Invocation) -> Exit:
    """List records that hold all the words."""
    arguments = invocation.arguments
    filters = {"text": " ".join(arguments.text)}
    if arguments.collection is not None:
        filters["collection"] = arguments.collection
    return await list_pages(invocation, "search", filters, at_one_height=False)

"""``cloudnode list``: list records."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct

from cloudnode.cli.commands._records import preview, rating
from cloudnode.cli.exits import Exit
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.tables import Column
from cloudnode.client.client import Client
from cloudnode.client.records import Record

PAGE = 50
"""Records asked for at once: what every node allows unless its operator set it lower."""


class _Page(Struct, frozen=True):
    records: list[Raw]
    next: list[int] | None


async def run(invocation: Invocation) -> Exit:
    """List records that match the filters, page by page."""
    client = await invocation.connect()
    try:
        page = await _fetch(client, _filters(invocation), invocation.arguments.limit, invocation.arguments.after)
    finally:
        await client.close()
    if invocation.terminal.is_json:
        invocation.terminal.json(page)
    else:
        _show(invocation, page)
    return Exit.OK


def _filters(invocation: Invocation) -> dict[str, Any]:
    arguments = invocation.arguments
    ref = None if arguments.ref is None else invocation.full_address(arguments.ref)
    given = {
        "account": invocation.own_account() if arguments.mine else arguments.account,
        "collection": arguments.collection,
        "ref": ref,
        "order": "best" if arguments.best else None,
    }
    return {name: value for name, value in given.items() if value is not None}


async def _fetch(client: Client, filters: dict[str, Any], limit: int, after: list[int] | None) -> _Page:
    """All pages at the height of the first one, so that nothing is missed or seen twice between them."""
    records: list[Raw] = []
    context = None
    while True:
        params = filters | {"limit": min(PAGE, limit - len(records))}
        if after is not None:
            params["after"] = after
        answer = await client.call("listrecords", params, context)
        if context is None and answer.context is not None:
            context = {"at": answer.context.height}
        page = answer.decode(_Page)
        records += page.records
        after = page.next
        if after is None or len(records) >= limit:
            return _Page(records, after)


_COLUMNS = (
    Column("ADDRESS", gives_way=True),
    Column("UPDATED", right=True),
    Column("RATING", right=True),
    Column("DATA", gives_way=True),
)


def _show(invocation: Invocation, page: _Page) -> None:
    terminal = invocation.terminal
    records = [msgspec.json.decode(raw, type=Record) for raw in page.records]
    if not records:
        terminal.note("No records.")
        return
    rows = [(record.address, str(record.updated), rating(record), preview(record)) for record in records]
    terminal.table(_COLUMNS, rows)
    if page.next is not None:
        terminal.note(f"There are more: --after {','.join(map(str, page.next))}")

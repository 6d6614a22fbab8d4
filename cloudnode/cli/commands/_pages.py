"""Lists of records: fetched page by page, and shown as a table."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct

from cloudnode.cli.commands._records import preview, rating
from cloudnode.cli.exits import Exit
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.session import open_cloud, tell_checked
from cloudnode.cli.tables import Column
from cloudnode.client.places import LogPlace
from cloudnode.client.records import Record

PAGE = 50
"""Records asked for at once: what every node allows unless its operator set it lower."""

_COLUMNS = (
    Column("ADDRESS", gives_way=True),
    Column("UPDATED", right=True),
    Column("RATING", right=True),
    Column("DATA", gives_way=True),
)


class _Page(Struct, frozen=True):
    records: list[Raw]
    next: list[int] | LogPlace | None


class _Told(_Page, frozen=True):
    """For programs.

    :ivar checked: How far the answers were checked.
    """

    checked: str = "none"


async def list_pages(invocation: Invocation, method: str, filters: dict[str, Any], *, at_one_height: bool) -> Exit:
    """Ask for as many records as the user wants, and show them.

    :param filters: The method's parameters, but for ``after`` and ``limit``. :param at_one_height: Whether all pages
        are asked for at the height of the first one, so that nothing is missed or seen twice between them.
    """
    wanted: int = invocation.arguments.limit
    after: Any = invocation.arguments.after
    if after is not None and not at_one_height:
        after = LogPlace(*after[:2])
    records: list[Raw] = []
    context = None
    async with open_cloud(invocation) as cloud:
        while True:
            params = filters | {"limit": min(PAGE, wanted - len(records))}
            if after is not None:
                params["after"] = after
            answer = await cloud.call(method, params, context)
            if at_one_height and context is None:
                context = {"at": answer.height}
            page = answer.decode(_Page)
            records += page.records
            after = page.next
            if after is None or len(records) >= wanted:
                break
    if invocation.terminal.is_json:
        invocation.terminal.json(_Told(records, after, answer.checked))
    else:
        _show(invocation, _Page(records, after))
    tell_checked(invocation, method, answer)
    return Exit.OK


def _show(invocation: Invocation, page: _Page) -> None:
    terminal = invocation.terminal
    records = [msgspec.json.decode(raw, type=Record) for raw in page.records]
    if not records:
        terminal.note("No records.")
        return
    rows = [(record.address, str(record.updated), rating(record), preview(record)) for record in records]
    terminal.table(_COLUMNS, rows)
    if page.next is not None:
        after = (page.next.height, page.next.index) if isinstance(page.next, LogPlace) else page.next
        terminal.note(f"There are more: --after {','.join(map(str, after))}")

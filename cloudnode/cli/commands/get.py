"""``cloudnode get``: show a record."""

from __future__ import annotations

from cloudnode.cli.commands._records import pretty, rating, when
from cloudnode.cli.exits import CommandError, Exit
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.session import open_cloud, tell_checked
from cloudnode.cli.terminal import Terminal
from cloudnode.cli.text import printable
from cloudnode.client.records import Record
from cloudnode.formats.addresses import parse_address


async def run(invocation: Invocation) -> Exit:
    """Show one record, or its data alone."""
    arguments, terminal = invocation.arguments, invocation.terminal
    account, collection, key = parse_address(invocation.full_address(arguments.address))
    context = None if arguments.at is None else {"at": arguments.at}
    params = {"account": account.hex(), "collection": collection, "key": key}
    async with open_cloud(invocation) as cloud:
        answer = await cloud.call("getrecord", params, context)
    record = answer.decode(Record)
    if record.deleted:
        raise CommandError(
            f"The record was deleted at {record.updated} (version {record.version}).", Exit.NOT_FOUND, "record_deleted"
        )
    if arguments.data:
        terminal.json(record.data)
    elif terminal.is_json:
        terminal.json(answer.raw)
    else:
        _show(terminal, record)
    tell_checked(invocation, "getrecord", answer)
    return Exit.OK


def _show(terminal: Terminal, record: Record) -> None:
    pairs = [
        ("address", record.address),
        ("version", str(record.version)),
        ("created", f"at {record.created}"),
        ("updated", f"at {record.updated}, by its author's clock {when(record.time)}"),
        ("rating", rating(record)),
    ]
    if record.ref is not None:
        pairs.append(("refers to", record.ref))
    terminal.pairs(pairs)
    terminal.line()
    terminal.lines([printable(line) for line in pretty(record.data).splitlines()])

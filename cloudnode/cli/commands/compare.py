"""``cloudnode compare``: which nodes agree with what the validators signed, are behind, or lie."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import Deferred, FirstError, gatherResults

from cloudnode.cli.exits import CommandError, Exit
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.tables import Column
from cloudnode.cli.terminal import Terminal
from cloudnode.cli.text import printable
from cloudnode.client.client import Client
from cloudnode.client.comparing import Compared, Comparison, State, compare_by, compare_each
from cloudnode.client.errors import ClientError, ConnectionFailed

_STYLES: dict[State, str] = {
    "agrees": "green", "behind": "yellow", "pruned": "yellow", "silent": "yellow", "lying": "red",
}  # fmt: skip

_STATUSES: tuple[tuple[State, Exit], ...] = (
    ("lying", Exit.LYING),
    ("silent", Exit.NO_ANSWER),
    ("behind", Exit.BEHIND),
    ("pruned", Exit.BEHIND),
)
"""What the command ends with, the worst first."""


async def run(invocation: Invocation) -> Exit:
    """Compare, tell, and end with what the worst of the nodes does."""
    urls = invocation.urls
    comparison = await (_each(invocation, urls) if len(urls) > 1 else _by_one(invocation, *urls))
    if invocation.terminal.is_json:
        invocation.terminal.json(attrs.asdict(comparison))
    else:
        _show(invocation.terminal, comparison)
    states = {each.state for each in comparison.nodes}
    return next((status for state, status in _STATUSES if state in states), Exit.OK)


async def _by_one(invocation: Invocation, url: str) -> Comparison:
    arguments = invocation.arguments
    params: dict[str, Any] = {}
    for name, value in (("count", arguments.count), ("nodes", arguments.id), ("height", arguments.height)):
        if value is not None:
            params[name] = value
    client = await invocation.connect(url)
    try:
        return await compare_by(client, invocation.network, params)
    finally:
        await client.close()


async def _each(invocation: Invocation, urls: list[str]) -> Comparison:
    arguments = invocation.arguments
    if arguments.count is not None or arguments.id is not None:
        raise CommandError("--count and --id are for one node that asks others: give one --node with them.")
    connecting = [Deferred.fromCoroutine(_reach(invocation, url)) for url in urls]
    try:
        reached = await gatherResults(connecting, consumeErrors=True)
    except FirstError as error:  # an URL that is none
        error.subFailure.raiseException()
    clients = [each for each in reached if not isinstance(each, Compared)]
    if not clients:
        reasons = (each.reason or "" for each in reached if isinstance(each, Compared))
        raise ConnectionFailed(f"No node answers: {' '.join(reasons)}")
    try:
        comparison = await compare_each(clients, invocation.network, arguments.height)
    finally:
        for client in clients:
            await client.close()
    unreached = [each for each in reached if isinstance(each, Compared)]
    return attrs.evolve(comparison, nodes=[*comparison.nodes, *unreached])


async def _reach(invocation: Invocation, url: str) -> Client | Compared:
    """A connection with a node, or what is told of one that can't be reached."""
    try:
        return await invocation.connect(url)
    except ClientError as error:
        return Compared(url, reason=error.message)


def _show(terminal: Terminal, comparison: Comparison) -> None:
    terminal.pairs(
        [
            ("network", comparison.network),
            ("height", f"{comparison.height:,}"),
            ("root", f"{comparison.root}, signed by the validators"),
        ]
    )
    terminal.line()
    columns = (Column("STATE"), Column("NODE"), Column("NEWEST", right=True), Column("WHERE", gives_way=True))
    rows = [
        (each.state, each.node[:12], "" if each.newest is None else f"{each.newest:,}", each.place)
        for each in comparison.nodes
    ]
    terminal.table(columns, rows)
    for each in comparison.nodes:
        for line in _notes(each):
            terminal.line(terminal.paint(line, _STYLES[each.state]))
    if all(each.state == "agrees" for each in comparison.nodes):
        terminal.line(terminal.paint(f"all {len(comparison.nodes)} agree", "green"))


def _notes(each: Compared) -> list[str]:
    who = each.node or each.place
    notes = []
    if each.state == "behind":
        notes.append(f"{who} is {each.behind:,} blocks behind")
    if each.reason:
        notes.append(f"{who}: {printable(each.reason)}")
    if each.evidence:
        notes.append(f"evidence, for 'cloudnode call submitevidence evidence=...' at any node: {each.evidence}")
    return notes

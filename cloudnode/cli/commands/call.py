"""``cloudnode call``: any method of the API, and what the method table says of it."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudnode.cli.commands._records import pretty
from cloudnode.cli.exits import CommandError, Exit
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.session import open_cloud, tell_checked
from cloudnode.cli.tables import Column
from cloudnode.cli.text import printable
from cloudnode.cli.values import call_params
from cloudnode.client.cloud.session import OF_THE_NODE


async def run(invocation: Invocation) -> Exit:
    """Call a method, describe it, or list all."""
    arguments = invocation.arguments
    if arguments.method is not None and not arguments.describe:
        await _call(invocation)
        return Exit.OK
    return _explain(invocation)


def _explain(invocation: Invocation) -> Exit:
    """What the method table says; no node is needed."""
    from cloudnode.cli.commands import _methods

    arguments, terminal = invocation.arguments, invocation.terminal
    if arguments.method is None:
        if terminal.is_json:
            terminal.json([{"name": name, "summary": summary} for name, _, summary in _methods.list_methods()])
        else:
            terminal.table((Column("METHOD"), Column("GROUP"), Column("", gives_way=True)), _methods.list_methods())
        return Exit.OK
    description = _methods.describe(arguments.method)
    if description is None:
        raise CommandError(
            f"There is no method {arguments.method}: 'cloudnode call' lists them.", Exit.NOT_FOUND, "method_unknown"
        )
    terminal.lines(description)
    return Exit.OK


def _params(invocation: Invocation) -> Any:
    words = invocation.arguments.params
    fields = None
    if any("=" in word for word in words):  # only these need the method's types, whose import takes a while
        from cloudnode.cli.commands import _methods

        fields = _methods.field_types(invocation.arguments.method)
    return call_params(words, fields)


async def _call(invocation: Invocation) -> None:
    arguments, terminal = invocation.arguments, invocation.terminal
    params = _params(invocation)
    context = {
        name: value
        for name in ("at", "min_height", "proof", "sign")
        if (value := getattr(arguments, name)) not in (None, False)
    }
    is_of_node = arguments.method in OF_THE_NODE
    async with open_cloud(invocation) as cloud:
        if is_of_node:
            cloud.pin(*invocation.urls)
        answer = await cloud.call(arguments.method, params, context or None)
    text: bytes | msgspec.Raw = answer.raw
    if context or arguments.context:
        about = answer.raw_context and msgspec.json.decode(answer.raw_context)
        if about and not arguments.proof:
            about.pop("proof", None)  # the session's own
        text = msgspec.json.encode({"result": answer.raw, "context": about or None, "checked": answer.checked})
    if terminal.is_json:
        terminal.json(text)
    else:
        terminal.lines([printable(line) for line in pretty(text).splitlines()])
    if not is_of_node:
        tell_checked(invocation, arguments.method, answer)

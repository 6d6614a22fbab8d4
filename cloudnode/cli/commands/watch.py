"""``cloudnode watch``: follow changes, through lost connections, until Ctrl-C."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import msgspec
from twisted.internet.defer import CancelledError

from cloudnode.cli.exits import CommandError, Exit
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.terminal import Terminal
from cloudnode.cli.text import cut, printable
from cloudnode.client.address import parse_url
from cloudnode.client.client import Client
from cloudnode.client.errors import ClientError, RemoteError
from cloudnode.client.following import follow
from cloudnode.client.places import LogPlace
from cloudnode.client.subscription import Item

_FILTERS = ("account", "collection", "record", "ref")


async def run(invocation: Invocation) -> Exit:
    """Print each change with its cursor."""
    arguments, terminal = invocation.arguments, invocation.terminal
    after = None if arguments.after is None else LogPlace(**arguments.after)
    watch = _Watch(invocation, after)
    items = follow(
        watch.connect, invocation.reactor, arguments.topic, watch.wanted, after, on_trouble=watch.tell_trouble
    )
    try:
        async with aclosing(items):  # type: ignore[type-var]
            async for item in items:
                watch.tell(item)
                if arguments.count is not None and watch.told >= arguments.count:
                    return Exit.OK
    except CancelledError:
        if watch.cursor is not None and not terminal.is_json:
            terminal.note(f"Go on from here with --after {watch.cursor}")
        return Exit.OK
    except RemoteError as error:
        raise _advise(error) from error
    raise AssertionError("following never ends by itself")


class _Watch:
    """What is told, and how far it is."""

    def __init__(self, invocation: Invocation, after: LogPlace | None) -> None:
        self.told = 0
        self.cursor = after
        self._invocation = invocation
        self._topic: str = invocation.arguments.topic
        self._is_cut_off = False
        self.wanted: dict[str, Any] = {
            name: value for name in _FILTERS if (value := getattr(invocation.arguments, name)) is not None
        }
        for name in ("record", "ref"):
            if name in self.wanted:
                self.wanted[name] = invocation.full_address(self.wanted[name])

    async def connect(self) -> Client:
        """A connection that stays: by HTTP the node is only asked where its WebSocket is."""
        client = await self._invocation.connect()
        if not client.keeps_connection:
            try:
                url = await _websocket_url(client)
            finally:
                await client.close()
            client = await self._invocation.connect(url)
        if self._is_cut_off:
            self._is_cut_off = False
            self._invocation.terminal.note("Connected again.")
        return client

    def tell_trouble(self, error: ClientError) -> None:
        """A connection was lost or not made; the next attempt follows. Said once for each time."""
        if not self._is_cut_off:
            self._is_cut_off = True
            self._invocation.terminal.note(f"{error} Trying again.")

    def tell(self, item: Item) -> None:
        """Print a change."""
        terminal = self._invocation.terminal
        self.told += 1
        self.cursor = item.cursor
        if terminal.is_json:
            terminal.json(item.raw)
        else:
            terminal.line(_line(terminal, self._topic, item))
        terminal.flush()


async def _websocket_url(client: Client) -> str:
    host = parse_url(client.url)
    info = (await client.call("getnodeinfo")).result
    for interface in info.get("interfaces", []):
        if interface.get("transport") == "ws":
            name = f"[{host.host}]" if ":" in host.host else host.host
            return f"{'wss' if host.is_secure else 'ws'}://{name}:{interface['port']}"
    raise CommandError("The node has no WebSocket over TCP: name its ws+udp:// address with --node.")


def _line(terminal: Terminal, topic: str, item: Item) -> str:
    change = msgspec.json.decode(item.raw)
    if topic == "blocks":
        words = f"{change['hash']}  {change['operations_count']} operations"
    elif topic == "ratings":
        done = "withdrawn" if change["stars"] is None else "★" * change["stars"] + "☆" * (5 - change["stars"])
        words = f"{done:<9}  {change['record']}  by {change['account']}"
    else:
        address = f"{change['account']}/{change['collection']}/{change['key']}"
        data = "" if change["type"] == "delete" else f"  {msgspec.json.encode(change['data']).decode()}"
        words = f"{change['type']:<6}  {address}{data}"
    cursor = f"{item.cursor!s:<10}"
    words = printable(words)
    if terminal.columns is not None:
        words = cut(words, terminal.columns - len(cursor) - 2)
    return f"{terminal.paint(cursor, 'dim')}  {words}"


def _advise(error: RemoteError) -> Exception:
    start = error.data.get("start")
    if error.name != "cursor_pruned" or not isinstance(start, dict):
        return error
    place = f"{start.get('height', 0)}:{start.get('index', 0)}"
    return CommandError(
        f"{error} This node has everything after {place}: give --after {place}.", Exit.USAGE, error.name
    )

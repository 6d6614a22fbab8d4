"""``cloudnode watch``: follow changes, from whichever node has them, until Ctrl-C."""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.internet.defer import CancelledError

from cloudnode.cli.bookmark import Bookmark, default_directory
from cloudnode.cli.exits import CommandError, Exit
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.session import open_cloud
from cloudnode.cli.terminal import Terminal
from cloudnode.cli.text import cut, printable
from cloudnode.client.cloud import Cloud
from cloudnode.client.cloud.checking import Checked
from cloudnode.client.cloud.subscription import CloudItem
from cloudnode.client.errors import RemoteError
from cloudnode.client.places import LogPlace
from cloudnode.client.subscription import Item

_FILTERS = ("account", "collection", "record", "ref")
_BELIEVED: dict[Checked, str] = {
    "proof": "Each is proven before it is shown.",
    "certificate": "That their blocks are final is checked, the rest is the word of a node.",
    "none": "Nothing is checked.",
}


async def run(invocation: Invocation) -> Exit:
    """Print each change with its cursor."""
    wanted = _wanted(invocation)
    async with open_cloud(invocation) as cloud:
        bookmark = None
        if invocation.arguments.resume:
            directory = default_directory(invocation.environment)
            bookmark = Bookmark(directory, cloud.network, invocation.arguments.topic, wanted)
        try:
            return await _Watch(invocation, cloud, bookmark).run(wanted)
        except RemoteError as error:
            raise _advise(error) from error
        finally:
            if bookmark is not None:
                bookmark.close()


def _wanted(invocation: Invocation) -> dict[str, str]:
    """The subscription's filter."""
    arguments = invocation.arguments
    wanted = {name: value for name in _FILTERS if (value := getattr(arguments, name)) is not None}
    for name in {"record", "ref"} & wanted.keys():
        wanted[name] = invocation.full_address(wanted[name])
    return wanted


class _Watch:
    """What is told, and how far it is."""

    def __init__(self, invocation: Invocation, cloud: Cloud, bookmark: Bookmark | None) -> None:
        self._invocation = invocation
        self._terminal = invocation.terminal
        self._cloud = cloud
        self._bookmark = bookmark
        self._topic: str = invocation.arguments.topic
        self._told = 0
        self._is_told_of_node = False
        self._is_told_of_doubt = False

    async def run(self, wanted: dict[str, Any]) -> Exit:
        """Tell what comes, until there is enough of it, or Ctrl-C."""
        arguments = self._invocation.arguments
        after = None if arguments.after is None else LogPlace(**arguments.after)
        if self._bookmark is not None:
            after = self._bookmark.cursor
        try:
            subscription = await self._cloud.subscribe(self._topic, wanted, after, moved=self._tell_moved)
        except ValueError as error:
            raise CommandError(str(error)) from None
        self._begin(subscription.cursor)
        try:
            async for item in subscription:
                self._tell(item)
                if self._told == arguments.count:
                    break
        except CancelledError:
            if self._bookmark is None and not self._terminal.is_json:
                self._terminal.note(f"Go on from here with --after {subscription.cursor}")
        return Exit.OK

    def _begin(self, cursor: LogPlace) -> None:
        self._terminal.remark(
            f"Watching {self._topic} after {cursor}. {_BELIEVED[self._believed]}",
            "watching",
            cursor=cursor,
            checked=self._believed,
        )
        if self._bookmark is not None:
            self._bookmark.note(cursor)

    @property
    def _believed(self) -> Checked:
        """How far every item is checked at least, but for those of which it is said."""
        if self._cloud.proves:
            return "proof"
        return "none" if self._invocation.verify == "none" else "certificate"

    def _tell_moved(self, url: str) -> None:
        if url:
            self._terminal.remark(f"{printable(url)} tells what is new.", "node_watched", url=url)
        elif self._is_told_of_node:
            self._terminal.remark("That node is lost. Looking for another.", "node_lost")
        self._is_told_of_node = bool(url)

    def _tell(self, item: CloudItem) -> None:
        """Print a change."""
        self._told += 1
        if item.checked != self._believed and not self._is_told_of_doubt:
            self._is_told_of_doubt = True
            self._terminal.remark(
                f"Of {item.cursor}, and perhaps of others, it is proven that it was signed and ordered so. That it had "
                "an effect is the word of nodes: no state that is left remembers it.",
                "not_proven",
                checked=item.checked,
                cursor=item.cursor,
            )
        if self._terminal.is_json:
            self._terminal.json(item.raw)
        else:
            self._terminal.line(_line(self._terminal, self._topic, item))
        self._terminal.flush()
        if self._bookmark is not None:
            self._bookmark.note(item.cursor)


def _line(terminal: Terminal, topic: str, item: Item) -> str:
    try:
        words = printable(_words(topic, msgspec.json.decode(item.raw)))
    except (KeyError, TypeError):
        words = printable(bytes(item.raw).decode())  # not of the documented form: as it came
    cursor = f"{item.cursor!s:<10}"
    if terminal.columns is not None:
        words = cut(words, terminal.columns - len(cursor) - 2)
    return f"{terminal.paint(cursor, 'dim')}  {words}"


def _words(topic: str, change: Any) -> str:
    """A change in one line; raises ``KeyError`` or ``TypeError`` if it is not of the documented form."""
    if topic == "blocks":
        return f"{change['hash']}  {change['operations_count']} operations"
    if topic == "ratings":
        done = "withdrawn" if change["stars"] is None else "★" * change["stars"] + "☆" * (5 - change["stars"])
        return f"{done:<9}  {change['record']}  by {change['account']}"
    address = f"{change['account']}/{change['collection']}/{change['key']}"
    data = "" if change["type"] == "delete" else f"  {msgspec.json.encode(change['data']).decode()}"
    return f"{change['type']:<6}  {address}{data}"


def _advise(error: RemoteError) -> Exception:
    start = error.data.get("start")
    if error.name != "cursor_pruned" or not isinstance(start, dict):
        return error
    place = f"{start.get('height', 0)}:{start.get('index', 0)}"
    return CommandError(
        f"{error} This node has everything after {place}: give --after {place}.", Exit.USAGE, error.name
    )

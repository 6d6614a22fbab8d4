"""A command run in memory: arguments in, output, errors and status out, a scripted node in between."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from cloudnode.cli.arguments import make_parser
from cloudnode.cli.exits import Exit, explain
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.keyfile import write_key
from cloudnode.cli.terminal import Terminal
from cloudnode.client.client import Client
from cloudnode.formats.genesis import build_genesis
from cloudnode.formats.keys import SigningKey
from tests.unit.client.cloud.doors import Door
from tests.unit.client.fakes import MemoryCarrier

KEY = SigningKey(b"\x05" * 32)
ACCOUNT = KEY.public.hex()
GENESIS = build_genesis(name="test", time=1, validators=[KEY.public])


SECONDS_MAX = 60
"""Seconds that a command may wait for."""


class Tty(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Refusal(Exception):
    """What a scripted method raises to answer with an error."""

    def __init__(self, name: str, code: int, **data: Any) -> None:
        super().__init__(name)
        self.name = name
        self.code = code
        self.data = data


Method = Callable[[dict[str, Any]], Any]


def unknown_method(params: dict[str, Any]) -> Any:
    """What a node says to what it does not know."""
    raise Refusal("method_unknown", -32601)


class ScriptedCarrier(MemoryCarrier):
    """Answers each request at once from a table of functions."""

    methods: dict[str, Method]
    height = 7

    def send(self, request_id: int, message: bytes) -> None:
        super().send(request_id, message)
        request = self.sent[-1]
        try:
            result = self.methods.get(request["method"], unknown_method)(request.get("params") or {})
        except Refusal as refusal:
            self.refuse(request, refusal.name, refusal.code, **refusal.data)
        else:
            self.answer(request, result, self.height)


@attrs.define
class Result:
    """What a command left."""

    status: Exit
    out: str
    err: str
    requests: list[dict[str, Any]]

    def asked(self, method: str) -> list[dict[str, Any]]:
        """The requests for one method."""
        return [request for request in self.requests if request["method"] == method]


def run_command(
    module: Any,
    arguments: list[str],
    methods: Mapping[str, Method] | None = None,
    *,
    home: Path,
    tty: bool = False,
    environment: Mapping[str, str] | None = None,
    doors: Mapping[str, Door] | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> Result:
    """Run a command's module as :mod:`cloudnode.cli.main` does, against a scripted node, of which nothing is checked
    unless the environment or the arguments say so.

    :param home: Holds the key, which is :data:`KEY` unless ``key-missing`` is there. :param doors: By URL, of
        a node with a real ledger in place of the scripted one. :param meanwhile: Called each tenth of a second.
    """
    key_path = home / "key"
    if not key_path.exists() and not (home / "key-missing").exists():
        write_key(key_path, KEY, replace=False)
    surroundings = {
        "CLOUDNODE_KEY": str(key_path), "CLOUDNODE_VERIFY": "none", "COLUMNS": "100",
        "XDG_STATE_HOME": str(home.absolute()), **(environment or {}),
    }  # fmt: skip
    carrier = ScriptedCarrier()
    carrier.methods = {
        "getgenesis": lambda _: {"network": GENESIS.network_hex, "name": "test", "genesis": GENESIS.text.decode()},
        "getnodeinfo": lambda _: {"network": GENESIS.network_hex},
        "getpeerinfo": lambda _: [],
        "getdatahash": not_provable,
        **(methods or {}),
    }
    clock = next(iter(doors.values())).node.clock if doors else Clock()

    async def connect(url: str, reactor: Any, **options: Any) -> Client:
        return doors[url].connect(url) if doors else Client(carrier, clock, url=url)

    out, err = (Tty(), Tty()) if tty else (io.StringIO(), io.StringIO())
    parsed = make_parser().parse_args(arguments)
    terminal = Terminal(out, err, surroundings, getattr(parsed, "json", False))
    invocation = Invocation(parsed, terminal, surroundings, clock, connect)
    status = _status(module, invocation, terminal, clock, meanwhile)
    requests = [request for door in doors.values() for request in door.asked] if doors else carrier.sent
    return Result(status, out.getvalue(), err.getvalue(), requests)


def not_provable(params: dict[str, Any]) -> Any:
    """Of a node without a block."""
    raise Refusal("not_provable", -8)


def _status(
    module: Any, invocation: Invocation, terminal: Terminal, clock: Clock, meanwhile: Callable[[], object]
) -> Exit:
    statuses: list[Any] = []
    try:
        ended = module.run(invocation)
        if not isinstance(ended, Exit):
            Deferred.fromCoroutine(ended).addBoth(statuses.append)
            for _ in range(SECONDS_MAX * 10):
                if not statuses:
                    meanwhile()
                    clock.pump([0.02] * 5)
            (ended,) = statuses
            if not isinstance(ended, Exit):
                ended.raiseException()
    except Exception as error:
        explained = explain(error)
        terminal.error(explained.message, explained.name, explained.status, **explained.data)
        return explained.status
    assert isinstance(ended, Exit)
    return ended

"""Networks without processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cloudnode.cli.demo.node import DemoNode
from cloudnode.cli.demo.plan import make_plans
from cloudnode.cli.demo.screen import Screen
from cloudnode.cli.demo.watching import Agreement, NodeView, Round

ROOT, OTHER = "ab" * 32, "cd" * 32


def view(number: int = 1, state: str = "serving", **changes: Any) -> NodeView:
    """A node that serves, unless told otherwise."""
    if state != "serving":
        return NodeView(number, state, **changes)
    told: dict[str, Any] = {
        "pid": 4000 + number, "role": "follower", "height": 1234, "root": ROOT, "records": 20, "ratings_sum": 61,
        "peers": 2, "rate": 250.4,
    }  # fmt: skip
    return NodeView(number, state, **told | changes)


def equal(*views: NodeView) -> Round:
    """A round in which all that serve have the same root."""
    return Round(views, Agreement(1234, {ROOT: tuple(view.number for view in views if view.serves)}))


class FakeTransport:
    """A process that only remembers the signals."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.signals: list[int] = []

    def signalProcess(self, number: int) -> None:
        self.signals.append(number)


class FakeSpawner:
    """The part of a reactor that starts processes; the rest is a clock's."""

    def __init__(self, clock: Any) -> None:
        self.spawned: list[tuple[Any, list[str], dict[str, str], FakeTransport]] = []
        self.callLater = clock.callLater
        self.seconds = clock.seconds

    def spawnProcess(
        self, protocol: Any, executable: str, args: list[str], env: dict[str, str], path: str, childFDs: Any
    ) -> FakeTransport:
        transport = FakeTransport(100 + len(self.spawned))
        self.spawned.append((protocol, args, env, transport))
        return transport


def make_nodes(directory: Path, count: int, reactor: Any, validators: int = 1) -> list[DemoNode]:
    """Nodes that were not started."""
    return [DemoNode(plan, reactor) for plan in make_plans(directory, count, validators, range(1, 3 * count + 1))]


class RecordingDisplay:
    """Remembers what it was shown."""

    def __init__(self) -> None:
        self.screens: list[Screen] = []
        self.is_closed = False

    def show(self, screen: Screen) -> None:
        self.screens.append(screen)

    def close(self) -> None:
        self.is_closed = True

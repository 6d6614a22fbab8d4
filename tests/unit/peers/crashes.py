"""A node in memory that is killed at a chosen call of its journal or its database, and found again as the disk has it.

The calls on the journal, the statements that begin and end transactions, and each message of consensus are *points*,
counted from the first one on.
At the chosen point nothing that the node does leaves it any more, and what would be on its disk after a crash is set
aside, in one of the ways that :data:`WAYS` names. Then the remains of the node are stopped, and its files replaced.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.node import datadir, journalfile
from tests.unit.node.faultydisk import FaultyOs
from tests.unit.peers.network import MemoryNode

Way = Literal["before", "half", "lost", "after"]
WAYS: tuple[Way, ...] = ("before", "half", "lost", "after")
"""The kill comes before the call; after half of its bytes; after it, but what was not synced is lost, as when the power
fails; after it."""


class Killed(OSError):
    """What a dead node's calls end with."""


class _Connection:
    """A database connection whose transactions begin and end through the crash."""

    def __init__(self, connection: sqlite3.Connection, point: Callable[[str, str, Callable[[], Any]], Any]) -> None:
        self._connection = connection
        self._point = point

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: str, *parameters: Any) -> Any:
        def run() -> Any:
            return self._connection.execute(statement, *parameters)

        return self._point(statement.split()[0], "", run) if statement in ("BEGIN IMMEDIATE", "COMMIT") else run()


class Crash:
    """Kills one node, once.

    :ivar points: The name of each call of the node's so far. :ivar is_dead: Whether it was killed and not yet buried.
    """

    def __init__(self, test: SynchronousTestCase, at: int | None = None, way: Way = "before") -> None:
        """:param at: The number of the point, from 0; None kills nobody. :param way: One of :data:`WAYS`."""
        self.points: list[str] = []
        self.is_dead = False
        self._at = at
        self._way = way
        self._node: MemoryNode | None = None
        self._journal = ""
        self._durable: dict[str, bytes] = {}
        self._old_name: bytes | None = None
        self._image: dict[str, bytes] = {}
        self._os = FaultyOs(self._called)
        test.patch(journalfile, "os", self._os)
        test.patch(datadir, "os", self._os)

    def watch(self, node: MemoryNode) -> None:
        """Count the points of a node that has not started."""
        self._node = node
        self._journal = f"{os.path.abspath(node.path)}.journal"
        self._durable[self._journal] = Path(self._journal).read_bytes()
        blocks: Any = node.store._blocks
        blocks._connection = _Connection(blocks._connection, self._point)
        validator = node.ledger.validator
        assert validator is not None
        send = validator.send
        validator.send = lambda peers, message: self._sent(lambda: send(peers, message))

    def bury(self) -> None:
        """Stop what is left of the node, and put its files into the state that a start would find."""
        assert self._node is not None and self.is_dead
        self._node.stop()
        for name in (self._node.path, f"{self._node.path}-wal", f"{self._node.path}-shm", self._journal):
            Path(name).unlink(missing_ok=True)
        for name, content in self._image.items():
            Path(name).write_bytes(content)
        self._node = None
        self.is_dead = False

    # The calls

    def _called(self, name: str, path: str, call: Callable[[], Any]) -> Any:
        return self._point(name, path, call) if self._node is not None and self._is_own(path) else call()

    def _sent(self, send: Callable[[], None]) -> None:
        if self._node is not None and not self.is_dead:
            self.points.append("send")
            send()
            if self._at == len(self.points) - 1:
                self._set_aside(is_power_lost=True)

    def _is_own(self, path: str) -> bool:
        # The directory is that of all nodes. This one's call on it is the one after it renamed a file.
        return path.startswith(self._journal) or (self._old_name is not None and os.path.isdir(path))

    def _point(self, name: str, path: str, call: Callable[[], Any]) -> Any:
        if self.is_dead:
            raise Killed("the node is dead")
        if self._node is None:
            return call()
        is_chosen = self._at == len(self.points)
        self.points.append(name)
        if is_chosen and self._way == "before":
            self._die(is_power_lost=True)
        if is_chosen and self._way == "half":
            self._os.most = lambda size: size // 2
        result = call()
        self._note(name, path)
        if is_chosen:
            self._die(is_power_lost=self._way == "lost")
        return result

    def _note(self, name: str, path: str) -> None:
        """Keep account of what would survive a loss of power."""
        if name == "fsync" and os.path.isdir(path):
            self._old_name = None
        elif name == "fsync":
            self._durable[path] = Path(path).read_bytes()
        elif name == "rename":
            self._old_name = self._durable[self._journal]
            self._durable[self._journal] = self._durable[f"{self._journal}.new"]

    def _die(self, is_power_lost: bool) -> None:
        self._set_aside(is_power_lost)
        raise Killed("the node is killed here")

    def _set_aside(self, is_power_lost: bool) -> None:
        assert self._node is not None
        self.is_dead = True
        self._os.most = lambda size: size
        durable = self._durable[self._journal] if self._old_name is None else self._old_name
        self._image = {self._journal: durable if is_power_lost else Path(self._journal).read_bytes()}
        for name in (self._node.path, f"{self._node.path}-wal"):
            if os.path.exists(name):
                self._image[name] = Path(name).read_bytes()


def ways(point: str) -> tuple[Way, ...]:
    """The ways to be killed at a point that are worth telling apart."""
    return {
        "pwrite": WAYS,
        "ftruncate": ("before", "lost"),
        "fsync": ("before", "after"),
        "rename": ("before", "lost", "after"),
        "BEGIN": ("after",),
        "COMMIT": ("before", "after"),
        "send": ("lost",),
    }[point]

"""A validator that kills itself with SIGKILL at a chosen point of its journal or its database: a real node otherwise.

``python dying_validator.py POINT NUMBER OPTION...``, where POINT is a name of ``POINTS``, NUMBER says at which such
point from the start on (from 1), and the options are those of ``twistd cloudnode``.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

from twisted.scripts import twistd

from cloudnode.node import datadir, journalfile
from cloudnode.peers.validators import ValidatorLinks
from cloudnode.store.writer import BlockWriter
from tests.unit.node.faultydisk import FaultyOs

POINTS = (
    "ftruncate-before",
    "pwrite-before",
    "pwrite-half",
    "fsync-before",
    "fsync-after",
    "rename-before",
    "rename-after",
    "directory-before",
    "BEGIN-after",
    "COMMIT-before",
    "COMMIT-after",
    "send-after",
)
"""The calls on the journal, the statements around a block's transaction, and a message of consensus to others; and
whether the kill comes before the call, after it, or after half of its bytes."""

JOURNAL_BYTES = 4_000
"""So long a journal is written anew, that it happens within seconds."""


class Death:
    """Counts the points of one kind, and comes at the chosen one."""

    def __init__(self, point: str, number: int) -> None:
        self._call, self._when = point.split("-")
        self._left = number
        self._os = FaultyOs(self._called)

    def arm(self) -> None:
        """Have all points of this process go through here."""
        journalfile.os = self._os  # type: ignore[assignment]
        datadir.os = self._os  # type: ignore[assignment]
        journalfile.COMPACT_BYTES = JOURNAL_BYTES
        made = BlockWriter.__init__
        send = ValidatorLinks._send
        death = self

        def make(writer: BlockWriter, connection: sqlite3.Connection, *others: Any) -> None:
            made(writer, connection, *others)
            writer._connection = _Connection(connection, death)  # type: ignore[assignment]

        def send_it(links: ValidatorLinks, peers: Any, message: bytes) -> None:
            death.point("send", lambda: send(links, peers, message))

        BlockWriter.__init__ = make  # type: ignore[method-assign]
        ValidatorLinks._send = send_it  # type: ignore[method-assign]

    def _called(self, name: str, path: str, call: Callable[[], Any]) -> Any:
        if os.path.isdir(path):
            return self.point("directory", call)
        return self.point(name, call) if os.path.basename(path).startswith("journal") else call()

    def point(self, name: str, call: Callable[[], Any]) -> Any:
        """Make a call, or die before, in or after it."""
        self._left -= name == self._call
        is_chosen = name == self._call and self._left == 0
        if is_chosen and self._when == "before":
            _die()
        if is_chosen and self._when == "half":
            self._os.most = lambda size: size // 2
        result = call()
        if is_chosen:
            _die()
        return result


class _Connection:
    def __init__(self, connection: sqlite3.Connection, death: Death) -> None:
        self._connection = connection
        self._death = death

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: str, *parameters: Any) -> Any:
        def run() -> Any:
            return self._connection.execute(statement, *parameters)

        return self._death.point(statement.split()[0], run) if statement in ("BEGIN IMMEDIATE", "COMMIT") else run()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    chosen, nth, *options = sys.argv[1:]
    Death(chosen, int(nth)).arm()
    sys.argv = ["twistd", "-n", "--pidfile=", "cloudnode", *options]
    twistd.run()

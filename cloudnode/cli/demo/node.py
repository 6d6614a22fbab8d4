"""One node of the demo: its process, and what may be done to it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any, Literal

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from cloudnode.cli.demo.plan import NodePlan

Condition = Literal["waiting", "running", "stopped", "dead", "failed"]
"""``waiting`` was never started, ``dead`` was killed, ``failed`` ended by itself."""

END_SECONDS = 10.0
_ROOT = Path(__file__).resolve().parents[3]
_REASON_BYTES = 4096


class DemoNode:
    """A node's process, started any number of times in the same data directory.

    :ivar condition: What is known of the process. :ivar reason: Why it ended, if it did so by itself.
    """

    def __init__(self, plan: NodePlan, reactor: Any) -> None:
        self.plan = plan
        self.condition: Condition = "waiting"
        self.reason: str | None = None
        self._reactor = reactor
        self._transport: Any = None
        self._ended: Deferred[None] | None = None
        self._starts_again = False

    @property
    def number(self) -> int:
        """From 1."""
        return self.plan.number

    @property
    def pid(self) -> int | None:
        """The process, if there is one."""
        return None if self._transport is None else self._transport.pid

    def start(self) -> None:
        """Start it, unless it runs; after a kill as soon as the killed process is gone."""
        if self._transport is not None:
            self._starts_again = self.condition == "dead"
            return
        self.reason = None
        try:
            self.plan.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self.plan.home / "log").open("ab") as log, self._errors.open("wb") as errors:
                self._spawn(log.fileno(), errors.fileno())
        except OSError as error:
            self.condition, self.reason = "failed", f"cannot start it: {error}"
        else:
            self.condition = "running"

    def kill(self) -> None:
        """``kill -9``."""
        if self._transport is not None:
            self.condition, self._starts_again = "dead", False
            self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """SIGSTOP: it is there and does nothing, as on a machine that hangs."""
        if self.condition == "running":
            self.condition = "stopped"
            self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT after :meth:`stop`."""
        if self.condition == "stopped":
            self.condition = "running"
            self._signal(signal.SIGCONT)

    def end(self) -> Deferred[None]:
        """Have it stop in order, by force if that takes too long; fires when the process is gone."""
        if self._transport is None:
            return maybeDeferred(lambda: None)
        self.go_on()
        if self.condition == "running":
            self.condition = "dead"
            self._signal(signal.SIGTERM)
        ended: Deferred[None] = Deferred()
        self._ended = ended
        force = self._reactor.callLater(END_SECONDS, self._signal, signal.SIGKILL)
        ended.addBoth(lambda _: force.active() and force.cancel())
        return ended

    @property
    def _errors(self) -> Path:
        return self.plan.home / "errors"

    def _spawn(self, log: int, errors: int) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
        paths = [str(_ROOT), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        command = [sys.executable, "-m", "cloudnode.cli.demo.child", str(os.getpid()), *self.plan.arguments()]
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            self._transport = self._reactor.spawnProcess(
                _Exit(self),
                command[0],
                command,
                environment,
                str(self.plan.home),
                childFDs={0: nothing, 1: log, 2: errors},
            )
        finally:
            os.close(nothing)

    def _signal(self, number: int) -> None:
        if self._transport is not None:
            try:
                self._transport.signalProcess(number)
            except ProcessExitedAlready:
                return  # its end is told in a moment

    def exited(self, reason: Failure) -> None:
        """The process is gone."""
        self._transport = None
        if self.condition != "dead":
            self.condition, self.reason = "failed", self._explain(reason)
        if self._ended is not None:
            ended, self._ended = self._ended, None
            ended.callback(None)
        elif self._starts_again:
            self._starts_again = False
            self.start()

    def _explain(self, reason: Failure) -> str:
        """The last line that it wrote about the matter, else how it ended."""
        try:
            lines = self._errors.read_bytes()[-_REASON_BYTES:].decode("utf-8", "replace").split("\n")
        except OSError:
            lines = []
        said = [line.strip() for line in lines if line.strip()]
        return said[-1].removeprefix("cloudnode: ") if said else reason.getErrorMessage()


class _Exit(ProcessProtocol):
    def __init__(self, node: DemoNode) -> None:
        self._node = node

    def processEnded(self, reason: Failure) -> None:
        self._node.exited(reason)

"""The demo itself: starts the nodes, shows them round for round, does what keys and script say, ends them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater

from cloudnode.cli.demo.actions import Action, Keys, Timed
from cloudnode.cli.demo.display import Display
from cloudnode.cli.demo.node import DemoNode
from cloudnode.cli.demo.screen import Event, Screen
from cloudnode.cli.demo.watching import Agreement, Round
from cloudnode.cli.exits import Exit

ROUND_SECONDS = 0.5
START_SECONDS = 120.0


class Asker(Protocol):
    """As :class:`cloudnode.cli.demo.watching.Watcher`."""

    async def ask(self) -> Round:
        """One round."""

    async def close(self) -> None:
        """Close all connections."""


class Load(Protocol):
    """As :class:`cloudnode.cli.demo.workload.Workload`."""

    def toggle(self) -> None:
        """Begin or end."""

    def stop(self) -> None:
        """End."""

    def words(self) -> str:
        """What it does."""


class Demo:
    """One run.

    :ivar events: What happened, for people. :ivar last: What the last round gave.
    """

    def __init__(
        self,
        nodes: Sequence[DemoNode],
        watcher: Asker,
        load: Load,
        clock: Any,
        place: str,
        *,
        script: Sequence[Timed] = (),
        seconds: float | None = None,
    ) -> None:
        """
        :param place: Where the data directories are, for people. :param script: What is done when.
        :param seconds: When it ends, counted as in the script from when all nodes serve; None: when it is told to.
        """
        self.events: list[Event] = []
        self.last = Round((), Agreement())
        self._nodes = nodes
        self._watcher = watcher
        self._load = load
        self._clock = clock
        self._place = place
        self._script = script
        self._planned: list[IDelayedCall] = []
        self._seconds = seconds
        self._keys = Keys(len(nodes))
        self._began = clock.seconds()
        self._ready_at: float | None = None
        self._has_quit = False
        self._pause: Deferred[None] | None = None

    def typed(self, keys: bytes) -> None:
        """Somebody typed."""
        for action in self._keys.read(keys):
            self.act(action)
        self._hurry()

    def _do_step(self, action: Action) -> None:
        self.act(action)
        self._hurry()

    def act(self, action: Action) -> None:
        """Do something to the network."""
        verb = action.verb
        if verb == "quit":
            self._has_quit = True
        elif verb == "write":
            self._load.toggle()
            self._tell(self._load.words())
        else:
            self._act_on(self._nodes[action.node - 1], verb)

    async def run(self, display: Display) -> Exit:
        """Run until told to end, or all failed; when it returns no node is left.

        A cancellation, as of Ctrl-C, is an end as well.
        """
        try:
            while not self._is_over():
                self.last = await self._watcher.ask()
                self._start_waiting()
                self._note_ready()
                display.show(self._screen())
                if self._has_failed():
                    break
                if not self._is_over():
                    await self._wait()
        except CancelledError:
            self._has_quit = True
        finally:
            display.close()
            for call in self._planned:
                if call.active():
                    call.cancel()
            self._load.stop()
            await self._watcher.close()
            await gatherResults([node.end() for node in self._nodes])
        return self._status()

    # Time

    def _elapsed(self) -> float:
        """Seconds since all nodes serve; negative before."""
        return -1.0 if self._ready_at is None else float(self._clock.seconds()) - self._ready_at

    def _is_over(self) -> bool:
        return self._has_quit or (self._seconds is not None and self._elapsed() >= self._seconds)

    async def _wait(self) -> None:
        """Until the next round, or a key, or the next action of the script."""
        pause: Deferred[None] = deferLater(self._clock, ROUND_SECONDS)
        self._pause = pause
        try:
            await pause
        except CancelledError:
            if self._pause is pause:
                raise
        finally:
            self._pause = None

    def _hurry(self) -> None:
        """Have the next round at once."""
        pause, self._pause = self._pause, None
        if pause is not None:
            pause.cancel()

    # What happens

    def _act_on(self, node: DemoNode, verb: str) -> None:
        if verb == "toggle":
            verb = "revive" if node.condition in ("dead", "failed") else "kill"
        elif verb == "pause":
            verb = "continue" if node.condition == "stopped" else "stop"
        pid = node.pid
        {"kill": node.kill, "revive": node.start, "stop": node.stop, "continue": node.go_on}[verb]()
        said = {
            "kill": f"killed node {node.number} (SIGKILL to {pid})",
            "revive": f"revived node {node.number} (process {node.pid})",
            "stop": f"stopped node {node.number} (SIGSTOP to {pid})",
            "continue": f"node {node.number} goes on (SIGCONT to {pid})",
        }
        self._tell(said[verb])

    def _start_waiting(self) -> None:
        """Start the nodes whose turn it is: those that learn the network from others, once one of these serves."""
        can_join = self.last.serving > 0
        for node in self._nodes:
            if node.condition == "waiting" and (can_join or node.plan.is_prepared):
                node.start()

    def _note_ready(self) -> None:
        if self._ready_at is not None:
            return
        now = self._clock.seconds()
        states = {view.state for view in self.last.nodes}
        # What has failed at the start is shown, and does not keep the others waiting; nor does one that takes too long.
        if self.last.serving and (states <= {"serving", "failed", "dead"} or now - self._began >= START_SECONDS):
            self._ready_at = now
            self._tell(f"{self.last.serving} of {len(self._nodes)} nodes serve after {now - self._began:.1f} s")
            self._planned = [self._clock.callLater(step.at, self._do_step, step.action) for step in self._script]

    def _has_failed(self) -> bool:
        """Whether nothing can come of this any more: no node has served, and none will."""
        if self._ready_at is not None:
            return False
        starting = any(node.condition in ("running", "stopped") for node in self._nodes)
        return not starting or self._clock.seconds() - self._began >= START_SECONDS

    def _tell(self, text: str) -> None:
        self.events.append(Event(self._elapsed(), text))

    def _screen(self) -> Screen:
        return Screen(
            self.last, self._elapsed(), self._place, self._load.words(), self._keys.asks, tuple(self.events)
        )

    def _status(self) -> Exit:
        if self._ready_at is None and not self._has_quit:
            return Exit.NO_ANSWER
        bad = any(view.state in ("corrupt", "diverged") for view in self.last.nodes)
        return Exit.DAMAGED if bad or self.last.agreement.is_equal is False else Exit.OK

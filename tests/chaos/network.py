"""A network of real nodes that is disturbed as planned while clients use it, and brought to calm at the end."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import attrs
import pytest

from cloudnode.cli.demo.plan import make_plans, prepare
from cloudnode.formats.genesis import Parameters
from tests.chaos.faults import Fault
from tests.chaos.places import Places
from tests.chaos.timeline import Timeline
from tests.chaos.verdict import Finding
from tests.integration.conftest import NodeProcess

TICK_SECONDS = 0.05
TELL_SECONDS = 5.0
ASK_SECONDS = 0.5
START_SECONDS = 60.0
SETTLE_SECONDS = 120.0
STACK_SECONDS = 5.0

UNANSWERED = (OSError, ValueError, KeyError, pytest.fail.Exception)
"""What asking a node may raise while it is not well."""


@attrs.frozen
class Size:
    """What a network consists of.

    :ivar limit: Seconds that the clients may take at most. :ivar pace: Milliseconds between blocks.
    """

    validators: int
    followers: int
    limit: float
    pace: int


class Clients(Protocol):
    """The process of the clients.

    :ivar told: What it told last: a ``phase``, among others, which is ``done`` at the end and ``draining`` while the
        network is to be calm. :ivar errors: The file with its standard error.
    """

    told: dict[str, Any]
    errors: Path

    @property
    def status(self) -> int | None:
        """How it ended; None while it runs."""

    def read(self) -> bool:
        """Take what it has told; whether it still runs."""


class DisturbedNetwork:
    """Real nodes at their places.

    :ivar findings: What was not as it must be.
    """

    def __init__(
        self,
        places: Places,
        size: Size,
        directory: Path,
        faults: Sequence[Fault],
        timeline: Timeline,
        progress: Callable[[dict[str, Any]], str],
    ) -> None:
        """:param progress: What the clients told, in words; called every few seconds."""
        self.findings: list[Finding] = []
        self._places = places
        self._size = size
        self._directory = directory
        self._timeline = timeline
        self._progress = progress
        self._planned = list(faults)
        self._under_way: list[Fault] = []
        self._starting: dict[int, float] = {}
        self._killed: set[int] = set()
        self._told_at = 0.0

    @property
    def nodes(self) -> list[NodeProcess]:
        """All nodes, the validators first."""
        return self._places.nodes

    # Nodes

    def start(self, stack: contextlib.ExitStack) -> None:
        """Start all nodes; the stack ends them."""
        size = self._size
        count = size.validators + size.followers
        plans = make_plans(self._directory, count, size.validators, range(3 * count))
        prepare(plans, parameters=Parameters(pace_ms=size.pace))
        for plan in plans:
            # All that were made so far: who starts later, or again, does not depend on one of them.
            joins = [word for node in self.nodes for word in ("--join", node.ws_url)]
            # Who fetched a state in place of the blocks would have another log than the others.
            node = self._places.add(plan.home, ["--sync", "replay", *joins])
            stack.callback(self._end, node)
        for group in (self.nodes[: size.validators], self.nodes[size.validators :]):
            for node in group:
                node.spawn()
            for node in group:
                self._wait_ready(node)
        self._timeline.tell(
            f"{size.validators} validators and {size.followers} followers serve, pids "
            + ", ".join(str(node.pid) for node in self.nodes)
        )

    def _wait_ready(self, node: NodeProcess) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not node.notify.told("READY", "1"):
            if node.process is None or node.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"node {self._number(node)} does not start:\n{node.log[-3000:]}")
            time.sleep(TICK_SECONDS)

    def _end(self, node: NodeProcess) -> None:
        if node.process is not None and node.process.poll() is None:
            node.process.send_signal(signal.SIGCONT)
        try:
            node.close()
        except pytest.fail.Exception as error:
            self._timeline.tell(f"node {self._number(node)}: {str(error)[:200]}")

    def _number(self, node: NodeProcess) -> int:
        return self.nodes.index(node) + 1

    # Faults

    def disturb(self, clients: Clients) -> None:
        """Do what is planned until the clients are done, or drain."""
        while clients.read():
            now = self._timeline.seconds
            if now > self._size.limit:
                self._finding(f"the clients are not done after {self._size.limit:g} s: {clients.told}")
                return
            if clients.told["phase"] == "draining" and (self._planned or self._under_way):
                self._planned.clear()
                self.calm()
            for fault in [fault for fault in self._under_way if fault.end <= now]:
                self._end_fault(fault)
            while self._planned and self._planned[0].at <= now:
                self._begin_fault(self._planned.pop(0))
            self._look_at_processes()
            if now - self._told_at >= TELL_SECONDS:
                self._tell_progress(clients.told)
            time.sleep(TICK_SECONDS)
        clients.read()
        self._tell_progress(clients.told)
        if clients.status or clients.told["phase"] != "done":
            said = clients.errors.read_text(errors="replace")[-2000:]
            self._finding(f"the clients ended with status {clients.status}: {said}")

    def _begin_fault(self, fault: Fault) -> None:
        node = self.nodes[fault.node]
        if node.process is None or node.process.poll() is not None or fault.node in self._starting:
            self._timeline.tell(f"{fault}: left out, it is not up")
            return
        self._timeline.tell(f"{fault}, for {fault.end - fault.at:.1f} s")
        self._under_way.append(fault)
        if fault.kind == "kill":
            self._killed.add(fault.node)
            node.kill()
        elif fault.kind == "stop":
            node.process.send_signal(signal.SIGSTOP)
        else:
            self._places.cut(fault)

    def _end_fault(self, fault: Fault) -> None:
        self._under_way.remove(fault)
        node = self.nodes[fault.node]
        if fault.kind == "kill":
            self._killed.discard(fault.node)
            node.spawn()
            self._starting[fault.node] = self._timeline.seconds
            self._timeline.tell(f"node {fault.node + 1} is started again")
        elif fault.kind == "stop":
            assert node.process is not None
            node.process.send_signal(signal.SIGCONT)
            self._timeline.tell(f"node {fault.node + 1} goes on")
        else:
            self._places.mend(fault)
            self._timeline.tell(f"node {fault.node + 1} is connected again")

    def _look_at_processes(self) -> None:
        for number, node in enumerate(self.nodes):
            if number in self._killed or node.process is None:
                continue
            if node.process.poll() is not None:
                self._killed.add(number)
                self._starting.pop(number, None)
                status = node.process.returncode
                self._finding(f"node {number + 1} ended by itself, status {status}: {node.log[-1500:]}")
            elif number in self._starting and node.notify.told("READY", "1"):
                seconds = self._timeline.seconds - self._starting.pop(number)
                self._timeline.tell(f"node {number + 1} serves again after {seconds:.1f} s")

    def calm(self) -> None:
        """End what is under way, and have all nodes up."""
        for fault in list(self._under_way):
            self._end_fault(fault)
        deadline = time.monotonic() + START_SECONDS
        while self._starting and time.monotonic() < deadline:
            self._look_at_processes()
            time.sleep(TICK_SECONDS)
        for number in self._starting:
            self._finding(f"node {number + 1} does not serve {START_SECONDS:g} s after its start")

    def _finding(self, text: str) -> None:
        self.findings.append(Finding(False, text))
        self._timeline.tell(text)

    # Waiting

    def _tell_progress(self, told: dict[str, Any]) -> None:
        self._told_at = self._timeline.seconds
        heights = ", ".join("-" if height is None else str(height) for height in self._heights())
        self._timeline.tell(f"{told['phase']}: {self._progress(told)}; heights {heights}")

    def _heights(self) -> list[int | None]:
        """What all nodes that should answer say at once: the plan does not wait long for those that don't."""
        disturbed = {fault.node for fault in self._under_way} | self._killed | self._starting.keys()

        def ask(number: int) -> int | None:
            told: int | None = None
            if number not in disturbed:
                with contextlib.suppress(*UNANSWERED):
                    told = self.nodes[number].call("getnodeinfo", timeout=ASK_SECONDS)["sync"]["height"]
            return told

        with ThreadPoolExecutor(len(self.nodes)) as threads:
            return list(threads.map(ask, range(len(self.nodes))))

    def settle(self) -> None:
        """Wait until all nodes tell the same root and sums, at the same height, of all that was sent."""
        deadline = time.monotonic() + SETTLE_SECONDS
        began = self._timeline.seconds
        while True:
            states = [self._state(node) for node in self.nodes]
            told = {json.dumps(state) for state in states}
            if len(told) == 1 and states[0] is not None:
                self._timeline.tell(
                    f"all nodes agree after {self._timeline.seconds - began:.1f} s: height {states[0]['height']:,}, "
                    f"root {states[0]['root']}, sum {states[0]['ratings_sum']:,}"
                )
                return
            if time.monotonic() > deadline:
                self._finding(f"the nodes do not agree {SETTLE_SECONDS:g} s after the last fault: {states}")
                self._trace([node for node, state in zip(self.nodes, states, strict=True) if state is None])
                return
            time.sleep(0.2)

    def _trace(self, silent: Sequence[NodeProcess]) -> None:
        """Have nodes that run and do not answer tell where they are: Python's fault handler writes all stacks."""
        for node in silent:
            if node.process is not None and node.process.poll() is None:
                node.process.send_signal(signal.SIGABRT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    node.process.wait(STACK_SECONDS)
                stacks = node.error_path.read_text(errors="replace")[-4000:]
                self._finding(f"node {self._number(node)} runs and does not answer; it was here:\n{stacks}")

    def _state(self, node: NodeProcess) -> dict[str, Any] | None:
        if node.process is None or node.process.poll() is not None:
            return None
        with contextlib.suppress(*UNANSWERED):
            told: dict[str, Any] = node.call("getdatahash", timeout=5.0)
            return told
        return None

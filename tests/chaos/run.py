"""One run: starts nodes and clients, does what the plan says, waits for calm, and judges."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest

from cloudnode.cli.demo.plan import make_plans, prepare
from cloudnode.formats.genesis import Parameters
from tests.chaos.faults import Fault
from tests.chaos.places import Places
from tests.chaos.verdict import Finding, Outcome, judge
from tests.integration.conftest import ROOT, NodeProcess
from tests.movielens import Data

TICK_SECONDS = 0.05
TELL_SECONDS = 5.0
ASK_SECONDS = 0.5
START_SECONDS = 60.0
SETTLE_SECONDS = 120.0
STACK_SECONDS = 5.0

UNANSWERED = (OSError, ValueError, KeyError, pytest.fail.Exception)
"""What asking a node may raise while it is not well."""


@attrs.frozen
class Settings:
    """What is asked for.

    :ivar window: Operations on their way of each client. :ivar limit: Seconds that the clients may take at most.
    :ivar least: Operations a second that are expected; 0 for none. :ivar pace: Milliseconds between blocks.
    """

    validators: int
    followers: int
    clients: int
    window: int
    seed: int
    limit: float
    least: float
    pace: int


class Timeline:
    """What happened, told at once and kept. :ivar lines: All of it."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self.lines: list[str] = []
        self._tell = tell
        self._began = time.monotonic()

    def begin(self) -> None:
        """Count from now on."""
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    def tell(self, text: str) -> None:
        """Something happened."""
        self.lines.append(f"{self.seconds:8.1f} s  {text}")
        self._tell(self.lines[-1])


class Clients:
    """The process of the clients.

    :ivar told: What it told last. :ivar finals: The file with what was answered final.
    """

    def __init__(self, places: Places, settings: Settings, data: Data, directory: Path) -> None:
        self.finals = directory / "finals"
        self.errors = directory / "clients.err"
        self.told: dict[str, Any] = {"phase": "start", "final": 0, "seconds": 0.0, "connections": [], "failures": 0}
        command = [sys.executable, "-m", "tests.chaos.load", *(node.ws_url for node in places.nodes)]
        command += ["--movies", str(data.movies), "--ratings", str(data.ratings), "--finals", str(self.finals)]
        command += ["--clients", str(settings.clients), "--window", str(settings.window), "--seed", str(settings.seed)]
        paths = os.pathsep.join([str(ROOT), str(ROOT / "examples")])
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                places.client_command(command), cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=errors, env=dict(os.environ) | {"PYTHONPATH": paths},
            )  # fmt: skip
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self._rest = b""

    def read(self) -> bool:
        """Take what it has told; whether it still runs."""
        assert self.process.stdout is not None
        running = self.process.poll() is None
        while data := self.process.stdout.read(65_536) or b"":
            self._rest += data
        *lines, self._rest = self._rest.split(b"\n")
        if lines:
            self.told = json.loads(lines[-1])
        return running

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()


class Run:
    """One run."""

    def __init__(
        self,
        places: Places,
        settings: Settings,
        data: Data,
        directory: Path,
        faults: Sequence[Fault],
        timeline: Timeline,
    ) -> None:
        self._places = places
        self._settings = settings
        self._data = data
        self._directory = directory
        self._timeline = timeline
        self._planned = list(faults)
        self._under_way: list[Fault] = []
        self._starting: dict[int, float] = {}
        self._killed: set[int] = set()
        self._findings: list[Finding] = []
        self._told = (0.0, 0)

    def run(self) -> Outcome:
        """Do all of it; what is started is gone when it returns."""
        with contextlib.ExitStack() as stack:
            self._start(stack)
            clients = Clients(self._places, self._settings, self._data, self._directory)
            stack.callback(clients.close)
            self._timeline.begin()
            self._disturb(clients)
            self._calm()
            self._timeline.tell("all faults are over; waiting until all nodes agree")
            self._settle()
            return judge(self._nodes, self._data, clients.finals, clients.told, self._settings.least, self._findings)

    @property
    def _nodes(self) -> list[NodeProcess]:
        return self._places.nodes

    # Nodes

    def _start(self, stack: contextlib.ExitStack) -> None:
        settings = self._settings
        count = settings.validators + settings.followers
        plans = make_plans(self._directory, count, settings.validators, range(3 * count))
        prepare(plans, parameters=Parameters(pace_ms=settings.pace))
        for plan in plans:
            # All that were made so far: who starts later, or again, does not depend on one of them.
            joins = [word for node in self._nodes for word in ("--join", node.ws_url)]
            # Who fetched a state in place of the blocks would have another log than the others.
            node = self._places.add(plan.home, ["--sync", "replay", *joins])
            stack.callback(self._end, node)
        for group in (self._nodes[: settings.validators], self._nodes[settings.validators :]):
            for node in group:
                node.spawn()
            for node in group:
                self._wait_ready(node)
        self._timeline.tell(
            f"{settings.validators} validators and {settings.followers} followers serve, pids "
            + ", ".join(str(node.pid) for node in self._nodes)
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
        return self._nodes.index(node) + 1

    # Faults

    def _disturb(self, clients: Clients) -> None:
        """Do what is planned until the clients are done."""
        while clients.read():
            now = self._timeline.seconds
            if now > self._settings.limit:
                self._finding(f"the clients are not done after {self._settings.limit:g} s: {clients.told}")
                return
            for fault in [fault for fault in self._under_way if fault.end <= now]:
                self._end_fault(fault)
            while self._planned and self._planned[0].at <= now:
                self._begin_fault(self._planned.pop(0))
            self._look_at_processes()
            if now - self._told[0] >= TELL_SECONDS:
                self._tell_progress(clients.told)
            time.sleep(TICK_SECONDS)
        clients.read()
        self._tell_progress(clients.told)
        if clients.process.returncode or clients.told["phase"] != "done":
            said = clients.errors.read_text(errors="replace")[-2000:]
            self._finding(f"the clients ended with status {clients.process.returncode}: {said}")

    def _begin_fault(self, fault: Fault) -> None:
        node = self._nodes[fault.node]
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
        node = self._nodes[fault.node]
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
        for number, node in enumerate(self._nodes):
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

    def _calm(self) -> None:
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
        self._findings.append(Finding(False, text))
        self._timeline.tell(text)

    # Waiting

    def _tell_progress(self, told: dict[str, Any]) -> None:
        now, final = self._timeline.seconds, told["final"]
        before, count = self._told
        rate = (final - count) / max(now - before, 1e-3)
        self._told = (now, final)
        heights = ", ".join("-" if height is None else str(height) for height in self._heights())
        clients = "/".join(map(str, told["connections"]))
        self._timeline.tell(
            f"{told['phase']}: {final:,} final, {rate:,.0f}/s; heights {heights}; clients {clients}; "
            f"{told['failures']} connections failed"
        )

    def _heights(self) -> list[int | None]:
        """What all nodes that should answer say at once: the plan does not wait long for those that don't."""
        disturbed = {fault.node for fault in self._under_way} | self._killed | self._starting.keys()

        def ask(number: int) -> int | None:
            told: int | None = None
            if number not in disturbed:
                with contextlib.suppress(*UNANSWERED):
                    told = self._nodes[number].call("getnodeinfo", timeout=ASK_SECONDS)["sync"]["height"]
            return told

        with ThreadPoolExecutor(len(self._nodes)) as threads:
            return list(threads.map(ask, range(len(self._nodes))))

    def _settle(self) -> None:
        """Wait until all nodes tell the same root and sums, at the same height, of all that was sent."""
        deadline = time.monotonic() + SETTLE_SECONDS
        began = self._timeline.seconds
        while True:
            states = [self._state(node) for node in self._nodes]
            told = {json.dumps(state) for state in states}
            if len(told) == 1 and states[0] is not None:
                self._timeline.tell(
                    f"all nodes agree after {self._timeline.seconds - began:.1f} s: height {states[0]['height']:,}, "
                    f"root {states[0]['root']}, sum {states[0]['ratings_sum']:,}"
                )
                return
            if time.monotonic() > deadline:
                self._finding(f"the nodes do not agree {SETTLE_SECONDS:g} s after the last fault: {states}")
                self._trace([node for node, state in zip(self._nodes, states, strict=True) if state is None])
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

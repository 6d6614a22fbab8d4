"""One run: starts nodes and clients, does what the plan says, waits for calm, and judges."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from tests.chaos.faults import Fault
from tests.chaos.network import DisturbedNetwork, Size
from tests.chaos.places import Places
from tests.chaos.timeline import Timeline
from tests.chaos.verdict import Outcome, judge
from tests.integration.conftest import ROOT
from tests.movielens import Data


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

    @property
    def status(self) -> int | None:
        """How it ended; None while it runs."""
        return self.process.returncode

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
        size = Size(settings.validators, settings.followers, settings.limit, settings.pace)
        self._network = DisturbedNetwork(places, size, directory, faults, timeline, self._progress)
        self._places = places
        self._settings = settings
        self._data = data
        self._directory = directory
        self._timeline = timeline
        self._told = (0.0, 0)

    def run(self) -> Outcome:
        """Do all of it; what is started is gone when it returns."""
        network = self._network
        with contextlib.ExitStack() as stack:
            network.start(stack)
            clients = Clients(self._places, self._settings, self._data, self._directory)
            stack.callback(clients.close)
            self._timeline.begin()
            network.disturb(clients)
            network.calm()
            self._timeline.tell("all faults are over; waiting until all nodes agree")
            network.settle()
            least = self._settings.least
            return judge(network.nodes, self._data, clients.finals, clients.told, least, network.findings)

    def _progress(self, told: dict[str, Any]) -> str:
        now, final = self._timeline.seconds, told["final"]
        before, count = self._told
        rate = (final - count) / max(now - before, 1e-3)
        self._told = (now, final)
        connected = "/".join(map(str, told["connections"]))
        return f"{final:,} final, {rate:,.0f}/s; clients {connected}; {told['failures']} connections failed"

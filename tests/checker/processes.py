"""The processes of the clients, and how far they are together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.checker import trace
from tests.checker.load import Plan
from tests.integration.conftest import ROOT

END_SECONDS = 60.0

_PHASES = ("start", "running", "draining", "done")


class Clients:
    """All clients, spread over some processes.

    :ivar told: What they told last, together. :ivar errors: Their standard error.
    :ivar traces: Files with what they saw. :ivar began: In seconds of the wall clock. :ivar seconds: Since then.
    """

    def __init__(
        self,
        command: Callable[[list[str]], list[str]],
        plans: Sequence[Plan],
        directory: Path,
        events: int,
        seconds: float,
    ) -> None:
        """
        :param command: Makes a command one that runs where clients are. :param events: :param seconds: They finish
            after so many events, and not before this time.
        """
        self.traces: list[Path] = []
        self.errors = directory / "clients.err"
        self.told: dict[str, Any] = {"phase": "start", "events": 0, "cpu": 0.0}
        self.began = plans[0].began
        self.seconds = 0.0
        self._over = Path(plans[0].over)
        self._events = events
        self._least_seconds = seconds
        self._processes: list[subprocess.Popen[bytes]] = []
        self._rests = [b""] * len(plans)
        self._told = [dict(self.told) for _ in plans]
        with self.errors.open("wb") as errors:
            for number, plan in enumerate(plans):
                path, seen = directory / f"plan-{number}.json", directory / f"trace-{number}"
                path.write_bytes(msgspec.json.encode(plan))
                self.traces.append(seen)
                process = subprocess.Popen(
                    command([sys.executable, "-m", "tests.checker.load", str(path), str(seen)]), cwd=directory,
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                    env=dict(os.environ) | {"PYTHONPATH": str(ROOT)},
                )  # fmt: skip
                assert process.stdout is not None
                os.set_blocking(process.stdout.fileno(), False)
                self._processes.append(process)

    @property
    def status(self) -> int | None:
        """How they ended: 0 if all did well. None while one runs."""
        ended = [process.returncode for process in self._processes]
        return None if None in ended else next((status for status in ended if status), 0)

    def read(self) -> bool:
        """Take what they have told, and let them finish when it is time; whether one still runs."""
        running = [process.poll() is None for process in self._processes]
        for number, process in enumerate(self._processes):
            assert process.stdout is not None
            while data := process.stdout.read(65_536) or b"":
                self._rests[number] += data
            *lines, self._rests[number] = self._rests[number].split(b"\n")
            if lines:
                self._told[number] = json.loads(lines[-1])
        together: Counter[str] = Counter()
        for told in self._told:
            together.update({name: value for name, value in told.items() if name != "phase"})
        self.told = dict(together) | {"phase": min((told["phase"] for told in self._told), key=_PHASES.index)}
        if self.told["phase"] != "done":
            self.seconds = time.time() - self.began
        if self.told["phase"] == "running" and self.told["events"] >= self._events and self._is_time():
            self._over.touch()
        return any(running)

    def _is_time(self) -> bool:
        return self.seconds >= self._least_seconds

    def events(self) -> Iterator[Any]:
        """All that they saw: of each client in order."""
        for path in self.traces:
            yield from trace.read(path)

    def close(self) -> None:
        """End them; they write down what they have first."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.communicate(timeout=END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()

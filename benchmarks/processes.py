"""Child processes that serve, and what the kernel knows of them."""

from __future__ import annotations

import contextlib
import os
import resource
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "benchmarks"
HOST = "127.0.0.1"

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
# Below those that Linux hands out by itself, so that no outgoing connection takes one meanwhile.
_FIRST_PORT = 12_000
_PORTS = 8_000
_TICKS = os.sysconf("SC_CLK_TCK")
_taken: set[int] = set()


@attrs.frozen
class Memory:
    """A process's memory, in bytes.

    :ivar rss: Resident pages, shared ones too. :ivar pss: Resident pages, shared ones in proportion.
    """

    rss: int
    pss: int


class Child:
    """A process that runs until it is stopped."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        """:param arguments: The command. :param log: Where its output goes."""
        self._log = log
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                arguments, cwd=log.parent, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait until it serves.

        :raises RuntimeError: It ended, or takes too long.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"a server did not start: {self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.005)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def cpu_seconds(self) -> float:
        """Processor time that it and its own children took so far, their kernel time too."""
        spent = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it is gone
            if int(stat.parent.name) == self._process.pid:
                spent += sum(map(int, fields[11:15]))
            elif int(fields[1]) == self._process.pid:
                spent += sum(map(int, fields[11:13]))
        return spent / _TICKS

    def memory(self) -> Memory:
        """What it holds now."""
        lines = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text().splitlines()[1:]
        sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
        return Memory(sizes["Rss"], sizes["Pss"])

    def stop(self) -> None:
        """Have it end, and wait for that."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def running(arguments: Sequence[str], log: Path, ready: Callable[[], bool]) -> Iterator[Child]:
    """A child that serves, stopped at the end."""
    child = Child(arguments, log)
    try:
        child.wait_until(ready)
        yield child
    finally:
        child.stop()


def module(name: str, *arguments: object) -> list[str]:
    """The command that runs a module of this package."""
    return [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)]


def script(name: str) -> str:
    """A script of the environment that runs this."""
    return str(Path(sys.executable).with_name(name))


def accepts(port: int) -> bool:
    """Whether somebody listens at a TCP port."""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def free_port() -> int:
    """A port that is free for TCP and UDP, another one each time.

    A random one: between this look and the server's there are seconds, in which another benchmark on the machine would
    find the same one free.
    """
    for _ in range(_PORTS):
        port = _FIRST_PORT + secrets.randbelow(_PORTS)
        if port in _taken:
            continue
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind((HOST, port))
        except OSError:
            continue
        _taken.add(port)
        return port
    raise RuntimeError("no port is free")


def raise_file_limit() -> int:
    """Let this process and its children open as many files as the system allows; returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard

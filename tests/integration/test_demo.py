"""``cloudnode demo`` with real nodes: in a terminal, on a pipe, and with a parent that is killed."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.conftest import ROOT, wait_until

SECONDS = 120.0


class Started:
    """A demo, and what it has to leave behind: nothing."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.home = home
        self.command = [sys.executable, "-m", "cloudnode", "demo", *arguments]
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT), "TMPDIR": str(home),
            "TERM": "xterm", "LINES": "30", "COLUMNS": "110",
        }  # fmt: skip

    def processes(self) -> list[list[str]]:
        """The command lines of all processes that belong to this demo, also when it is dead."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if any(word.startswith(f"{self.home}/") for word in process.cmdline()):
                    found.append(process.cmdline())
        return found

    def nodes(self) -> int:
        """How many of them are nodes, not what nodes start themselves."""
        return sum("cloudnode.cli.demo.child" in words for words in self.processes())

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """It, with pipes."""
        process = subprocess.Popen(
            self.command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def assert_nothing_left(self) -> None:
        wait_until(lambda: not self.processes(), 60, "the end of all processes")
        assert not list(self.home.glob("cloudnode-demo-*"))


class Screen:
    """A demo in a terminal of its own, from which the last picture is read."""

    def __init__(self, started: Started) -> None:
        self.started = started
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execve(started.command[0], started.command, started.environment)
        self.text = ""
        self.status: int | None = None

    def read(self) -> str:
        """All that was drawn so far."""
        os.set_blocking(self.terminal, False)
        with contextlib.suppress(OSError):
            while data := os.read(self.terminal, 65_536):
                self.text += data.decode("utf-8", "replace")
        return self.text

    def picture(self) -> str:
        """The last picture that is complete, without colours."""
        pictures = self.read().split("\x1b[H")
        complete = [each for each in pictures if each.endswith("\x1b[J")]
        return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", complete[-1]) if complete else ""

    def type(self, keys: str) -> None:
        os.write(self.terminal, keys.encode())

    def wait_for(self, words: str) -> None:
        def is_there() -> bool:
            return re.search(words, self.picture()) is not None

        wait_until(is_there, SECONDS, lambda: f"{words!r} on\n{self.picture()}\n")

    def has_ended(self) -> bool:
        self.read()  # or it would wait for somebody to read what it writes
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if pid else None
        return self.status is not None

    def close(self) -> None:
        if not self.has_ended():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.terminal)


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    """Four nodes in a terminal."""
    opened = Screen(Started(tmp_path, "--nodes", "4"))
    yield opened
    opened.close()


def test_in_a_terminal(screen: Screen) -> None:
    """Four nodes agree; one is killed while others write, comes back, one is stopped and goes on; all agree again."""
    screen.wait_for(r"roots EQUAL on 4 nodes")
    wait_until(lambda: screen.started.nodes() == 4, 60, "four processes")
    screen.type("w")
    screen.wait_for(r"load: on, [\d,]*\d\d operations final")
    screen.type("4")
    screen.wait_for(r"(?m)^ +4 +dead")
    wait_until(lambda: screen.started.nodes() == 3, 60, "three processes")
    screen.wait_for(r"roots EQUAL on 3 nodes")
    screen.type("4")
    screen.type("s")
    screen.wait_for("Stop or continue which node")
    screen.type("3")
    screen.wait_for(r"(?m)^ +3 +stopped")
    screen.type("s3w")
    screen.wait_for(r"load: off")
    screen.wait_for(r"roots EQUAL on 4 nodes")
    screen.type("q")
    wait_until(screen.has_ended, 60, "the end")
    assert screen.status == 0, screen.text[-2000:]
    after = screen.read().rpartition("\x1b[?1049l")[2]
    assert "EQUAL" in after and "Nothing is left" in after
    screen.started.assert_nothing_left()


def test_for_programs(tmp_path: Path) -> None:
    """A script on a pipe: each round is an object, from which one sees the kill, the revival, and equal roots."""
    script = "0 write, 1.5 kill 3, 5 revive 3, 6 write"
    started = Started(tmp_path, "--nodes", "3", "--json", "--script", script)
    rounds: list[dict[str, Any]] = []

    def is_whole_again() -> bool:
        """The third node was dead, and all are the same after the last that was written."""
        last = rounds[-1]
        return (
            "dead" in [each["nodes"][2]["state"] for each in rounds]
            and [node["state"] for node in last["nodes"]] == ["serving"] * 3
            and last["equal"] is True and len(next(iter(last["roots"].values()))) == 3
            and len({node["records"] for node in last["nodes"]}) == 1
            and last["nodes"][0]["records"] > 0 and last["nodes"][0]["ratings_sum"] > 0
        )  # fmt: skip

    with started.running() as process:
        assert process.stdout is not None
        deadline = time.monotonic() + SECONDS
        for line in process.stdout:
            rounds.append(json.loads(line))
            assert rounds[-1]["equal"] is not False
            if is_whole_again():
                break
            assert time.monotonic() < deadline, rounds[-1]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, errors) == (0, "")
    assert is_whole_again(), rounds[-1:]
    started.assert_nothing_left()


def test_kept_and_interrupted(tmp_path: Path) -> None:
    """With --datadir the next demo goes on with the same network; SIGINT ends it well, and a second demo is refused."""
    kept = tmp_path / "kept"
    heights = []
    for _ in range(2):
        started = Started(tmp_path, "--nodes", "2", "--json", "--datadir", str(kept))
        with started.running() as process:
            assert process.stdout is not None
            for line in process.stdout:
                if (told := json.loads(line))["equal"]:
                    break
            refused = subprocess.run(
                started.command, env=started.environment, capture_output=True, text=True, timeout=SECONDS, check=False
            )
            assert (refused.returncode, "Another demo uses" in refused.stderr) == (2, True)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=SECONDS)
            assert process.returncode == 0
        heights.append((told["common_height"], (kept / "node-2" / "data" / "genesis.json").read_bytes()))
    assert heights[1][0] >= heights[0][0] and heights[1][1] == heights[0][1]
    started.assert_nothing_left()


def test_parent_killed(tmp_path: Path) -> None:
    """``kill -9`` of the demo takes its nodes along, a stopped one too; the next one removes what it left."""
    script = "0 stop 2"
    started = Started(tmp_path, "--nodes", "2", "--json", "--script", script)
    with started.running() as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["nodes"][1]["state"] == "stopped":
                break
        wait_until(lambda: started.nodes() == 2, 60, "two processes")
    wait_until(lambda: not started.processes(), 60, "the end of the nodes")
    assert len(list(tmp_path.glob("cloudnode-demo-*"))) == 1
    again = Started(tmp_path, "--nodes", "1", "--json", "--for", "0.1")
    subprocess.run(again.command, env=again.environment, capture_output=True, timeout=SECONDS, check=True)
    again.assert_nothing_left()

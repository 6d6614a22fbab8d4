"""One of four real validators is killed at points of its journal and its database, or is refused its disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cloudnode.formats.keys import load_key
from cloudnode.formats.operation import build_put
from tests.integration.comparing import check_stopped
from tests.integration.conftest import ROOT, NodeProcess, NodeStarter, wait_until
from tests.integration.dying_validator import POINTS
from tests.integration.test_crash import health, mount, small_disk
from tests.integration.test_peers import AUTHOR, envelope, height, peers, submit

__all__ = ["small_disk"]


def start_script(node: NodeProcess, name: str, *arguments: str) -> None:
    """Start a node by a script beside this one, which takes the arguments before those of a node."""
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "HOME": str(node.home)}
    command = [sys.executable, str(Path(__file__).with_name(name)), *arguments, *node.options]
    with node.log_path.open("ab") as log:
        node.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)


class Network:
    """Four validators in processes, of which the last one is the victim.

    :ivar final: The cursors of what was answered final, by name.
    """

    def __init__(self, directories: list[Path], make_node: NodeStarter, victim_home: Path | None = None) -> None:
        self.nodes: list[NodeProcess] = []
        self.final: dict[str, Any] = {}
        for number, directory in enumerate(directories):
            node = make_node(*(f"--join={each.ws_url}" for each in self.nodes))
            if victim_home is not None and number == 3:
                node.datadir = victim_home / "data"
            shutil.copytree(directory, node.datadir)
            self.nodes.append(node)
        *self.others, self.victim = self.nodes

    def start(self, *nodes: NodeProcess) -> None:
        for node in nodes:
            node.spawn()
        for node in nodes:
            wait_until(lambda node=node: node.notify.told("READY", "1"), 60, "a node's start")  # type: ignore[misc]
        wait_until(lambda: all(len(peers(node)) >= len(nodes) - 1 for node in nodes), 60, "links between them")

    def start_dying(self, point: str, number: int) -> None:
        """Start the victim with its death ahead."""
        start_script(self.victim, "dying_validator.py", point, str(number))

    def put(self, node: NodeProcess | None = None) -> None:
        """Have one of the others make a record final, which may take the time that a missing leader is waited for."""
        node = node or self.others[len(self.final) % 3]
        name = f"r{len(self.final)}"
        body = build_put(envelope(node, AUTHOR), "film", name, {"title": name})
        answer: dict[str, object] = {}

        def is_final() -> bool:
            answer.update(submit(node, AUTHOR, body, "accepted"))
            return "cursor" in answer

        wait_until(is_final, 90, "a final record")
        self.final[name] = answer["cursor"]

    def check_votes(self) -> None:
        """Without one of the others nothing becomes final unless the victim votes."""
        self.others[0].stop()
        self.put(self.others[1])
        self.start(self.others[0])

    def check(self) -> None:
        """All four agree row for row, have all that was final, and know of nobody who contradicted himself."""
        wait_until(lambda: len({height(node) for node in self.nodes}) == 1, 60, "the same height")
        for node in self.nodes:
            assert node.call("getevidence")["evidence"] == []
            for name, cursor in self.final.items():
                assert node.call("getrecord", [AUTHOR.public.hex(), "film", name])["updated"] == cursor
        for node in self.nodes:
            node.stop()
        check_stopped(self.nodes)


def test_killed_at_each_point(directories: list[Path], make_node: NodeStarter) -> None:
    """Killed at every kind of point, one start after the other, a validator loses and contradicts nothing."""
    network = Network(directories, make_node)
    network.start(*network.nodes)
    network.put()
    network.victim.stop()
    for number, point in enumerate(POINTS):
        network.start_dying(point, 1 + number % 3)
        process = network.victim.process
        assert process is not None
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            network.put()
        assert process.poll() == -9, (point, network.victim.log[-2000:])
    network.victim.start()
    network.put()
    wait_until(lambda: network.victim.log.count("Voting from height") > len(POINTS) // 2, 60, "its votes")
    network.check_votes()
    network.check()


def test_full_disk(directories: list[Path], make_node: NodeStarter, small_disk: Path) -> None:
    """One whose disk is full says so and signs nothing; the others go on, and with room again so does it."""
    network = Network(directories, make_node, small_disk)
    network.start(*network.nodes)
    network.put()
    filler = small_disk / "filler"
    with pytest.raises(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    for _ in range(6):
        network.put()
    wait_until(lambda: health(network.victim)["trouble"] is not None, 60, "being told that the disk is full")
    for _ in range(3):
        network.put()
    wait_until(lambda: "full" in (health(network.victim)["trouble"] or ""), 60, "being told that the disk is full")

    def is_logged() -> bool:
        trouble = network.victim.call("getnodeinfo")["sync"]["trouble"] or ""
        return "written" in trouble and trouble.split(":")[0].lower() in network.victim.log.lower()

    wait_until(is_logged, 60, "the same in the log")
    journal = (network.victim.datadir / "journal").read_bytes()
    network.put()
    assert (network.victim.datadir / "journal").read_bytes() == journal
    mount("-o", "remount,size=64m", str(small_disk))
    wait_until(lambda: height(network.victim) >= height(network.others[0]), 60, "catching up")
    wait_until(lambda: health(network.victim)["trouble"] is None, 60, "being told that all is well")
    network.check_votes()
    network.check()


def refused(node: NodeProcess) -> str:
    """The one line with which a node ends that can't start."""
    node.error_path.unlink(missing_ok=True)
    process = node.spawn()
    assert process.wait(60) == 1, node.log
    (line,) = node.error_path.read_text().splitlines()
    return line


def test_journals(directories: list[Path], make_node: NodeStarter) -> None:
    """A validator whose journal is missing, another's or damaged says so in one line and does not vote; a torn one is
    none of these."""
    node = make_node()
    shutil.copytree(directories[0], node.datadir)
    other = make_node()
    other.arguments = [f"--join={node.ws_url}"]
    shutil.copytree(directories[1], other.datadir)
    for each in (node, other):
        each.spawn()
    for each in (node, other):
        wait_until(lambda each=each: "Voting from height" in each.log, 60, "a vote")  # type: ignore[misc]
    journal = node.datadir / "journal"
    wait_until(lambda: journal.stat().st_size > 560, 60, "two votes")
    for each in (node, other):
        each.stop()
    raw = journal.read_bytes()
    damaged = bytearray(raw)
    damaged[84] ^= 1  # in the first vote's length
    for content, reason in (
        (None, "is missing"),
        (bytes(damaged), "journal_damaged"),
        ((other.datadir / "journal").read_bytes(), "journal_other"),
        (raw[:50], "cut off at its head"),
    ):
        journal.unlink() if content is None else journal.write_bytes(content)
        line = refused(node)
        assert line.startswith(f"cloudnode: {journal}"), line
        assert reason in line
        assert "docs/operations.md" in line
        assert not journal.exists() if content is None else journal.read_bytes() == content
    journal.write_bytes(raw[:-3])
    before = node.log.count("Voting from height")
    node.start()
    wait_until(lambda: node.log.count("Voting from height") > before, 60, "its part in consensus")


def test_one_key_twice(directories: list[Path], make_node: NodeStarter) -> None:
    """A directory that was copied and runs twice: the others have the proof of it and go on."""
    network = Network(directories, make_node)
    twin = make_node(*(f"--join={each.ws_url}" for each in network.others))
    shutil.copytree(network.victim.datadir, twin.datadir)
    network.start(*network.nodes)
    network.put()
    key = load_key((twin.datadir / "validator.key").read_text()).public.hex()
    twin.start()

    def is_named(node: NodeProcess) -> bool:
        return any(each["culprit"] == key for each in node.call("getevidence")["evidence"])

    def is_named_by_all() -> bool:
        network.put()
        return all(is_named(node) for node in network.others)

    wait_until(is_named_by_all, 120, "the proof on all others")
    told = f"Validator {key} contradicted itself"
    wait_until(lambda: any(told in node.log for node in network.others), 60, "the log of it")
    twin.stop()
    network.victim.stop()
    for _ in range(3):
        network.put()

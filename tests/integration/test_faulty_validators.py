"""Four real validators of which one lies or has a bad disk: the others stay identical and live, and name or help it."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudnode.formats.keys import load_key
from tests.integration.comparing import check_stopped
from tests.integration.conftest import ROOT, NodeProcess, NodeStarter, wait_until
from tests.integration.lying_validator import LIES
from tests.integration.test_peers import height, peers, put
from tests.integration.test_repair import alter, wait_for_repair

COUNT = 4


def start_liar(liar: NodeProcess, lie: str) -> None:
    script = str(Path(__file__).with_name("lying_validator.py"))
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "HOME": str(liar.home)}
    with liar.log_path.open("ab") as log:
        liar.process = subprocess.Popen(
            [sys.executable, script, lie, *liar.options], env=environment, stdout=log, stderr=log
        )
    wait_until(lambda: "Voting from height" in liar.log, 60, "the liar's start")


def make_validators(directories: list[Path], make_node: NodeStarter) -> list[NodeProcess]:
    """A node on each of the directories, which joins those before it; none is started."""
    nodes: list[NodeProcess] = []
    for directory in directories:
        node = make_node(*(f"--join={each.ws_url}" for each in nodes))
        shutil.rmtree(node.datadir, ignore_errors=True)
        shutil.copytree(directory, node.datadir)
        nodes.append(node)
    return nodes


def start_all(nodes: list[NodeProcess]) -> None:
    for node in nodes:
        node.spawn()
    for node in nodes:
        wait_until(lambda node=node: node.notify.told("READY", "1"), 60, "a node's start")  # type: ignore[misc]


def put_until(nodes: list[NodeProcess], condition: Callable[[], bool], what: str) -> None:
    """Wait for something that shows when the liar takes part: it may have been late, and nobody votes for nothing."""
    names = (f"more{number}" for number in itertools.count())

    def is_there() -> bool:
        put(nodes[0], next(names))
        return condition()

    wait_until(lambda: condition() or is_there(), 60, what)


def test_one_is_damaged(directories: list[Path], make_node: NodeStarter) -> None:
    """Rows that change on a validator's disk are found and mended from the others; then it votes, when it is needed."""
    nodes = make_validators(directories, make_node)
    start_all(nodes)
    wait_until(lambda: all(len(peers(node)) == COUNT - 1 for node in nodes), 60, "links between all")
    for number in range(8):
        put(nodes[number % COUNT], f"film{number}")
    damaged = nodes[2]
    alter(damaged, "UPDATE records SET data = '{}' WHERE key = 'film3'")
    put(nodes[0], "meanwhile")
    wait_for_repair(damaged, 0, "altered records")
    nodes[3].kill()
    for number in range(4):
        put(nodes[number % 3], f"after{number}")
    wait_until(lambda: len({height(node) for node in nodes[:3]}) == 1, 60, "the same height")
    for node in nodes[:3]:
        node.stop()
    check_stopped(nodes[:3], wholly=False)
    assert not any("contradict" in node.log for node in nodes)


@pytest.mark.parametrize("lie", LIES)
def test_one_lies(lie: str, directories: list[Path], make_node: NodeStarter) -> None:
    """Whatever one of four does, what the others accept becomes final, and all they hold is the same."""
    nodes = make_validators(directories, make_node)
    *honest, liar = nodes
    follower = make_node(*(f"--join={each.ws_url}" for each in nodes))
    start_all(honest)
    start_liar(liar, lie)
    follower.start()
    honest.append(follower)
    wait_until(lambda: all(len(peers(node)) >= COUNT - 1 for node in honest), 60, "links between the honest")
    for number in range(3 * COUNT):
        assert put(honest[number % len(honest)], f"film{number}")["result"] == "ok"
    if lie == "equivocate":
        key = load_key((liar.datadir / "validator.key").read_text()).public.hex()

        def is_named(node: NodeProcess) -> bool:
            return any(each["culprit"] == key for each in node.call("getevidence")["evidence"])

        put_until(honest, lambda: all(is_named(node) for node in honest), "evidence on all honest nodes")
    if lie == "votes":
        put_until(honest, lambda: any("Banned" in node.log and "wrong_vote" in node.log for node in honest), "a ban")
    if lie == "withhold-data":
        places = [f"--join={each.ws_url}" for each in (liar, honest[0])]
        fetching, replaying = make_node(*places, "--sync=state"), make_node(*places, "--sync=replay")
        fetching.start()
        replaying.start()
        honest.append(replaying)
        wait_until(lambda: fetching.call("getnodeinfo")["sync"]["state"] == "serving", 60, "the state")
        assert put(fetching, "last")["result"] == "ok"
        wait_until(lambda: len({str(node.call("getdatahash")) for node in (fetching, honest[0])}) == 1, 60, "the same")
    wait_until(lambda: len({height(node) for node in honest}) == 1, 60, "the same height")
    for node in honest:
        node.stop()
    check_stopped(honest)

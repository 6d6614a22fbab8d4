"""A network that grows from one validator to four, and lets its first one go: real nodes, and the real command."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cloudnode.formats.keys import load_key
from tests.integration.comparing import check_stopped
from tests.integration.conftest import NodeProcess, NodeStarter, wait_until
from tests.integration.test_cli import Command
from tests.integration.test_peers import AUTHOR, height, put
from tests.integration.test_stranger import ask_as_stranger


def epoch(node: NodeProcess) -> tuple[int, int]:
    """The present epoch's number, and how many validators it has."""
    *_, present = node.call("getepochs")["epochs"]
    return present["epoch"], len(present["validators"])


def wait_for_epoch(nodes: list[NodeProcess], number: int) -> None:
    wait_until(lambda: all(epoch(node)[0] == number for node in nodes), 60, f"epoch {number} on all nodes")


def epochs(node: NodeProcess) -> list[object]:
    """What a stopped node's database has of the epochs that are over, but the proofs, which are its own."""
    connection = sqlite3.connect(f"file:{node.datadir}/ledger.sqlite3?mode=ro", uri=True)
    try:
        return connection.execute("SELECT number, last_height, hash, header, validators FROM epochs").fetchall()
    finally:
        connection.close()


def test_validators_change(make_node: NodeStarter, start_node: NodeStarter, tmp_path: Path) -> None:
    """Followers become validators and one becomes a follower again, by the command alone and without a restart; blocks
    go on with one validator killed; all databases are the same in the end, and sound."""
    first = start_node()
    others = [make_node("--join", first.ws_url) for _ in range(3)]
    nodes = [first, *others]
    for node in others:
        node.spawn()
    for node in others:
        wait_until(lambda node=node: node.notify.told("READY", "1"), 60, "a node's start")  # type: ignore[misc]
    put(first, "before")
    command = Command(tmp_path / "operator", first.http_url)
    command.run("key", "new")
    keys = [load_key((node.datadir / "validator.key").read_text()).public.hex() for node in nodes]

    def approve(file: Path, *approving: NodeProcess) -> None:
        for node in approving:
            key = str(node.datadir / "validator.key")
            command.run("--node", node.http_url, "validators", "approve", str(file), "--validator-key", key)

    wait_until(lambda: all(height(node) >= height(first) - 1 for node in others), 60, "catching up")
    grown = tmp_path / "grown.json"
    command.run("validators", "propose", str(grown), *(word for key in keys[1:] for word in ("--add", key)))
    assert "appoint_quorum" in command.run("--json", "validators", "submit", str(grown), status=1)
    approve(grown, first)
    assert "epoch 1 begins" in command.run("validators", "submit", str(grown))
    wait_for_epoch(nodes, 1)
    assert epoch(first) == (1, 4)
    for number, node in enumerate(nodes):
        put(node, f"by-four-{number}")
    wait_until(
        lambda: {node.call("getnodeinfo")["sync"]["role"] for node in nodes} == {"validator"}, 60, "four validators"
    )

    nodes[3].kill()
    put(nodes[1], "by-three")
    nodes[3].start()

    shrunk = tmp_path / "shrunk.json"
    command.run("validators", "propose", str(shrunk), "--remove", keys[0])
    approve(shrunk, nodes[1], nodes[2])
    assert "Missing: 0 (" in command.run("validators", "submit", str(shrunk), status=1)
    approve(shrunk, nodes[3])
    assert "epoch 2 begins" in command.run("--node", nodes[2].http_url, "validators", "submit", str(shrunk))
    wait_for_epoch(nodes, 2)
    put(first, "by-the-other-three")
    wait_until(lambda: first.call("getnodeinfo")["sync"]["role"] == "follower", 60, "its end as a validator")
    listed = command.json("validators", "list")
    assert (listed["epoch"], listed["validators"]) == (2, keys[1:])

    late = start_node("--join", nodes[2].ws_url)
    wait_for_epoch([late], 2)
    nodes.append(late)
    put(late, "by-one-who-came-late")
    assert ask_as_stranger(late, f"{AUTHOR.public.hex()}/film/by-four-2").startswith("PROVEN")
    wait_until(lambda: len({height(node) for node in nodes}) == 1, 60, "the same height")
    for node in nodes:
        node.stop()
    check_stopped(nodes)
    assert len(epochs(first)) == 2 and all(epochs(node) == epochs(first) for node in nodes)
    for node in (first, late):
        assert "sound" in command.run("audit", str(node.datadir))

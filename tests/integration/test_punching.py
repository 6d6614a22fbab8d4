"""Paths through NATs: a part of the matrix (``make natlab``), what attempts leave behind, and what is refused."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.integration.conftest import wait_until
from tests.integration.test_mappings import metrics
from tests.integration.test_peers import peers
from tests.natlab import natlab
from tests.natlab.matrix import PAIRS, Bench, Cell, Pair, open_bench
from tests.natlab.nodes import LabNode

CHOSEN = {
    "port-restricted both": ("udp", "tcp", "udp+tcp"),
    "port-restricted, resets": ("tcp",),
    "same NAT, no hairpin": ("udp", "tcp"),
    "sequential to port-restricted": ("udp",),
}


def find(name: str) -> Pair:
    """A pair of the matrix."""
    return next(pair for pair in PAIRS if pair.name == name)


@pytest.mark.parametrize("name", CHOSEN)
def test_pair(lab: natlab.Lab, name: str) -> None:
    """Real nodes and a real client, 10 ms one way: each transport succeeds; how soon shows the matrix."""
    pair = attrs.evolve(find(name), seconds=60.0)
    with open_bench(pair, delay=10.0) as bench:
        for transports in CHOSEN[name]:
            cell = Cell(pair, transports, [bench.run(transports) for _ in range(2)], 10.0)
            assert cell.is_good, (cell.row(), [run["attempts"] for run in cell.runs], bench.log())


def test_reversal(lab: natlab.Lab) -> None:
    """A requester on the Internet, and a NAT that nobody finds a way into: the node behind it comes to the requester.

    Where that NAT lets the node's packets out depends on whom they go to, so no address that the requester was told
    leads anywhere; the path is where the node's first packet came from.
    """
    with open_bench(find("public to symmetric"), delay=10.0) as bench:
        for transport in ("udp", "tcp"):
            run = bench.run(transport)
            assert (run["path"], run["transport"], run["strategy"]) == ("reflexive", transport, "direct"), run


def test_relay(lab: natlab.Lab) -> None:
    """Two NATs that map by the remote endpoint: a relay carries the session."""
    with open_bench(find("symmetric both"), delay=10.0) as bench:
        run = bench.run("udp+tcp+relay")
        assert run["path"] == "relay", run


def test_relayed_session_moves(lab: natlab.Lab) -> None:
    """One such NAT: the session begins over a relay, for a port has to be found first, and the same client goes on over
    the direct path. No call that was under way then is lost.
    """
    with open_bench(find("random to port-restricted"), delay=10.0) as bench:
        run = bench.run("udp+move")
        assert run["path"] == "relay" and run["calls"] > 0, run
        assert run["moved"] is not None and run["moved"]["transport"] == "udp", run


@pytest.fixture
def bench(lab: natlab.Lab) -> Iterator[Bench]:
    """Both sides behind port-restricted NATs."""
    with open_bench(find("port-restricted both")) as opened:
        yield opened


def test_traces(bench: Bench) -> None:
    """Coordinator and target tell of an attempt in ``getpeerinfo``, in the log and in the metrics."""
    assert bench.run("udp")["path"] == "observed"

    def punches(node: LabNode) -> list[Any]:
        [peer] = node.call("getpeerinfo")
        found: list[Any] = peer["punches"]
        return found

    wait_until(lambda: [each["outcome"] for each in punches(bench.target)] == ["open"], 60, "the end of the attempt")
    [joined] = punches(bench.target)
    assert (joined["role"], joined["transport"]) == ("target", "udp")
    assert joined["path"]["kind"] in ("observed", "reflexive") and joined["packets"] > 0
    [told] = punches(bench.coordinator)
    assert (told["role"], told["outcome"]) == ("coordinator", "told")
    assert bench.target.call("getstuninfo")["punches"] == [joined]
    wait_until(lambda: "A udp punch as target" in bench.target.log, 60, "the log of it")
    counted = metrics(bench.target)
    assert "cloudnode_punch_joined 1.0" in counted and "cloudnode_punch_opened 1.0" in counted
    assert re.search(r"^cloudnode_punch_opened_seconds [0-9.]*[1-9]", counted, re.MULTILINE)


def test_refusals(bench: Bench) -> None:
    """What can't be is refused by name, and a request without its Binding request expires."""

    def refusal(node: str, **more: object) -> str:
        params = {"node": node, "username": secrets.token_hex(8), "key": secrets.token_hex(32), **more}
        connection = bench.coordinator.connect(30.0)
        connection.request("POST", "/", json.dumps({"id": 1, "method": "requestpunch", "params": params}))
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return str(answer["error"]["data"]["code"])

    assert refusal("ab" * 32) == "punch_unlinked"
    assert refusal(bench.node, transport="tcp", strategy="spread") == "punch_hopeless"
    assert refusal(bench.node) == "punch_unobserved"


def test_nodes_link(lab: natlab.Lab, tmp_path: Path) -> None:
    """Two nodes behind port-restricted NATs, which know a third one alone, come to have a link with each other."""
    third = LabNode(lab.public_host("third"), tmp_path / "third")
    nodes = [third]
    try:
        third.start()
        for name in ("first", "second"):
            host = lab.nat(f"{name}-nat", kind="port-restricted").host(name)
            nodes.append(LabNode(host, tmp_path / name, ["--join", third.ws_url]))
            nodes[-1].start()
        wait_until(lambda: all(len(peers(node)) == 2 for node in nodes), 90, "a link between the two")

        def outcomes() -> list[str]:
            return [
                each["outcome"] for node in nodes[1:] for peer in node.call("getpeerinfo") for each in peer["punches"]
            ]

        wait_until(lambda: "open" in outcomes(), 60, lambda: f"a punch that opened a path ({outcomes()})")
    finally:
        for node in reversed(nodes):
            node.close()

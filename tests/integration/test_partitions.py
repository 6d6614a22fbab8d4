"""Real nodes in network namespaces that are cut off from each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import wait_until
from tests.integration.test_peers import height, peers, put, wait_for_same
from tests.natlab import natlab
from tests.natlab.nodes import LabNode, heal, split


@pytest.fixture
def network(lab: natlab.Lab, tmp_path: Path) -> Iterator[list[LabNode]]:
    """A validator and two followers, each on a host of its own."""
    nodes: list[LabNode] = []
    try:
        for name in ("validator", "first", "second"):
            joins = [word for node in nodes for word in ("--join", node.ws_url)]
            nodes.append(LabNode(lab.public_host(name), tmp_path / name, joins))
            nodes[-1].start()
        wait_until(lambda: all(len(peers(node)) == 2 for node in nodes), 60, "links between all")
        yield nodes
    finally:
        for node in nodes:
            node.close()


def drop(nodes: list[LabNode]) -> Callable[[], None]:
    validator, first, second = (node.host for node in nodes)
    split([validator, first], [second])
    return lambda: heal(validator, first, second)


def unplug(nodes: list[LabNode]) -> Callable[[], None]:
    nodes[2].host.link.unplug()
    return nodes[2].host.link.plug_in


@pytest.mark.parametrize("cut", [drop, unplug])
def test_cut_off(cut: Callable[[list[LabNode]], Callable[[], None]], network: list[LabNode]) -> None:
    """A node that is cut off answers with what it has; later it catches up, and what it took becomes final."""
    validator, first, second = network
    assert put(second, "before")["result"] == "ok"
    undo = cut(network)
    behind = height(second)
    for number in range(3):
        assert put(first, f"meanwhile{number}")["result"] == "ok"
    assert "receipt" in put(second, "cut off", wait="accepted")
    assert height(second) <= behind + 1 < height(validator)
    assert second.call("getdatahash")["records"] == 1
    undo()
    wait_for_same(validator, first, second)
    wait_until(lambda: first.call("getdatahash")["records"] == 5, 120, "what was taken while cut off")

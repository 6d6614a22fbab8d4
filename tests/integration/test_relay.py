"""A node behind a NAT that lets no stranger in, reached through a node that both know."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import ROOT, wait_until
from tests.integration.test_peers import peers, put, wait_for_same
from tests.natlab import natlab
from tests.natlab.nodes import LabNode


@pytest.fixture
def network(lab: natlab.Lab, tmp_path: Path) -> Iterator[tuple[LabNode, LabNode, natlab.Host]]:
    """A public validator, a follower behind a NAT, and a host behind another one."""
    nodes: list[LabNode] = []
    try:
        validator = LabNode(lab.public_host("validator"), tmp_path / "validator")
        nodes.append(validator)
        validator.start()
        home = lab.nat("home", kind="symmetric").host("follower")
        follower = LabNode(home, tmp_path / "follower", ["--join", validator.ws_url])
        nodes.append(follower)
        follower.start()
        wait_until(lambda: len(peers(follower)) == 1, 60, "a link")
        yield validator, follower, lab.nat("office", kind="symmetric").host("caller")
    finally:
        for node in nodes:
            node.close()


def call(host: natlab.Host, relay: LabNode, node: str, certificate: str, *methods: str) -> list[Any]:
    command = [sys.executable, "-m", "tests.integration.relayed_caller", relay.address, "38082", node, certificate]
    done = host.run([*command, *methods], stdout=subprocess.PIPE, text=True, timeout=120, cwd=ROOT)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_relay(network: tuple[LabNode, LabNode, natlab.Host]) -> None:
    """A caller behind a symmetric NAT reads from a node behind another; nobody else's certificate is taken for its."""
    validator, follower, host = network
    assert put(validator, "film")["result"] == "ok"
    wait_for_same(validator, follower)
    info = follower.call("getnodeinfo")
    key, certificate = info["node"], info["certificates"][-1]["hash"]

    def is_the_same() -> bool:
        told, hashed = call(host, validator, key, certificate, "getnodeinfo", "getdatahash")
        assert told["result"]["node"] == key
        return bool(hashed["result"] == validator.call("getdatahash"))  # unless a block came between

    wait_until(is_the_same, 60, "the same state by both ways")
    [wrong] = call(host, validator, key, "00" * 32, "getnodeinfo")
    assert "which is not the one asked for" in wrong["error"]
    [unknown] = call(host, validator, "00" * 32, certificate, "getnodeinfo")
    assert "relay_node_unknown" in unknown["error"]

"""Real validators whose clocks jump by hours while they run: blocks go on, and nobody contradicts himself."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cloudnode.formats.block import Header
from tests.integration.conftest import NodeProcess, NodeStarter, wait_until
from tests.integration.test_peers import peers
from tests.integration.test_validator_crashes import Network, start_script

HOUR = 3600


def headers(node: NodeProcess) -> list[Header]:
    connection = sqlite3.connect(f"file:{node.datadir}/ledger.sqlite3?mode=ro", uri=True)
    try:
        found = connection.execute("SELECT header FROM blocks ORDER BY height").fetchall()
    finally:
        connection.close()
    return [Header.decode(header) for (header,) in found]


def test_clocks_jump(directories: list[Path], make_node: NodeStarter) -> None:
    """One clock, then all of them, are set hours forwards and backwards."""
    network = Network(directories, make_node)
    files = [node.home / "ahead" for node in network.nodes]
    for node, file in zip(network.nodes, files, strict=True):
        file.write_text("0")
        start_script(node, "jumping_clock.py", str(file))
    wait_until(lambda: all("serving ws+udp" in node.log for node in network.nodes), 60, "their start")
    wait_until(lambda: all(len(peers(node)) == 3 for node in network.nodes), 60, "links between them")
    network.put()
    for jumping, ahead in ((files[3:], 7), (files[3:], -7), (files[3:], 0), (files, 3), (files, -2), (files, 0)):
        for file in jumping:
            file.write_text(f"{ahead * HOUR}")
        for _ in range(6):
            network.put()
    for node in network.nodes:
        assert len(peers(node)) == 3
        assert "Banned" not in node.log
        assert "Traceback" not in node.log
    network.check()
    times = [header.time for header in headers(network.nodes[0])]
    assert times == sorted(set(times))
    assert max(times) - times[0] >= 3 * HOUR * 1000  # all were ahead, and blocks told so
    assert max(times) - times[0] < 4 * HOUR * 1000  # one was, and its blocks were not voted for

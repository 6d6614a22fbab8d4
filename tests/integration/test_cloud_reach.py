"""A session learns of nodes behind NATs and reaches them: one that is open by itself, another one with help."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.integration.conftest import ROOT, wait_until
from tests.integration.test_mappings import identity, metrics, starting, told
from tests.integration.test_peers import peers, put
from tests.natlab import natlab
from tests.natlab.nodes import LabNode


def filtering(asked: LabNode, node: str) -> str:
    """What one node tells of another's NAT."""
    nodes = asked.call("getstuninfo", {"node": node})["nodes"]
    return str(nodes[0]["nat"]["filtering"]) if nodes else "unknown"


def test_behind_nats(lab: natlab.Lab, tmp_path: Path) -> None:
    """Through a full-cone NAT it is dialled at what the node signed, and nobody coordinates; through another one a hole
    is punched. Both are places like all others, and their answers are proven.
    """
    with starting(tmp_path) as start:
        server = start(lab.public_host("server"))
        second = start(lab.public_host("second"), server)
        home, office = lab.nat("home", kind="full-cone"), lab.nat("office", kind="restricted-cone")
        opened, closed = start(home.host("opened"), server, second), start(office.host("closed"), server, second)
        put(server, "film0")
        keys = identity(opened), identity(closed)
        wait_until(lambda: filtering(second, keys[0]) == "endpoint-independent", 120, "the open NAT's kind")
        wait_until(lambda: filtering(second, keys[1]) not in ("unknown",), 120, "the other NAT's kind")
        nodes = (server, second, opened, closed)
        # Of those with each other, too, which others may have to coordinate.
        wait_until(lambda: all(len(peers(node)) == 3 for node in nodes), 60, "links between all")
        stranger = lab.public_host("stranger")

        def reach(node: str, seconds_by_itself: int) -> dict[str, Any]:
            command = [sys.executable, "-m", "tests.integration.cloud_reacher", f"{seconds_by_itself}"]
            done = stranger.run(
                [*command, second.ws_url, node], stdout=subprocess.PIPE, text=True, timeout=240, cwd=ROOT
            )
            found: dict[str, Any] = json.loads(done.stdout)[node]
            return found

        def punches() -> int:
            """How many this node and the other public one have coordinated."""
            lines = [line for node in (server, second) for line in metrics(node).splitlines()]
            return sum(int(float(line.split()[-1])) for line in lines if line.startswith("cloudnode_punch_"))

        before = punches()
        by_opened = reach(keys[0], 60)
        mapped = {f"ws+udp://{each['address']}:{each['port']}" for each in told(second, keys[0])}
        assert by_opened["checked"] == "proof" and by_opened["route"] in mapped
        assert by_opened["by_itself"] and home.public_address in by_opened["route"]
        assert punches() == before
        by_closed = reach(keys[1], 0)
        assert by_closed["checked"] == "proof"
        assert office.public_address in by_closed["route"]
        assert punches() > before

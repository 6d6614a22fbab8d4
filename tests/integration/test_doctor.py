"""``cloudnode doctor`` asks real nodes behind real NATs, and its words are true."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

from tests.integration.conftest import ROOT, wait_until
from tests.integration.test_peers import peers
from tests.natlab import natlab
from tests.natlab.nodes import LabNode


def doctor(node: LabNode, *options: str) -> str:
    command = [sys.executable, "-m", "cloudnode", "doctor", "--node", f"ws://{node.address}:38082", *options]
    done = node.host.run(command, stdout=subprocess.PIPE, text=True, timeout=90, cwd=ROOT)
    return str(done.stdout)


def told(node: LabNode) -> dict[str, Any]:
    diagnosis: dict[str, Any] = json.loads(doctor(node, "--json"))
    return diagnosis


def knows_nat(node: LabNode) -> bool:
    return node.call("getnodeinfo")["stun"]["nat"] is not None


def says(node: LabNode, verdict: str) -> bool:
    return bool(told(node)["verdict"] == verdict)


def explains(node: LabNode, *words: str) -> bool:
    text = doctor(node)
    return all(each in text for each in words)


def test_doctor(lab: natlab.Lab, tmp_path: Path) -> None:
    """A public node and one behind a full-cone NAT are reached directly; one whose NAT filters, by punching."""
    hosts = {
        "validator": lab.public_host("validator"),
        "open": lab.nat("open-home", kind="full-cone").host("open"),
        "filtered": lab.nat("filtered-home", kind="port-restricted").host("filtered"),
        "second": lab.public_host("second"),
    }
    nodes: dict[str, LabNode] = {}
    try:
        for name, host in hosts.items():
            joins = [] if not nodes else ["--join", nodes["validator"].ws_url]
            nodes[name] = LabNode(host, tmp_path / name, joins)
            nodes[name].start()
        wait_until(lambda: len(peers(nodes["validator"])) == 3, 60, "links with the validator")

        for name in ("open", "filtered"):  # asked without the command, which takes a second of a processor each time
            wait_until(lambda name=name: knows_nat(nodes[name]), 120, f"the kind of the NAT of {name}")  # type: ignore[misc]
        for name, verdict in (("validator", "direct"), ("open", "direct"), ("filtered", "punched")):
            wait_until(partial(says, nodes[name], verdict), 120, f"the verdict for {name}")
        filtered = told(nodes["filtered"])
        assert not any(each["is_reached"] for each in filtered["interfaces"])
        words = ("with the help of a node that both know", "UPnP or PCP")
        wait_until(lambda: explains(nodes["filtered"], *words), 120, "the verdict for people")
    finally:
        for node in nodes.values():
            node.close()

"""Two nodes in one home, with nothing configured: each has the other as a peer, and knows the way in from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.integration.conftest import wait_until
from tests.integration.test_doctor import explains, told
from tests.integration.test_mappings import starting
from tests.natlab import natlab
from tests.natlab.nodes import LabNode

FOUND = {"mapping": "endpoint-independent", "filtering": "address-and-port-dependent", "hairpin": "no"}


def stun(node: LabNode) -> dict[str, Any]:
    facts: dict[str, Any] = node.call("getnodeinfo")["stun"]
    return facts


def addresses(node: LabNode) -> set[str]:
    """Those of a node's links."""
    return {str(peer["addr"]).rpartition(":")[0] for peer in node.call("getpeerinfo")}


def test_two_nodes_in_one_home(lab: natlab.Lab, tmp_path: Path) -> None:
    """The NAT's kind is that of the NAT, and mappings are kept, also after all links outside were made anew."""
    home = lab.nat("home", kind="port-restricted")
    with starting(tmp_path) as start:
        public = [start(lab.public_host("v"))]
        public.append(start(lab.public_host("w"), public[0]))
        nodes = [start(home.host("a"), *public, settings="survey = 5.0\n")]
        nodes.append(start(home.host("b"), *nodes, *public, settings="survey = 5.0\n"))
        outside = {each.address for each in public}

        def is_right() -> bool:
            """Whether each has mappings by both peers outside, knows its NAT, and is linked with its neighbour."""
            for node, neighbour in zip(nodes, reversed(nodes), strict=True):
                known = stun(node)
                mapped = {(each["transport"], each["address"]) for each in known["data"]["mappings"]}
                if mapped != {(each, home.public_address) for each in ("udp", "tcp")}:
                    return False
                if len(known["mappings"]) != 4 or addresses(node) != {*outside, neighbour.address}:
                    return False
            return True

        def knows_kind() -> bool:
            return all((nat := stun(node)["nat"]) is not None and nat["filtering"] != "unknown" for node in nodes)

        wait_until(lambda: is_right() and knows_kind(), 60, "mappings and the kind of the NAT, with a neighbour")
        for node in public:
            node.kill()
        for node in public:
            node.start()
        wait_until(is_right, 60, "mappings after both peers outside came back")
        rounds = {node: stun(node)["nat"]["round"] for node in nodes}
        found: list[dict[str, Any]] = []

        def is_found(node: LabNode) -> bool:
            """Whether a survey of now, for which a peer that has just come back may have been missing, tells all."""
            nat = stun(node)["nat"]
            found.append({name: nat[name] for name in FOUND} | {"external": nat["external"]})
            return nat["round"] > rounds[node] and found[-1] == right

        right = FOUND | {"external": home.public_address}
        for node in nodes:
            wait_until(lambda node=node: is_found(node), 60, "another survey")  # type: ignore[misc]
            wait_until(lambda node=node: told(node)["verdict"] == "punched", 60, "the verdict")  # type: ignore[misc]
            assert not any(each["is_reached"] for each in told(node)["interfaces"])
            words = "with the help of a node that both know"
            wait_until(lambda node=node, words=words: explains(node, words), 60, "it in words")  # type: ignore[misc]
        assert all(each[name] in (right[name], "unknown") for each in found for name in right), found

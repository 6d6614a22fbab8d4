"""Nodes and clients with IPv4 and IPv6: a direct path over the family that both sides have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import ROOT, wait_until
from tests.integration.test_mappings import DualNode, Start, identity, mapped, starting
from tests.natlab import natlab


class JoinedOverIPv4(DualNode):
    """A node with both, which is joined over IPv4."""

    @property
    def ws_url(self) -> str:
        """Over IPv4."""
        return f"ws://{self.host.address}:38082"


@pytest.fixture
def start(lab6: natlab.Lab, tmp_path: Path) -> Iterator[Start]:
    """Starts a node on a host, which joins others."""
    with starting(tmp_path) as begin:
        yield begin


def reach(client: natlab.Host, coordinator: str, node: str, transport: str) -> dict[str, Any]:
    """Have a client reach a node through a coordinator; how it went."""
    environ = {"PYTHONPATH": str(ROOT), "PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent"}
    done = client.run(
        [sys.executable, "-m", "tests.natlab.requester", coordinator, node, transport],
        stdout=subprocess.PIPE, text=True, timeout=180, cwd=ROOT, env=environ, check=True,
    )  # fmt: skip
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_client_with_both(lab6: natlab.Lab, start: Start) -> None:
    """A client asks a coordinator over IPv6 for a node that has a mapping over IPv4 alone.

    It is refused at once there, and reaches the node directly over IPv4, at the address at which the coordinator says
    that others reach it.
    """
    coordinator = start(lab6.public_host("coordinator"), kind=JoinedOverIPv4)
    node = start(lab6.nat("home", kind="port-restricted").host("node"), coordinator)
    key = identity(node)
    wait_until(lambda: len(mapped(coordinator, key)) == 2, 60, "the mappings")
    wait_until(lambda: len(mapped(node, identity(coordinator), "interface")) == 2, 60, "the coordinator's ports")
    client = lab6.public_host("client")
    for transport in ("udp", "tcp"):
        told = reach(client, f"ws://[{coordinator.host.address6}]:38082", key, transport)
        assert told["transport"] == transport, told
        assert [each[2] for each in told["attempts"]] == ["failed", "open"], told
        assert "punch_unmapped" in told["attempts"][0][3], told
        assert told["packets"] < 40, told  # a spray is 1,400


def test_firewall(lab6: natlab.Lab, start: Start) -> None:
    """A node behind a firewall without a NAT, as is usual over IPv6, is reached by punches over UDP and over TCP.

    It serves both families; over IPv4 it is behind a NAT. Each client has one family alone, and a firewall or NAT.
    """
    coordinator = start(lab6.public_host("coordinator"), kind=DualNode)
    node = start(lab6.nat("home", kind="port-restricted", ipv6="firewall").host("node"), coordinator, kind=DualNode)
    key = identity(node)
    wait_until(lambda: len(mapped(coordinator, key)) == 2, 60, "the ports that are kept open")
    assert {host for host, _ in mapped(coordinator, key).values()} == {node.host.address6}
    client = lab6.nat("cafe", kind="port-restricted", ipv6="firewall").host("client")
    for transport in ("udp", "tcp"):
        told = reach(client, coordinator.ws_url, key, transport)
        assert (told["transport"], told["path"]) == (transport, "observed"), told

"""Nodes and clients with IPv4 and IPv6: a direct path over the family that both sides have."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import ROOT, wait_until
from tests.integration.test_mappings import DualNode, Start, identity, mapped, starting
from tests.natlab import natlab
from tests.natlab.nodes import LabNode


class UnsetNode(LabNode):
    """A node as it is with nothing configured."""

    @property
    def options(self) -> list[str]:
        """None of ports."""
        return ["--datadir", str(self.datadir), *self.arguments]

    @property
    def ws_url(self) -> str:
        """Over QUIC and IPv6."""
        return f"ws+udp://[{self.host.address6}]:38083"


class UnsetOverIPv4(UnsetNode):
    """The same, joined over QUIC and IPv4."""

    @property
    def ws_url(self) -> str:
        """Over IPv4."""
        return f"ws+udp://{self.host.address}:38083"


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


def addresses(node: LabNode) -> dict[tuple[str, int], str]:
    """Where a node serves, by transport and port."""
    return {(each["transport"], each["port"]): each["address"] for each in node.call("getnodeinfo")["interfaces"]}


def see(client: natlab.Host, server: str, port: int) -> tuple[int, bytes]:
    """Ask for one's address over UDP, by a bare request: how long the answer is, and how the address begins."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with client.socket(family, socket.SOCK_DGRAM) as asking:
        asking.settimeout(10)
        asking.sendto(b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12), (server, port))
        answer, source = asking.recvfrom(1_500)
        assert source[:2] == (server, port)
        return len(answer), answer[20:26]


def test_nothing_configured(lab6: natlab.Lab, start: Start) -> None:
    """A node without options serves all it has at every address of both families, and sees who comes by which."""
    node = start(lab6.public_host("node"), kind=UnsetNode)
    interfaces = node.call("getnodeinfo")["interfaces"]
    assert {each["address"] for each in interfaces} == {"::"}
    assert sorted((each["transport"], each["port"]) for each in interfaces) == [
        ("http", 38081), ("stun", 3478), ("stun", 3478), ("webtransport", 38083), ("ws", 38082), ("ws-udp", 38083),
    ]  # fmt: skip
    client = lab6.public_host("client")
    for host, family, length in ((node.host.address, 1, 32), (node.host.address6, 2, 44)):
        for port in (3478, 38083):
            assert see(client, host, port) == (length, b"\0\x20\0" + bytes((length - 24, 0, family))), (host, port)
        for port in (3478, 38081, 38082):
            with client.socket(socket.AF_INET6 if family == 2 else socket.AF_INET, socket.SOCK_STREAM) as connected:
                connected.settimeout(10)
                connected.connect((host, port))
    over_ipv6 = start(lab6.public_host("six"), node, kind=UnsetNode)
    node.__class__ = UnsetOverIPv4
    over_ipv4 = start(lab6.public_host("four"), node, kind=UnsetNode)
    expected = {over_ipv6.host.address6, over_ipv4.host.address}
    found = lambda: {peer["addr"].rpartition(":")[0].strip("[]") for peer in node.call("getpeerinfo")}  # noqa: E731
    wait_until(lambda: expected <= found(), 30, "links over QUIC in both families")
    assert all(peer["protocol"] == "ws-udp" for peer in node.call("getpeerinfo")), node.call("getpeerinfo")
    for each in (node, over_ipv6, over_ipv4):
        assert "Traceback" not in each.log and "::ffff:" not in json.dumps(each.call("getstuninfo"))


def test_taken_over_ipv6(lab6: natlab.Lab, start: Start) -> None:
    """Where a port is taken over IPv6 alone, the node does without it there, and says so."""
    host = lab6.public_host("node")
    with contextlib.ExitStack() as stack:
        for kind, port in ((socket.SOCK_STREAM, 38082), (socket.SOCK_DGRAM, 38083), (socket.SOCK_DGRAM, 3478)):
            taken = stack.enter_context(host.socket(socket.AF_INET6, kind))
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            taken.bind(("::", port))
            if kind == socket.SOCK_STREAM:
                taken.listen()
        node = start(host, kind=UnsetNode)
        served = addresses(node)
        assert served["http", 38081] == "::"
        assert served["ws", 38082] == served["ws-udp", 38083] == served["webtransport", 38083] == "0.0.0.0"
        assert "TCP port 38082 is not served over IPv6: Address already in use" in node.log
        assert "UDP port 38083 is not served over IPv6: Address already in use" in node.log
        assert "UDP port 3478 is not served over IPv6: Address already in use" in node.log


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

"""Nodes behind NATs, reached by strangers on the ports that their STUN-Client sockets keep open."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import ROOT, wait_until
from tests.integration.test_peers import peers, put
from tests.natlab import natlab
from tests.natlab.nodes import LabNode

SETTINGS = """
[mappings]
keepalive = 1.0
keepalive_longest = 8.0
dial_back = 3.0
"""

Start = Callable[..., LabNode]


@pytest.fixture
def start(lab: natlab.Lab, tmp_path: Path) -> Iterator[Start]:
    """Starts a node on a host, which joins others."""
    with starting(tmp_path) as begin:
        yield begin


@pytest.fixture
def start6(lab6: natlab.Lab, tmp_path: Path) -> Iterator[Start]:
    """The same where there is IPv6 as well."""
    with starting(tmp_path) as begin:
        yield begin


@contextlib.contextmanager
def starting(tmp_path: Path) -> Iterator[Start]:
    """A function that starts nodes, which are stopped at the end."""
    nodes: list[LabNode] = []

    def begin(
        host: natlab.Host, *others: LabNode, options: tuple[str, ...] = (), kind: type[LabNode] = LabNode,
        settings: str = "",
    ) -> LabNode:
        joins = [word for node in others for word in ("--join", node.ws_url)]
        node = kind(host, tmp_path / host.name, [*joins, *options])
        nodes.append(node)
        config = node.home / "config.toml"
        config.write_text(config.read_text() + SETTINGS + settings)
        node.start()
        return node

    try:
        yield begin
    finally:
        for node in reversed(nodes):
            node.close()


def identity(node: LabNode) -> str:
    """A node's key."""
    return str(node.call("getnodeinfo")["node"])


def told(asked: LabNode, node: str) -> list[dict[str, Any]]:
    """What one node tells of another's mappings."""
    return [each for info in asked.call("getstuninfo", {"node": node})["nodes"] for each in info["mappings"]]


def mapped(asked: LabNode, node: str, source: str = "stun") -> dict[str, tuple[str, int]]:
    """Where one node says that another is reached, by protocol."""
    return {
        each["transport"]: (each["address"], each["port"])
        for each in told(asked, node)
        if each["source"] == source
    }


def ask(host: natlab.Host, asked: LabNode, node: str, transport: str, source: str = "stun") -> dict[str, Any]:
    """Ask a node for ``getnodeinfo`` from a host by the command line.

    :param asked: Another node, of which the STUN data is all that the asker has.
    """
    [record] = asked.call("getstuninfo", {"node": node})["nodes"]
    url = url_of(transport, mapped(asked, node, source)[transport])
    command = [sys.executable, "-m", "cloudnode", "--node", url, "call", "getnodeinfo"]
    if transport == "udp":
        command[3:3] = ["--cert-hash", record["certificates"][-1]["hash"]]
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "HOME": "/nonexistent"}
    done = host.run(command, env=environment, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def metrics(node: LabNode) -> str:
    """What a node tells Prometheus."""
    connection = node.connect(30)
    connection.request("GET", "/metrics")
    return connection.getresponse().read().decode()


def keepalive(node: LabNode, protocol: str) -> float:
    """The seconds between two keep-alives that a node has learned."""
    name = {"udp": "keepalive_seconds", "tcp": "keepalive_tcp_seconds"}[protocol]
    [interval] = re.findall(rf"^cloudnode_mapping_{name} (\S+)", metrics(node), re.MULTILINE)
    return float(interval)


def url_of(transport: str, place: tuple[str, int]) -> str:
    """As the command line takes it."""
    host = f"[{place[0]}]" if ":" in place[0] else place[0]
    return f"{'ws' if transport == 'tcp' else 'ws+udp'}://{host}:{place[1]}"


def test_full_cone(lab: natlab.Lab, start: Start) -> None:
    """A node behind a full-cone NAT, told nothing, is reached by a stranger over TCP and UDP; others tell where."""
    server = start(lab.public_host("server"))
    second = start(lab.public_host("second"), server)
    home = lab.nat("home", kind="full-cone")
    node = start(home.host("node"), server)
    key = identity(node)
    wait_until(lambda: len(mapped(server, key)) == 2, 60, "the mappings' way to the server")
    wait_until(lambda: len(mapped(second, key)) == 2, 60, "the mappings' way to a node with or without a link")
    stranger = lab.public_host("stranger")
    for transport, place in mapped(second, key).items():
        assert place[0] == home.public_address
        assert ask(stranger, second, key, transport)["node"] == key

    [peer] = [each for each in server.call("getpeerinfo") if each["id"] == key]
    assert {each["transport"] for each in peer["stun"]["mappings"]} == {"tcp", "udp"}
    seen = {(each["transport"], each["address"], each["port"]) for each in peer["seen"]}
    observed = [each for each in told(server, key) if each["observer"] == identity(server)]
    assert len(observed) == 2
    assert {(each["transport"], each["address"], each["port"]) for each in observed} <= seen

    # A node that the sockets never sent to has reached them; nobody reaches the node's own ports.
    def confirmed() -> bool:
        stun = node.call("getnodeinfo")["stun"]
        return len(stun["mappings"]) >= 2 and all(each["confirmed"] for each in stun["mappings"])

    wait_until(lambda: len(peers(node)) == 2, 60, "a link with the second node")
    wait_until(confirmed, 60, "the dial-backs")
    wait_until(lambda: bool(node.call("getnodeinfo")["stun"]["interfaces"]), 60, "the dial-back of its ports")
    assert not any(each["reached"] for each in node.call("getnodeinfo")["stun"]["interfaces"])
    # How long mappings live is being found out: the first silence was survived.
    wait_until(lambda: keepalive(node, "udp") > 1, 60, "a longer interval")
    # Those without a NAT have no mapping, and know which of their ports are reached.
    wait_until(lambda: len(mapped(server, identity(second), "interface")) == 2, 60, "the public node's interfaces")
    assert server.call("getnodeinfo")["stun"]["mappings"] == []
    assert mapped(server, identity(second), "interface")["tcp"] == (second.address, second.ws_port)


class HomeNode(LabNode):
    """A node on a host whose address may change: it listens on all, and is asked on the host itself."""

    @property
    def options(self) -> list[str]:
        """With the ports that nodes have by default."""
        return ["--datadir", str(self.datadir), *self.arguments]

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        """By the host's loopback."""
        self.address = "127.0.0.1"
        return super().connect(timeout)


def test_changes(lab: natlab.Lab, start: Start) -> None:
    """What is told of a node follows it through its router's restart, a new network, and others' restarts."""
    server = start(lab.public_host("server"))
    second = start(lab.public_host("second"), server)
    home, office = lab.nat("home", kind="full-cone"), lab.nat("office", kind="full-cone")
    node = start(home.host("node"), server, kind=HomeNode)
    key = identity(node)
    stranger = lab.public_host("stranger")

    def observed(asked: LabNode) -> dict[str, tuple[str, int]]:
        by_server = [each for each in told(asked, key) if each["observer"] == identity(server)]
        return {each["transport"]: (each["address"], each["port"]) for each in by_server}

    wait_until(lambda: len(observed(second)) == 2, 60, "the first mappings")
    first = observed(second)

    lab.reboot(home)

    def are_new(seen: dict[str, tuple[str, int]]) -> bool:
        at_home = {address for address, _ in seen.values()} == {home.public_address}
        return len(seen) == 2 and at_home and not set(seen.values()) & set(first.values())

    wait_until(lambda: are_new(observed(second)), 60, "news of the mappings after the router's restart")
    assert ask(stranger, second, key, "tcp")["node"] == key

    # The server's own memory of all that outlives its restart.
    known = server.call("getstuninfo", {"node": key})
    server.stop()
    lab_record = second.call("getstuninfo", {"node": key})["nodes"]
    server.start()
    after = server.call("getstuninfo", {"node": key})
    assert {(each["transport"], each["address"], each["port"]) for each in known["seen"]} <= {
        (each["transport"], each["address"], each["port"]) for each in after["seen"]
    }
    assert after["nodes"][0]["sequence"] >= min(each["sequence"] for each in known["nodes"] + lab_record)
    wait_until(lambda: len(observed(second)) == 2, 60, "mappings by the restarted server")

    node.host.change_network(office)
    wait_until(
        lambda: {address for address, _ in observed(second).values()} == {office.public_address}
        and len(observed(second)) == 2,
        60, "news of the mappings in the new network",
    )  # fmt: skip
    for transport in ("tcp", "udp"):
        assert ask(stranger, second, key, transport)["node"] == key


@pytest.fixture
def read(lab: natlab.Lab) -> Iterator[Callable[..., dict[str, Any]]]:
    """Reads by a session of its own for each transport, on a host of its own; what it is begun with it goes on with.

    Its last argument is the node whose STUN server keeps the mappings that are taken, while there is a choice.
    """
    sessions: dict[str, subprocess.Popen[str]] = {}

    def one(transport: str, node: str, asked: LabNode, observer: str) -> dict[str, Any]:
        if transport not in sessions:
            host = lab.public_host(f"reader-{transport}")
            command = [sys.executable, "-m", "tests.integration.mapped_reader", node, transport]
            command += [asked.http_url, observer]
            environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "HOME": "/nonexistent"}
            sessions[transport] = host.popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=str(ROOT)
            )
        session = sessions[transport]
        assert session.stdin is not None and session.stdout is not None
        session.stdin.write("read\n")
        session.stdin.flush()
        answer: dict[str, Any] = json.loads(session.stdout.readline())
        return answer

    yield one
    for each in sessions.values():
        each.kill()
        each.wait()


def test_session_survives(lab: natlab.Lab, start: Start, read: Callable[..., dict[str, Any]]) -> None:
    """A session on mapped ports goes on through silence, the loss of the peer, a router's restart, a new network.

    All times are a fifth of the usual ones or less: mappings live for 4 s, keep-alives go out each second.
    """
    server = start(lab.public_host("server"))
    second = start(lab.public_host("second"), server)
    times = {"udp_lifetime": 4, "tcp_lifetime": 4}
    home, office = (lab.nat(name, kind="full-cone", **times) for name in ("home", "office"))
    node = start(home.host("node"), server, second, kind=HomeNode)
    for number in range(3):
        put(server, f"film{number}")
    key, lost = identity(node), identity(server)
    wait_until(lambda: len(told(second, key)) == 4, 60, "mappings by both")
    wait_until(lambda: node.call("getdatahash")["records"] == 3, 60, "the films")

    def both(what: str, *, moves: bool) -> None:
        for transport in ("tcp", "udp"):
            before = places.get(transport)
            found = read(transport, key, second, lost)
            assert found["records"] == 3, (what, found)
            assert moves or before in (None, found["place"]), (what, transport, before, found)
            assert moves or found["attempts"] == 0, (what, found)
            places[transport] = found["place"]

    places: dict[str, str] = {}
    both("at first", moves=False)
    time.sleep(9)
    both("after two lifetimes of silence", moves=False)
    server.kill()
    time.sleep(5)
    both("without the server", moves=False)
    lab.reboot(home, downtime=1.0)
    both("after a restart of the router", moves=True)
    node.host.change_network(office)
    both("in another network", moves=True)
    assert {place.split(":")[0] for place in places.values()} == {office.public_address}
    for protocol in ("udp", "tcp"):
        assert keepalive(node, protocol) < 4, "the interval that was learned is longer than mappings live"


def test_tcp_lifetime(lab: natlab.Lab, start: Start) -> None:
    """How long TCP mappings live is found out: less than 4 s behind one router, more behind another; no mapping that is
    kept is lost by that.
    """
    server = start(lab.public_host("server"))
    forgets = start(lab.nat("forgets", kind="full-cone", tcp_lifetime=3).host("forgetful"), server)
    keeps = start(lab.nat("keeps", kind="port-restricted").host("keeper"), server)
    wait_until(lambda: "tcp" in mapped(server, identity(forgets)), 60, "the mapping")
    place = mapped(server, identity(forgets))["tcp"]

    def lost() -> float | None:
        nat = forgets.call("getnodeinfo")["stun"]["nat"]
        return None if nat is None else nat["lifetime_lost_tcp"]

    wait_until(lambda: lost() is not None, 90, "a silence that was too long")
    nat = forgets.call("getnodeinfo")["stun"]["nat"]
    assert 0 < nat["lifetime_held_tcp"] < 3 < nat["lifetime_lost_tcp"] <= 4, nat
    assert 1 < keepalive(forgets, "tcp") < 3

    def is_kept_so() -> bool:
        [kept] = [each for each in forgets.call("getstuninfo")["mappings"] if each["transport"] == "tcp"]
        return bool(kept["keepalive"] == pytest.approx(keepalive(forgets, "tcp")))

    wait_until(is_kept_so, 60, "the one mapping's being kept by what was learned")
    assert "cloudnode_mapping_changes 0.0" in metrics(forgets)
    assert mapped(server, identity(forgets))["tcp"] == place
    assert ask(lab.public_host("stranger"), server, identity(forgets), "tcp")["node"] == identity(forgets)
    wait_until(lambda: keepalive(keeps, "tcp") > 3, 60, "an interval that is longer than that of the other")


class HttpNode(LabNode):
    """A node that serves HTTP and STUN, and nothing else."""

    @property
    def options(self) -> list[str]:
        """Without WebSocket."""
        served = ["--http", f"tcp:{self.http_port}:interface={self.address}", "--stun", "3478"]
        return ["--datadir", str(self.datadir), *served, "--ws", "none", "--ws-udp", "none", *self.arguments]


def test_reached_by_http(lab: natlab.Lab, start: Start) -> None:
    """A peer that dialled this node, and of which nothing is reached but HTTP and STUN, gets mappings as well."""
    node = start(lab.public_host("node"), options=("--reach", "always"))
    peer = start(lab.public_host("peer"), node, kind=HttpNode)
    observer = identity(peer)

    def observed() -> set[str]:
        own = node.call("getstuninfo")["mappings"]
        return {each["transport"] for each in own if each["observer"] == observer}

    wait_until(lambda: observed() == {"udp", "tcp"}, 60, "mappings by the peer's STUN server")


def test_peer_goes(lab: natlab.Lab, start: Start) -> None:
    """When its peer goes, a node closes the sockets that it had for it, and tells of the mappings no more."""
    server = start(lab.public_host("server"))
    second = start(lab.public_host("second"), server)
    node = start(lab.nat("home", kind="full-cone").host("node"), server, second)
    key = identity(node)

    def sockets() -> int:
        return len(node.call("getnodeinfo")["stun"]["mappings"])

    wait_until(lambda: sockets() == 4, 60, "mappings by both")
    server.kill()
    wait_until(lambda: sockets() == 2, 60, "the end of two mappings")
    wait_until(lambda: [each["observer"] for each in told(second, key)] == [identity(second)] * 2, 60, "news of that")
    assert "cloudnode_mapping_sockets 2.0" in metrics(node)


def test_never(lab: natlab.Lab, start: Start) -> None:
    """A node whose operator wants no mapping has none; it hears and tells of others all the same."""
    server = start(lab.public_host("server"))
    home = lab.nat("home", kind="full-cone")
    shy = start(home.host("shy"), server, options=("--reach", "never"))
    node = start(home.host("node"), server)
    wait_until(lambda: len(mapped(shy, identity(node))) == 2, 60, "news of the other's mappings")
    assert shy.call("getnodeinfo")["stun"]["mappings"] == []
    assert told(server, identity(shy)) == []


class DualNode(LabNode):
    """A node that serves IPv6 and IPv4, and is joined over IPv6."""

    @property
    def options(self) -> list[str]:
        """On all addresses."""
        ws, udp = r"tcp:38082:interface=\:\:", "[::]:38083"
        return ["--datadir", str(self.datadir), "--ws", ws, "--ws-udp", udp, *self.arguments]

    @property
    def ws_url(self) -> str:
        """Over IPv6."""
        return f"ws://[{self.host.address6}]:38082"


def test_ipv6(lab6: natlab.Lab, tmp_path: Path, start6: Start) -> None:
    """Over IPv6 there is no NAT: an open port is found to be reached and told; behind a firewall it is not."""
    server = start6(lab6.public_host("server"), kind=DualNode)
    open_node = start6(lab6.nat("open", ipv6="open").host("open-node"), server, kind=DualNode)
    walled = start6(lab6.nat("walled", ipv6="firewall").host("walled-node"), server, kind=DualNode)
    for node, reached in ((open_node, True), (walled, False)):
        wait_until(lambda node=node: len(tried(node)) == 2, 60, "the dial-backs")  # type: ignore[misc]
        assert tried(node) == {(node.host.address6, 38082): reached, (node.host.address6, 38083): reached}
    key = identity(open_node)
    wait_until(lambda: len(mapped(walled, key, "interface")) == 2, 60, "news of the open ports")
    assert mapped(walled, key, "interface") == {
        "tcp": (open_node.host.address6, 38082), "udp": (open_node.host.address6, 38083)
    }  # fmt: skip
    stranger = lab6.public_host("stranger")
    for transport in ("tcp", "udp"):
        assert ask(stranger, walled, key, transport, "interface")["node"] == key
    # A firewall is a NAT without a mapping: what is kept open through it is told, and takes those whom a peer brings.
    wait_until(lambda: len(mapped(server, identity(walled))) == 2, 60, "the ports that are kept open")
    assert {host for host, _ in mapped(server, identity(walled)).values()} == {walled.host.address6}
    assert mapped(server, identity(walled), "interface") == {}
    # Who wants them always has mappings over IPv6 as well.
    always = start6(lab6.nat("third", ipv6="open").host("always"), server, kind=DualNode, options=("--reach", "always"))
    wait_until(lambda: len(mapped(server, identity(always))) == 2, 60, "mappings over IPv6")
    wait_until(lambda: keepalive(always, "tcp") > 1, 60, "a longer interval between keep-alives over TCP")
    for transport in ("tcp", "udp"):
        assert mapped(server, identity(always))[transport][0] == always.host.address6
        assert ask(stranger, server, identity(always), transport)["node"] == identity(always)


def tried(node: LabNode) -> dict[tuple[str, int], bool]:
    """Which of a node's own ports were reached."""
    found = node.call("getnodeinfo")["stun"]["interfaces"]
    return {(each["address"], each["port"]): each["reached"] for each in found}

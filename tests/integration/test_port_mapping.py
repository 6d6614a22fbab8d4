"""Ports that a real router (miniupnpd) forwards to a node because the node asked for it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import ROOT, wait_until
from tests.integration.test_mappings import DualNode, identity, starting
from tests.natlab import natlab
from tests.natlab.natkinds import Case, run_behind, run_peers
from tests.natlab.nodes import LabNode

LEASE = 4


def check_port_mapping() -> None:
    """Skip the test where routers can't map ports; a build server's have to."""
    reason = natlab.port_mapping_unavailable_reason()
    if reason is not None:
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture
def mapping_lab(lab: natlab.Lab) -> natlab.Lab:
    """A lab whose routers can map ports."""
    check_port_mapping()
    return lab


def translations(router: natlab.Router) -> str:
    """What miniupnpd has told the kernel."""
    done = router.run(["nft", "list", "chain", "inet", "natlab", "translate"], capture_output=True, text=True)
    return str(done.stdout)


def answers(host: natlab.Host, address: str, port: int) -> bool:
    """Whether the node answers a host's HTTP request at an address."""
    with host.socket(socket.AF_INET, socket.SOCK_STREAM) as caller, contextlib.suppress(OSError):
        caller.settimeout(5)
        caller.connect((address, port))
        caller.sendall(b"GET / HTTP/1.1\r\nHost: node\r\n\r\n")
        return bool(caller.recv(100).startswith(b"HTTP/1.1 "))
    return False


@contextlib.contextmanager
def held(node: LabNode) -> Iterator[None]:
    """The node stands still, and asks a router nothing before a test has looked at it."""
    os.kill(node.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(node.pid, signal.SIGCONT)


@pytest.mark.parametrize("protocol", ["pcp", "upnp"])
def test_forwarded(protocol: str, mapping_lab: natlab.Lab, tmp_path: Path) -> None:
    """Both ports are forwarded, confirmed by a peer, told to all, renewed after the router's restart, and given up."""
    lab = mapping_lab
    case = Case("home", (("port-restricted", {"port_mapping": protocol}),), {})
    stranger = lab.public_host("stranger")
    with (
        run_peers(lab, tmp_path) as peers,
        run_behind(lab, tmp_path, case, peers, settings=f"lease = {LEASE}") as node,
    ):
        router = lab.nats["home-0"]

        def ports() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = node.call("getnodeinfo")["stun"]["router"]
            return found

        wait_until(lambda: all(each["confirmed"] for each in ports()), 60, "confirmed ports")
        assert {(each["transport"], each["port"], each["method"]) for each in ports()} == {
            ("tcp", 38082, protocol),
            ("udp", 38083, protocol),
        }
        tcp = next(each for each in ports() if each["transport"] == "tcp")
        wait_until(lambda: answers(stranger, tcp["address"], tcp["external_port"]), 60, "an answer")
        wait_until(lambda: node.call("getnodeinfo")["stun"]["nat"] is not None, 60, "the kind of NAT")
        nat = node.call("getnodeinfo")["stun"]["nat"]
        assert ("forwards" in nat["meaning"], nat["advice"]) == (True, "")

        def told() -> list[str]:
            records = peers[0].call("getstuninfo")["nodes"]
            return [
                each["transport"] for record in records for each in record["mappings"]
                if each["source"] == "router" and each["address"] == router.public_address
            ]  # fmt: skip

        wait_until(lambda: sorted(told()) == ["tcp", "udp"], 60, "the STUN data at a peer")
        with held(node):
            lab.reboot(router)
            assert "38082" not in translations(router)
        wait_until(lambda: "38082" in translations(router), 60, "the ports after the router's restart")
        wait_until(lambda: answers(stranger, tcp["address"], tcp["external_port"]), 60, "an answer after it")
        node.stop()
        assert "38082" not in translations(router)


@pytest.mark.parametrize("method", ["nat-pmp", "pcp", "upnp"])
def test_each_protocol(method: str, mapping_lab: natlab.Lab) -> None:
    """A mapping is made to the port that is wished for, renewed, and deleted."""
    router = mapping_lab.nat("home", port_mapping="all")
    host = router.host("inside")
    asker = host.popen(
        [sys.executable, "-m", "tests.natlab.ask_router", method], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        cwd=ROOT, text=True,
    )  # fmt: skip
    with asker:
        gateway, first, again = json.loads(asker.stdout.readline())
        assert gateway["client"] == host.address
        assert first == again
        assert (first["address"], first["port"]) == (router.public_address, 41_000)
        assert first["method"] == method
        assert "41000" in translations(router)
        asker.stdin.write("\n")
        asker.stdin.close()
        assert asker.wait(60) == 0
    assert "41000" not in translations(router)


def is_let_in(caller: natlab.Host | natlab.Router, address: str, port: int = 38_082) -> bool:
    """Whether a TCP connection comes about."""
    with caller.socket(socket.AF_INET6, socket.SOCK_STREAM) as calling:
        calling.settimeout(0.5)
        return calling.connect_ex((address, port)) == 0


@pytest.mark.parametrize("method", ["pcp", "upnp"])
def test_firewall(method: str, lab6: natlab.Lab, tmp_path: Path) -> None:
    """Over IPv6 the router's firewall lets others in to a node that asks it to, and lets nobody in when that is gone.

    By UPnP it is asked where the router speaks no PCP. The node knows the router by its address on the link, as one
    that autoconfigured its own does.
    """
    check_port_mapping()
    router = lab6.nat("home", ipv6="firewall", port_mapping=method)
    host, stranger = router.host("node"), lab6.public_host("stranger")
    host.ip(f"route replace ::/0 via {router.link_address6} dev eth0")
    log = Path(router.port_mapper.log)

    def opened_ports() -> str:
        done = router.run(["nft", "list", "chain", "inet", "natlab", "mapped"], capture_output=True, text=True)
        return str(done.stdout)

    with starting(tmp_path) as start:
        server = start(lab6.public_host("server"), kind=DualNode)
        assert not is_let_in(stranger, host.address6)
        node = start(host, server, kind=DualNode, settings=f"lease = {LEASE}\n")

        def opened() -> set[str]:
            ports = node.call("getnodeinfo")["stun"]["router"]
            return {
                each["transport"] for each in ports
                if (each["address"], each["method"], each["confirmed"]) == (host.address6, method, True)
            }  # fmt: skip

        wait_until(lambda: opened() == {"tcp", "udp"}, 60, "the ports, reached by the server")
        wait_until(lambda: is_let_in(stranger, host.address6), 60, "a stranger's connection")
        key = identity(node)

        def told() -> list[tuple[str, str]]:
            records = server.call("getstuninfo", {"node": key})["nodes"]
            return sorted((each["address"], each["transport"]) for record in records for each in record["mappings"])

        wait_until(lambda: told() == [(host.address6, "tcp"), (host.address6, "udp")], 60, "the STUN data")
        if method == "upnp":
            wait_until(lambda: "Updating it." in log.read_text(), 60, "a renewal")
        with held(node):
            lab6.reboot(router)
            assert "38082" not in opened_ports()
        wait_until(lambda: "38082" in opened_ports(), 60, "the ports after the router's restart")
        wait_until(lambda: is_let_in(stranger, host.address6), 60, "a stranger's connection after it")
        node.stop()
        assert "dport" not in opened_ports()
        # Somebody else at the port is reached by the router, and by no stranger.
        with host.socket(socket.AF_INET6, socket.SOCK_STREAM) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("::", 38_082))
            listening.listen()
            wait_until(lambda: is_let_in(router, host.address6), 60, "the router's connection")
            assert not is_let_in(stranger, host.address6)


def test_never(mapping_lab: natlab.Lab, tmp_path: Path) -> None:
    """Who does not want it asks no router."""
    case = Case("home", (("port-restricted", {"port_mapping": "all"}),), {})
    with run_behind(mapping_lab, tmp_path, case, [], arguments=["--port-mapping", "never"]) as node:
        assert node.call("getnodeinfo")["stun"]["router"] == []
        assert "dnat" not in translations(mapping_lab.nats["home-0"])

"""WebSocket over HTTP/3 on real sockets: our own client, and two that others wrote."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue

from cloudnode.transports.quic.client import WebSocketClient, connect_websocket
from cloudnode.transports.quic.connecting import (
    AnyCertificate,
    CertificateMismatch,
    ConnectionRefused,
    ConnectTimedOut,
    NameNotFound,
    PinnedCertificate,
    TrustedAuthorities,
)
from cloudnode.transports.quic.limits import QuicLimits
from cloudnode.transports.seam import Refused
from tests.integration.quic_echo import EchoNode, echo_node

HERE = Path(__file__).parent


@pytest.fixture
def reactor() -> Any:
    """The one that pytest-twisted runs."""
    from twisted.internet import reactor

    return reactor


async def run_client(script: str, *arguments: object) -> dict[str, Any]:
    """Run a foreign client to its end and return what it printed."""
    command = [str(HERE / script), *map(str, arguments)]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    out, err, code = await getProcessOutputAndValue(sys.executable, command, env=environment)
    assert code == 0, err.decode()
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    print(script, found)
    return found


async def until(node: EchoNode, condition: Any, what: str) -> None:
    """Wait for something that the other end does."""
    for _ in range(1_500):
        if condition():
            return
        await deferLater(node.reactor, 0.02)
    pytest.fail(f"{what} did not happen in 30 s")


async def connect(node: EchoNode, host: str = "127.0.0.1", **named: Any) -> WebSocketClient:
    """Our own client, sure of the node's certificate."""
    named.setdefault("trust", PinnedCertificate(node.certificate.hash))
    return await connect_websocket(node.reactor, host, node.port, **named)


def next_message(node: EchoNode, client: WebSocketClient) -> Deferred[bytes]:
    """The next message that comes."""
    waiting: Deferred[bytes] = Deferred()
    client.on_message = waiting.callback
    return waiting.addTimeout(30, node.reactor)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("library", ["aioquic", "qh3"])
async def test_foreign_http3_client(reactor: Any, library: str) -> None:
    """Another's HTTP/3 client gets 200 without an accept, its echoes, and an orderly close."""
    async with echo_node(reactor) as node:
        found = await run_client("foreign_http3_client.py", library, node.port, 300)
        assert found["status"] == "200"
        assert found["accept"] == ""
        assert found["echoes"] == 300
        assert found["close_code"] == 1000
        assert [(c.address, c.transport, c.secure) for c in node.opener.callers] == [("127.0.0.1", "ws-udp", True)]
        await until(node, lambda: node.opener.sessions[0].is_lost, "the end of the session")


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("library", ["aioquic", "qh3"])
async def test_client_with_a_key(reactor: Any, library: str) -> None:
    """A client that sends a key, which HTTP/3 has no use for, gets the accept that matches it."""
    async with echo_node(reactor) as node:
        found = await run_client("foreign_http3_client.py", library, node.port, 3, "key")
        assert found["accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, section 1.3
        assert found["echoes"] == 3


@pytest_twisted.ensureDeferred
async def test_client_that_moves(reactor: Any) -> None:
    """A client that changes its address in the middle goes on, losing nothing."""
    async with echo_node(reactor) as node:
        found = await run_client("foreign_http3_client.py", "aioquic", node.port, 200, "rebind")
        assert found["echoes"] == 200
        assert len(node.opener.sessions) == 1


@pytest_twisted.ensureDeferred
async def test_niquests_get(reactor: Any) -> None:
    """niquests with HTTP/3 alone gets a helpful answer to a plain GET."""
    async with echo_node(reactor) as node:
        found = await run_client("foreign_niquests_client.py", node.port, "plain")
        assert (found["status"], found["version"]) == (200, 30)
        assert "WebSocket over HTTP/3" in found["text"]


@pytest_twisted.ensureDeferred
async def test_niquests_websocket(reactor: Any) -> None:
    """niquests with HTTP/3 alone gets its WebSocket, for which it wants an accept."""
    pytest.importorskip("wsproto", reason="niquests needs wsproto for WebSockets: pip install niquests[ws]")
    async with echo_node(reactor) as node:
        found = await run_client("foreign_niquests_client.py", node.port, "websocket")
        assert found["echoes"] == [True, True, True]
        assert found["version"] == 30


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("interface", "host"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("127.0.0.1", "localhost")]
)
async def test_own_client(reactor: Any, interface: str, host: str) -> None:
    """Our client talks over IPv4, IPv6 and by name, and both ends learn of the close."""
    async with echo_node(reactor, interface=interface) as node:
        client = await connect(node, host)
        closes: list[tuple[int, str]] = []
        client.on_close = lambda code, reason: closes.append((code, reason))
        for message in (b"hello", b"y" * 1_000_000):
            waiting = next_message(node, client)
            client.send_message(message)
            assert await waiting == message
        await client.close(1000, "enough")
        assert [code for code, reason in closes] == [1000]
        await until(node, lambda: node.opener.sessions[0].is_lost, "the end of the session")
        assert node.opener.callers[0].address == ("::1" if interface == "::1" else "127.0.0.1")


@pytest_twisted.ensureDeferred
async def test_trust(reactor: Any) -> None:
    """The certificate is checked as told: by hash, by authorities, or not at all."""
    async with echo_node(reactor) as node:
        with pytest.raises(CertificateMismatch, match=node.certificate.hash.hex()):
            await connect(node, trust=PinnedCertificate(bytes(32)))
        with pytest.raises(CertificateMismatch):
            await connect(node, trust=TrustedAuthorities())
        await (await connect(node, trust=AnyCertificate())).close()
        await (await connect(node, trust=TrustedAuthorities(node.certificate.certificate_pem))).close()
        assert len(node.opener.sessions) == 2


@pytest_twisted.ensureDeferred
async def test_named_failures(reactor: Any) -> None:
    """What keeps a client from connecting has a name: nobody there, no answer, no such host, refused."""
    async with echo_node(reactor) as node:
        node.opener.refusal = Refused(429, "Too many connections.", retry_after=7)
        with pytest.raises(ConnectionRefused, match="429; try again after 7 s"):
            await connect(node)
        with pytest.raises(ConnectionRefused, match="404"):
            await connect(node, path="/nothing")
        port = node.port
    with pytest.raises(ConnectionRefused, match="nobody listens"):
        await connect_websocket(reactor, "127.0.0.1", port, trust=AnyCertificate())
    with pytest.raises(NameNotFound):
        await connect_websocket(reactor, "no-such-host.invalid", port, trust=AnyCertificate())


@pytest_twisted.ensureDeferred
async def test_silence_times_out(reactor: Any) -> None:
    """A host that takes datagrams and never answers is a time-out."""
    limits = attrs.evolve(QuicLimits(), unfinished_handshakes=0)
    async with echo_node(reactor, limits) as node:
        with pytest.raises(ConnectTimedOut):
            await connect(node, timeout=0.5)
        await until(node, lambda: node.socket.counters.overload_dropped >= 1, "the arrival of a datagram")


@pytest_twisted.ensureDeferred
async def test_node_that_stops(reactor: Any) -> None:
    """A client is told when the node stops, and does not wait for a time-out."""
    gone: Deferred[tuple[int, str]] = Deferred()
    async with echo_node(reactor) as node:
        client = await connect(node)
        client.on_close = lambda code, reason: gone.callback((code, reason))
    assert (await gone.addTimeout(20, reactor))[0] == 1006
    await client.closed


@pytest_twisted.ensureDeferred
async def test_limit_of_connections_by_address(reactor: Any) -> None:
    """One address gets no more connections than the limit; the others' are not counted against it."""
    limits = attrs.evolve(QuicLimits(), connections_by_address=2)
    async with echo_node(reactor, limits) as node:
        clients = [await connect(node), await connect(node)]
        with pytest.raises(ConnectionRefused):
            await connect(node)
        assert node.socket.counters.refused == 1
        for client in clients:
            await client.close()
        await until(node, lambda: node.socket.counters.connections == 0, "the end of the connections")
        await (await connect(node)).close()

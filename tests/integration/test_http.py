"""A real node's HTTP interface: callers who behave, callers who do not, and the same answers on every transport."""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from cloudnode.client.connecting import connect
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import Envelope, build_put, build_rate, sign_operation
from tests.integration.conftest import NodeProcess, wait_until

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
KEY, RATER = SigningKey(b"\1" * 32), SigningKey(b"\2" * 32)
MEGABYTE = 1_048_576


@pytest.fixture(scope="module")
def strict_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node with short times and small limits, for this machine too."""
    home = tmp_path_factory.mktemp("strict-node")
    config = home / "cloudnode.toml"
    config.write_text(
        "[limits]\nhttp_seconds = 3.0\nmessage_bytes = 100000\nconnections_address = 20\n"
        "requests_second = 10.0\nrequests_burst = 40\ntrusted = []\n"
    )
    node = NodeProcess(home, ["--config", str(config)])
    try:
        yield node.start()
    finally:
        node.close()


def request(
    node: NodeProcess, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    """A response and its body."""
    connection = http.client.HTTPConnection("127.0.0.1", node.http_port, timeout=30)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def write(node: NodeProcess, key: SigningKey, build: Any, *arguments: Any) -> dict[str, Any]:
    """Sign an operation, submit it and wait until it is final."""
    network = bytes.fromhex(node.call("getgenesis")["network"])
    height = node.call("getdatahash")["height"]
    body = build(Envelope(network, key.public, 1, height, height + 500), *arguments)
    params = {"operation": body.decode(), "signature": sign_operation(key, body).hex(), "wait": "final"}
    answer: dict[str, Any] = node.call("submit", params)
    return answer


def open_socket(node: NodeProcess) -> socket.socket:
    """A connection."""
    return socket.create_connection(("127.0.0.1", node.http_port), timeout=30)


def read_all(connection: socket.socket) -> bytes:
    """All that comes until the node closes."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(65_536):
            received += data
    return received


def wait_for_answer(node: NodeProcess) -> None:
    """Wait until the next caller is answered, which takes a moment after one was over the rate."""

    def is_answered() -> bool:
        with contextlib.suppress(ConnectionError, http.client.HTTPException):
            return request(node, "POST", "/", PING)[0].status == 200
        return False

    wait_until(is_answered, 60, "an answer to the next caller")


def memory(node: NodeProcess) -> int:
    """Bytes of the node's memory in use."""
    pages = int(Path(f"/proc/{node.pid}/statm").read_text().split()[1])
    return pages * 4096


def test_a_record_from_writing_to_caching(module_node: NodeProcess) -> None:
    """A record that was written is read over JSON-RPC and REST alike, and a cache is told when it changes."""
    final = write(module_node, KEY, build_put, "film", "metropolis", b'{"title": "Metropolis"}')
    assert final["result"] == "ok"
    path = f"/records/{KEY.public.hex()}/film/metropolis"
    response, body = request(module_node, "GET", path)
    record = module_node.call("getrecord", [KEY.public.hex(), "film", "metropolis"])
    assert json.loads(body) == record
    assert b'{"title": "Metropolis"}' in body
    etag = response.headers["ETag"]
    unchanged, nothing = request(module_node, "GET", path, If_None_Match=etag)
    assert (unchanged.status, nothing) == (304, b"")
    write(module_node, RATER, build_rate, f"{KEY.public.hex()}/film/metropolis", 5)
    changed, body = request(module_node, "GET", path, If_None_Match=etag)
    assert (changed.status, json.loads(body)["ratings_sum"]) == (200, 5)


def test_pages_for_people_and_machines(module_node: NodeProcess) -> None:
    """Page, status, health, metrics and OpenRPC document are served, with CORS and without the server's versions."""
    for path in ("/", "/status", "/health", "/health/live", "/health/ready", "/metrics", "/openrpc.json"):
        response, body = request(module_node, "GET", path)
        assert response.status == 200 and body, path
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.headers["Server"].startswith("cloudnode/")
        head, nothing = request(module_node, "HEAD", path)
        assert (head.status, nothing) == (200, b"")
    assert request(module_node, "OPTIONS", "/")[0].status == 204
    assert request(module_node, "POST", "/", PING)[0].status == 200


@pytest_twisted.ensureDeferred
async def test_the_same_bytes_on_every_transport(module_node: NodeProcess) -> None:
    """The same call at the same height is answered with the same bytes over HTTP, WS TCP, WSS and WS UDP."""
    from twisted.internet import reactor

    write(module_node, KEY, build_put, "film", "nosferatu", b'{"title": "Nosferatu", "year":1922}')
    height = module_node.call("getdatahash")["height"]
    calls: list[tuple[str, dict[str, Any]]] = [
        ("getrecord", {"account": KEY.public.hex(), "collection": "film", "key": "nosferatu"}),
        ("listrecords", {"order": "best"}),
        ("getdatahash", {}),
        ("getlastblocks", {"limit": 5}),
        ("getblock", {"height": height}),
        ("search", {"text": "nosf"}),
    ]
    answers: dict[str, set[tuple[bytes, bytes]]] = {}
    for url in (module_node.http_url, module_node.ws_url, module_node.wss_url, module_node.ws_udp_url):
        client = await connect(url, reactor)
        try:
            for method, params in calls:
                answer = await client.call(method, params, {"at": height})
                answers.setdefault(method, set()).add((bytes(answer.raw), bytes(answer.raw_context)))
        finally:
            await client.close()
    assert {method: len(texts) for method, texts in answers.items()} == {method: 1 for method, _ in calls}


def test_oversize_bodies(strict_node: NodeProcess) -> None:
    """Bodies over the limit are refused before they are sent, or once their chunks add up, and take no memory."""
    before = memory(strict_node)
    with open_socket(strict_node) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                connection.sendall(b"x" * MEGABYTE)
            pytest.fail("the node takes a refused body for ever")
    with open_socket(strict_node) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            connection.sendall(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert read_all(connection).startswith(b"HTTP/1.1 413 ")
    assert memory(strict_node) - before < 16 * MEGABYTE
    wait_for_answer(strict_node)


def test_slow_and_half_open_connections(strict_node: NodeProcess) -> None:
    """Connections that send nothing, half a request, or a byte now and then are closed in time, each by itself."""
    silent, half, slow = (open_socket(strict_node) for _ in range(3))
    with silent, half, slow:
        half.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        with contextlib.suppress(ConnectionError):
            for byte in b"POST / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 300:
                slow.sendall(bytes([byte]))
                time.sleep(0.1)
            pytest.fail("a caller is waited for as long as he sends something")
        wait_for_answer(strict_node)
        assert (read_all(silent), read_all(half)) == (b"", b"")


def test_garbage(strict_node: NodeProcess) -> None:
    """Whatever comes in place of HTTP or JSON-RPC, the next request is answered."""
    for garbage in (
        b"\x00" * 100,
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"POST " + b"x" * 50_000,
    ):
        with open_socket(strict_node) as connection, contextlib.suppress(ConnectionError):
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            read_all(connection)
    for body in (
        b"",
        b"[" * 90_000,
        b'{"method":"' + b"\xff" * 1000 + b'"}',
        b"1" * 90_000,
        b"[" + b"0," * 40_000 + b"0]",
    ):
        response, answer = request(strict_node, "POST", "/", body)
        assert json.loads(answer)["error"]["code"] in (-32700, -32600) and response.status in (200, 429)
    wait_for_answer(strict_node)


def test_reader_that_does_not_read(strict_node: NodeProcess) -> None:
    """A caller that pipelines requests and reads nothing is not answered for ever, and is closed."""
    before = memory(strict_node)
    with open_socket(strict_node) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.settimeout(10)
        discover = b'{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}'
        one = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(discover), discover)
        with pytest.raises((ConnectionError, TimeoutError)):
            for _ in range(100_000):
                connection.sendall(one * 100)
    assert memory(strict_node) - before < 16 * MEGABYTE
    wait_for_answer(strict_node)


def test_rate_and_connections(strict_node: NodeProcess) -> None:
    """Over its rate an address gets 429 with Retry-After; over its connections too; afterwards it is served again."""
    statuses = []
    connection = http.client.HTTPConnection("127.0.0.1", strict_node.http_port, timeout=30)
    while statuses.count(429) <= 10 and len(statuses) < 2_000:  # some 60 if a request takes no time, all if 100 ms
        connection.request("POST", "/", PING)
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
        if response.status == 429:
            assert int(response.headers["Retry-After"]) >= 1
    connection.close()
    assert statuses.count(429) > 10 and statuses[0] == 200
    open_ones = [open_socket(strict_node) for _ in range(25)]
    refused: set[socket.socket] = set()

    def are_refused() -> bool:
        for one in select.select([each for each in open_ones if each not in refused], [], [], 0.1)[0]:
            with contextlib.suppress(OSError):
                if one.recv(100).startswith(b"HTTP/1.1 429 "):
                    refused.add(one)
        return len(refused) >= 5

    wait_until(are_refused, 60, lambda: f"the refusal of 5 ({len(refused)})")
    for one in open_ones:
        one.close()
    wait_for_answer(strict_node)

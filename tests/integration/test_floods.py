"""Callers who send bytes and not messages, too much, too slowly, or read nothing: against a real node.

Each is shut out alone, the node's memory stays within a stated bound, and the next caller is answered soon.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import select
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import build_put
from tests.integration.callers import (
    KEPT,
    PING_REQUEST,
    SECONDS,
    TRANSPORTS,
    Author,
    ClosedError,
    HttpCaller,
    QuicCaller,
    WebSocketSocket,
    assert_clean_log,
    assert_prompt,
    bounded_memory,
    caller,
    configured,
    error_name,
    metric,
    open_caller,
    request,
)
from tests.integration.conftest import NodeProcess, wait_until
from tests.unit.transports.memory import BINARY, CONTINUATION, PONG, TEXT, UPGRADE, make_frame
from tests.unit.transports.quic.ends import stream_frame

DISCOVER = request("rpc.discover")


@pytest.fixture(autouse=True)
def still_serves(module_node: NodeProcess) -> Iterator[None]:
    """After each test the next caller is answered, and nothing unforeseen happened."""
    yield
    assert_prompt(module_node)
    assert_clean_log(module_node)


@pytest.fixture(scope="module")
def strict_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node with small limits, for this machine too."""
    home = tmp_path_factory.mktemp("strict-node")
    config = configured(
        home,
        "[limits]\nhttp_seconds = 3.0\nconnections_address = 12\nrequests_second = 10.0\nrequests_burst = 150\n"
        "trusted = []\n",
    )
    node = NodeProcess(home, config)
    try:
        yield node.start()
        assert_clean_log(node)
    finally:
        node.close()


def dial(port: int, receive_buffer: int = 0) -> socket.socket:
    """A TCP connection."""
    dialled = socket.socket()
    if receive_buffer:
        dialled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    dialled.settimeout(SECONDS)
    dialled.connect(("127.0.0.1", port))
    return dialled


def read_to_end(dialled: socket.socket, seconds: float = SECONDS) -> bytes:
    """All that comes until the node closes; fails if it does not."""
    dialled.settimeout(seconds)
    received = b""
    with contextlib.suppress(ConnectionError):
        while chunk := dialled.recv(65_536):
            received += chunk
    return received


# Bytes that make no sense

GARBAGE = [
    b"\x00" * 64,
    b"\xff" * 2_000,
    b"\x16\x03\x01\xff\xff" + b"\xaa" * 4_000,
    b"\x16" * 4_000,
    bytes.fromhex("00010000 2112a442 000102030405060708090a0b"),
    bytes.fromhex("0001fffc 2112a442") + bytes(65_000),
    b"\x05\x01\x00",
    b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5_000,
    b"GET " + b"/" * 60_000,
    b"GET / HTTP/9.9\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(100),
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n"
    b"Sec-WebSocket-Version: 99\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    b"\r\n" * 1_000,
]


@pytest.mark.parametrize("port", ["ws_port", "http_port"])
def test_garbage_on_tcp(module_node: NodeProcess, port: str) -> None:
    """Whatever comes in place of TLS, HTTP or WebSocket, its connection ends and no other one."""
    random_bytes = random.Random(1)
    garbage = [*GARBAGE, *(random_bytes.randbytes(random_bytes.randrange(1, 3_000)) for _ in range(60))]
    with bounded_memory(module_node, 24), caller(module_node, "ws") as other:
        for each in garbage:
            with dial(getattr(module_node, port)) as dialled, contextlib.suppress(ConnectionError):
                dialled.sendall(each)
                _end(dialled)
                read_to_end(dialled)
            assert b'"pong"' in other.ask(PING_REQUEST)


def _end(dialled: socket.socket) -> None:
    """End this side, unless the other did already."""
    with contextlib.suppress(OSError):
        dialled.shutdown(socket.SHUT_WR)


HTTP_BYTES = [
    ("two lengths", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}}"),
    ("length and chunks",
     b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("length below 0", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}"),
    ("length with a plus", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}"),
    ("bad chunk", b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
    ("endless chunk size", b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 40_000),
    ("header without colon", b"GET / HTTP/1.1\r\nHost x\r\n\r\n"),
    ("space before the colon", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 2\r\n\r\n{}"),
    ("endless header", b"GET / HTTP/1.1\r\nHost: " + b"x" * 100_000),
    ("many headers", b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(5_000)) + b"\r\n"),
]  # fmt: skip


def test_http_smuggling(module_node: NodeProcess) -> None:
    """Requests whose end is not plain are refused and their connection ends, with whatever hides behind them."""
    hidden = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(PING_REQUEST), PING_REQUEST)
    for what, data in HTTP_BYTES:
        with dial(module_node.http_port) as dialled:
            with contextlib.suppress(ConnectionError):
                dialled.sendall(data + hidden)
            received = read_to_end(dialled)
            assert b"pong" not in received, what
            assert received == b"" or received.startswith(b"HTTP/1.1 4"), (what, received[:200])


def test_paths(module_node: NodeProcess) -> None:
    """Odd paths and queries of REST have the documented errors and statuses."""
    account = "ab" * 32
    for path, status, name in (
        ("/nothing", 404, "path_unknown"),
        ("/records", 404, "path_unknown"),
        (f"/records/{account}/film/none", 404, "record_unknown"),
        (f"/records/{account}/film/none?at=1e9", 400, "member_type"),
        (f"/records/{account}/film/none?at=-1", 400, "member_type"),
        (f"/records/{account}/film/none?at=%D9%A1", 400, "member_type"),
        (f"/records/{account}/film/none?at={'9' * 5000}", 400, "member_type"),
        (f"/records/{account}/film/none?at=999999999999", 400, "height_future"),
        (f"/records/{account}/film/none?at=1&at=1", 400, "member_unknown"),
        (f"/records/{account}/film/none?" + "&".join(f"x{n}=1" for n in range(1000)), 400, "member_unknown"),
        (f"/records/{account}/film/none?proof=1", 400, "member_unknown"),
        (f"/records/{account}/film/%00", 400, "member_type"),
        (f"/records/{account}/film/%ff%fe", 404, "path_unknown"),
        (f"/records/{account}/film/{'x' * 5000}", 400, "member_type"),
        (f"/records/{account}/film/a%2Fb", 404, "path_unknown"),
        (f"/records/{account}/../../etc/passwd", 404, "path_unknown"),
        (f"/records/{account}/%2e%2e/passwd", 404, "record_unknown"),
        (f"/records/{account.upper()}/film/x", 400, "member_type"),
        ("/status?at=x", 400, "member_type"),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", module_node.http_port, timeout=SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            answer = response.read()
        assert (response.status, error_name(answer)) == (status, name), (path[:200], response.status, answer[:200])


FRAMES = [
    ("unmasked", b"\x81\x05hello", 1002),
    ("reserved bit", make_frame(TEXT, b"{}", rsv=4), 1002),
    ("reserved opcode", make_frame(3, b"{}"), 1002),
    ("reserved control", make_frame(11, b""), 1002),
    ("long ping", make_frame(9, b"x" * 126), 1002),
    ("ping in pieces", make_frame(9, b"x", final=False), 1002),
    ("continuation of nothing", make_frame(CONTINUATION, b"{}"), 1002),
    ("text within text", make_frame(TEXT, b"{", final=False) + make_frame(TEXT, b"}"), 1002),
    ("binary", make_frame(BINARY, b"{}"), 1003),
    ("cut UTF-8", make_frame(TEXT, b"\xe2\x82"), 1007),
    ("UTF-8 wrong across frames", make_frame(TEXT, b"\xe2", final=False) + make_frame(CONTINUATION, b"x"), 1007),
    ("2^63 bytes", b"\x81\xff" + (2**63).to_bytes(8, "big") + bytes(4), 1002),
    ("2^40 bytes", b"\x81\xff" + (2**40).to_bytes(8, "big") + bytes(4) + bytes(100_000), 1009),
    ("close of one byte", make_frame(8, b"\x03"), 1002),
    ("close with a reserved code", make_frame(8, (1005).to_bytes(2, "big")), 1002),
    ("pieces beyond the limit", b"".join(
        [make_frame(TEXT, b"x" * 60_000, final=False)] + [make_frame(CONTINUATION, b"x" * 60_000, final=False)] * 20
    ), 1009),
    ("thousands of empty pieces", make_frame(TEXT, b"", final=False) + make_frame(CONTINUATION, final=False) * 3_000,
     1009),
]  # fmt: skip


@pytest.mark.parametrize("transport", ["ws", "wss", "ws-udp"])
def test_frames(module_node: NodeProcess, transport: str) -> None:
    """Each violation of the WebSocket protocol has its close code, on TCP, TLS and HTTP/3 alike."""
    with bounded_memory(module_node, 24):
        for what, data, code in FRAMES:
            with caller(module_node, transport) as asking:
                with contextlib.suppress(ConnectionError):
                    if isinstance(asking, QuicCaller):
                        asking.send_raw(data)
                    else:
                        asking.socket.sendall(data)  # type: ignore[attr-defined]
                with pytest.raises(ClosedError) as closed:
                    asking.receive()  # type: ignore[attr-defined]
                assert closed.value.code == code, what


def test_pong_flood(module_node: NodeProcess) -> None:
    """Unasked pongs and pings by the ten thousand cost no memory, and messages among them are answered."""
    with bounded_memory(module_node, 16), caller(module_node, "ws") as asking:
        assert isinstance(asking, WebSocketSocket)
        for _ in range(20):
            asking.socket.sendall(make_frame(PONG, b"x" * 125) * 1_000)
        assert b'"pong"' in asking.ask(PING_REQUEST)


def test_webtransport_lengths(module_node: NodeProcess) -> None:
    """A length of 4 GiB has the stream reset as soon as it is read; the connection's other streams go on."""
    asking = QuicCaller(module_node).open("webtransport")
    with bounded_memory(module_node, 16), contextlib.closing(asking):
        first = asking.stream
        assert b'"pong"' in asking.ask(PING_REQUEST)
        session = asking.sessions_of_streams[first]
        bad = asking.open_message_stream(session)
        asking.quic.send_stream_data(bad, b"\xff\xff\xff\xff" + bytes(50_000))
        asking.transmit()
        assert asking.network.wait(lambda: asking.reset_code(bad) is not None)
        assert b'"pong"' in asking.ask(PING_REQUEST)


# Datagrams


def test_garbage_on_udp(module_node: NodeProcess) -> None:
    """Random datagrams, forged first packets, other versions and STUN make no state and no crash."""
    chance = random.Random(2)
    version = b"\x00\x00\x00\x01"

    def initial() -> bytes:
        ids = b"\x08" + chance.randbytes(8) + b"\x08" + chance.randbytes(8)
        return b"\xc3" + version + ids + b"\x00\x44\x96" + chance.randbytes(1_180)

    kinds = [
        lambda: chance.randbytes(chance.randrange(0, 1_500)),
        lambda: bytes([chance.randrange(64, 128)]) + chance.randbytes(40),
        lambda: b"\xc0" + chance.randbytes(4) + b"\xff" + chance.randbytes(chance.randrange(1_300)),
        initial,
        lambda: initial()[: chance.randrange(1_200)],
        lambda: b"\xc3\xba\xba\xba\xba" + initial()[5:],
        lambda: b"\xf0" + initial()[1:],
        lambda: bytes.fromhex("000100002112a442") + chance.randbytes(12),
    ]
    before = metric(module_node, "cloudnode_quic_connections")
    with bounded_memory(module_node, 32), caller(module_node, "ws-udp") as other:
        for _ in range(10):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
                flood.connect(("127.0.0.1", module_node.ws_udp_port))
                for _ in range(800):
                    with contextlib.suppress(OSError):
                        flood.send(kinds[chance.randrange(len(kinds))]())
            assert b'"pong"' in other.ask(PING_REQUEST)
    wait_until(lambda: metric(module_node, "cloudnode_quic_connections") <= before, 60, "forgetting the forged ones")
    assert metric(module_node, "cloudnode_quic_failures") == 0


def test_offset_gaps(module_node: NodeProcess) -> None:
    """Thirty connections that send single bytes at the far end of every window they are given cost little memory."""
    before = metric(module_node, "cloudnode_quic_connections")
    with bounded_memory(module_node, 48):
        flooding = [QuicCaller(module_node).open("ws-udp") for _ in range(30)]
        for _ in range(40):
            for each in flooding:
                if each.termination is not None:
                    continue
                for stream in (each.stream, each.stream + 4, each.stream + 8):
                    known = each.quic._streams.get(stream)
                    limit = 262_144 if known is None else known.max_stream_data_remote
                    each.send_frames(stream_frame(stream, limit - 1, b"x"))
                each.network.settle(0.001)
        assert_prompt(module_node, "ws-udp", "ws")
        for each in flooding:
            each.close()
    wait_until(lambda: metric(module_node, "cloudnode_quic_connections") <= before, 60, "the end of the connections")


def test_beyond_the_window(module_node: NodeProcess) -> None:
    """A byte beyond what was granted, too many gaps, or handshake bytes far ahead close that connection alone."""
    with caller(module_node, "ws-udp") as other:
        floods = {
            "flow control": [stream_frame(0, 10**9, b"x")],
            "gaps": [stream_frame(0, 1_000 + 2 * run, b"x") for run in range(400)],
            "streams": [stream_frame(4 * 10_000, 0, b"x")],
        }
        for what, frames in floods.items():
            flooding = QuicCaller(module_node).open("ws-udp")
            for start in range(0, len(frames), 40):
                flooding.send_frames(*frames[start : start + 40])
            assert flooding.network.wait(lambda flooding=flooding: flooding.termination is not None), what
            flooding.vanish()
            assert b'"pong"' in other.ask(PING_REQUEST)


def test_abandoned_handshakes(module_node: NodeProcess) -> None:
    """Hundreds of QUIC handshakes that are begun and left: new callers still get in, and all is forgotten in time."""
    before = metric(module_node, "cloudnode_quic_connections")
    with bounded_memory(module_node, 48):
        for _ in range(300):
            begun = QuicCaller(module_node)
            begun.quic.connect(("192.0.2.80", 38083), begun.network.clock.seconds())
            begun.transmit()
            begun.vanish()
        assert_prompt(module_node, "ws-udp", "webtransport")
    wait_until(lambda: metric(module_node, "cloudnode_quic_connections") <= before, 60, "forgetting the handshakes")


# Slow and silent


def test_slowloris(strict_node: NodeProcess) -> None:
    """HTTP requests that trickle, on all the connections that an address may have, are ended in time."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + b"x" * 900
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(dial(strict_node.http_port)) for _ in range(12)]
        began, at = time.monotonic(), 0
        live = set(slow)
        while live and time.monotonic() - began < 40:
            for each in list(live):
                try:
                    each.sendall(head[at : at + 1])
                except OSError:
                    live.discard(each)
            at += 1
            time.sleep(0.05)
        assert not live, "some are served for ever"  # all that they have to send would take 45 s
    wait_until(lambda: _is_served(strict_node), 60, "a place for the next caller")


def _is_served(node: NodeProcess) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException, json.JSONDecodeError), caller(node, "http") as asking:
        return b'"pong"' in asking.ask(PING_REQUEST)
    return False


def test_half_open_handshakes(module_node: NodeProcess) -> None:
    """WebSocket and TLS handshakes that stop half-way take 5 s of one place of their address, and nobody else's."""
    begins = [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00", b"\x00"]
    with bounded_memory(module_node, 16), contextlib.ExitStack() as stack:
        half = [stack.enter_context(dial(module_node.ws_port)) for _ in range(56)]
        for number, each in enumerate(half):
            each.sendall(begins[number % len(begins)])
        # Eight places are left.
        for _ in range(4):
            assert_prompt(module_node, "ws", "wss")
        trickle = dial(module_node.ws_port)
        stack.callback(trickle.close)
        with contextlib.suppress(OSError):
            for byte in UPGRADE % (b"/", b"X: " + b"y" * 1_000 + b"\r\n"):
                trickle.sendall(bytes([byte]))
                time.sleep(0.02)
            pytest.fail("a trickling handshake is taken for ever")
        for each in half:
            assert read_to_end(each) == b""


def test_unread_answers_on_tcp(module_node: NodeProcess) -> None:
    """Twenty callers that ask for long answers without reading, on HTTP, WebSocket and TLS, are held back."""
    with bounded_memory(module_node, 48), contextlib.ExitStack() as stack:
        post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(DISCOVER), DISCOVER)
        frame = make_frame(TEXT, DISCOVER)
        for number in range(20):
            if number % 3 == 0:
                asking, data = dial(module_node.http_port, 4_096), post
            else:
                opened = WebSocketSocket(module_node, tls=number % 3 == 2, receive_buffer=4_096).upgrade()
                asking, data = opened.socket, frame
            stack.callback(asking.close)
            asking.settimeout(0.2)
            with contextlib.suppress(OSError):
                for _ in range(30):
                    asking.sendall(data * 200)
        assert_prompt(module_node)


def test_unread_answers_on_udp(module_node: NodeProcess) -> None:
    """The same by QUIC, where a reader stops by granting nothing more."""
    with bounded_memory(module_node, 32), contextlib.ExitStack() as stack:
        for transport in ("ws-udp", "webtransport") * 5:
            asking = QuicCaller(module_node, max_stream_data=20_000).open(transport)
            stack.callback(asking.close)
            asking.quic._write_stream_limits = lambda **_: None  # type: ignore[method-assign]
            for _ in range(300):
                asking.send(DISCOVER)
            asking.network.settle(0.05)
        assert_prompt(module_node)


def test_reads_again(module_node: NodeProcess) -> None:
    """Who pauses and reads again gets every answer, in full."""
    asking = WebSocketSocket(module_node, receive_buffer=4_096).upgrade()
    with contextlib.closing(asking):
        for number in range(300):
            asking.send(request("rpc.discover", number=number))
        time.sleep(0.3)
        lengths = {len(asking.receive()) for _ in range(300)}
        assert min(lengths) > 10_000
        assert b'"pong"' in asking.ask(PING_REQUEST)


@pytest.mark.parametrize("transport", ["ws", "ws-udp"])
def test_unread_subscriptions(module_node: NodeProcess, transport: str) -> None:
    """Subscribers to a long log who read nothing have nothing kept for them; one who reads is told all of it."""
    author = Author(module_node, SigningKey(os.urandom(32)))
    text = "x" * 60_000
    with caller(module_node, "ws") as writing:
        for number in range(60):
            body = build_put(author.envelope(), "flood", f"{number}", text)
            last = writing.ask(request("submit", author.submission(body, "final" if number == 59 else "accepted")))
    assert json.loads(last)["result"]["result"] == "ok"
    subscription = request(
        "subscribe",
        {"topic": "records", "filter": {"account": author.account}, "after": {"height": 0, "index": 0}},
    )
    with bounded_memory(module_node, 64), contextlib.ExitStack() as stack:
        for _ in range(20):
            if transport == "ws":
                asking: WebSocketSocket | QuicCaller = WebSocketSocket(module_node, receive_buffer=4_096).upgrade()
            else:
                asking = QuicCaller(module_node, max_stream_data=20_000).open(transport)
                asking.quic._write_stream_limits = lambda **_: None  # type: ignore[method-assign]
            stack.callback(asking.close)
            for _ in range(5):
                asking.send(subscription)
        time.sleep(0.5)
        assert_prompt(module_node)
        with caller(module_node, transport) as reading:
            assert error_name(reading.ask(subscription)) is None
            keys: list[str] = []
            while len(keys) < 60:
                told = json.loads(reading.receive())["params"]["items"]  # type: ignore[attr-defined]
                keys += [item["key"] for item in told]
    assert sorted(map(int, keys)) == list(range(60))


# Too many


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_rate(strict_node: NodeProcess, transport: str) -> None:
    """Over its rate an address is told so by name and when to come again, and is served after that."""
    wait_until(lambda: _is_served(strict_node), 60, "a place")
    with caller(strict_node, transport) as asking:
        refused: list[dict[str, Any]] = []
        for _ in range(5_000):  # some 180 if a question takes no time; all, if it took 100 ms or more
            answer = json.loads(asking.ask(PING_REQUEST))
            refused += [answer["error"]] if "error" in answer else []
            if len(refused) > 30:
                break
        assert len(refused) > 30
        assert {error["data"]["code"] for error in refused} == {"too_many_requests"}
        if isinstance(asking, HttpCaller):
            assert asking.status == 429
        time.sleep(refused[-1]["data"]["retry_after"] + 0.2)
        assert json.loads(asking.ask(PING_REQUEST))["result"] == "pong"
        # A batch costs as many as it has; garbage is not cheaper.
        batch = b"[" + b",".join([PING_REQUEST] * 100) + b"]"
        assert error_name(asking.ask(batch)) == "too_many_requests"
        names = {error_name(asking.ask(b"nonsense")) for _ in range(100)}
    assert names <= {"json_malformed", "too_many_requests"}


def test_connections(strict_node: NodeProcess) -> None:
    """An address has so many connections over all transports together; each further one is refused by 429."""
    wait_until(lambda: _is_served(strict_node), 60, "a place")
    with contextlib.ExitStack() as stack:
        for transport in KEPT * 3:
            opened = open_caller(strict_node, transport)
            stack.callback(opened.close)
            # What was asked before counts as well.
            wait_until(lambda opened=opened: b'"pong"' in opened.ask(PING_REQUEST), 60, "an answer")  # type: ignore[misc]
        with dial(strict_node.http_port) as refused:
            assert b"HTTP/1.1 429 " in read_to_end(refused)
        with dial(strict_node.ws_port) as refused:
            refused.sendall(UPGRADE % (b"/", b""))
            answer = read_to_end(refused)
            assert answer.startswith(b"HTTP/1.1 429 ") and b"Retry-After" in answer
        late = QuicCaller(strict_node).connect()
        stream = late.request((b":protocol", b"websocket"))
        late.transmit()
        assert late.network.wait(lambda: late.status(stream) is not None)
        assert late.status(stream) == 429
        late.close()
    wait_until(lambda: _is_served(strict_node), 60, "a place once they left")


def test_connect_and_vanish(module_node: NodeProcess) -> None:
    """A thousand connections that come and go, some in the middle of something, leave nothing behind."""
    frame = make_frame(TEXT, request("getdatahash", context={"min_height": 2**39}))
    with bounded_memory(module_node, 32):
        for number in range(1_000):
            with dial(module_node.ws_port if number % 2 else module_node.http_port) as dialled:
                if number % 4 == 1:
                    dialled.sendall(UPGRADE % (b"/", b"") + frame)
                elif number % 4 == 2:
                    dialled.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
                if number % 8 < 4:  # a reset in place of an orderly end
                    dialled.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    for name in ("cloudnode_ws_open", "cloudnode_tcp_unfinished"):
        wait_until(lambda name=name: metric(module_node, name) == 0, 60, f"the end of all connections ({name})")


def test_bodies_at_once(module_node: NodeProcess) -> None:
    """HTTP bodies on their way in are bounded for all callers together."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    with contextlib.ExitStack() as stack, bounded_memory(module_node, 256):
        dialled = [stack.enter_context(dial(module_node.http_port)) for _ in range(160)]
        for each in dialled:
            with contextlib.suppress(ConnectionError):
                each.sendall(head + b" " * 990_000)
        refused: list[bytes] = []
        waiting, deadline = set(dialled), time.monotonic() + SECONDS
        # Until nothing comes any more.
        while (ready := select.select(list(waiting), [], [], 2.0)[0]) or (
            len(refused) <= 10 and time.monotonic() < deadline
        ):
            waiting.difference_update(ready)
            for each in ready:
                with contextlib.suppress(ConnectionError):
                    answer = each.recv(65_536)
                    refused += [answer] if answer.startswith(b"HTTP/1.1 503 ") else []
        assert 10 < len(refused) < 60
        assert all(b"node_overloaded" in answer and b"Retry-After" in answer for answer in refused)
    wait_until(lambda: _is_served(module_node), 60, "room for the next body")

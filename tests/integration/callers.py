"""Callers of a real node over every transport, blocking and without a reactor, down to the single byte.

``open_caller(node, transport)`` gives one that asks and is answered in whole messages, whatever carries them. Below
that :class:`WebSocketSocket` sends any bytes on TCP or TLS, and :class:`QuicCaller` any frames on UDP.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import psutil
import pytest
from twisted.internet.task import Clock

from cloudnode.formats.genesis import Genesis, decode_genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import Envelope, sign_operation
from tests.integration.conftest import NodeProcess
from tests.unit.transports.memory import CLOSE, PING, TEXT, UPGRADE, Frame, make_frame, parse_frames
from tests.unit.transports.quic.ends import NODE, RawClient, mask_frame

TRANSPORTS = ("http", "ws", "wss", "ws-udp", "webtransport")
KEPT = ("ws", "wss", "ws-udp", "webtransport")
"""Those whose connections stay."""

SECONDS = 30.0
"""For which an answer is waited for."""

MEGABYTE = 1_048_576


class ClosedError(Exception):
    """The node closed the connection.

    :ivar code: The WebSocket close code, HTTP/3's or QUIC's error code, or None where there was none.
    """

    def __init__(self, code: int | None) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Caller(Protocol):
    """Asks a node over some transport."""

    def ask(self, message: bytes) -> bytes:
        """Send one message and wait for the next one that comes.

        :raises ClosedError: The node closed the connection instead.
        """

    def close(self) -> None:
        """Leave."""


def open_caller(node: NodeProcess, transport: str) -> Caller:
    """A caller that is connected.

    :param transport: One of :data:`TRANSPORTS`.
    """
    if transport == "http":
        return HttpCaller(node)
    if transport in ("ws", "wss"):
        return WebSocketSocket(node, tls=transport == "wss").upgrade()
    return QuicCaller(node).open(transport)


@contextlib.contextmanager
def caller(node: NodeProcess, transport: str) -> Iterator[Caller]:
    """A caller for a while."""
    opened = open_caller(node, transport)
    try:
        yield opened
    finally:
        opened.close()


class HttpCaller:
    """Asks by POST, on a connection that is kept.

    :ivar status: Of the last answer.
    """

    def __init__(self, node: NodeProcess) -> None:
        self.status = 0
        self._connection = http.client.HTTPConnection("127.0.0.1", node.http_port, timeout=SECONDS)

    def ask(self, message: bytes) -> bytes:
        """As :class:`Caller` says."""
        # Refused before all of it was sent, the answer is there all the same.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._connection.request("POST", "/", message, {"content-type": "application/json"})
        response = self._connection.getresponse()
        self.status = response.status
        return response.read()

    def close(self) -> None:
        """Leave."""
        self._connection.close()


class WebSocketSocket:
    """A bare socket to the sniffed port, in the clear or in TLS; a WebSocket once :meth:`upgrade` was called."""

    def __init__(self, node: NodeProcess, *, tls: bool = False, receive_buffer: int = 0) -> None:
        plain = socket.socket()
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.settimeout(SECONDS)
        plain.connect(("127.0.0.1", node.ws_port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = _any_certificate().wrap_socket(plain) if tls else plain
        self._frames: list[Frame] = []
        self._rest = b""

    def upgrade(self) -> WebSocketSocket:
        """Do the opening handshake."""
        self.socket.sendall(UPGRADE % (b"/", b""))
        answer = b""
        while b"\r\n\r\n" not in answer:
            chunk = self.socket.recv(4096)
            assert chunk, answer
            answer += chunk
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        self._rest = answer.partition(b"\r\n\r\n")[2]
        return self

    def send(self, message: bytes) -> None:
        """Send one text message in one frame."""
        self.socket.sendall(mask_frame(message))

    def receive(self) -> bytes:
        """The next message.

        :raises ClosedError: The node closed the connection.
        """
        while True:
            while not self._frames:
                try:
                    chunk = self.socket.recv(262_144)
                except (ConnectionError, ssl.SSLError):
                    chunk = b""
                if not chunk:
                    raise ClosedError(None)
                self._frames, self._rest = parse_frames(self._rest + chunk)
            frame = self._frames.pop(0)
            if frame.opcode == TEXT:
                return frame.payload
            if frame.opcode == PING:
                self.socket.sendall(make_frame(10, frame.payload))
            elif frame.opcode == CLOSE:
                with contextlib.suppress(OSError):
                    self.socket.sendall(make_frame(CLOSE, frame.payload[:2]))
                raise ClosedError(int.from_bytes(frame.payload[:2], "big"))

    def ask(self, message: bytes) -> bytes:
        """As :class:`Caller` says."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send(message)
        return self.receive()

    def close(self) -> None:
        """Leave without a word."""
        self.socket.close()


def _any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class UdpNetwork:
    """What :class:`RawClient` takes for its network: one real UDP socket and the real time."""

    def __init__(self, port: int) -> None:
        self.clock = Clock()
        self._began = time.monotonic()
        self._protocol: Any = None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * MEGABYTE)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)

    # As RawClient wants it

    def host(self, address: str) -> UdpNetwork:
        """There is one host."""
        return self

    def listenUDP(self, port: int, protocol: Any) -> UdpNetwork:
        """Deliver datagrams to a protocol from now on."""
        self._protocol = protocol
        return self

    def write(self, datagram: bytes, address: object = None) -> None:
        """Send a datagram to the node. What the system does not take is lost, as on any network."""
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            self.socket.send(datagram)

    def stopListening(self) -> None:
        """Close the socket."""
        self.socket.close()

    def settle(self, seconds: float = 0.02) -> None:
        """Let pass so much time."""
        self.wait(lambda: False, seconds)

    # As tests want it

    def wait(self, condition: Callable[[], bool], seconds: float = SECONDS) -> bool:
        """Take datagrams and let timers fire until a condition holds, or the time is over: whether it holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if select.select([self.socket], [], [], min(left, 0.01))[0]:
                self._take_all()
            self.clock.advance(time.monotonic() - self._began - self.clock.seconds())
        return True

    def _take_all(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                self._protocol.datagramReceived(self.socket.recv(65_536), NODE)


class QuicCaller(RawClient):
    """An HTTP/3 connection in a test's hands; a caller once :meth:`open` was called."""

    network: UdpNetwork  # type: ignore[assignment]

    def __init__(self, node: NodeProcess, **options: Any) -> None:
        super().__init__(UdpNetwork(node.ws_udp_port), **options)  # type: ignore[arg-type]
        self.stream = -1
        self._is_webtransport = False
        self._taken = 0
        self._messages: list[bytes] = []

    def connect(self, h3: bool = True) -> QuicCaller:
        """Do the handshake."""
        super().connect(h3)
        assert self.network.wait(lambda: self.quic._handshake_confirmed), "the QUIC handshake took too long"
        return self

    def open(self, transport: str) -> QuicCaller:
        """Connect and open a WebSocket (``ws-udp``) or a message stream of WebTransport (``webtransport``)."""
        self.connect()
        self._is_webtransport = transport == "webtransport"
        protocol = b"webtransport" if self._is_webtransport else b"websocket"
        self.stream = self.request((b":protocol", protocol), (b"origin", b"https://site.example"))
        self.transmit()
        assert self.network.wait(lambda: self.status(self.stream) is not None), "no answer to CONNECT"
        assert self.status(self.stream) == 200, self.messages
        if self._is_webtransport:
            self.stream = self.open_message_stream(self.stream)
        return self

    def send_raw(self, data: bytes) -> None:
        """Send bytes on the stream."""
        if self._is_webtransport:
            self.quic.send_stream_data(self.stream, data)
        else:
            assert self.h3 is not None
            self.h3.send_data(self.stream, data, end_stream=False)
        self.transmit()

    def send(self, message: bytes) -> None:
        """Send one message."""
        self.send_raw(len(message).to_bytes(4, "big") + message if self._is_webtransport else mask_frame(message))

    def receive(self) -> bytes:
        """The next message.

        :raises ClosedError: The node closed the stream or the connection.
        """
        found: list[bytes] = []

        def come() -> bool:
            message = self._next_message()
            if message is not None:
                found.append(message)
            return bool(found) or self.is_closed

        assert self.network.wait(come), "no answer"
        if not found:
            raise ClosedError(self._close_code())
        return found[0]

    def ask(self, message: bytes) -> bytes:
        """As :class:`Caller` says."""
        self.send(message)
        return self.receive()

    @property
    def is_closed(self) -> bool:
        """Whether the node closed the stream or the connection."""
        return (
            self.termination is not None
            or self.is_ended(self.stream)
            or self.reset_code(self.stream) is not None
            or any(frame.opcode == CLOSE for frame in self._control())
        )

    def close(self) -> None:
        """Close the connection."""
        if self.quic._close_event is None:
            self.quic.close(error_code=0x100)
            self.transmit()
        self.vanish()

    def _next_message(self) -> bytes | None:
        rest = self.body(self.stream)[self._taken :]
        if self._is_webtransport:
            end = 4 + int.from_bytes(rest[:4], "big")
            if len(rest) < max(4, end):
                return None
            self._taken += end
            return rest[4:end]
        frames, _ = parse_frames(rest)
        for frame in frames:
            if frame.opcode == TEXT:
                # What comes before it is control frames, of two bytes and their payload.
                skipped = sum(2 + len(each.payload) for each in frames[: frames.index(frame)])
                begin = 2 + (0 if len(frame.payload) < 126 else 2 if len(frame.payload) < 65_536 else 8)
                self._taken += skipped + begin + len(frame.payload)
                return frame.payload
        return None

    def _control(self) -> list[Frame]:
        if self._is_webtransport or self.stream < 0:
            return []
        return [frame for frame in parse_frames(self.body(self.stream)[self._taken :])[0] if frame.opcode >= 8]

    def _close_code(self) -> int | None:
        for frame in self._control():
            if frame.opcode == CLOSE:
                return int.from_bytes(frame.payload[:2], "big")
        if self.termination is not None:
            return self.termination.error_code
        return self.reset_code(self.stream)


# Requests and what comes of them


def request(method: str, params: object = None, context: object = None, number: int = 1) -> bytes:
    """A JSON-RPC request."""
    members: dict[str, object] = {"jsonrpc": "2.0", "id": number, "method": method}
    if params is not None:
        members["params"] = params
    if context is not None:
        members["context"] = context
    return json.dumps(members, ensure_ascii=False).encode()


PING_REQUEST = request("ping")


def error_name(answer: bytes) -> str | None:
    """The name of the error that an answer tells; None for a result."""
    members = json.loads(answer)
    error = members.get("error")
    return None if error is None else error["data"]["code"]


class Author:
    """Signs operations for a node's network."""

    def __init__(self, node: NodeProcess, key: SigningKey | None = None) -> None:
        self.genesis: Genesis = decode_genesis(node.call("getgenesis")["genesis"].encode())
        self.key = key or SigningKey.generate()
        self.account = self.key.public.hex()
        self._height = node.call("getdatahash")["height"]

    def envelope(self, valid_from: int | None = None, expiry: int | None = None) -> Envelope:
        """Valid from the present height on for as long as the network allows, unless told otherwise."""
        valid_from = self._height if valid_from is None else valid_from
        expiry = valid_from + self.genesis.parameters.window if expiry is None else expiry
        return Envelope(self.genesis.network, self.key.public, 1, valid_from, expiry)

    def members(self, **members: Any) -> bytes:
        """A body of any members over those that every operation has; None leaves one out. Nothing is checked."""
        envelope = self.envelope()
        body: dict[str, Any] = {
            "network": envelope.network.hex(),
            "account": self.account,
            "time": 1,
            "from": envelope.valid_from,
            "expiry": envelope.expiry,
        }
        body.update({name.rstrip("_"): value for name, value in members.items()})
        return json.dumps({name: value for name, value in body.items() if value is not ...}).encode()

    def submission(self, body: bytes, wait: str = "accepted", signature: bytes | None = None) -> dict[str, str]:
        """The parameters of ``submit``."""
        signature = sign_operation(self.key, body) if signature is None else signature
        return {"operation": body.decode(), "signature": signature.hex(), "wait": wait}


# What a node is to keep up


def memory(node: NodeProcess) -> int:
    """Bytes of the node's memory in use."""
    return int(psutil.Process(node.pid).memory_info().rss)


@contextlib.contextmanager
def bounded_memory(node: NodeProcess, megabytes: int) -> Iterator[None]:
    """Fail the test if the node's memory ever grows by more than so much meanwhile (looked at every 10 ms)."""
    before, most = memory(node), 0
    over = threading.Event()

    def watch() -> None:
        nonlocal most
        while not over.wait(0.01):
            with contextlib.suppress(psutil.NoSuchProcess):
                most = max(most, memory(node))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    grown = max(most, memory(node)) - before
    assert grown <= megabytes * MEGABYTE, f"memory grew by {grown / MEGABYTE:.1f} MB"


def assert_prompt(node: NodeProcess, *transports: str, seconds: float = 20.0) -> None:
    """The next caller of each transport is answered soon, its connection included."""
    for transport in transports or TRANSPORTS:
        began = time.monotonic()
        with caller(node, transport) as other:
            answer = json.loads(other.ask(PING_REQUEST))
        took = time.monotonic() - began
        assert answer["result"] == "pong", (transport, answer)
        if took > seconds:
            pytest.fail(f"a ping over {transport} took {took:.2f} s")


def assert_clean_log(node: NodeProcess) -> None:
    """Nothing that callers did went wrong inside of the node."""
    log = node.log
    assert "Traceback" not in log, log[-4000:]


def metric(node: NodeProcess, name: str) -> float:
    """A value of ``/metrics``."""
    connection = http.client.HTTPConnection("127.0.0.1", node.http_port, timeout=SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    for line in text.splitlines():
        if line.rpartition(" ")[0] == name:
            return float(line.rpartition(" ")[2])
    raise AssertionError(f"no metric {name}")


def configured(home: Path, text: str) -> list[str]:
    """Options that have a node read a configuration file of this text."""
    home.mkdir(parents=True, exist_ok=True)
    file = home / "cloudnode.toml"
    file.write_text(text)
    return ["--config", str(file)]

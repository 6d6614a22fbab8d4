"""The sniffed TCP port on real sockets: Autobahn's client, TLS, and callers who behave badly."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint, serverFromString, wrapClientTLS
from twisted.internet.interfaces import IListeningPort
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from cloudnode.transports.certificates import CertificateKeeper
from cloudnode.transports.limits import WebSocketLimits
from cloudnode.transports.seam import Refused
from cloudnode.transports.sniff import SniffingFactory, SniffLimits
from cloudnode.transports.tls import RotatingTLS
from cloudnode.transports.websocket import WebSocketFactory
from tests.unit.transports.behaviour import EchoOpener
from tests.unit.transports.memory import CLOSE, TEXT, UPGRADE, make_frame, parse_frames

# So long that callers who are well are not taken for gone where the machine is busy.
LIMITS = WebSocketLimits(
    handshake_timeout=3.0, ping_interval=1.0, ping_timeout=3.0, close_timeout=3.0, stall_timeout=3.0
)
SNIFF_LIMITS = SniffLimits(handshake_timeout=3.0, max_unfinished_by_address=5)
STUN_REQUEST = bytes.fromhex("0001 0000 2112a442 000102030405060708090a0b")

Listen = Callable[..., Awaitable["Port"]]


@attrs.define
class Port:
    """A sniffed port with an echo behind it."""

    number: int
    opener: EchoOpener
    websocket: WebSocketFactory
    sniffing: SniffingFactory
    keeper: CertificateKeeper


class Caller(WebSocketClientProtocol):
    """Autobahn's client with queues in place of callbacks."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: DeferredQueue[bytes] = DeferredQueue()
        self.closed: Deferred[int] = Deferred()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.messages.put(payload)

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:
        self.closed.callback(self.remoteCloseCode)


@pytest.fixture
def reactor() -> Any:
    """The one that pytest-twisted runs."""
    from twisted.internet import reactor

    return reactor


@pytest.fixture
def listen(reactor: Any, tmp_path: Path) -> Iterator[Listen]:
    """A function that opens a port; all are closed, and have to be free of connections, when the test ends."""
    opened: list[tuple[IListeningPort, Port]] = []

    async def open_port(endpoint: str = "tcp:0:interface=127.0.0.1", *, inside_tls: bool = False) -> Port:
        opener = EchoOpener()
        websocket = WebSocketFactory(opener, reactor, limits=LIMITS, http_at="port 38081")
        keeper = CertificateKeeper(tmp_path / "tls", ["node.example"], reactor, lambda message: message)
        tls = None if inside_tls else RotatingTLS(keeper)
        sniffing = SniffingFactory(websocket, reactor, tls, limits=SNIFF_LIMITS)
        listening = await serverFromString(reactor, endpoint).listen(sniffing)
        port = Port(getattr(listening.getHost(), "port", 0), opener, websocket, sniffing, keeper)
        opened.append((listening, port))
        return port

    yield open_port

    async def close() -> None:
        for listening, port in opened:
            await listening.stopListening()
            await until(
                reactor, lambda port=port: not (port.websocket.counters.open or port.sniffing.counters.unfinished)
            )

    pytest_twisted.blockon(Deferred.fromCoroutine(close()))


async def until(reactor: Any, condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something that the other end does."""
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        await deferLater(reactor, 0.02)
    pytest.fail(f"what was waited for did not happen in {seconds:g} s")


async def call(reactor: Any, port: Port, *, secure: bool = False) -> Caller:
    """Connect with Autobahn's client."""
    scheme = "wss" if secure else "ws"
    factory = WebSocketClientFactory(f"{scheme}://127.0.0.1:{port.number}/ws", reactor=reactor)
    factory.protocol = Caller
    endpoint: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", port.number)
    if secure:
        endpoint = wrapClientTLS(_any_certificate(), endpoint)
    caller: Caller = await endpoint.connect(factory)
    await caller.is_open.addTimeout(30, reactor)
    return caller


async def leave(caller: Caller) -> None:
    """Close in order, and wait for it."""
    caller.sendClose(1000)
    await caller.closed


def dial(port: Port) -> socket.socket:
    """A bare socket, for a thread."""
    dialled = socket.create_connection(("127.0.0.1", port.number), timeout=30)
    dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return dialled


def read_to_end(dialled: socket.socket) -> bytes:
    """All that comes until the node closes, in order or not."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := dialled.recv(65_536):
            received += chunk
    return received


def say(port: Port, data: bytes) -> bytes:
    """Send bytes and read until the node closes."""
    with dial(port) as dialled:
        dialled.sendall(data)
        return read_to_end(dialled)


def upgrade(dialled: socket.socket) -> None:
    """Open a WebSocket on a bare socket."""
    dialled.sendall(UPGRADE % (b"/", b""))
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += dialled.recv(4096)
    assert answer.startswith(b"HTTP/1.1 101 ")


def close_code(port: Port, data: bytes) -> int:
    """Open a WebSocket, send bytes, answer the closing handshake: the code of it."""
    with dial(port) as dialled:
        upgrade(dialled)
        dialled.sendall(data)
        received = b""
        while True:
            frames, _ = parse_frames(received)
            codes = [frame.payload for frame in frames if frame.opcode == CLOSE]
            if codes:
                dialled.sendall(make_frame(CLOSE, codes[0]))
                assert read_to_end(dialled) == b""
                return int.from_bytes(codes[0][:2], "big")
            chunk = dialled.recv(65_536)
            assert chunk, "closed without a word"
            received += chunk


async def still_serves(reactor: Any, port: Port) -> None:
    """The next caller is answered."""
    caller = await call(reactor, port)
    caller.sendMessage(b'"next"')
    assert await caller.messages.get() == b'"next"'
    await leave(caller)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("secure", [False, True])
async def test_autobahn_client(reactor: Any, listen: Listen, secure: bool) -> None:
    """Autobahn's client has its messages of all lengths echoed, in the clear and over TLS on the same port."""
    port = await listen()
    caller = await call(reactor, port, secure=secure)
    lengths = [2, 100, 126, 5_000, 70_000, 262_144]
    for length in lengths:
        caller.sendMessage(b"m" * length)
    assert [len(await caller.messages.get()) for _ in lengths] == lengths
    assert port.opener.session.connection.caller.secure is secure
    assert port.opener.session.connection.caller.address == "127.0.0.1"
    await leave(caller)
    await until(reactor, lambda: "lost" in port.opener.session.events)


@pytest_twisted.ensureDeferred
async def test_many_outstanding(reactor: Any, listen: Listen) -> None:
    """Sixteen callers with a hundred messages under way each get their own answers, in order."""
    port = await listen()
    callers = [await call(reactor, port, secure=bool(number % 4 == 0)) for number in range(16)]
    for number, caller in enumerate(callers):
        for turn in range(100):
            caller.sendMessage(b"%d of %d" % (turn, number))
    for number, caller in enumerate(callers):
        answers = [await caller.messages.get() for _ in range(100)]
        assert answers == [b"%d of %d" % (turn, number) for turn in range(100)]
    for caller in callers:
        await leave(caller)


@pytest_twisted.ensureDeferred
async def test_tls_versions(reactor: Any, listen: Listen) -> None:
    """TLS 1.2 and 1.3 are spoken, 1.1 is not; the certificate is the one that the keeper announces."""
    port = await listen()

    def connect(version: ssl.TLSVersion) -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        with dial(port) as dialled, context.wrap_socket(dialled, server_hostname="other.example") as secured:
            upgrade(secured)
            return secured.getpeercert(binary_form=True) or b""

    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        assert await deferToThread(connect, version) == port.keeper.current.certificate_der
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await deferToThread(connect, ssl.TLSVersion.TLSv1_1)
    assert port.sniffing.counters.tls == 3  # the old one was refused by the node, not by this client
    assert port.websocket.counters.opened == 2


@pytest_twisted.ensureDeferred
async def test_ssl_endpoint(reactor: Any, listen: Listen, tmp_path: Path) -> None:
    """An operator's own TLS endpoint serves the same, and its sessions know that they are secure."""
    files = CertificateKeeper(tmp_path / "own", [], reactor, lambda message: message)
    pem = tmp_path / "own" / "current.pem"
    assert files.current.key_pem in pem.read_bytes()
    port = await listen(f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}", inside_tls=True)
    caller = await call(reactor, port, secure=True)
    caller.sendMessage(b"1")
    assert await caller.messages.get() == b"1"
    assert port.opener.session.connection.caller.secure
    await leave(caller)


@pytest_twisted.ensureDeferred
async def test_unix_endpoint(reactor: Any, listen: Listen, tmp_path: Path) -> None:
    """A Unix socket serves the same; its callers have no address."""
    path = str(tmp_path / "ws.sock")
    port = await listen(f"unix:{path}")

    def talk() -> bytes:
        with socket.socket(socket.AF_UNIX) as dialled:
            dialled.settimeout(30)
            dialled.connect(path)
            upgrade(dialled)
            dialled.sendall(make_frame(TEXT, b"1"))
            return dialled.recv(100)

    assert await deferToThread(talk) == b"\x81\x011"
    assert port.opener.session.connection.caller.address == "local"


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("request_line", [b"GET / HTTP/1.1", b"POST / HTTP/1.1", b"HEAD / HTTP/1.1"])
async def test_plain_http(reactor: Any, listen: Listen, request_line: bytes) -> None:
    """Plain HTTP gets a complete answer that says where to go, and an orderly close."""
    port = await listen()
    request = request_line + b"\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    head, _, body = (await deferToThread(say, port, request)).partition(b"\r\n\r\n")
    assert head.split(b" ")[1] in (b"426", b"405")
    assert b"plain HTTP is served at port 38081" in body
    await still_serves(reactor, port)


@pytest_twisted.ensureDeferred
async def test_refused(reactor: Any, listen: Listen) -> None:
    """A caller over a limit gets HTTP 429 and when to come back."""
    port = await listen()
    port.opener.refusal = Refused(429, "Too many connections from your address.", 3)
    answer = await deferToThread(say, port, UPGRADE % (b"/", b""))
    assert answer.startswith(b"HTTP/1.1 429 ")
    assert b"Retry-After: 3\r\n" in answer


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"\x00" * 64, id="zeros"),
        pytest.param(b"\xff" * 64, id="ones"),
        pytest.param(STUN_REQUEST, id="stun"),
        pytest.param(b"\x05\x01\x00", id="socks"),
        pytest.param(b"\x16\x03\x01\x00\x20" + b"\xaa" * 32, id="broken-tls"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n\r\n\r\n", id="ssh"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5_000, id="endless-head"),
        pytest.param(b"\x16" + os.urandom(2_000), id="random-tls"),
    ],
)
async def test_garbage(reactor: Any, listen: Listen, garbage: bytes) -> None:
    """Whatever is sent that makes no sense has its connection closed, and the next caller is answered."""
    port = await listen()
    await deferToThread(say, port, garbage)
    await still_serves(reactor, port)
    assert not port.opener.refusal


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(make_frame(TEXT, b"x" * 262_145), 1009, id="oversize"),
        pytest.param(b"\x81\xff" + (2**40).to_bytes(8, "big") + b"mask" + b"x" * 100_000, 1009, id="terabyte"),
        pytest.param(make_frame(TEXT, b'"\xff\xfe"'), 1007, id="utf-8"),
        pytest.param(make_frame(2, b"binary"), 1003, id="binary"),
        pytest.param(b"\x81\x05hello", 1002, id="unmasked"),
        pytest.param(make_frame(TEXT, b"", final=False) + make_frame(0, b"", final=False) * 2_000, 1009, id="empty"),
        pytest.param(make_frame(TEXT, b"raise"), 1011, id="our-error"),
    ],
)
async def test_bad_frames(reactor: Any, listen: Listen, data: bytes, code: int) -> None:
    """Each bad message has its close code, and closes no other connection."""
    port = await listen()
    other = await call(reactor, port)
    assert await deferToThread(close_code, port, data) == code
    other.sendMessage(b"still here")
    assert await other.messages.get() == b"still here"
    await leave(other)


@pytest_twisted.ensureDeferred
async def test_silent_callers(reactor: Any, listen: Listen) -> None:
    """Who sends nothing, half a request or half a TLS hello is closed in time; one address has few places."""
    port = await listen()
    begins = [b"", b"GET / HT", b"\x16\x03\x01", b"\x00\x01", b""]

    def dial_all() -> list[socket.socket]:
        dialled = [dial(port) for _ in begins]
        for one, begin in zip(dialled, begins, strict=True):
            one.sendall(begin)
        for _ in range(2):
            # Who is refused may learn it before the call that connects has returned.
            with suppress(ConnectionResetError):
                dialled.append(dial(port))
        return dialled

    dialled = await deferToThread(dial_all)
    await until(reactor, lambda: port.sniffing.counters.refused == 2)
    assert port.sniffing.counters.unfinished == 5
    for one in dialled:
        assert await deferToThread(read_to_end, one) == b""
        one.close()
    assert port.sniffing.counters.timed_out == 5
    await still_serves(reactor, port)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("secure", [False, True])
async def test_half_open(reactor: Any, listen: Listen, secure: bool) -> None:
    """A caller whose machine vanished (no answer to a ping, no end of the stream) is dropped in time."""
    port = await listen()
    caller = await call(reactor, port, secure=secure)
    caller.transport.pauseProducing()
    await until(reactor, lambda: port.opener.session.events == ["lost"])
    assert port.websocket.counters.unresponsive == 1
    caller.transport.abortConnection()


@pytest_twisted.ensureDeferred
async def test_idle_caller_stays(reactor: Any, listen: Listen) -> None:
    """A caller who is idle but answers pings stays."""
    port = await listen()
    caller = await call(reactor, port)
    await deferLater(reactor, LIMITS.ping_interval + LIMITS.ping_timeout + 1)
    caller.sendMessage(b"1")
    assert await caller.messages.get() == b"1"
    await leave(caller)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("secure", [False, True])
async def test_slow_reader(reactor: Any, listen: Listen, secure: bool) -> None:
    """A caller who asks and takes nothing stops being read from, and is dropped; others are served meanwhile."""
    port = await listen()
    caller = await call(reactor, port, secure=secure)
    caller.transport.pauseProducing()
    for _ in range(2_000):
        caller.sendMessage(b"repeat 100000")
    session = port.opener.session
    await until(reactor, lambda: "paused" in session.events)
    await still_serves(reactor, port)
    await until(reactor, lambda: "lost" in session.events)
    # What fits into the kernel's buffers of both ends is taken; the questions go far beyond.
    assert session.events.count(b"repeat 100000") < 500
    assert port.websocket.counters.stalled == 1
    caller.transport.abortConnection()


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("secure", [False, True])
async def test_reader_that_catches_up(reactor: Any, listen: Listen, secure: bool) -> None:
    """A caller who pauses for a moment gets everything afterwards."""
    port = await listen()
    caller = await call(reactor, port, secure=secure)
    caller.transport.pauseProducing()
    for _ in range(200):
        caller.sendMessage(b"repeat 100000")
    session = port.opener.session
    await until(reactor, lambda: "paused" in session.events)
    caller.transport.resumeProducing()
    for _ in range(200):
        assert len(await caller.messages.get()) == 100_000
    assert session.events.count("paused") == session.events.count("resumed")
    await leave(caller)


@pytest_twisted.ensureDeferred
async def test_reset(reactor: Any, listen: Listen) -> None:
    """A caller who resets the connection in the middle of a message is forgotten, whatever was under way."""
    port = await listen()

    def reset() -> None:
        dialled = dial(port)
        upgrade(dialled)
        dialled.sendall(make_frame(TEXT, b"repeat 1000000") * 5 + make_frame(TEXT, b"half")[:7])
        dialled.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        dialled.close()

    await deferToThread(reset)
    await until(reactor, lambda: "lost" in port.opener.session.events)
    await still_serves(reactor, port)


def _any_certificate() -> Any:
    # The keeper's tests and test_tls_versions look at the certificate; here it is only carried over.
    from OpenSSL import SSL
    from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
    from zope.interface import implementer

    context = CertificateOptions(verify=False).getContext()

    @implementer(IOpenSSLClientConnectionCreator)
    class Trusting:
        def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
            return SSL.Connection(context, None)

    return Trusting()

"""A node's STUN servers asked by other people's clients, and ours asking other people's server."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import attrs
import psutil
import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from cloudnode.stun.attributes import mapped_address
from cloudnode.stun.errors import StunRefused
from cloudnode.stun.message import decode
from cloudnode.stun.transaction import make_request
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.stun.asking import connect_stun
from cloudnode.transports.stun.socket import StunSocket
from tests.fuzz.mutation import Mutator
from tests.fuzz.targets import TARGETS
from tests.integration.conftest import NodeProcess, find_free_ports, wait_until

MakeNode = Callable[..., NodeProcess]
SECOND = "127.0.0.2"
BARE = make_request(bytes(range(12)))


def program(name: str) -> str:
    """The path of somebody else's program; on a build server it has to be there."""
    path = shutil.which(name)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return path


def run(*command: object, seconds: float = 60) -> str:
    """What a command prints, whatever its status."""
    done = subprocess.run(
        [str(each) for each in command], capture_output=True, text=True, timeout=seconds, check=False
    )
    return done.stdout + done.stderr


@attrs.frozen
class StunNode:
    """A node with STUN at a port of its own.

    :ivar other_port: The second one, of the second address; 0 if there is none.
    """

    node: NodeProcess
    port: int
    other_port: int = 0


@pytest.fixture(scope="module")
def stun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StunNode]:
    """One with a second address."""
    port, other = find_free_ports(2)
    arguments = ["--stun", f"127.0.0.1:{port}", "--stun-alternate", f"{SECOND}:{other}"]
    node = NodeProcess(tmp_path_factory.mktemp("stun"), arguments)
    try:
        yield StunNode(node.start(), port, other)
    finally:
        node.close()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StunNode]:
    """One without."""
    [port] = find_free_ports(1)
    node = NodeProcess(tmp_path_factory.mktemp("plain"), ["--stun", str(port)])
    try:
        yield StunNode(node.start(), port)
    finally:
        node.close()


def ask(address: tuple[str, int], request: bytes = BARE, seconds: float = 30.0, bind: str = "") -> tuple[bytes, Any]:
    """One datagram and what comes back."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as handle:
        handle.settimeout(seconds)
        handle.bind((bind, 0))
        handle.sendto(request, address)
        data, source = handle.recvfrom(2_048)
        mapped = mapped_address(decode(data))
        assert mapped is not None
        assert mapped[1] == handle.getsockname()[1]
        return data, source


def test_everywhere(plain: StunNode) -> None:
    """The STUN port and the port for WebSocket over UDP answer a bare request with 32 bytes."""
    for port in (plain.port, plain.node.ws_udp_port):
        data, _ = ask(("127.0.0.1", port))
        assert len(data) == 32
    interfaces = plain.node.call("getnodeinfo")["interfaces"]
    assert {(each["transport"], each["protocol"], each["port"]) for each in interfaces} >= {
        ("stun", "udp", plain.port),
        ("stun", "tcp", plain.port),
    }


def test_answer_from_the_asked_address(plain: StunNode) -> None:
    """A socket on all addresses answers from the one that it was asked at."""
    for address in ("127.0.0.1", "127.0.0.5"):
        _, source = ask((address, plain.port), bind="127.0.0.9")
        assert source == (address, plain.port)


def test_over_tcp(plain: StunNode) -> None:
    """The STUN port and the port for WebSocket answer several requests on a connection, however they are cut."""
    for port in (plain.port, plain.node.ws_port):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as handle:
            handle.sendall(BARE[:9])
            handle.sendall(BARE[9:] + BARE)
            answers = b""
            while len(answers) < 64:
                answers += handle.recv(2_048)
            for begin in (0, 32):
                assert mapped_address(decode(answers[begin : begin + 32])) == handle.getsockname()


def open_stream(port: int, *sent: bytes) -> socket.socket:
    """A connection on which something was sent."""
    handle = socket.create_connection(("127.0.0.1", port), timeout=30)
    for each in sent:
        handle.sendall(each)
    return handle


def read_all(handle: socket.socket, size: int) -> bytes:
    """So many bytes, or what came before the end."""
    data = bytearray()
    while len(data) < size and (more := handle.recv(65_536)):
        data += more
    return bytes(data)


def test_many_connections(make_node: MakeNode, tmp_path: Path) -> None:
    """Many connections, of which some send junk, end, are reset, or take no answer: each gets what it should."""
    [port] = find_free_ports(1)
    settings = tmp_path / "node.toml"
    limits = "requests_second = 1e6\nrequests_burst = 10000000\nconnections_address = 300\n"
    settings.write_text(f"[stun-limits]\n{limits}")
    node = make_node("--stun", f"127.0.0.1:{port}", "--config", str(settings)).start()
    process = psutil.Process(node.pid)
    streams = [open_stream(each) for each in (port, port, node.ws_port) for _ in range(50)]
    for handle in streams:
        handle.sendall(BARE[:8])  # a sniffed one has to see that it is STUN
    for _ in range(3):
        for handle in streams:
            handle.sendall(BARE[8:] + BARE[:8])
        for handle in streams:
            assert mapped_address(decode(read_all(handle, 32))) == handle.getsockname()
    assert metric(node, "cloudnode_stun_connections") == 150

    streams[0].sendall(BARE[8:] + b"junk")
    assert len(read_all(streams[0], 64)) == 32, "what came before the junk is answered, and it ends the connection"
    streams[1].shutdown(socket.SHUT_WR)
    assert read_all(streams[1], 1) == b""
    streams[2].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    streams[2].close()
    wait_until(lambda: metric(node, "cloudnode_stun_connections") == 147, 60, "three connections gone")

    before = process.memory_info().rss
    greedy = open_stream(port)
    greedy.settimeout(1.0)
    sent = 0
    with pytest.raises(TimeoutError):
        while sent < 256 * 1_048_576:
            sent += greedy.send(BARE * 4_096)
    assert process.memory_info().rss - before < 4 * 1_048_576, "answers that nobody takes piled up"
    greedy.settimeout(30)
    whole = sent // len(BARE)
    assert len(read_all(greedy, 32 * whole)) == 32 * whole, "who takes the answers late gets them all"
    for handle in (*streams, greedy):
        handle.close()
    wait_until(lambda: metric(node, "cloudnode_stun_connections") == 0, 60, "all connections gone")
    idle = process.cpu_times().user
    assert len(ask(("127.0.0.1", port))[0]) == 32
    assert process.cpu_times().user - idle < 0.5
    assert "Traceback" not in node.log


def test_ipv6(make_node: MakeNode) -> None:
    """A port on all addresses of both families answers both, with 44 and 32 bytes."""
    [port] = find_free_ports(1)
    make_node("--stun", f"[::]:{port}").start()
    data, source = ask(("::1", port))
    assert (len(data), source[:2]) == (44, ("::1", port))
    data, source = ask(("127.0.0.3", port), bind="127.0.0.9")
    assert (len(data), source) == (32, ("127.0.0.3", port))


def test_taken_port(make_node: MakeNode) -> None:
    """The usual port is done without where it is taken; one that was asked for is an error of one line."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        try:
            udp.bind(("", 3478))
            tcp.bind(("", 3478))
            tcp.listen()
        except OSError:
            pass  # somebody else has it, which is as good
        node = make_node(usual_stun=True).start()
        wait_until(lambda: "STUN is not served at TCP port 3478" in node.log, 60, "the log")
        wait_until(lambda: "STUN is not served at UDP port 3478" in node.log, 60, "the other in the log")
        assert not [each for each in node.call("getnodeinfo")["interfaces"] if each["transport"] == "stun"]
        assert len(ask(("127.0.0.1", node.ws_udp_port))[0]) == 32
        refused = make_node("--stun", "3478")
        assert refused.spawn().wait(60) == 1
        assert "cannot serve STUN at port 3478: Address already in use" in refused.log


def test_coturn_client(stun: StunNode, plain: StunNode) -> None:
    """coturn's turnutils_stunclient, which uses RFC 5780 where a server does."""
    client = program("turnutils_stunclient")
    assert "UDP reflexive addr: 127.0.0.1:" in run(client, "-p", plain.port, "127.0.0.1")
    told = run(client, "-p", stun.port, "-f", "127.0.0.1")
    assert told.count("UDP reflexive addr: 127.0.0.1:") >= 2, told
    assert f"Other addr: : {SECOND}:{stun.other_port}" in told, told
    assert f"Response origin: : {SECOND}:{stun.other_port}" in told, told


def test_coturn_discovery(stun: StunNode) -> None:
    """coturn's turnutils_natdiscovery finds out mapping and filtering: there is no NAT here."""
    told = run(program("turnutils_natdiscovery"), "-m", "-f", "-p", stun.port, "127.0.0.1")
    assert re.search(r"NAT with Endpoint Independent Mapping|No NAT detected", told), told
    assert "Endpoint Independent Filtering" in told, told


def test_debian_client(stun: StunNode, plain: StunNode) -> None:
    """Debian's stun, a client of RFC 3489. Without a second address it must not call a NAT open that it can't test."""
    client = program("stun")
    told = run(client, f"127.0.0.1:{stun.port}", "-v")
    assert "Primary: Open" in told, told
    assert f"ChangedAddress = {SECOND}:{stun.other_port}" in told, told
    told = run(client, f"127.0.0.1:{plain.port}", "-v")
    assert "MappedAddress = 127.0.0.1:" in told, told
    assert "Primary: Open" not in told, told


def test_aioice(plain: StunNode) -> None:
    """aioice asks a node when it gathers candidates, and is answered."""
    from aioice import ice

    before = metric(plain.node, "cloudnode_stun_answers")

    async def gather() -> None:
        connection = ice.Connection(ice_controlling=True, stun_server=("127.0.0.1", plain.port), use_ipv6=False)
        await connection.gather_candidates()
        # Without a NAT the candidate by STUN is the host's own, and is left out (RFC 8445, section 5.1.3).
        assert [each.type for each in connection.local_candidates]
        await connection.close()

    asyncio.run(asyncio.wait_for(gather(), 60))
    assert metric(plain.node, "cloudnode_stun_answers") > before


def metric(node: NodeProcess, name: str) -> float:
    """One value of ``/metrics``."""
    connection = node.connect(30)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1])  # type: ignore[index]


@pytest.fixture(scope="module")
def coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """coturn's turnserver, with STUN alone; its port."""
    server = program("turnserver")
    [port] = find_free_ports(1)
    home = tmp_path_factory.mktemp("coturn")
    log = home / "log"
    arguments = ["-n", "-S", "-p", str(port), "-L", "127.0.0.1", "--no-tls", "--no-dtls", "--no-cli"]
    arguments += ["--log-file=stdout", "--pidfile", str(home / "pid"), "--db", str(home / "db")]
    with log.open("wb") as file:
        child = subprocess.Popen([server, *arguments], stdout=file, stderr=file, stdin=subprocess.DEVNULL, cwd=home)
    try:

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(listens, 60, "coturn's start")
        yield port
    finally:
        child.terminate()
        child.wait(30)


@pytest_twisted.ensureDeferred
async def test_our_client(coturn: int) -> None:
    """Our client asks coturn: from a QUIC socket over UDP, and over TCP from a port that a listener has too."""
    from twisted.internet import reactor

    quic = QuicSocket(reactor)  # type: ignore[arg-type]
    quic.listen(0, "127.0.0.1")
    stun = StunSocket(reactor, quic, None)  # type: ignore[arg-type]
    try:
        answer = await stun.questions.ask(("127.0.0.1", coturn))
        assert answer.mapped == quic.host_address
    finally:
        stun.stop()
        await quic.stop()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        port = listener.getsockname()[1]
        connection = await connect_stun(reactor, ("127.0.0.1", coturn), local_port=port)
        assert connection.local_port == port
        for _ in range(3):
            assert (await connection.ask()).mapped == ("127.0.0.1", port)
        connection.close()
        await connection.lost


@pytest_twisted.ensureDeferred
async def test_our_client_and_server(stun: StunNode) -> None:
    """Our client over TCP against our server; a key that it does not know is refused by its name."""
    from twisted.internet import reactor

    connection = await connect_stun(reactor, ("127.0.0.1", stun.port))
    asked: Deferred[Any] = connection.ask(username="nobody", key=bytes(32))
    try:
        await asked
    except Exception as error:
        # An error response without the integrity that was expected proves nothing.
        assert getattr(error, "name", "") == "wrong_integrity" or isinstance(error, StunRefused)
    else:
        pytest.fail("it was answered")
    assert (await connection.ask()).server == ("127.0.0.1", stun.port)
    connection.close()
    await connection.lost


def test_flood(make_node: MakeNode, tmp_path: Path) -> None:
    """A flood from one address is answered within the bucket only; another address is answered all the while."""
    [port] = find_free_ports(1)
    settings = tmp_path / "node.toml"
    settings.write_text("[stun-limits]\nrequests_second = 10\nrequests_burst = 20\n")
    node = make_node("--stun", f"127.0.0.1:{port}", "--config", str(settings)).start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
        flood.bind(("127.0.0.7", 0))
        flood.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_194_304)
        began = time.monotonic()
        for round in range(40):
            for _ in range(250):
                flood.sendto(BARE, ("127.0.0.1", port))
            assert len(ask(("127.0.0.1", port), bind=f"127.0.1.{round + 1}")[0]) == 32
        seconds = time.monotonic() - began
        flood.setblocking(False)
        answered = 0
        try:
            while flood.recv(2_048):
                answered += 1
        except BlockingIOError:
            pass
    limited = metric(node, "cloudnode_stun_limited")
    assert 20 <= answered <= 20 + 10 * seconds + 1
    assert answered + limited == metric(node, "cloudnode_stun_requests_udp") - 40


def test_junk(plain: StunNode) -> None:
    """Junk gets no answer, and the node goes on."""
    before = metric(plain.node, "cloudnode_stun_passed_over")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        handle.connect(("127.0.0.1", plain.port))
        for data in (b"", b"x", os.urandom(1_400), BARE[:19], b"\x01\x01" + BARE[2:], b"\0\x11" + BARE[2:]):
            handle.send(data)
        handle.settimeout(0.3)
        with pytest.raises(TimeoutError):
            handle.recv(2_048)
    assert len(ask(("127.0.0.1", plain.port))[0]) == 32
    assert metric(plain.node, "cloudnode_stun_passed_over") == before + 6
    assert "Traceback" not in plain.node.log


def test_fuzz(make_node: MakeNode) -> None:
    """Damaged datagrams, tens of thousands (or CLOUDNODE_STUN_DATAGRAMS), leave a node and its memory as before."""
    datagrams = int(os.environ.get("CLOUDNODE_STUN_DATAGRAMS", "40000"))
    [port] = find_free_ports(1)
    node = make_node("--stun", f"127.0.0.1:{port}").start()
    places = [("127.0.0.1", port), ("127.0.0.1", node.ws_udp_port)]
    target = TARGETS["stun"]
    mutator = Mutator(Random(1), target.words)
    seeds = target.seeds()
    process = psutil.Process(node.pid)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        handle.bind(("127.0.0.8", 0))

        def send(count: int) -> None:
            for number in range(count):
                handle.sendto(mutator.mutate(seeds)[:1_400], places[number % 2])
                if not number % 50:
                    # No faster than it takes them: what the kernel drops would test nothing.
                    assert ask(places[number // 50 % 2], bind=f"127.0.2.{number // 50 % 250 + 1}")

        send(5_000)
        before, files = process.memory_info().rss, process.num_fds()
        send(datagrams)
        grown = process.memory_info().rss - before
    assert grown < 4 * 1_048_576, f"{grown:,} bytes more"
    assert process.num_fds() <= files
    assert metric(node, "cloudnode_stun_passed_over") > datagrams / 4
    assert "Traceback" not in node.log

"""Real nodes that join a network and follow it: what they hold in the end, and what becomes of those that lie."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import Envelope, build_put, build_rate, sign_operation
from cloudnode.peers.messages import GetOperations, Offer, Ping, Span
from cloudnode.peers.peer import HELD_QUESTIONS_MAX
from tests.integration.callers import bounded_memory
from tests.integration.comparing import differences
from tests.integration.conftest import ROOT, NodeProcess, NodeStarter, wait_until
from tests.integration.hostile_peer import HostilePeer

AUTHOR, RATER = SigningKey(b"\x01" * 32), SigningKey(b"\x02" * 32)


def envelope(node: NodeProcess, key: SigningKey) -> Envelope:
    info = node.call("getnodeinfo")
    height = info["lastblock"]["height"]
    return Envelope(bytes.fromhex(info["network"]), key.public, int(time.time() * 1000), height, height + 500)


def submit(node: NodeProcess, key: SigningKey, body: bytes, wait: str = "final") -> dict[str, object]:
    params = {"operation": body.decode(), "signature": sign_operation(key, body).hex(), "wait": wait}
    answer: dict[str, object] = node.call("submit", params, timeout=60)
    return answer


def put(node: NodeProcess, name: str, wait: str = "final") -> dict[str, object]:
    """Have a node make a record final."""
    return submit(node, AUTHOR, build_put(envelope(node, AUTHOR), "film", name, {"title": name}), wait)


def rate(node: NodeProcess, name: str, stars: int) -> dict[str, object]:
    address = f"{AUTHOR.public.hex()}/film/{name}"
    return submit(node, RATER, build_rate(envelope(node, RATER), address, stars))


def height(node: NodeProcess) -> int:
    found: int = node.call("getnodeinfo")["sync"]["height"]
    return found


def peers(node: NodeProcess) -> set[str]:
    return {peer["id"] for peer in node.call("getpeerinfo")}


def node_id(node: NodeProcess) -> str:
    found: str = node.call("getnodeinfo")["node"]
    return found


def wait_for_same(*nodes: NodeProcess) -> None:
    """Wait until the nodes' databases are the same: root, sums, and row for row."""
    found: list[str] = []

    def are_same() -> bool:
        hashes = [node.call("getdatahash") for node in nodes]
        if any(each != hashes[0] for each in hashes):
            found[:] = [f"{hashes}"]
            return False
        found[:] = differences(nodes)
        return not found

    wait_until(are_same, 120, lambda: f"agreement on all rows, which differ ({found}),")


@pytest.fixture
def network(start_node: NodeStarter) -> list[NodeProcess]:
    """A validator, a follower that joined it, and a follower that joined the follower."""
    validator = start_node()
    first = start_node("--join", validator.ws_url)
    second = start_node("--join", first.http_url)
    wait_until(lambda: len(peers(second)) == 2, 60, "finding the validator through the follower")
    return [validator, first, second]


def test_three_nodes(network: list[NodeProcess]) -> None:
    """What any node takes is final on all, with the same result, and all rows of all databases are the same."""
    validator, first, second = network
    for number, node in enumerate((second, first, validator, second)):
        assert put(node, f"film{number}")["result"] == "ok"
    refused = submit(second, RATER, build_rate(envelope(second, RATER), f"{AUTHOR.public.hex()}/film/none", 3))
    assert refused["result"] == "record_unknown"
    wait_until(lambda: height(second) == height(first) == height(validator), 60, "the same height")
    for number in range(4):
        assert rate(second, f"film{number}", number + 1)["result"] == "ok"
    wait_for_same(validator, first, second)
    told = second.call("getdatahash")
    assert (told["records"], told["ratings_count"], told["ratings_sum"]) == (4, 4, 10)
    info = second.call("getnodeinfo")
    assert (info["sync"]["role"], info["sync"]["trouble"]) == ("follower", None)
    assert info["sync"]["target"] >= info["sync"]["height"]
    # It dials those whom it knows, and they dial it.
    assert info["peers"]["outbound"] >= 1 and info["peers"]["outbound"] + info["peers"]["inbound"] == 2


def test_peers_are_told(network: list[NodeProcess]) -> None:
    """``getpeerinfo`` tells what was measured of each peer, the same link from both its ends."""
    validator, first, _ = network
    put(first, "film")
    wait_until(lambda: all(peer["pingtime"] for node in network for peer in node.call("getpeerinfo")), 60, "pings")

    def is_shown() -> bool:
        told = [peer for peer in first.call("getpeerinfo") if peer["id"] == node_id(validator)]
        return [peer["synced_headers"] >= 2 for peer in told] == [True]

    wait_until(is_shown, 60, "the certificate of a block")
    [there] = [peer for peer in validator.call("getpeerinfo") if peer["id"] == node_id(first)]
    [here] = [peer for peer in first.call("getpeerinfo") if peer["id"] == node_id(validator)]
    assert (there["inbound"], here["inbound"]) == (True, False)
    assert here["addr"] == f"127.0.0.1:{validator.ws_port}"
    # Both in seconds, of which the way of a message takes some where all processors are busy.
    assert 0 <= time.time() - here["conntime"] < 1_000 and abs(here["timeoffset"]) < 20
    assert here["bytessent"] > 200 and here["bytesrecv"] > 200
    [key] = validator.call("getepochs")["epochs"][0]["validators"]
    assert (here["validator"], there["validator"]) == (key, None)
    assert {each["transport"] for each in here["interfaces"]} == {"http", "ws", "ws-udp", "webtransport"}
    metrics = first.call("getnodeinfo")["peers"]
    assert metrics["outbound"] + metrics["inbound"] == 2


def test_killed_in_the_middle(network: list[NodeProcess]) -> None:
    """A follower that is killed while blocks come is back with every row, and the others miss nothing meanwhile."""
    validator, first, second = network
    for number in range(200):
        put(second if number % 2 else validator, f"film{number}", "accepted")
        if number == 60:
            first.kill()
        if number == 140:
            first.start()
    put(first, "last")
    wait_until(lambda: validator.call("getdatahash")["records"] == 201, 60, "all records on the validator")
    wait_for_same(validator, first, second)


def test_validator_killed(network: list[NodeProcess]) -> None:
    """What followers took while the validator was away, or had just given to it, is final after it is back."""
    validator, first, second = network
    for number in range(60):
        put((first, second)[number % 2], f"film{number}", "accepted")
        if number == 20:
            validator.kill()
    assert second.call("getdatahash")["records"] < 60
    validator.start()
    wait_until(lambda: validator.call("getdatahash")["records"] == 60, 60, "all records on the validator")
    wait_for_same(validator, first, second)


def test_joined_node_gone(network: list[NodeProcess], make_node: NodeStarter) -> None:
    """A node finds its way back by its address book, without the node that it joined and without being told of any."""
    validator, first, second = network
    wait_until(lambda: (second.datadir / "peers.json").exists(), 60, "the address book")
    second.stop()
    first.stop()
    second.arguments = []
    second.start()
    wait_until(lambda: peers(second) == {node_id(validator)}, 60, "the link with the validator")
    put(second, "film")
    wait_for_same(validator, second)


def test_pinned(start_node: NodeStarter, make_node: NodeStarter) -> None:
    """A node shows and keeps the network of its first start, and refuses another one's nodes with one line."""
    one, other = start_node(), start_node()
    network, key = one.call("getnodeinfo")["network"], node_id(one)
    place = f"127.0.0.1:{one.ws_port}"
    follower = make_node("--join", f"cloudnode:{key}@{place}?network={network}")
    follower.start()
    assert f"Joining network {network}" in follower.log
    follower.stop()
    follower.arguments = ["--join", other.ws_url]
    assert f"is of network {other.call('getnodeinfo')['network']}" in fail(follower)
    follower.arguments = ["--join", f"cloudnode:{key}@{place}?network={'ab' * 32}"]
    assert "needs another data directory" in fail(follower)
    fresh = make_node("--join", f"cloudnode:{key}@{place}?network={'ab' * 32}")
    assert f"not of {'ab' * 32}" in fail(fresh)
    fresh.arguments = ["--join", f"cloudnode:{'ab' * 32}@{place}"]
    assert "other_node" in fail(fresh)
    fresh.arguments = ["--join", "ws://127.0.0.1:1"]
    assert "cannot join ws://127.0.0.1:1" in fail(fresh)
    fresh.arguments = ["--join", "nonsense"]
    assert fresh.spawn().wait(30) == 1
    assert "--join: 'nonsense' names no node" in fresh.log


def fail(node: NodeProcess) -> str:
    """Start a node that can't start, and return the one line that says why."""
    node.error_path.write_text("")
    process = node.spawn()
    assert process.wait(30) == 1
    lines = [line for line in node.error_path.read_text().splitlines() if line.startswith("cloudnode: ")]
    assert len(lines) == 1, node.log
    return lines[0]


@pytest.mark.parametrize(("lie", "fault"), [("body", "wrong_body"), ("block", "wrong_block"),
                                            ("certificate", "wrong_certificate")])  # fmt: skip
def test_liar(start_node: NodeStarter, make_node: NodeStarter, lie: str, fault: str) -> None:
    """A node that lies is banned, named in the log with what it did, and nobody is the worse for it."""
    validator = start_node()
    for number in range(10):
        put(validator, f"film{number}", "final" if number % 3 == 0 else "accepted")
    liar = make_node("--join", validator.ws_url)
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "HOME": str(liar.home)}
    script = str(Path(__file__).with_name("lying_node.py"))
    command = [sys.executable, script, lie, *liar.options]
    with liar.log_path.open("ab") as log:
        liar.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    wait_until(lambda: "Linked with node" in liar.log, 60, "the liar's start")
    wait_until(lambda: height(liar) == height(validator), 60, "the liar's own catching up")
    name = node_id(liar)
    # The liar tells where the validator is; while that one stands still, there is nobody else to ask.
    os.kill(validator.pid, signal.SIGSTOP)
    try:
        victim = start_node("--join", liar.ws_url)
        wait_until(lambda: f"Banned <Peer {name[:12]}" in victim.log, 60, "the ban")
    finally:
        os.kill(validator.pid, signal.SIGCONT)
    assert f": {fault}: " in victim.log
    wait_for_same(validator, victim)
    wait_until(lambda: name not in peers(victim), 60, "the end of the link with the liar")
    victim.stop()
    book = json.loads((victim.datadir / "peers.json").read_text())
    assert (name, fault) in [(ban["whom"], ban["fault"]) for ban in book["bans"]]


class Relay:
    """Somebody between two nodes, who has the TLS key of the one and shows its certificate to the other.

    :ivar port: Where he listens.
    """

    def __init__(self, node: NodeProcess) -> None:
        self._target = node.ws_port
        self._server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server.load_cert_chain(node.datadir / "tls" / "current.pem")
        self._client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client.check_hostname, self._client.verify_mode = False, ssl.CERT_NONE
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.relayed = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._relay, args=(self._socket.accept()[0],), daemon=True).start()

    def _relay(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError):
            here = self._server.wrap_socket(plain, server_side=True)
            there = self._client.wrap_socket(socket.create_connection(("127.0.0.1", self._target)))
            self._copy({here: there, there: here})

    def _copy(self, sinks: dict[ssl.SSLSocket, ssl.SSLSocket]) -> None:
        """Pass on what comes from each side until it ends; in one thread, for no two may use a connection's TLS."""
        sources = set(sinks)
        while sources:
            for source in [each for each in sources if each.pending()] or select.select(list(sources), [], [])[0]:
                source.setblocking(False)
                try:
                    data = source.recv(65_536)
                except ssl.SSLWantReadError:  # TLS's own
                    continue
                except OSError:
                    data = b""
                finally:
                    source.setblocking(True)
                self.relayed += len(data)
                with contextlib.suppress(OSError):
                    if data:
                        sinks[source].sendall(data)
                    else:
                        sources.discard(source)
                        socket.socket.shutdown(sinks[source], socket.SHUT_WR)  # and no end of its TLS, which goes on

    def close(self) -> None:
        self._socket.close()


def test_man_in_the_middle(node: NodeProcess, make_node: NodeStarter) -> None:
    """Who relays a link over two TLS connections, even with the node's own TLS key, is found out by both nodes."""
    relay = Relay(node)
    try:
        fresh = make_node("--join", f"ws://127.0.0.1:{relay.port}")
        assert "wrong_proof" in fail(fresh)
        assert relay.relayed > 500
        fresh.arguments = ["--join", node.ws_url]
        fresh.start()
        wait_until(lambda: height(fresh) >= 1, 60, "the direct way")
    finally:
        relay.close()


def test_port_for_links(node: NodeProcess) -> None:
    """``/peer`` is served inside TLS alone, to no web page, and what is no link there harms nobody."""
    request = (
        b"GET /peer HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n"
    )
    protocol = b"Sec-WebSocket-Protocol: cloudnode-peer.1\r\n"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for inside, head, status in (
        (False, protocol, b"404"),
        (True, protocol + b"Origin: https://example.org\r\n", b"403"),
        (True, b"", b"400"),
        (True, protocol, b"101"),
    ):
        with socket.create_connection(("127.0.0.1", node.ws_port), timeout=30) as plain:
            stream = context.wrap_socket(plain) if inside else plain
            stream.sendall(request % head)
            assert stream.recv(4096).split()[1] == status
            if status == b"101":
                garbage = os.urandom(60)
                frame = struct.pack(">BB4s", 0x82, 0x80 | len(garbage), bytes(4)) + garbage
                stream.sendall(frame)
                while stream.recv(4096):
                    pass
    assert put(node, "film")["result"] == "ok"
    assert "Traceback" not in node.log


def test_links_over_quic(start_node: NodeStarter) -> None:
    """A node that joins over QUIC follows as any other; the link goes from the very port that it serves on."""
    validator = start_node()
    follower = start_node("--join", validator.ws_udp_url)
    assert put(follower, "film")["result"] == "ok"
    wait_for_same(validator, follower)
    [here], [there] = follower.call("getpeerinfo"), validator.call("getpeerinfo")
    assert (here["protocol"], there["protocol"]) == ("ws-udp", "ws-udp")
    assert here["addr"] == f"127.0.0.1:{validator.ws_udp_port}"
    assert there["addr"] == f"127.0.0.1:{follower.ws_udp_port}"
    assert follower.stop() == 0
    wait_until(lambda: not peers(validator), 60, "the goodbye")
    wait_until(lambda: "it said going_away: the node is stopping" in validator.log, 60, "the log of the goodbye")
    follower.start()
    wait_until(lambda: len(peers(follower)) == 1, 60, "the link after the restart")
    assert put(follower, "again")["result"] == "ok"


def test_peers_that_flood(start_node: NodeStarter) -> None:
    """Nodes that ask without reading, or send without end, are cut off; memory is bounded and other links go on."""
    validator = start_node()
    follower = start_node("--join", validator.ws_url)
    network = bytes.fromhex(validator.call("getnodeinfo")["network"])
    for number in range(40):
        body = build_put(envelope(validator, AUTHOR), "film", f"long{number}", {"title": os.urandom(30_000).hex()})
        submit(validator, AUTHOR, body, "accepted")
    put(validator, "last")
    wait_for_same(validator, follower)
    counts = {each: validator.call("getblock", {"height": each, "limit": 1})["operations_count"]
              for each in range(1, height(validator) + 1)}  # fmt: skip
    # An answer ends where a block has no such operation.
    spans = tuple(Span(each, 0, count) for each, count in counts.items() if count)[:256]
    with bounded_memory(validator, 150):
        deaf = [HostilePeer(validator.ws_port, network, receive_buffer=4096) for _ in range(16)]
        for number in range(HELD_QUESTIONS_MAX // 2):
            for peer in deaf:
                peer.send(GetOperations(number + 1, spans))
        assert put(follower, "meanwhile")["result"] == "ok"
        loud = [HostilePeer(validator.ws_port, network) for _ in range(3)]
        for peer in loud:
            peer.send(*[Offer(os.urandom(64_000))] * 40)
            peer.send(*[Ping(number) for number in range(1_000)])
        assert put(follower, "after")["result"] == "ok"
        for peer in loud:
            assert peer.is_cut_off(60)
    wait_until(lambda: len(peers(validator)) == 1, 90, "the end of those that read nothing")
    for peer in loud:
        banned = f"Banned <Peer {peer.key.public.hex()[:12]}"
        wait_until(lambda banned=banned: banned in validator.log, 60, "the ban")  # type: ignore[misc]
    log = validator.log
    assert ": flooding: " in log
    assert "Traceback" not in log
    for peer in (*deaf, *loud):
        peer.close()
    wait_for_same(validator, follower)


def test_the_other_way(make_node: NodeStarter) -> None:
    """A node that is no longer reached over TCP is dialled over QUIC, and over TCP when it is the other way round."""
    validator = make_node(interfaces=False)
    http = ["--http", f"tcp:{validator.http_port}:interface=127.0.0.1"]
    tcp = ["--ws", f"tcp:{validator.ws_port}:interface=127.0.0.1"]
    quic = ["--ws-udp", f"127.0.0.1:{validator.ws_udp_port}"]
    validator.arguments = [*http, *tcp, *quic]
    validator.start()
    follower = make_node("--join", validator.http_url).start()

    def is_linked_over(transport: str) -> bool:
        return [peer["protocol"] for peer in follower.call("getpeerinfo") if not peer["inbound"]] == [transport]

    wait_until(lambda: is_linked_over("ws"), 60, "the link over TCP")
    for serves, transport in (([*quic, "--ws", "none"], "ws-udp"), ([*tcp, "--ws-udp", "none"], "ws")):
        validator.stop()
        # What the validator knows of the follower it would dial itself.
        (validator.datadir / "peers.json").unlink(missing_ok=True)
        validator.arguments = [*http, *serves]
        validator.start()
        wait_until(lambda wanted=transport: is_linked_over(wanted), 90, f"the link over {transport}")  # type: ignore[misc]
        assert put(follower, f"over {transport}")["result"] == "ok"

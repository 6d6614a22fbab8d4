"""Floods of STUN requests whose source addresses are forged, as real packets between hosts of the laboratory."""

from __future__ import annotations

import ipaddress
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import psutil
import pytest

from cloudnode.stun.attributes import mapped_address
from cloudnode.stun.message import decode
from cloudnode.stun.transaction import make_request
from tests.integration.test_stun import metric
from tests.natlab import natlab
from tests.natlab.nodes import LabNode

RATE, BURST = 20, 40
SETTINGS = f"""
[stun-limits]
requests_second = {RATE}
requests_burst = {BURST}
"""
PORT = 3478
REQUEST = make_request(bytes(range(12)))
ANSWER_BYTES = 32
_IPV4_HEADER_BYTES = 20
_UDP_HEADER = struct.Struct("!HHHH")


@pytest.fixture
def node(lab: natlab.Lab, tmp_path: Path) -> Iterator[LabNode]:
    """A node with a STUN server, small buckets, and nobody else."""
    opened = LabNode(lab.public_host("node"), tmp_path / "node", ["--stun", str(PORT)])
    config = opened.home / "config.toml"
    config.write_text(config.read_text() + SETTINGS)
    try:
        opened.start()
        yield opened
    finally:
        opened.close()


class Forger:
    """Sends UDP datagrams from a host as if they came from others."""

    def __init__(self, host: natlab.Host, target: str) -> None:
        self._raw = host.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self._target = target
        self._packed = socket.inet_aton(target)

    def send(self, source: str, port: int) -> None:
        """One request; the kernel adds the IP header's length, id and checksum, and UDP needs no checksum over IPv4."""
        head = struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0)
        udp = _UDP_HEADER.pack(port, PORT, _UDP_HEADER.size + len(REQUEST), 0)
        self._raw.sendto(head + socket.inet_aton(source) + self._packed + udp + REQUEST, (self._target, 0))


def ask(host: natlab.Host, node: LabNode) -> bool:
    """Ask honestly, once: whether the answer came, and told the truth."""
    with host.socket(type=socket.SOCK_DGRAM) as handle:
        handle.settimeout(30.0)
        handle.bind((host.address, 0))
        handle.sendto(REQUEST, (node.address, PORT))
        try:
            data = handle.recv(2_048)
        except TimeoutError:
            return False
        told: object = mapped_address(decode(data))
        return told == handle.getsockname()


def drain(handle: socket.socket, source: str) -> list[int]:
    """The sizes of what UDP brought to a host from an address."""
    sizes = []
    handle.setblocking(False)
    while True:
        try:
            packet, (sender, _) = handle.recvfrom(65_535)
        except BlockingIOError:
            return sizes
        if sender == source:
            sizes.append(len(packet) - _IPV4_HEADER_BYTES - _UDP_HEADER.size)


def test_one_victim(lab: natlab.Lab, node: LabNode) -> None:
    """Requests in a victim's name, from any port: it gets what one bucket holds, in small answers, and no more."""
    victim, honest = lab.public_host("victim"), lab.public_host("honest")
    forger = Forger(lab.public_host("forger"), node.address)
    seen = victim.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    seen.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_194_304)
    before, sent = metric(node, "cloudnode_stun_answers"), 0
    began = time.monotonic()
    for _ in range(20):
        for _ in range(250):
            forger.send(victim.address, 1_024 + sent)
            sent += 1
        assert ask(honest, node), "somebody else is served all the while"
    seconds = time.monotonic() - began
    sizes = drain(seen, node.address)
    assert BURST <= len(sizes) <= BURST + RATE * seconds + 1, (sizes, seconds)
    assert set(sizes) == {ANSWER_BYTES}
    answers = metric(node, "cloudnode_stun_answers") - before
    assert answers == len(sizes) + 20
    assert answers + metric(node, "cloudnode_stun_limited") == metric(node, "cloudnode_stun_requests_udp")
    time.sleep(3 / RATE)
    assert ask(victim, node), "when the flood is over the victim is served again"


def test_many_sources(lab: natlab.Lab, node: LabNode) -> None:
    """Each request in another name: none gets more than one answer, memory does not grow, honest askers are served."""
    honest = lab.public_host("honest")
    forger = Forger(lab.public_host("forger"), node.address)
    random = Random(1)
    everywhere = ipaddress.ip_network("100.64.0.0/10")
    names = [str(everywhere[number]) for number in random.sample(range(1, everywhere.num_addresses - 1), 30_000)]
    process = psutil.Process(node.pid)

    def flood(sources: list[str]) -> None:
        for number, source in enumerate(sources):
            forger.send(source, random.randrange(1_024, 65_536))
            if not number % 1_000:
                assert ask(honest, node)

    flood(names[:5_000])
    memory, requests = process.memory_info().rss, metric(node, "cloudnode_stun_requests_udp")
    flood(names[5_000:])
    assert process.memory_info().rss - memory < 2 * 1_048_576
    # The kernel may drop some of a flood, but it has to be one.
    taken = metric(node, "cloudnode_stun_requests_udp") - requests
    assert taken > 20_000
    answers, limited = metric(node, "cloudnode_stun_answers"), metric(node, "cloudnode_stun_limited")
    assert answers + limited == metric(node, "cloudnode_stun_requests_udp")
    assert "Traceback" not in node.log

"""Mappings as a node keeps them, without its ledger and links: for ``bench_mappings``."""

from __future__ import annotations

import os
import socket
import struct
import time
from pathlib import Path
from typing import Any, cast

import attrs

from cloudnode.peers.messages import StunServer
from cloudnode.peers.neighbourhood import Neighbourhood
from cloudnode.peers.peer import Peer
from cloudnode.reach.clientsockets import ClientSocket, TcpClientSocket, UdpClientSocket
from cloudnode.reach.keeper import MappingKeeper
from cloudnode.reach.settings import ReachSettings
from cloudnode.service.mappedports import MappedPorts
from cloudnode.transports.certificates import CertificateKeeper
from cloudnode.transports.limits import WebSocketLimits
from cloudnode.transports.seam import Caller, Connection, Refused, Session
from cloudnode.transports.stun.socket import StunSocket

_TCP_INFO_SEGMENTS = struct.Struct("=II")
_SEGMENTS_AT = 136
"""Of ``tcpi_segs_out`` and ``tcpi_segs_in`` in Linux's ``struct tcp_info``."""


@attrs.define(eq=False)
class _Peer:
    """What is looked at of a peer."""

    id: bytes
    address: str = "127.0.0.1"
    dialled: tuple[str, int] = ("127.0.0.1", 38082)


class _NoSessions:
    """Nobody calls (:class:`cloudnode.transports.seam.SessionOpener`)."""

    def check_admission(self, caller: Caller) -> None:
        """Refuse everybody."""
        raise Refused(503, "This is a benchmark.")

    def open_session(self, connection: Connection) -> Session:
        """Refuse everybody."""
        raise Refused(503, "This is a benchmark.")


class Keeping:
    """So many mappings, one UDP and one TCP mapping for each peer that there would be."""

    def __init__(self, reactor: Any, directory: Path, keepalive: float, mappings: int, udp: int, tcp: int) -> None:
        certificates = CertificateKeeper(directory / "tls", [], reactor, lambda text: bytes(64), time.time)
        self._ports = MappedPorts(
            reactor, certificates, _NoSessions(), cast(Neighbourhood, None), WebSocketLimits(), keepalive
        )
        self._reactor = reactor
        settings = ReachSettings(sockets=mappings, keepalive=keepalive, keepalive_longest=keepalive)

        async def probe(peer: Peer) -> None:
            raise ValueError("all peers were dialled")

        self.keeper = MappingKeeper(
            reactor, "always", settings, self._make, probe, lambda address: False, lambda: None
        )
        for number in range(mappings // 2):
            peer = cast(Peer, _Peer(number.to_bytes(32, "big")))
            # Peers come one after the other, and so their keep-alives are spread over the interval.
            delay = number * min(keepalive, 30.0) / mappings * 2
            reactor.callLater(delay, self.keeper.server_told, peer, StunServer(udp, tcp, "bench", b"\1" * 32))

    def _make(self, server: StunServer, host: str) -> list[ClientSocket]:
        quic = self._ports.make_quic()
        return [
            UdpClientSocket(quic, StunSocket(self._reactor, quic, None), "127.0.0.1"),
            TcpClientSocket(self._reactor, self._ports.tcp, "127.0.0.1"),
        ]

    @property
    def known(self) -> int:
        """Mappings that are known."""
        return sum(each.mapping.external is not None for each in self.keeper)

    async def stop(self) -> None:
        """Close all sockets."""
        await self.keeper.stop()


def count_packets(keeping: Keeping) -> tuple[int, int]:
    """Packets sent and received so far: UDP datagrams, and TCP segments as the kernel counts them."""
    sent = received = 0
    for kept in keeping.keeper:
        if isinstance(kept.socket, UdpClientSocket):
            sent += kept.asked
            received += kept.socket.quic.counters.datagrams_received
        elif isinstance(kept.socket, TcpClientSocket) and kept.socket.stream is not None:
            handle = kept.socket.stream.transport.socket
            info = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            out, into = _TCP_INFO_SEGMENTS.unpack_from(info, _SEGMENTS_AT)
            sent, received = sent + out, received + into
    return sent, received


def memory() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

"""Links between nodes on this machine's sockets: what the neighbourhood needs to dial and to take them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Any

from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import Interface
from cloudnode.peers.neighbourhood import Neighbourhood
from cloudnode.peers.peer import Channel, Peer
from cloudnode.peers.places import LinkTransport
from cloudnode.service.listening import Listening
from cloudnode.transports.peerchannel import RELAYS, ChannelKind, PeerChannel, PeerRefused, PeerSocketFactory
from cloudnode.transports.peersocket import dial_peer
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.quic.peers import dial_peer_quic
from cloudnode.transports.relay.endpoint import dial_over_tcp
from cloudnode.transports.relay.stream import LIMITS, RelayedStream


class Dialler:
    """Dials over TCP and TLS, or over QUIC (:class:`cloudnode.peers.dialling.Dial`)."""

    def __init__(self, reactor: Any, timeout: float, sockets: Sequence[QuicSocket] = ()) -> None:
        """
        :param timeout: Seconds for the connection, and over TCP again for its handshakes.
        :param sockets: What serves QUIC, and is dialled from; filled as it is opened.
        """
        self._reactor = reactor
        self._timeout = timeout
        self._sockets = sockets

    def __call__(
        self, transport: LinkTransport, host: str, port: int, make_end: Callable[[Channel], Peer]
    ) -> Awaitable[object]:
        """Open a channel."""
        if transport == "ws-udp":
            return dial_peer_quic(self._reactor, self._sockets, host, port, make_end, timeout=self._timeout)
        return dial_peer(self._reactor, host, port, make_end, timeout=self._timeout)


    def relay(
        self,
        transport: LinkTransport,
        host: str,
        port: int,
        path: str,
        make_end: Callable[[PeerChannel], RelayedStream],
    ) -> Awaitable[object]:
        """Open a channel for a relayed stream (:class:`cloudnode.reach.relaying.accepting.DialRelay`)."""
        if transport == "ws-udp":
            return dial_peer_quic(
                self._reactor, self._sockets, host, port, make_end,
                timeout=self._timeout, limits=LIMITS, purpose=RELAYS, path=path,
            )  # fmt: skip
        return dial_over_tcp(self._reactor, host, port, self._timeout)(path, make_end)


def make_peer_factory(kind: ChannelKind, reactor: Any, neighbourhood: Neighbourhood) -> PeerSocketFactory:
    """What serves ``/peer`` on a WebSocket port or a QUIC socket."""

    def check_admission(address: str, path: str) -> None:
        try:
            neighbourhood.check_admission(address)
        except PeerFault as fault:
            raise PeerRefused(fault.message) from None

    def accept(channel: Channel) -> Peer:
        try:
            return neighbourhood.accept(channel)
        except PeerFault as fault:
            raise PeerRefused(fault.message) from None

    return PeerSocketFactory(kind, reactor, check_admission, accept)


def told_interfaces(listening: Sequence[Listening]) -> list[Interface]:
    """What a node tells its peers that it serves; a port on all addresses is told without one."""
    told = []
    for each in listening:
        # STUN's ports are told to each peer together with a key for it.
        if each.port is None or "stun" in each.transports:
            continue
        address = ip_address(each.address.partition("%")[0])
        host = "" if address.is_unspecified else str(address)
        told += [Interface(transport, host, each.port, each.secure) for transport in each.transports]
    return told

"""Links between nodes on this machine's sockets: what the neighbourhood needs to dial and to take them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Any

from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import Interface
from cloudnode.peers.neighbourhood import Neighbourhood
from cloudnode.peers.peer import Channel, Peer
from cloudnode.service.listening import Listening
from cloudnode.transports.peersocket import PeerRefused, PeerSocketFactory, dial_peer


class Dialler:
    """Dials over TCP and TLS (:class:`cloudnode.peers.dialling.Dial`)."""

    def __init__(self, reactor: Any, timeout: float) -> None:
        """:param timeout: Seconds for the connection, and again for its handshakes."""
        self._reactor = reactor
        self._timeout = timeout

    def __call__(self, host: str, port: int, make_end: Callable[[Channel], Peer]) -> Awaitable[object]:
        """Open a channel."""
        return dial_peer(self._reactor, host, port, make_end, timeout=self._timeout)


def make_peer_factory(reactor: Any, neighbourhood: Neighbourhood) -> PeerSocketFactory:
    """What serves ``/peer`` on a WebSocket port."""

    def check_admission(address: str) -> None:
        try:
            neighbourhood.check_admission(address)
        except PeerFault as fault:
            raise PeerRefused(fault.message) from None

    def accept(channel: Channel) -> Peer:
        try:
            return neighbourhood.accept(channel)
        except PeerFault as fault:
            raise PeerRefused(fault.message) from None

    return PeerSocketFactory(reactor, check_admission, accept)


def told_interfaces(listening: Sequence[Listening]) -> list[Interface]:
    """What a node tells its peers that it serves; a port on all addresses is told without one."""
    told = []
    for each in listening:
        if each.port is None:
            continue
        address = ip_address(each.address.partition("%")[0])
        host = "" if address.is_unspecified else str(address)
        told += [Interface(transport, host, each.port, each.secure) for transport in each.transports]
    return told

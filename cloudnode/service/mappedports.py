"""What is served on ports that a NAT maps: the same as on the node's own WS TCP and WS UDP ports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import attrs
from twisted.internet.interfaces import IProtocolFactory

from cloudnode.peers.neighbourhood import Neighbourhood
from cloudnode.service.links import make_peer_factory
from cloudnode.service.live import LiveConnections
from cloudnode.transports.certificates import CertificateKeeper
from cloudnode.transports.limits import WebSocketLimits
from cloudnode.transports.peerchannel import ChannelKind
from cloudnode.transports.peersocket import OVER_TCP
from cloudnode.transports.quic.limits import QuicLimits
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.quic.peers import OVER_QUIC
from cloudnode.transports.quic.serving import KeptCredentials, make_quic_server
from cloudnode.transports.seam import SessionOpener
from cloudnode.transports.sniff import SniffingFactory
from cloudnode.transports.tls import RotatingTLS
from cloudnode.transports.websocket import WebSocketFactory

PING_SHARE = 0.8
"""A silent connection sends a packet after this share of the seconds between two keep-alives (12 of 15 s), and so keeps
its own way through the NAT open, whatever becomes of the socket's mapping."""


class MappedPorts:
    """Serves on any number of sockets, which share what is dear.

    :ivar tcp: Serves TCP connections. :ivar websockets: :ivar sniffer: For metrics. :ivar sockets: The QUIC sockets.
    """

    def __init__(
        self,
        reactor: Any,
        keeper: CertificateKeeper,
        sessions: SessionOpener,
        neighbourhood: Neighbourhood,
        limits: WebSocketLimits,
        keepalive: float,
        stun: IProtocolFactory | None = None,
        make_relays: Callable[[ChannelKind], IProtocolFactory | None] = lambda kind: None,
    ) -> None:
        """
        :param keepalive: Seconds between two keep-alives of a mapping, before its lifetime is learned.
        :param stun: Answers STUN on TCP connections. :param make_relays: Serves relayed streams, over TCP and QUIC.
        """
        limits = attrs.evolve(limits, ping_interval=PING_SHARE * keepalive)
        self._quic_limits = attrs.evolve(QuicLimits(), keep_alive_seconds=PING_SHARE * keepalive)
        self._reactor = reactor
        self._sessions = sessions
        self._credentials = KeptCredentials(keeper)
        self._peers_quic = make_peer_factory(OVER_QUIC, reactor, neighbourhood)
        self._relays_quic = make_relays(OVER_QUIC)
        self._websockets_quic = WebSocketFactory(sessions, reactor, "ws-udp", limits, secure=True)
        self.websockets = WebSocketFactory(sessions, reactor, "ws", limits)
        self.sniffer = SniffingFactory(
            self.websockets, reactor, RotatingTLS(keeper), stun=stun,
            peers=make_peer_factory(OVER_TCP, reactor, neighbourhood), relays=make_relays(OVER_TCP),
        )  # fmt: skip
        self.tcp = LiveConnections(self.sniffer)
        self.sockets: WeakSet[QuicSocket] = WeakSet()

    def make_quic(self) -> QuicSocket:
        """A socket that serves, not bound yet."""
        made = make_quic_server(
            self._reactor, self._credentials, self._sessions, peers=self._peers_quic,
            relays=self._relays_quic, websockets=self._websockets_quic, limits=self._quic_limits,
        )  # fmt: skip
        self.sockets.add(made)
        return made

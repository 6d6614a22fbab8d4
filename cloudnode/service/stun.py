"""The STUN server of a node: one that decides, on all its sockets."""

from __future__ import annotations

from typing import Any

from cloudnode.service.shutdown import Shutdown
from cloudnode.stun.answering import BindingServer, StunCounters
from cloudnode.stun.credentials import CredentialTable
from cloudnode.stun.limiting import RateLimiter, RateLimits
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.stun.socket import StunSocket
from cloudnode.transports.stun.stream import StunStreamFactory


class StunService:
    """What answers STUN on the QUIC sockets and on the sniffed TCP ports.

    :ivar credentials: The keys by which askers are known; whoever talks with them grants these.
    :ivar counters: What came. :ivar streams: Serves TCP.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.credentials = CredentialTable()
        self.counters = StunCounters()
        self._server = BindingServer(self.credentials, RateLimiter(RateLimits()), self.counters)
        self.streams = StunStreamFactory(reactor, self._server)

    def attach(self, socket: QuicSocket) -> StunSocket:
        """Answer what STUN comes to a QUIC socket; what is returned asks from it."""
        return StunSocket(self._reactor, socket, self._server)

    def begin(self, shutdown: Shutdown) -> None:
        """Have the TCP connections closed at a stop."""
        shutdown.add("STUN connections", self.streams.close_all)

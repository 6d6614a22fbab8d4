"""The STUN servers of a node: one that decides, on all its sockets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from cloudnode.service.config import Config, UdpAddress
from cloudnode.service.listening import Listening, describe, reason, serving_ipv6
from cloudnode.service.shutdown import Shutdown, StartError
from cloudnode.stun.answering import BindingServer, StunCounters
from cloudnode.stun.credentials import CredentialTable
from cloudnode.stun.limiting import RateLimiter
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.reuse import listen_ipv6
from cloudnode.transports.stun.alternate import make_places
from cloudnode.transports.stun.batching import listen_stun
from cloudnode.transports.stun.datagrams import StunDatagrams
from cloudnode.transports.stun.socket import StunSocket
from cloudnode.transports.stun.stream import StunStreamFactory

STUN = "STUN"
DEFAULT = UdpAddress("0.0.0.0", 3478)


class StunService:
    """What answers STUN on the ports for it, on the QUIC sockets and on the sniffed TCP ports.

    :ivar credentials: The keys by which askers are known; whoever talks with them grants these.
    :ivar counters: What came. :ivar streams: Serves TCP. :ivar listening: The ports for STUN alone that are open.
    """

    _log = Logger(namespace="cloudnode.service")

    def __init__(self, config: Config, reactor: Any) -> None:
        self._reactor = reactor
        self._asked_for = config.stun
        self._alternate = config.stun_alternate
        self.credentials = CredentialTable()
        self.counters = StunCounters()
        self._server = BindingServer(self.credentials, RateLimiter(config.stun_limits.rate), self.counters)
        self.streams = StunStreamFactory(reactor, self._server, config.stun_limits.streams)
        self.listening: list[Listening] = []

    def attach(self, socket: QuicSocket) -> StunSocket:
        """Answer what STUN comes to a QUIC socket; what is returned asks from it."""
        return StunSocket(self._reactor, socket, self._server)

    def listen(self, shutdown: Shutdown) -> None:
        """Open the ports for STUN alone.

        :raises StartError: A port that was asked for can't be opened. The one by default is done without.
        """
        shutdown.add("STUN connections", self.streams.close_all)
        if self._asked_for is None:
            self._listen_by_default(shutdown)
            return
        for address in self._asked_for:
            try:
                if self._alternate is None:
                    self._listen_udp(address, StunDatagrams(self._server), shutdown)
                else:
                    self._listen_alternate(address, self._alternate, shutdown)
                self._listen_tcp(address, shutdown)
            except CannotListenError as error:
                raise StartError(f"cannot serve STUN at port {error.port}: {reason(error)}") from None

    def _listen_by_default(self, shutdown: Shutdown) -> None:
        opens: tuple[tuple[str, Callable[[], None], Callable[[], None]], ...] = (
            ("UDP", lambda: self._listen_udp(DEFAULT, StunDatagrams(self._server), shutdown),
             lambda: self._listen_udp_ipv6(shutdown)),
            ("TCP", lambda: self._listen_tcp(DEFAULT, shutdown), lambda: self._listen_tcp_ipv6(shutdown)),
        )  # fmt: skip
        for protocol, open_port, open_ipv6 in opens:
            try:
                open_port()
                with serving_ipv6(self.listening):
                    open_ipv6()
            except CannotListenError as error:
                self._log.info(
                    "STUN is not served at {protocol} port {port} ({reason}), but at the WebSocket ports all the same; "
                    "--stun [ADDRESS:]PORT names another port",
                    protocol=protocol, port=DEFAULT.port, reason=reason(error),
                )  # fmt: skip

    def _listen_udp(self, address: UdpAddress, datagrams: StunDatagrams, shutdown: Shutdown) -> None:
        port = listen_stun(self._reactor, address.port, datagrams, address.host)
        shutdown.add(f"{STUN} at UDP {address}", partial(_stop, port))
        self.listening.append(describe(port.getHost(), ("stun",), "stun", secure=False))

    def _listen_udp_ipv6(self, shutdown: Shutdown) -> None:
        port = listen_stun(self._reactor, DEFAULT.port, StunDatagrams(self._server), "::", only_ipv6=True)
        shutdown.add(f"{STUN} at UDP {DEFAULT.port} over IPv6", partial(_stop, port))

    def _listen_tcp_ipv6(self, shutdown: Shutdown) -> None:
        port = listen_ipv6(self._reactor, self.streams, DEFAULT.port)
        shutdown.add(f"{STUN} at TCP {DEFAULT.port} over IPv6", partial(_stop, port))

    def _listen_tcp(self, address: UdpAddress, shutdown: Shutdown) -> None:
        # Where the system chose the UDP port, TCP has the same one.
        number = address.port or self.listening[-1].port or 0
        port = self._reactor.listenTCP(number, self.streams, interface=address.host)
        shutdown.add(f"{STUN} at TCP {address}", partial(_stop, port))
        self.listening.append(describe(port.getHost(), ("stun",), "stun", secure=False))

    def _listen_alternate(self, address: UdpAddress, alternate: UdpAddress, shutdown: Shutdown) -> None:
        siblings: dict[tuple[str, int], StunDatagrams] = {}
        for place in make_places((address.host, address.port), (alternate.host, alternate.port)):
            siblings[place.address] = StunDatagrams(self._server, place, siblings)
            self._listen_udp(UdpAddress(*place.address), siblings[place.address], shutdown)


def _stop(port: IListeningPort) -> Any:
    return port.stopListening()

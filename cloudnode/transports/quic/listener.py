"""The Twisted shell of a QUIC endpoint: one UDP socket, one clock, one timer a link.

Everything that waits in the socket is fed to the endpoint first; one ``callLater(0)`` then gives the links
their turn, so that a burst of datagrams costs one call of each application and one round of sending.
A link's timer is lazy: it is moved only to an earlier time, and one that comes too early sets itself anew.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from aioquic.quic.configuration import QuicConfiguration
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IListeningPort, IReactorSocket, IReactorTime, IReactorUDP
from twisted.logger import Logger

from cloudnode.transports.quic.counters import QuicCounters
from cloudnode.transports.quic.demultiplexer import DatagramHandler, Demultiplexer
from cloudnode.transports.quic.endpoint import Credentials, QuicEndpoint
from cloudnode.transports.quic.limits import QuicLimits
from cloudnode.transports.quic.link import Address, Application, Cause, Datagram, Link, Loss
from cloudnode.transports.quic.sending import DatagramSender
from cloudnode.transports.quic.windows import BoundedQuicConnection

RECEIVE_BUFFER = 4 * 1024 * 1024


class QuicSocket:
    """A UDP socket that serves QUIC, connects by it, and hands STUN on.

    :param reactor: Provides ``IReactorTime`` and ``IReactorUDP``.
    :param credentials: See :class:`QuicEndpoint`; None for a client only.
    :param accept: Makes the application of a link that a stranger opened.
    :param monotonic: Seconds of a clock that never goes back (``reactor.seconds`` follows the wall clock).
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        *,
        limits: QuicLimits | None = None,
        credentials: Callable[[], Credentials] | None = None,
        accept: Callable[[Link], Application] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        stun: DatagramHandler | None = None,
    ) -> None:
        self._reactor = reactor
        self._monotonic = monotonic
        self.counters = QuicCounters()
        self.endpoint = QuicEndpoint(
            wake=self._schedule_turn,
            limits=limits or QuicLimits(),
            counters=self.counters,
            credentials=credentials,
            accept=accept,
        )
        self.demultiplexer = Demultiplexer(self._quic_received, self.counters, stun)
        self._timers: dict[Link, IDelayedCall] = {}
        self._turn: IDelayedCall | None = None
        self._port: IListeningPort | None = None
        self._sender: DatagramSender | None = None

    def listen(self, port: int, interface: str = "") -> None:
        """Bind the socket.

        :raises twisted.internet.error.CannotListenError: The port is taken or may not be used.
        """
        reactor = IReactorUDP(self._reactor)
        self._port = reactor.listenUDP(port, self.demultiplexer, interface=interface, maxPacketSize=65536)
        _enlarge_receive_buffer(self._port)
        self._sender = DatagramSender(self._port, is_connected=False)

    def adopt(self, handle: socket.socket) -> None:
        """Take over a UDP socket that is bound already; the caller's own is to be closed."""
        reactor = IReactorSocket(self._reactor)
        self._port = reactor.adoptDatagramPort(handle.fileno(), handle.family, self.demultiplexer, 65536)
        _enlarge_receive_buffer(self._port)
        self._sender = DatagramSender(self._port, is_connected=False)

    @property
    def host_address(self) -> Address:
        """Where the socket is bound; ("", 0) while it is not."""
        if self._port is None:
            return ("", 0)
        host = self._port.getHost()
        assert isinstance(host, IPv4Address | IPv6Address)
        return (host.host, host.port)

    def check_route(self, host: str) -> None:
        """See whether packets can be sent to an address, as this socket writes it. None is sent.

        :raises OSError: The system knows no way there, so that waiting for an answer would be in vain.
        """
        handle = getattr(self._port, "socket", None)
        if isinstance(handle, socket.socket):
            with socket.socket(handle.family, socket.SOCK_DGRAM) as trial:
                trial.connect((host, 9))

    def prepare(self, configuration: QuicConfiguration) -> BoundedQuicConnection:
        """Make ready to connect from this socket; see :meth:`QuicEndpoint.prepare`."""
        return self.endpoint.prepare(configuration)

    def connect(
        self, addr: Address, quic: BoundedQuicConnection, make_application: Callable[[Link], Application]
    ) -> Link:
        """Open a prepared connection from this socket; see :meth:`QuicEndpoint.connect`."""
        return self.endpoint.connect(addr, quic, make_application, self._monotonic())

    @property
    def is_turn_due(self) -> bool:
        """Whether links wait for their turn, which comes next."""
        return self._turn is not None

    def connect_only(self, addr: Address) -> None:
        """Talk with this address alone from now on, and learn when nobody listens there."""
        transport = self.demultiplexer.transport
        assert transport is not None
        transport.connect(*addr)
        self._sender = DatagramSender(transport, is_connected=True)
        self.demultiplexer.refused = self._peer_refused
        self.demultiplexer.stopped = self._socket_stopped

    def write(self, datagram: bytes, addr: Address, hops: int | None = None) -> None:
        """Send a datagram that is none of QUIC's, such as STUN's. One that can't be sent is lost.

        :param addr: Of any family; a socket for IPv6 reaches IPv4 by addresses that are dressed as IPv6.
        :param hops: After how many routers it ends (TTL of IPv4, hop limit of IPv6); None for the system's default.
        """
        if self._sender is None:
            return
        if ":" in self.host_address[0]:
            addr = (addr[0] if ":" in addr[0] else f"::ffff:{addr[0]}", addr[1])
        elif ":" in addr[0]:
            return
        self.counters.datagrams_sent += 1
        self.counters.bytes_sent += len(datagram)
        with self._limit_hops(addr[0], hops):
            self._sender.send([(datagram, addr)])

    @contextlib.contextmanager
    def _limit_hops(self, host: str, hops: int | None) -> Iterator[None]:
        """Let what is sent meanwhile end after so many routers."""
        transport: Any = self.demultiplexer.transport
        if hops is None or transport is None:
            yield
            return
        is_ipv4 = ":" not in host or host.startswith("::ffff:")
        option = (
            (socket.IPPROTO_IP, socket.IP_TTL) if is_ipv4 else (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)
        )
        handle = transport.getHandle()
        usual = handle.getsockopt(*option)
        handle.setsockopt(*option, hops)
        try:
            yield
        finally:
            handle.setsockopt(*option, usual)

    def admit_no_more(self) -> None:
        """Take no new connection; those that are open live on."""
        self.endpoint.admit_no_more()

    def stop_serving(self) -> None:
        """Take no new connection, and close those that carry no link between nodes; the others live until they stop."""
        self.endpoint.stop_serving()

    def stop(self) -> Deferred[None]:
        """Close every connection, telling the peers, and then the socket. Fires when it is closed."""
        if self._port is None:
            return succeed(None)
        self._send(self.endpoint.close(self._monotonic()))
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        self._sender = None
        port, self._port = self._port, None
        return port.stopListening() or succeed(None)

    def _quic_received(self, datagram: bytes, addr: Address) -> None:
        self.endpoint.receive_datagram(datagram, addr, self._monotonic())

    def _peer_refused(self) -> None:
        for link in self.endpoint.links:
            if not link.is_established:
                self.endpoint.drop(link, Loss(Cause.UNREACHABLE))

    def _socket_stopped(self) -> None:
        if self._port is None:
            return  # by stop()
        self._peer_refused()
        for link in self.endpoint.links:
            self.endpoint.drop(link, Loss(Cause.FAILED, reason="the socket was closed"))

    def _schedule_turn(self) -> None:
        if self._turn is None:
            self._turn = self._reactor.callLater(0, self._take_turn)

    def _take_turn(self) -> None:
        self._turn = None
        turn = self.endpoint.take_turn(self._monotonic())
        self._send(turn.datagrams)
        for link in turn.links:
            self._arm(link)

    def _send(self, datagrams: list[Datagram]) -> None:
        if datagrams and self._sender is not None:
            self._sender.send(datagrams)

    def _arm(self, link: Link) -> None:
        deadline = link.deadline()
        timer = self._timers.get(link)
        if deadline is None:
            if timer is not None:
                timer.cancel()
                del self._timers[link]
            return
        delay = max(0.0, deadline - self._monotonic())
        if timer is None:
            self._timers[link] = self._reactor.callLater(delay, self._timer_came, link)
        elif timer.getTime() > self._reactor.seconds() + delay:
            timer.reset(delay)

    def _timer_came(self, link: Link) -> None:
        del self._timers[link]
        now = self._monotonic()
        deadline = link.deadline()
        if deadline is not None and deadline <= now:
            self.endpoint.handle_timer(link, now)
        else:
            self._arm(link)


def _enlarge_receive_buffer(port: IListeningPort) -> None:
    """Ask for room for a burst; the kernel gives what it allows."""
    handle = getattr(port, "socket", None)
    if isinstance(handle, socket.socket):
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)

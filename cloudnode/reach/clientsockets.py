"""STUN-Client sockets: each keeps a mapping open by asking its server, and serves API and links on the same port."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from cloudnode.formats.stundata import Protocol as TransportProtocol
from cloudnode.reach.asking import KEEPALIVE_TIMING, ServerAccess, external
from cloudnode.reach.mapping import External
from cloudnode.stun.attributes import Address
from cloudnode.stun.errors import StunError
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.reuse import listen_reusable
from cloudnode.transports.stun.asking import AskingStream, connect_stun
from cloudnode.transports.stun.socket import StunSocket


class ClientSocket(Protocol):
    """One such socket, over UDP or TCP."""

    protocol: TransportProtocol

    @property
    def local(self) -> Address:
        """Its own address and port."""

    @property
    def is_used(self) -> bool:
        """Whether somebody is connected to it, so that it is not to be closed yet."""

    @property
    def connected_from(self) -> str:
        """The IP address that it is connected from; empty where nothing is connected."""

    def disconnect(self) -> None:
        """End the connection to the server, if there is one: the next question makes another."""

    def ask(self, server: ServerAccess) -> Deferred[External]:
        """Ask where it is seen; fails if that can't be learned."""

    def admit_no_more(self) -> None:
        """Take no new connection; those that are open live on."""

    def stop_serving(self) -> None:
        """Take no new connection, and close those that carry no link between nodes."""

    def stop(self) -> Deferred[None]:
        """Close it."""


class UdpClientSocket:
    """A QUIC socket that asks (:class:`ClientSocket`).

    :ivar quic: The socket. :ivar stun: STUN on it.
    """

    protocol: TransportProtocol = "udp"

    def __init__(self, quic: QuicSocket, stun: StunSocket, interface: str) -> None:
        """Bind it to a port that is free.

        :param quic: Serves; not bound yet. :param stun: What is attached to it.
        :param interface: An IP address, ``::``, or empty for all of IPv4.
        :raises twisted.internet.error.CannotListenError: There is none.
        """
        self.quic = quic
        self.stun = stun
        quic.listen(0, interface)

    @property
    def local(self) -> Address:
        """Its own address and port."""
        return self.quic.host_address

    @property
    def is_used(self) -> bool:
        """Whether there are connections."""
        return bool(self.quic.endpoint.links)

    @property
    def connected_from(self) -> str:
        """Datagrams go from whichever address there is."""
        return ""

    def disconnect(self) -> None:
        """There is no connection."""

    def ask(self, server: ServerAccess) -> Deferred[External]:
        """Ask where it is seen."""
        asking = self.stun.questions.ask(
            server.address, username=server.username, key=server.key, timing=KEEPALIVE_TIMING
        )
        return asking.addCallback(external)

    def admit_no_more(self) -> None:
        """Take no new connection."""
        self.quic.admit_no_more()

    def stop_serving(self) -> None:
        """Take no new connection, and close the others but for links between nodes."""
        self.quic.stop_serving()

    def stop(self) -> Deferred[None]:
        """Close it."""
        self.stun.stop()
        return self.quic.stop()


class TcpClientSocket:
    """A listening socket and a connection to the STUN server from its port (:class:`ClientSocket`).

    :ivar local: Its own address and port. :ivar stream: The connection; None while there is none.
    """

    protocol: TransportProtocol = "tcp"

    def __init__(self, reactor: Any, factory: IProtocolFactory, interface: str) -> None:
        """Listen on a port that is free.

        :param factory: Serves what comes. :param interface: As for UDP.
        :raises OSError: There is none.
        """
        self._reactor = reactor
        self._interface = interface
        self._port: IListeningPort | None = listen_reusable(reactor, factory, interface)
        host: Any = self._port.getHost()
        self.local: Address = (host.host, host.port)
        self.stream: AskingStream | None = None
        self._connecting: Deferred[AskingStream] | None = None
        self._is_stopped = False

    @property
    def is_used(self) -> bool:
        """False: connections that were taken live without the listening socket."""
        return False

    def ask(self, server: ServerAccess) -> Deferred[External]:
        """Ask where it is seen; connect before if there is no connection."""
        if self._is_stopped:
            return fail(StunError("disconnected"))
        if self.stream is not None:
            return self._ask_on(self.stream, server)
        connecting = self._connecting = connect_stun(
            self._reactor, server.address, local_port=self.local[1], interface=self._interface,
            timeout=KEEPALIVE_TIMING.ti,
        )  # fmt: skip

        def connected(stream: AskingStream) -> Deferred[External]:
            self._connecting, self.stream = None, stream
            stream.lost.addCallback(lambda _: self._lost(stream))
            # In the next turn, for it may be told before the transport is there.
            later: Deferred[Any] = deferLater(self._reactor, 0, lambda: self._ask_on(stream, server))
            return later

        def failed(failure: Failure) -> Deferred[External]:
            self._connecting = None
            raise StunError("disconnected", failure.getErrorMessage())

        done: Deferred[Any] = connecting
        return done.addCallbacks(connected, failed)

    @staticmethod
    def _ask_on(stream: AskingStream, server: ServerAccess) -> Deferred[External]:
        def failed(failure: Failure) -> Failure:
            # What does not answer on a stream never will: another connection takes its port.
            stream.transport.abortConnection()
            return failure

        asking = stream.ask(username=server.username, key=server.key, timing=KEEPALIVE_TIMING)
        done: Deferred[Any] = asking
        return done.addCallbacks(external, failed)

    @property
    def connected_from(self) -> str:
        """The IP address that the connection goes from; empty while there is none."""
        return "" if self.stream is None else self.stream.local_host

    def disconnect(self) -> None:
        """End the connection, and with it what is asked on it."""
        if self.stream is not None:
            self.stream.transport.abortConnection()

    def _lost(self, stream: AskingStream) -> None:
        if self.stream is stream:
            self.stream = None

    def admit_no_more(self) -> None:
        """Listen no longer."""
        port, self._port = self._port, None
        if port is not None:
            port.stopListening()

    def stop_serving(self) -> None:
        """Listen no longer; whoever serves the connections closes them."""
        self.admit_no_more()

    def stop(self) -> Deferred[None]:
        """Give up the connection to the server as well."""
        self._is_stopped = True
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
        if self.stream is not None:
            self.stream.close()
        port, self._port = self._port, None
        return succeed(None) if port is None else (port.stopListening() or succeed(None))

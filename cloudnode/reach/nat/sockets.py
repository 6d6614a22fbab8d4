"""A UDP socket that asks STUN servers and waits for Binding indications, and serves nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import DatagramProtocol

from cloudnode.reach.nat.deciding import Seen
from cloudnode.stun.attributes import Address, pack_host, unpack_host
from cloudnode.stun.transaction import Answer, Timing, make_indication
from cloudnode.transports.stun.socket import Questions


class SurveySocket(DatagramProtocol):
    """One such socket, at a port of its own.

    :ivar arrived: Where each indication that was expected came from, by its transaction id.
    """

    noisy = False

    def __init__(self, reactor: Any, monotonic: Callable[[], float], *, is_ipv6: bool = False) -> None:
        """Bind it.

        :param monotonic: Seconds of a clock that never goes back.
        :raises twisted.internet.error.CannotListenError: No port is free.
        """
        self.arrived: dict[bytes, Address] = {}
        self._reactor = reactor
        self.questions = Questions(reactor, self._send, monotonic=monotonic)
        self._port: IListeningPort | None = reactor.listenUDP(0, self, interface="::" if is_ipv6 else "")

    @property
    def local_port(self) -> int:
        """The port that it is bound to."""
        host: Any = None if self._port is None else self._port.getHost()
        return 0 if host is None else int(host.port)

    def ask(self, server: Address, timing: Timing) -> Deferred[Seen]:
        """Ask a STUN server where it sees this socket; without a credential, as a stranger."""

        def answered(answer: Answer) -> Seen:
            return Seen(server, self.local_port, (unpack_host(pack_host(answer.mapped[0])), answer.mapped[1]))

        return self.questions.ask(server, timing=timing).addCallback(answered)

    def expect(self, transaction: bytes) -> None:
        """Note where an indication with this id comes from."""

        def arrived(source: Address) -> None:
            self.arrived[transaction] = (unpack_host(pack_host(source[0])), source[1])

        self.questions.expect(transaction).addCallback(arrived)

    def indicate(self, transaction: bytes, to: Address) -> None:
        """Send a Binding indication."""
        self._send(make_indication(transaction), to)

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        """Take an answer, or an indication that is expected."""
        self.questions.receive(datagram, addr)

    def close(self) -> None:
        """Close it; what was asked fails."""
        self.questions.stop()
        port, self._port = self._port, None
        if port is not None:
            port.stopListening()

    def _send(self, data: bytes, to: Address) -> None:
        transport: Any = self.transport
        if transport is not None and self._port is not None:
            try:
                transport.write(data, to)
            except OSError:
                return  # as if it were lost on its way

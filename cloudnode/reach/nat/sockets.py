"""A UDP socket that asks STUN servers and waits for Binding indications, and serves nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import DatagramProtocol

from cloudnode.reach.nat.deciding import Seen
from cloudnode.stun.attributes import Address, pack_host, unpack_host
from cloudnode.stun.errors import StunError
from cloudnode.stun.message import BINDING, TRANSACTION_BYTES, Kind, Message, decode, encode
from cloudnode.stun.transaction import Answer, Timing
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
        self._expected: set[bytes] = set()
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
        self._expected.add(transaction)

    def indicate(self, transaction: bytes, to: Address) -> None:
        """Send a Binding indication."""
        assert len(transaction) == TRANSACTION_BYTES
        self._send(encode(Message(BINDING, Kind.INDICATION, transaction)), to)

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        """Take an answer, or an indication that is expected."""
        try:
            message = decode(datagram)
        except StunError:
            return
        if message.kind is not Kind.INDICATION:
            self.questions.receive(datagram, addr)
        elif message.transaction in self._expected:
            self._expected.discard(message.transaction)
            self.arrived[message.transaction] = (unpack_host(pack_host(addr[0])), addr[1])

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

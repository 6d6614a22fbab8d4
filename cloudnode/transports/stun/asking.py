"""Questions over TCP, from a local port that others of this program may have as well.

What listens at that port and what connects from it have all set SO_REUSEADDR and SO_REUSEPORT, so that a NAT that maps
the port for the connection to the STUN server may let others come in by the same mapping.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.internet.tcp import makeBinding
from twisted.python.failure import Failure

from cloudnode.stun.attributes import Address
from cloudnode.stun.errors import StunError
from cloudnode.stun.framing import MessageSplitter
from cloudnode.stun.transaction import Answer, Timing
from cloudnode.transports.stun.socket import Questions

ANSWER_BYTES_MAX = 2_048


class AskingStream(Protocol):
    """A connection to a STUN server; any number of questions can be asked on it, and it keeps a mapping open.

    :ivar lost: Fires when the connection is gone.
    """

    transport: Any

    def __init__(
        self,
        reactor: Any,
        monotonic: Callable[[], float],
        random: Callable[[int], bytes],
        opened: Deferred[AskingStream] | None = None,
    ) -> None:
        """:param opened: Fired with this when the server is reached."""
        self._opened = opened
        self._splitter = MessageSplitter(ANSWER_BYTES_MAX)
        self._questions = Questions(
            reactor, lambda data, _: self.transport.write(data), reliable=True, monotonic=monotonic, random=random
        )
        self._server: Address = ("", 0)
        self.lost: Deferred[None] = Deferred()

    @property
    def local_port(self) -> int:
        """The port that it goes from."""
        return int(self.transport.getHost().port)

    @property
    def local_host(self) -> str:
        """The IP address that it goes from."""
        return str(self.transport.getHost().host)

    def connectionMade(self) -> None:
        """The server is reached."""
        peer = self.transport.getPeer()
        self._server = (peer.host, peer.port)
        self.transport.setTcpNoDelay(True)
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.callback(self)

    def ask(
        self, *, username: str | None = None, key: bytes | None = None, timing: Timing | None = None
    ) -> Deferred[Answer]:
        """Send a Binding request.

        :returns: Fires with the answer, or fails with :class:`StunError`. Cancelling it forgets the request.
        """
        if self.lost.called:
            return fail(StunError("disconnected"))
        return self._questions.ask(self._server, username=username, key=key, timing=timing)

    def expect(self, transaction: bytes) -> Deferred[Address]:
        """Fires when a Binding indication with this id comes. Cancelling it forgets it."""
        return self._questions.expect(transaction)

    def dataReceived(self, data: bytes) -> None:
        """Take answers and indications."""
        try:
            for message in self._splitter.feed(data):
                self._questions.receive(message, self._server)
        except StunError as error:
            self._questions.stop(error)
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """What was asked fails."""
        self._questions.stop()
        self.lost.callback(None)

    def close(self) -> None:
        """Close the connection: the mapping is given up."""
        self.transport.loseConnection()


class _AskingFactory(ClientFactory):
    noisy = False

    def __init__(self, stream: AskingStream, connected: Deferred[AskingStream]) -> None:
        self._stream = stream
        self._connected = connected

    def buildProtocol(self, addr: IAddress | None) -> AskingStream:
        return self._stream

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        if not self._connected.called:
            self._connected.errback(reason)


def connect_stun(
    reactor: Any,
    server: Address,
    *,
    local_port: int = 0,
    interface: str = "",
    timeout: float = 10.0,
    monotonic: Callable[[], float] = time.monotonic,
    random: Callable[[int], bytes] = os.urandom,
) -> Deferred[AskingStream]:
    """Connect to a STUN server over TCP.

    :param local_port: Where the connection goes from; 0 lets the system choose. :param interface: Its address.
    :param timeout: Seconds.
    :returns: Fires with the connection, or fails with Twisted's ``ConnectError``. Cancelling it gives the attempt up.
    """
    connected: Deferred[AskingStream] = Deferred(lambda _: connector.disconnect())
    factory = _AskingFactory(AskingStream(reactor, monotonic, random, connected), connected)
    everywhere = "::" if ":" in server[0] else "0.0.0.0"
    binding = makeBinding(interface or everywhere, local_port, reuseAddress=True, reusePort=True)
    connector = reactor.connectTCP(*server, factory, timeout=timeout, bindAddress=binding)
    return connected

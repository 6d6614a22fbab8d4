"""Where to connect through a relay: a Twisted endpoint, so that TLS and WebSocket are spoken over it as over TCP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from cloudnode.transports.peerchannel import RELAYS, PeerChannel
from cloudnode.transports.peersocket import dial_peer
from cloudnode.transports.relay.stream import LIMITS, RelayedStream, RelayTerms

DialChannel = Callable[[str, Callable[[PeerChannel], RelayedStream]], Awaitable[object]]
"""Opens a channel with the relay for a path (the first argument), and makes its end."""


def relay_path(name: str) -> str:
    """The path of a relayed stream: to the node whose key in hex this is, or ``accept/`` and a token."""
    return RELAYS.path + name


def dial_over_tcp(reactor: Any, host: str, port: int, timeout: float) -> DialChannel:
    """Channels with the relay at a TCP port.

    :param timeout: Seconds for the connection, and again for its handshakes.
    """

    def dial(path: str, make_end: Callable[[PeerChannel], RelayedStream]) -> Awaitable[object]:
        return dial_peer(
            reactor, host, port, make_end, timeout=timeout, limits=LIMITS, purpose=RELAYS, path=path
        )

    return dial


async def open_stream(dial: DialChannel, path: str, clock: Any, timeout: float) -> tuple[RelayedStream, RelayTerms]:
    """Open a relayed stream; its protocol is still to be put on it.

    :param timeout: Seconds to wait for the other end, once the relay is reached.
    :raises PeerRefused: The relay can't be reached, or says why it does not carry it.
    """
    made: list[RelayedStream] = []

    def make_end(channel: PeerChannel) -> RelayedStream:
        made.append(RelayedStream(channel, channel.transport.getPeer()))
        return made[0]

    await dial(path, make_end)
    [stream] = made
    try:
        return stream, await stream.opened.addTimeout(timeout, clock)
    except BaseException:
        stream.abortConnection()
        raise


@implementer(IStreamClientEndpoint)
class RelayEndpoint:
    """Connects to a node through a relay.

    :ivar terms: On which the relay carries the last stream that was opened.
    """

    def __init__(self, clock: Any, dial: DialChannel, node: bytes, timeout: float) -> None:
        """
        :param dial: Reaches the relay, as :func:`dial_over_tcp`. :param node: The other end's key.
        :param timeout: Seconds to wait for the other end.
        """
        self.terms: RelayTerms | None = None
        self._clock = clock
        self._dial = dial
        self._path = relay_path(node.hex())
        self._timeout = timeout

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """Fires with the protocol, which speaks with the node; fails with :class:`PeerRefused`."""
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> Any:
        stream, self.terms = await open_stream(self._dial, self._path, self._clock, self._timeout)
        address: IAddress = stream.getPeer()
        protocol = factory.buildProtocol(address)
        if protocol is None:
            stream.abortConnection()
            raise ConnectionAbortedError("the factory made no protocol")
        stream.begin(protocol)
        return protocol

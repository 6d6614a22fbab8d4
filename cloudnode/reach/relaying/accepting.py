"""The node that is reached through a relay: it comes for the stream and serves on it what it serves on its ports.

It is called over a link, by a node that it chose or took; it dials that node alone, where the link has it or where that
node says that it takes links, at the address of the link. So nobody can have it dial a third.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IProtocolFactory, IReactorTime
from twisted.logger import Logger

from cloudnode.peers.messages import RelayDeclined, RelayInvitation
from cloudnode.peers.peer import Peer
from cloudnode.peers.places import LINK_TRANSPORTS, LinkTransport
from cloudnode.transports.peerchannel import PeerChannel
from cloudnode.transports.relay.endpoint import open_stream, relay_path
from cloudnode.transports.relay.stream import RelayedStream

OPEN_SECONDS = 8.0
COMING_MAX = 32
"""Streams that a node is coming for at once; those that it serves are bounded as all its connections are."""
COMING_BY_PEER_MAX = 8


class DialRelay(Protocol):
    """Opens a channel for a relayed stream, as :meth:`cloudnode.service.links.Dialler.relay`."""

    def __call__(
        self,
        transport: LinkTransport,
        host: str,
        port: int,
        path: str,
        make_end: Callable[[PeerChannel], RelayedStream],
    ) -> Awaitable[object]:
        """Open a channel."""


class RelayAcceptor:
    """Comes for the streams that this node is called for.

    :ivar accepted: How many it has served.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, dial: DialRelay, serve: IProtocolFactory) -> None:
        """:param serve: Makes the protocol of a stream: the sniffed port's factory."""
        self.accepted = 0
        self._clock = clock
        self._dial = dial
        self._serve = serve
        self._coming: set[Deferred[None]] = set()
        self._by_peer: Counter[bytes] = Counter()
        self._is_stopped = False

    def stop(self) -> None:
        """Come for nothing more."""
        self._is_stopped = True
        for coming in list(self._coming):
            coming.cancel()

    def invited(self, peer: Peer, invitation: RelayInvitation) -> None:
        """A relay calls this node."""
        if self._is_stopped:
            peer.send(RelayDeclined(invitation.token, "the node is stopping"))
            return
        if len(self._coming) >= COMING_MAX or self._by_peer[peer.id] >= COMING_BY_PEER_MAX:
            peer.send(RelayDeclined(invitation.token, "the node is coming for enough streams"))
            return
        self._by_peer[peer.id] += 1
        coming = Deferred.fromCoroutine(self._come(peer, invitation))
        self._coming.add(coming)

        def done(result: object) -> object:
            self._coming.discard(coming)
            self._by_peer[peer.id] -= 1
            if not self._by_peer[peer.id]:
                del self._by_peer[peer.id]
            return result

        coming.addBoth(done)

    async def _come(self, peer: Peer, invitation: RelayInvitation) -> None:
        path = relay_path(f"accept/{invitation.token.hex()}")
        reason = "the relay says of no place where it takes streams"
        for transport, port in relay_ways(peer):

            def dial(
                path: str,
                make_end: Callable[[PeerChannel], RelayedStream],
                transport: LinkTransport = transport,
                port: int = port,
            ) -> Awaitable[object]:
                return self._dial(transport, peer.address, port, path, make_end)

            try:
                stream, _ = await open_stream(dial, path, self._clock, OPEN_SECONDS)
            except CancelledError:
                return
            except Exception as error:
                reason = str(error) or type(error).__name__
                self._log.debug("Cannot come to {peer} for a stream over {way}: {error}",
                                peer=peer, way=transport, error=error)  # fmt: skip
                continue
            protocol = self._serve.buildProtocol(stream.getPeer())
            if protocol is None:
                stream.abortConnection()
                return
            self.accepted += 1
            self._log.debug("{caller} is relayed to this node by {peer}", caller=invitation.caller, peer=peer)
            stream.begin(protocol)
            return
        peer.send(RelayDeclined(invitation.token, reason[:100]))


def relay_ways(peer: Peer) -> list[tuple[LinkTransport, int]]:
    """How a peer can be dialled at the address of its link, and at which ports: first as the link itself was."""
    ways = [] if peer.way is None else [peer.way]
    for each in peer.hello.interfaces:
        if each.host in ("", peer.address):
            ways += [(transport, each.port) for transport in LINK_TRANSPORTS if transport == each.transport]
    return list(dict.fromkeys(ways))

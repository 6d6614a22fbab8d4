"""Both sides of relaying, as the links see it (:class:`cloudnode.peers.extensions.LinkExtension`)."""

from __future__ import annotations

from cloudnode.peers.messages import AnyMessage, RelayDeclined, RelayInvitation
from cloudnode.peers.peer import Peer
from cloudnode.reach.relaying.accepting import RelayAcceptor
from cloudnode.reach.relaying.relay import Relay


class Relaying:
    """Hands messages to the relay and to who is relayed to."""

    messages = (RelayInvitation, RelayDeclined)

    def __init__(self, relay: Relay, acceptor: RelayAcceptor) -> None:
        self._relay = relay
        self._acceptor = acceptor

    def opened(self, peer: Peer) -> None:
        """Nothing is told before there is a stream."""

    def said(self, peer: Peer, message: AnyMessage) -> None:
        """A message came."""
        if isinstance(message, RelayInvitation):
            self._acceptor.invited(peer, message)
        elif isinstance(message, RelayDeclined):
            self._relay.declined(peer, message.token, message.reason)

    def closed(self, peer: Peer) -> None:
        """A link is over."""
        self._relay.peer_lost(peer)

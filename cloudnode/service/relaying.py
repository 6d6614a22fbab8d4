"""Relayed streams on this node's sockets: those that it carries for others, and those that others carry to it."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.interfaces import IProtocolFactory

from cloudnode.peers.neighbourhood import Neighbourhood
from cloudnode.reach.relaying.accepting import DialRelay, RelayAcceptor
from cloudnode.reach.relaying.extension import Relaying
from cloudnode.reach.relaying.limits import RelayCounters
from cloudnode.reach.relaying.relay import Relay
from cloudnode.transports.peerchannel import RELAYS, ChannelKind, PeerSocketFactory
from cloudnode.transports.relay.stream import LIMITS


class NodeRelaying:
    """The parts of a node that relay."""

    def __init__(self, reactor: Any, neighbourhood: Neighbourhood) -> None:
        self._reactor = reactor
        self._neighbourhood = neighbourhood
        self._relay = Relay(reactor, neighbourhood.node_key, neighbourhood.find, os.urandom)
        self._acceptor: RelayAcceptor | None = None

    def make_factory(self, kind: ChannelKind) -> PeerSocketFactory:
        """What serves ``/relay/`` on a WebSocket port or a QUIC socket."""
        relay = self._relay
        return PeerSocketFactory(kind, self._reactor, relay.check_admission, relay.make_end, LIMITS, RELAYS)

    def begin(self, dial: DialRelay, serve: IProtocolFactory) -> None:
        """Take streams, before there are links.

        :param serve: Makes the protocol of a stream that is relayed to this node.
        """
        self._acceptor = RelayAcceptor(self._reactor, dial, serve)
        self._neighbourhood.extensions.add(Relaying(self._relay, self._acceptor))

    def stop(self) -> None:
        """Carry nothing more, and come for nothing more."""
        self._relay.stop()
        if self._acceptor is not None:
            self._acceptor.stop()

    def counters(self) -> RelayCounters:
        """What was relayed."""
        counters = self._relay.counters
        counters.accepted = 0 if self._acceptor is None else self._acceptor.accepted
        return counters

"""Nodes that are linked, and answer nothing."""

from __future__ import annotations

from cloudnode.peers.messages import (
    AnyMessage,
    GetBlocks,
    GetEpochs,
    GetNodes,
    GetOperations,
    GetState,
    Have,
)
from cloudnode.peers.peer import Peer
from tests.unit.peers.network import MemoryNode

DATA = (GetBlocks, GetOperations, GetEpochs, GetNodes, GetState)


class Silence:
    """Makes a node answer no question of some kinds.

    :ivar asked: The times at which it was asked one, by the network's clock.
    """

    def __init__(self, node: MemoryNode, kinds: tuple[type[AnyMessage], ...] = DATA, claim: int = 0) -> None:
        """:param claim: A height that it says it has, whenever a link opens; 0 says none."""
        self.asked: list[float] = []
        neighbourhood, clock = node.neighbourhood, node.network.clock
        said, greet = neighbourhood.peer_said, neighbourhood._greet

        def peer_said(peer: Peer, message: AnyMessage) -> None:
            if isinstance(message, kinds):
                self.asked.append(clock.seconds())
            else:
                said(peer, message)

        def greet_falsely(peer: Peer) -> None:
            greet(peer)
            if claim:
                peer.send(Have(claim, bytes(32)))

        neighbourhood.peer_said = peer_said  # type: ignore[method-assign]
        neighbourhood._greet = greet_falsely  # type: ignore[method-assign]

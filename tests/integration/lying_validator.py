"""A validator that lies: a real node of which one habit is another.

``python lying_validator.py LIE OPTION...``, where LIE is a name of ``LIES`` and the options are those of
``twistd cloudnode``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from random import Random

import msgspec
from twisted.scripts import twistd

from cloudnode.consensus.effects import Peer
from cloudnode.consensus.messages import Block, Message, Proposal, Want
from cloudnode.consensus.simplex import Simplex
from cloudnode.formats.block import FINALIZE, NOTARIZE, SKIP, Vote, operations_hash, signatures_hash, vote_message
from cloudnode.formats.keys import VOTE
from cloudnode.node import validating
from cloudnode.peers import addressing, neighbourhood
from cloudnode.peers.messages import (
    Addresses,
    AnyMessage,
    GetAddresses,
    GetBlocks,
    GetEpochs,
    GetNodes,
    GetOperations,
    GetProposed,
    GetState,
    Have,
    NodeAddress,
)
from cloudnode.peers.neighbourhood import Neighbourhood
from cloudnode.peers.peer import Peer as LinkedPeer
from cloudnode.simulator.faults import altered

Send = Callable[[tuple[Peer, ...], Message], None]


class Liar(Simplex):
    """Can sign whatever it likes."""

    def signed(self, kind: int, view: int, block_hash: bytes) -> Vote:
        assert self._signer is not None and self.index is not None
        message = vote_message(self.network, kind, self.epoch.number, view, block_hash)
        return Vote(kind, self.epoch.number, view, block_hash, self.index, self._signer.sign(VOTE, message))

    def proposal_of(self, block: Block, like: Proposal) -> Proposal:
        vote = self.signed(NOTARIZE, block.header.view, block.hash)
        return msgspec.structs.replace(like, block=block, vote=vote)


class Equivocator(Liar):
    """Shows one block to some and another to the others, and votes for a block of its own beside each other vote."""

    def broadcast(self, message: Message) -> None:
        peers = self.peers.all()
        if isinstance(message, Proposal) and message.vote.validator == self.index:
            header = msgspec.structs.replace(message.block.header, time=message.block.header.time + 1)
            other = Block.of(header, message.block.ids, message.block.validators)
            self.send(peers[::2], message)
            self.send(peers[1::2], self.proposal_of(other, message))
            return
        super().broadcast(message)
        if isinstance(message, Vote) and message.kind == NOTARIZE:
            super().broadcast(self.signed(NOTARIZE, message.view, os.urandom(32)))
        if isinstance(message, Vote) and message.kind == FINALIZE:
            super().broadcast(self.signed(SKIP, message.view, bytes(32)))


class Withholder(Liar):
    """Shows its blocks to one other alone, tells nobody its votes, and answers nothing."""

    def broadcast(self, message: Message) -> None:
        if isinstance(message, Proposal):
            self.send(self.peers.all()[:1], message)

    def _answer(self, peer: Peer, want: Want) -> None:
        """Keeps its blocks to itself."""


class WrongBlocks(Liar):
    """Proposes operations that do not exist, and a state root that is none."""

    def _make_block(self, *arguments: object) -> Block:
        block = super()._make_block(*arguments)  # type: ignore[arg-type]
        if block.header.view % 8 < 4:
            header = msgspec.structs.replace(block.header, root=os.urandom(32))
            return Block.of(header, block.ids, block.validators)
        ids = (os.urandom(32),)
        header = msgspec.structs.replace(
            block.header, operations_hash=operations_hash(ids), operations_count=1, signatures_hash=signatures_hash([])
        )
        return Block.of(header, ids, ())


class WrongVotes(Liar):
    """Alters a third of what it says, so that signatures, views or certificates are not true."""

    random = Random(1)

    def send(self, peers: tuple[Peer, ...], message: Message) -> None:
        super().send(peers, altered(message, self.random) if self.random.random() < 0.33 else message)


class WrongAddresses(addressing.AddressGossip):
    """Tells of a hundred nodes that do not exist, and says that the others are where nobody is."""

    def answer(self, peer: object, question: GetAddresses) -> Addresses:
        invented = [NodeAddress(os.urandom(32), "127.0.0.1", 1 + number, 0, ()) for number in range(50)]
        moved = [
            NodeAddress(each.id, "127.0.0.1", 100 + number, 0, ()) for number, each in enumerate(self._peers())
        ]
        return Addresses(question.request, tuple(invented + moved))


class WithheldData(Neighbourhood):
    """Says that it has blocks which do not exist, and answers nobody who asks for blocks, operations or the state."""

    def peer_said(self, peer: LinkedPeer, message: AnyMessage) -> None:
        if not isinstance(message, (GetBlocks, GetEpochs, GetNodes, GetOperations, GetProposed, GetState)):
            super().peer_said(peer, message)

    def _greet(self, peer: LinkedPeer) -> None:
        super()._greet(peer)
        peer.send(Have(2**40, bytes(32)))


LIES = {
    "equivocate": Equivocator,
    "withhold": Withholder,
    "withhold-data": WithheldData,
    "blocks": WrongBlocks,
    "votes": WrongVotes,
    "addresses": WrongAddresses,
}


def lie(name: str) -> None:
    """Have this process have one bad habit."""
    habit = LIES[name]
    if issubclass(habit, Simplex):
        validating.Simplex = habit  # type: ignore[misc]
    elif issubclass(habit, Neighbourhood):
        from cloudnode.service import compose

        compose.Neighbourhood = habit  # type: ignore[misc]
    else:
        neighbourhood.AddressGossip = habit  # type: ignore[misc]


if __name__ == "__main__":
    name, *options = sys.argv[1:]
    lie(name)
    sys.argv = ["twistd", "-n", "--pidfile=", "cloudnode", *options]
    twistd.run()

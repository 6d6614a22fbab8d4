"""All votes that leave any node of a network in memory, and whether one validator's contradict each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import combinations

from cloudnode.consensus.messages import Evidence, Message, Proposal, contradict, decode_message
from cloudnode.formats.block import Certificate, Vote
from tests.unit.peers.network import MemoryNode

Ballot = tuple[int, int, int]
"""Epoch, view and the validator's index."""


class VotesThatLeft:
    """Remembers each vote that a watched node sent, its own or another's, alone or in whatever it stood in."""

    def __init__(self) -> None:
        self.votes: dict[Ballot, set[Vote]] = {}

    def watch(self, node: MemoryNode) -> None:
        """Remember what this node sends from now on; again after a restart."""
        validator = node.ledger.validator
        assert validator is not None
        send = validator.send

        def watched(peers: Collection[bytes], raw: bytes) -> None:
            for vote in _votes_in(decode_message(raw, 10_000)):
                self.votes.setdefault((vote.epoch, vote.view, vote.validator), set()).add(vote)
            send(peers, raw)

        validator.send = watched

    def of(self, index: int) -> int:
        """How many votes of a validator were sent."""
        return sum(len(votes) for (_, _, validator), votes in self.votes.items() if validator == index)

    def contradictions(self) -> list[tuple[Vote, Vote]]:
        """Pairs of votes that no correct validator casts both."""
        return [pair for votes in self.votes.values() for pair in combinations(votes, 2) if contradict(*pair)]


def _votes_in(message: Message) -> Iterator[Vote]:
    match message:
        case Vote():
            yield message
        case Certificate():
            for index, signature in message.signatures:
                yield Vote(message.kind, message.epoch, message.view, message.hash, index, signature)
        case Proposal():
            yield message.vote
            for certificate in (message.parent, *message.skips):
                if certificate is not None:
                    yield from _votes_in(certificate)
        case Evidence():
            yield from (message.first, message.second)

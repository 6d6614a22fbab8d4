"""What faulty nodes do with messages that an honest one would just send."""

from __future__ import annotations

from random import Random

import msgspec

from cloudnode.consensus.messages import Block, Blocks, Evidence, Message, Proposal, Want
from cloudnode.formats.block import Certificate, Vote

KINDS = ("silent", "dying", "twins", "lawless", "withholding", "lying", "inventing")
"""Silent from the beginning; dead from some moment on; two honest copies with one key; two that keep no rule; a leader
that shows its blocks to some and answers nobody; one that alters what it sends; a leader that signs blocks that nobody
may vote for."""


def altered(message: Message, random: Random) -> Message:
    """The message with something in it that isn't true."""
    match message:
        case Vote():
            return _altered_vote(message, random)
        case Certificate():
            if random.random() < 0.5:
                return msgspec.structs.replace(message, signatures=message.signatures[1:])
            return msgspec.structs.replace(message, view=message.view + random.randint(1, 1000))
        case Proposal():
            return _altered_proposal(message, random)
        case Evidence():
            return Evidence(message.first, _altered_vote(message.second, random))
        case Want():
            return Want(random.randbytes(32), message.most)
        case Blocks():
            return Blocks(tuple(_invented(block, random) for block in message.blocks))


def _altered_vote(vote: Vote, random: Random) -> Vote:
    return random.choice(
        (
            msgspec.structs.replace(vote, signature=random.randbytes(64)),
            msgspec.structs.replace(vote, validator=random.randrange(100)),
            msgspec.structs.replace(vote, view=vote.view + random.randint(1, 10**12)),
            msgspec.structs.replace(vote, epoch=vote.epoch + random.randint(0, 3), signature=bytes(64)),
        )
    )


def _altered_proposal(proposal: Proposal, random: Random) -> Proposal:
    choice = random.randrange(3)
    if choice == 0:
        return msgspec.structs.replace(proposal, skips=())
    if choice == 1:
        return msgspec.structs.replace(proposal, vote=_altered_vote(proposal.vote, random))
    block = _invented(proposal.block, random)
    return msgspec.structs.replace(proposal, block=block, vote=msgspec.structs.replace(proposal.vote, hash=block.hash))


def _invented(block: Block, random: Random) -> Block:
    header = msgspec.structs.replace(block.header, time=block.header.time + random.randint(1, 9))
    return Block.of(header, block.ids, block.validators)

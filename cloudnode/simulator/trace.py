"""What happened, in words."""

from __future__ import annotations

from cloudnode.consensus.effects import (
    Accused,
    Behind,
    Certified,
    Diverged,
    Effect,
    EpochOpened,
    Finalized,
    Forked,
    Persist,
    Prune,
    Refused,
    Send,
)
from cloudnode.consensus.messages import Block, Blocks, Evidence, Message, Proposal, Want
from cloudnode.formats.block import FINALIZE, NOTARIZE, SKIP, Certificate, Vote

_KINDS = {NOTARIZE: "notarize", SKIP: "skip", FINALIZE: "finalize"}


def describe(thing: Effect | Message) -> str:
    """An effect or a message in a few words."""
    match thing:
        case Send():
            return f"sends to {', '.join(map(str, thing.peers))}: {describe(thing.message)}"
        case Persist():
            return f"syncs its {describe(thing.entry.vote)}"
        case Prune():
            return f"prunes its journal up to view {thing.view}"
        case Finalized():
            blocks = ", ".join(map(_block, thing.blocks))
            discarded = f"; discards {', '.join(map(_block, thing.discarded))}" if thing.discarded else ""
            return f"FINAL: {blocks}{discarded}"
        case EpochOpened():
            return f"epoch {thing.epoch} of {len(thing.validators)} validators begins on height {thing.height}"
        case Certified():
            return f"has a {describe(thing.certificate)}"
        case Accused():
            return f"accuses {thing.key.hex()[:8]}: {describe(thing.evidence)}"
        case Refused():
            return f"refuses what node {thing.peer} sent: {thing.error}"
        case Behind():
            return f"is too far behind height {thing.height}"
        case Diverged():
            return f"DIVERGED: a final header has another root of height {thing.height}"
        case Forked():
            return f"FORKED: {describe(thing.first)} and {describe(thing.second)}"
        case _:
            return _message(thing)


def _message(message: Message) -> str:
    match message:
        case Vote():
            block = "" if message.kind == SKIP else f" for {message.hash.hex()[:8]}"
            return f"{_KINDS[message.kind]} vote{block} in view {message.view} by validator {message.validator}"
        case Certificate():
            block = "" if message.kind == SKIP else f" for {message.hash.hex()[:8]}"
            return f"{_KINDS[message.kind]} certificate{block} of view {message.view}"
        case Proposal():
            skipped = f", {len(message.skips)} skips" if message.skips else ""
            return f"proposal {_block(message.block)}{skipped}"
        case Evidence():
            return f"evidence: {_message(message.first)} / {_message(message.second)}"
        case Want():
            return f"wants {message.hash.hex()[:8]}"
        case Blocks():
            return f"blocks {', '.join(map(_block, message.blocks))}"


def _block(block: Block) -> str:
    header = block.header
    return (
        f"{block.hash.hex()[:8]} (height {header.height}, view {header.view}, "
        f"{len(block.ids)} operations, on {header.parent.hex()[:8]})"
    )

"""Participants of faulty nodes: they know the protocol and break its rules on purpose.

What a faulty node can do without a participant of its own, such as altering what it sends, is in :mod:`.faults`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from random import Random
from typing import Any

import attrs
import msgspec

from cloudnode.consensus.ballots import View
from cloudnode.consensus.messages import Block
from cloudnode.consensus.seams import Application, Settings, Signer, Tip, Verify
from cloudnode.consensus.simplex import Simplex
from cloudnode.formats.block import FINALIZE, NO_VALIDATORS, NOTARIZE, Vote, operations_hash, vote_message
from cloudnode.formats.keys import VOTE
from cloudnode.simulator.ledger import signed
from cloudnode.simulator.mutants import FinalizeAfterSkip, NoSkipCheck, SkipAfterFinalize, VotesNotJournaled


class Lawless(VotesNotJournaled, FinalizeAfterSkip, SkipAfterFinalize, NoSkipCheck):
    """Keeps no rule at all."""

    def _parent(self) -> tuple[Tip, tuple[Block, ...]] | None:
        """In some of its views it builds beside the last block, as if that weren't there."""
        parent = super()._parent()
        if parent is None or not self._is_plotting():
            return parent
        tip, ancestors = parent
        block = self.chain.get(tip.hash)
        before = None if block is None else self.chain.tip(block.header.parent)
        return parent if before is None else (before, ancestors[:-1])

    def count(self, vote: Vote) -> None:
        """Whatever is voted for by anyone, it votes for too."""
        super().count(vote)
        if vote.validator != self.index and self.index is not None and vote.view > self.final_view:
            for kind in {vote.kind, FINALIZE if vote.kind == NOTARIZE else vote.kind}:
                self._abet(kind, vote)

    def _abet(self, kind: int, vote: Vote) -> None:
        assert self._signer is not None and self.index is not None
        place = (kind, vote.epoch, vote.view, vote.hash)
        if place in self._abetted:
            return
        self._abetted.add(place)
        message = vote_message(self.network, kind, vote.epoch, vote.view, vote.hash)
        signature = self._signer.sign(VOTE, message)
        self.broadcast(Vote(kind, vote.epoch, vote.view, vote.hash, self.index, signature))

    @cached_property
    def _abetted(self) -> set[tuple[int, int, int, bytes]]:
        return set()

    def _is_plotting(self) -> bool:
        return self.view // len(self.epoch.validators) % 2 == 0

    def _has_ended(self, ancestors: Iterable[Block]) -> bool:
        """The block beside the last one is empty, so that no operation in it can betray it."""
        return self._is_plotting() or super()._has_ended(ancestors)


class Inventing(Simplex):
    """A leader half of whose blocks are well signed and wrong: in root, height or time, in operations that nobody has,
    or in operations after the end of an epoch. It waits for no pace, to be there first, and finalizes nothing."""

    def __init__(
        self, network: bytes, settings: Settings, application: Application, signer: Signer | None, verify: Verify
    ) -> None:
        super().__init__(network, attrs.evolve(settings, pace=0.0), application, signer, verify)

    def may_finalize(self, view: View) -> bool:
        return False

    def _make_block(self, parent: Tip, ancestors: tuple[Block, ...]) -> Block:
        block = super()._make_block(parent, ancestors)
        if self._has_ended(ancestors):
            return self._with_operations(block, self._waiting(block, ancestors))
        random = Random(block.hash)
        if random.random() < 0.5:
            return block
        lie = random.choice((self._other_root, self._old_root, self._other_height, self._old_time, self._unheld))
        return lie(block, parent, random)

    def _other_root(self, block: Block, parent: Tip, random: Random) -> Block:
        height = random.choice((block.header.root_height, parent.height))
        return _changed(block, root_height=height, root=random.randbytes(32))

    def _old_root(self, block: Block, parent: Tip, random: Random) -> Block:
        """A true one, but the parent had a newer one."""
        height = random.randrange(max(parent.root_height, 1))
        return _changed(block, root_height=height, root=self.application.root(height) or random.randbytes(32))

    def _other_height(self, block: Block, parent: Tip, random: Random) -> Block:
        return _changed(block, height=max(parent.height + random.choice((0, 2, 3)), block.header.root_height + 1))

    def _old_time(self, block: Block, parent: Tip, random: Random) -> Block:
        return _changed(block, time=max(parent.time - random.randrange(3), 0))

    def _unheld(self, block: Block, parent: Tip, random: Random) -> Block:
        return self._with_operations(block, (random.randbytes(32),))

    def _waiting(self, block: Block, ancestors: Iterable[Block]) -> tuple[bytes, ...]:
        taken = self.with_unexecuted(ancestors)
        draft = self.application.draft(block.header.height, block.header.epoch, taken, empty=False)
        return () if draft.validators else draft.ids

    def _with_operations(self, block: Block, ids: tuple[bytes, ...]) -> Block:
        header = msgspec.structs.replace(
            block.header, operations_hash=operations_hash(ids), operations_count=len(ids), signatures_hash=signed(ids),
            next_validators=NO_VALIDATORS,
        )  # fmt: skip
        return Block.of(header, ids)


def _changed(block: Block, **members: Any) -> Block:
    return Block.of(msgspec.structs.replace(block.header, **members), block.ids, block.validators)


LIARS: dict[str, type[Simplex]] = {"lawless": Lawless, "inventing": Inventing}
"""By the kind of fault; other faulty nodes have honest participants."""

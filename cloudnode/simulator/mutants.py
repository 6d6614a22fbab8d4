"""Participants with one safety rule removed: what the simulator must catch to be believed.

Nothing outside the simulator imports them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

import attrs

from cloudnode.consensus.chain import Path
from cloudnode.consensus.effects import Effect, Entry, Persist
from cloudnode.consensus.epoch import Epoch
from cloudnode.consensus.messages import Block
from cloudnode.consensus.seams import Tip
from cloudnode.consensus.simplex import Simplex
from cloudnode.formats.block import FINALIZE, NOTARIZE, SKIP, Vote, vote_message
from cloudnode.formats.keys import VOTE

if TYPE_CHECKING:
    from cloudnode.consensus.ballots import View


class VotesNotJournaled(Simplex):
    """Forgets its votes in a crash."""

    def record(self, entry: Entry) -> None:
        pass


class SendBeforeSync(Simplex):
    """Sends a vote first and syncs the journal then."""

    def take_effects(self) -> list[Effect]:
        return sorted(super().take_effects(), key=lambda effect: isinstance(effect, Persist))


class FinalizeAfterSkip(Simplex):
    """Votes to finalize a view that it voted to skip."""

    def may_finalize(self, view: View) -> bool:
        return True


class SkipAfterFinalize(Simplex):
    """On a time-out skips every view that isn't final, even one that it voted to finalize."""

    def time_out(self) -> bool:
        numbers = [
            number
            for number in range(self.final_view + 1, self.view + 1)
            if SKIP not in self.ballots.at(number).own
        ]
        for number in numbers:
            self.cast(SKIP, number)
        return bool(numbers)


class NoSkipCheck(Simplex):
    """Accepts a proposal on any notarized parent, whatever was not skipped between."""

    def is_grounded(self, parent: Tip, number: int) -> bool:
        return True

    def path_to_parent(self, parent: Tip) -> Path:
        path = super().path_to_parent(parent)
        return Path() if path.forked else path


class WrongQuorum(Simplex):
    """Takes one signature too few for a quorum."""

    def make_epoch(self, number: int, validators: tuple[bytes, ...]) -> Epoch:
        epoch = super().make_epoch(number, validators)
        return attrs.evolve(epoch, quorum=epoch.quorum - 1)


class NoStandstill(Simplex):
    """Never says anything again."""

    def repeat(self) -> None:
        if (due := self._repeat_at()) is not None and due <= self.now:
            self.progress_at = self.now


class RepeatsOperations(Simplex):
    """Does not tell its ledger which final blocks are not executed yet."""

    def with_unexecuted(self, ancestors: Iterable[Block]) -> tuple[Block, ...]:
        return tuple(ancestors)


class Lawless(VotesNotJournaled, FinalizeAfterSkip, SkipAfterFinalize, NoSkipCheck):
    """No mutant but a liar: it knows the protocol and keeps none of its rules."""

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


MUTANTS: dict[str, type[Simplex]] = {
    "votes-not-journaled": VotesNotJournaled,
    "send-before-sync": SendBeforeSync,
    "finalize-after-skip": FinalizeAfterSkip,
    "skip-after-finalize": SkipAfterFinalize,
    "no-skip-check": NoSkipCheck,
    "wrong-quorum": WrongQuorum,
    "no-standstill": NoStandstill,
    "repeats-operations": RepeatsOperations,
}
"""By the name that the command line takes."""

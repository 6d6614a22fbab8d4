"""Participants with one safety rule removed: what the simulator must catch to be believed.

Nothing outside the simulator imports them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs
from msgspec.structs import replace

from cloudnode.consensus.chain import Path
from cloudnode.consensus.effects import Effect, Entry, Peer, Persist
from cloudnode.consensus.epoch import Epoch
from cloudnode.consensus.messages import Block
from cloudnode.consensus.peers import Peers
from cloudnode.consensus.seams import Start, Tip, Verdict
from cloudnode.consensus.simplex import Simplex
from cloudnode.formats.block import SKIP, Header

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


class NoRootCheck(Simplex):
    """Takes any root for true."""

    def _root_is_right(self, header: Header, parent: Tip) -> bool:
        return True


class NoHeightCheck(Simplex):
    """Takes a block of any height."""

    def _follows(self, header: Header, parent: Tip) -> bool:
        return super()._follows(replace(header, height=parent.height + 1), parent)


class NoTimeCheck(Simplex):
    """Takes a block that is no later than its parent."""

    def _follows(self, header: Header, parent: Tip) -> bool:
        return super()._follows(replace(header, time=parent.time + 1), parent)


class NoRootHeightCheck(Simplex):
    """Takes a block whose root is older than its parent's."""

    def _follows(self, header: Header, parent: Tip) -> bool:
        return super()._follows(replace(header, root_height=parent.root_height), parent)


class NoEndCheck(Simplex):
    """Takes blocks with operations after the one that ends the epoch, but makes none."""

    _is_judging = False

    def _is_good(self, view: View, block: Block) -> bool:
        self._is_judging = True
        try:
            return super()._is_good(view, block)
        finally:
            self._is_judging = False

    def _has_ended(self, ancestors: Iterable[Block]) -> bool:
        return not self._is_judging and super()._has_ended(ancestors)


class WorksAfterEnd(Simplex):
    """Goes on with operations after the block that ends the epoch."""

    def _has_ended(self, ancestors: Iterable[Block]) -> bool:
        return False


class VotesWithoutBodies(Simplex):
    """Votes for a block before it has the operations."""

    def _is_good(self, view: View, block: Block) -> bool:
        return super()._is_good(view, block) or view.verdict is Verdict.WAITING


class NoFloor(Simplex):
    """Votes wherever it remembers no vote, though its journal says that it forgot some."""

    def may_vote(self, number: int) -> bool:
        return self.index is not None


class NoRelay(Simplex):
    """Passes on nothing that others say."""

    def start(self, now: float, start: Start, journal: Iterable[Entry] = ()) -> list[Effect]:
        self.peers = _Unneeded()
        return super().start(now, start, journal)


class _Unneeded(Peers):
    def needing(self, validator: bytes, source: Peer | None = None) -> tuple[Peer, ...]:
        return ()


MUTANTS: dict[str, type[Simplex]] = {
    "votes-not-journaled": VotesNotJournaled,
    "send-before-sync": SendBeforeSync,
    "finalize-after-skip": FinalizeAfterSkip,
    "skip-after-finalize": SkipAfterFinalize,
    "no-skip-check": NoSkipCheck,
    "wrong-quorum": WrongQuorum,
    "no-standstill": NoStandstill,
    "repeats-operations": RepeatsOperations,
    "no-root-check": NoRootCheck,
    "no-root-height-check": NoRootHeightCheck,
    "no-height-check": NoHeightCheck,
    "no-time-check": NoTimeCheck,
    "no-end-check": NoEndCheck,
    "works-after-end": WorksAfterEnd,
    "votes-without-bodies": VotesWithoutBodies,
    "no-floor": NoFloor,
    "no-relay": NoRelay,
}
"""By the name that the command line takes."""

SIZES = {"no-relay": (7, 2)}
"""Nodes and faulty ones without which a mutant does no harm: the middle one of three correct nodes hears all."""

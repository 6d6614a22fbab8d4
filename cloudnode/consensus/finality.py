"""What becomes final, and what follows from it: roots are compared, an epoch may end, missing blocks are fetched."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable

import attrs

from cloudnode.consensus.ballots import View
from cloudnode.consensus.chain import tip_of
from cloudnode.consensus.effects import Behind, Diverged, Finalized, Forked, Peer, Prune
from cloudnode.consensus.hearing import VIEWS_KEPT, Hearing
from cloudnode.consensus.messages import BLOCKS_MOST, Block, Want
from cloudnode.formats.block import NOTARIZE, Certificate


class Finality(Hearing):
    """Adds rule 6, and the life of a block after it.

    :ivar executed_height: Up to here blocks are executed and durable.
    """

    def begin_at(self, height: int) -> None:
        """Nothing is under way yet."""
        self.executed_height = height
        self._claims: dict[int, bytes] = {}
        self._unexecuted: deque[Block] = deque()
        self._finalized_by: Certificate | None = None

    def enter(self, number: int) -> None:
        """Begin a view."""
        raise NotImplementedError

    def note_executed(self, height: int) -> None:
        """Compare what headers claim with the roots that are known now; the journal's past is needed no longer."""
        self.executed_height = max(self.executed_height, height)
        for claimed in [claimed for claimed in self._claims if claimed <= height]:
            self._compare(claimed, self._claims.pop(claimed))
        executed = None
        while self._unexecuted and self._unexecuted[0].header.height <= height:
            executed = self._unexecuted.popleft().header
        if executed is not None:
            self.emit(Prune(executed.epoch, executed.view))

    def with_unexecuted(self, ancestors: Iterable[Block]) -> tuple[Block, ...]:
        """The blocks that the application does not know from its state: final ones that aren't executed, and those on
        top of them."""
        return (*self._unexecuted, *ancestors)

    # Rule 6: a finalize certificate finalizes the block and all its ancestors.

    def finalize(self) -> bool:
        """Make the goal and its ancestors final if all of them are held; True if that moved anything."""
        goal = self.goal
        if goal is None or goal.view <= self.final_view:
            return False
        path = self.chain.path(goal.hash)
        if path.forked:
            self.is_halted = True
            self.emit(Forked(self._finalized_by or goal, goal))
        if not path.is_whole:
            return False
        ending = [at for at, block in enumerate(path.blocks) if block.header.ends_epoch]
        length = ending[0] + 1 if ending else len(path.blocks)
        blocks, discarded = path.blocks[:length], path.blocks[length:]
        if blocks:
            self.emit(Finalized(blocks, goal, discarded))
            self._keep_claims(blocks)
            self.chain.advance(blocks)
        self.final_view = goal.view
        self._finalized_by = goal
        self.progress_at = self.now
        self.ballots.prune(self.final_view - VIEWS_KEPT)
        if ending:
            self._end_epoch(blocks[-1])
        return True

    def _keep_claims(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            header = block.header
            self._unexecuted.append(block)
            if header.root_height <= self.executed_height:
                self._compare(header.root_height, header.root)
            else:
                self._claims[header.root_height] = header.root

    def _compare(self, height: int, claimed: bytes) -> None:
        own = self.application.root(height)
        if own is not None and own != claimed:
            self.is_halted = True
            self.emit(Diverged(height, claimed))

    def _end_epoch(self, last: Block) -> None:
        carries = last.header.height if last.ids else 0
        base = attrs.evolve(tip_of(last), view=-1, operations_height=carries)
        self.open_epoch(self.epoch.number + 1, last.validators, base)
        self.restore(self.restored_later())
        for number in sorted(self.ballots.views):
            self.recount(self.ballots.views[number])
        self.enter(0)

    def recount(self, view: View) -> None:
        """After a restart: what the own votes and certificates of the journal lead to."""
        if NOTARIZE in view.certificates:
            self.notarized(view)
        for kind, block_hash in list(view.own.items()):
            certificate = self.ballots.form(view, kind, block_hash)
            if certificate is not None:
                self.store(certificate)

    def fetch(self) -> None:
        """Ask for the blocks without which this node can't go on."""
        needed: dict[bytes, Collection[Peer]] = {}
        if self.goal is not None and self.goal.view > self.final_view:
            self._need(needed, self.goal.hash, self.goal.view)
        for number in range(self.view - 1, self.final_view, -1):
            notarized = self.ballots.notarized(number)
            if notarized is not None:
                self._need(needed, notarized, number)
                break
        view = self.ballots.views.get(self.view)
        if view is not None and view.proposal is not None:
            self._need(needed, view.proposal.block.header.parent, self.view)
        patience = max(0.1, 3 * self.delay.value)
        for peer, block_hash in self.fetching.requests(self.now, needed, self.peers.all(), patience):
            self.send((peer,), Want(block_hash, BLOCKS_MOST))

    def _need(self, needed: dict[bytes, Collection[Peer]], block_hash: bytes, number: int) -> None:
        path = self.chain.path(block_hash)
        if path.missing is None:
            return
        ahead = path.blocks[-1].header.height - self.chain.final.height if path.blocks else 0
        if ahead > self.settings.fetch_most and self.goal is not None:
            self.is_halted = True
            self.emit(Behind(self.goal, path.blocks[-1].header.height))
            return
        shown = self.ballots.at(number).shown
        needed[path.missing] = set().union(*shown.values())

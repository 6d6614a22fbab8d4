"""Simplex consensus (Chan and Pass, TCC 2023): one participant, without a clock, a socket or a disk.

Theory of operation. Time is divided into views. In each the leader proposes a block on a notarized parent; who finds
it good votes to *notarize* it, once. Who waits too long votes to *skip* the view. A quorum of either clears the view,
so nobody is ever stuck in one. Who sees the block that it voted for notarized and has not voted to skip votes to
*finalize* it; a quorum of those makes the block and its ancestors final. Since nobody both skips and finalizes, and a
proposal must show that all views between its parent and itself were skipped, no later block can bypass a final one.

Each event method takes ``now`` (seconds of a monotone clock) and returns effects, to be performed in order
(:mod:`cloudnode.consensus.effects`). :attr:`Simplex.deadline` says when :meth:`Simplex.timer_due` wants to be called.
The seven rules, the layouts and why it is safe are in ``docs/consensus.md``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cloudnode.consensus.ballots import View
from cloudnode.consensus.chain import Path
from cloudnode.consensus.effects import Effect, Entry, Peer
from cloudnode.consensus.finality import Finality
from cloudnode.consensus.messages import SKIPS_MOST, Block, Message, Proposal
from cloudnode.consensus.seams import Start, Tip, Verdict
from cloudnode.consensus.standstill import Repetition
from cloudnode.formats.block import FINALIZE, NOTARIZE, SKIP, Header, Vote, operations_hash, validators_hash


class Simplex(Finality):
    """A participant: a validator, or a follower if it has no key of the epoch's."""

    deadline: float | None = None
    """When to call :meth:`timer_due`, on the clock of ``now``; None to wait for other events."""

    # Events.

    def start(self, now: float, start: Start, journal: Iterable[Entry] = ()) -> list[Effect]:
        """Begin, or go on after any kind of stop.

        :param journal: Every entry that was performed and not pruned, in order.
        """
        self.now = now
        self.begin_at(start.final.height)
        self._block_at = now - self.settings.pace
        self._wanted_since: float | None = None
        self._propose_at: float | None = None
        self._repetition = Repetition(self.settings)
        self.floor = start.floor
        self.open_epoch(start.epoch, start.validators, start.final)
        self.latest = start.certificate
        self.restore(journal)
        if start.certificate is not None and start.certificate.epoch == start.epoch:
            self.ballots.check(start.certificate)
            if start.certificate.view > self.final_view:
                self.store(start.certificate)
        for number in sorted(self.ballots.views):
            self.recount(self.ballots.views[number])
        self.enter(self.view)
        return self._settled()

    def peer_joined(
        self, now: float, peer: Peer, key: bytes | None = None, reaches: Collection[bytes] | None = None
    ) -> list[Effect]:
        """A link is up, or more is known of it.

        :param key: The peer's validator key, if it has proven to hold one.
        :param reaches: The validators that the peer has links to; None if it reaches all, so nothing is relayed to it.
        """
        self.now = now
        self.peers.join(peer, key, reaches)
        self._show_latest(peer)
        return self._settled()

    def peer_left(self, now: float, peer: Peer) -> list[Effect]:
        """A link is gone."""
        self.now = now
        self.peers.leave(peer)
        return self._settled()

    def receive(self, now: float, peer: Peer, message: Message) -> list[Effect]:
        """A peer has sent a message."""
        self.now = now
        if not self.is_halted:
            self.hear(peer, message)
        return self._settled()

    def block_checked(self, now: float, block_hash: bytes, verdict: Verdict) -> list[Effect]:
        """The application knows more of a proposed block than when it was asked."""
        self.now = now
        view = self.ballots.views.get(self.view)
        if view is not None and view.proposal is not None and view.proposal.block.hash == block_hash:
            view.verdict = verdict
        return self._settled()

    def executed(self, now: float, height: int) -> list[Effect]:
        """Final blocks up to this height are executed and durable with their certificates; their roots are known."""
        self.now = now
        self.note_executed(height)
        return self._settled()

    def work_arrived(self, now: float) -> list[Effect]:
        """An operation waits to be ordered (again and again need not be told)."""
        self.now = now
        if self._wanted_since is None and self._wants():
            self._wanted_since = now
        return self._settled()

    def timer_due(self, now: float) -> list[Effect]:
        """:attr:`deadline` has come."""
        self.now = now
        return self._settled()

    # Going on as far as what is known allows.

    def _settled(self) -> list[Effect]:
        if not self.is_halted:
            self._propose_at = None
            while (
                self.finalize() or self.clear_views() or self._propose() or self._notarize() or self._skip()
            ) and not self.is_halted:
                pass
            self.fetch()
            self.forward_held_back()
            self.repeat()
        self.deadline = None if self.is_halted else self._next_deadline()
        return self.take_effects()

    def _next_deadline(self) -> float | None:
        times = [self._propose_at, self.fetching.deadline, self.held_back_until(), self._repeat_at()]
        view = self.ballots.at(self.view)
        if self.may_vote(self.view) and not view.own.keys() & {SKIP, FINALIZE}:
            times.append(self._view_deadline())
        return min((at for at in times if at is not None), default=None)

    # Rule 1: the lowest view that isn't cleared.

    def clear_views(self) -> bool:
        """Enter the lowest view that isn't cleared; True if that is another one."""
        number = self.view
        if self.goal is not None:
            number = max(number, self.goal.view + 1)
        while (view := self.ballots.views.get(number)) is not None and view.is_cleared():
            if view.notarized() is None:
                self.attendance.missed(self.epoch.leader(number))
            number += 1
        if number == self.view:
            return False
        self.enter(number)
        return True

    def enter(self, number: int) -> None:
        self.view = number
        self.progress_at = self.now
        self._entered_at = self.now
        leader = self.epoch.leader(number)
        late = number - self.final_view > 2 * len(self.epoch.validators)
        self._at_once = self.attendance.is_skipped(leader) and leader != self.index and not late
        last = self.ballots.views.get(number - 1)
        if last is not None and last.proposal is None and last.notarized() is not None:
            self._block_at = self.now  # a block that others have seen
        self._wanted_since = self.now if self._wants() else None

    # Rule 2: the leader proposes on a notarized parent, all views between skipped.

    def _parent(self) -> tuple[Tip, tuple[Block, ...]] | None:
        """The block to build on in this view and those between it and the last final one; None while one is missing."""
        block_hash = self.chain.final.hash
        for number in range(self.view - 1, self.final_view, -1):
            notarized = self.ballots.notarized(number)
            if notarized is not None:
                block_hash = notarized
                break
        path = self.chain.path(block_hash)
        tip = self.chain.tip(block_hash)
        return None if tip is None or not path.is_whole else (tip, path.blocks)

    def _wants(self) -> bool:
        """Whether a block should be made at pace rather than at the next heartbeat."""
        parent = self._parent()
        if parent is None:
            return True
        tip, ancestors = parent
        carrying = [block.header.height for block in ancestors if block.header.operations_count]
        last = max(carrying, default=self.chain.final.operations_height)
        return (
            tip.height == 0
            or last > tip.root_height
            or self._has_ended(ancestors)
            or self.application.has_work(self.epoch.number, self.with_unexecuted(ancestors))
        )

    def _has_ended(self, ancestors: Iterable[Block]) -> bool:
        """Whether one of them ends the epoch, so that only empty blocks may follow."""
        return any(block.header.ends_epoch for block in ancestors)

    def _propose(self) -> bool:
        if not self.may_vote(self.view) or self.epoch.leader(self.view) != self.index:
            return False
        parent = self._parent()
        if NOTARIZE in self.ballots.at(self.view).own or parent is None:
            return False
        if self._wanted_since is None and self._wants():
            self._wanted_since = self.now
        interval = self.settings.heartbeat if self._wanted_since is None else self.settings.pace
        if self.now < self._block_at + interval:
            self._propose_at = self._block_at + interval
            return False
        block = self._make_block(*parent)
        self._block_at = self.now
        self.chain.add(block)
        self.cast(NOTARIZE, self.view, block.hash, block)
        return True

    def _make_block(self, parent: Tip, ancestors: tuple[Block, ...]) -> Block:
        height = parent.height + 1
        taken = self.with_unexecuted(ancestors)
        draft = self.application.draft(height, self.epoch.number, taken, self._has_ended(ancestors))
        root_height = min(self.executed_height, self.chain.final.height)
        root = self.application.root(root_height)
        if root is None or root_height < parent.root_height:
            root_height, root = parent.root_height, parent.root
        header = Header(
            network=self.network,
            epoch=self.epoch.number,
            view=self.view,
            height=height,
            time=max(draft.time, parent.time + 1),
            parent=parent.hash,
            operations_hash=operations_hash(draft.ids),
            operations_count=len(draft.ids),
            root_height=root_height,
            root=root,
            signatures_hash=draft.signatures_hash,
            next_validators=validators_hash(draft.validators),
        )
        return Block.of(header, draft.ids, draft.validators)

    def justified(self, block: Block, vote: Vote) -> Proposal:
        """A proposal with the certificates that allow it."""
        parent = None
        lowest = self.final_view
        for number in range(block.header.view - 1, self.final_view, -1):
            if self.ballots.notarized(number) == block.header.parent:
                certificates = self.ballots.at(number).certificates
                parent = certificates.get(FINALIZE) or certificates.get(NOTARIZE)
                lowest = number
                break
        if parent is None and self.latest is not None and self.latest.hash == block.header.parent:
            parent = self.latest if self.latest.epoch == self.epoch.number else None
        gap = range(max(lowest + 1, block.header.view - SKIPS_MOST), block.header.view)
        skips = [self.ballots.at(number).certificates.get(SKIP) for number in gap]
        return Proposal(block, vote, parent, tuple(skip for skip in skips if skip is not None))

    # Rule 3: notarize once a view.

    def proposed(self) -> None:
        """A proposal is here: the pace counts from it."""
        self._block_at = self.now

    def _notarize(self) -> bool:
        view = self.ballots.views.get(self.view)
        if not self.may_vote(self.view) or view is None or view.proposal is None or NOTARIZE in view.own:
            return False
        block = view.proposal.block
        if not self._is_good(view, block):
            return False
        self.cast(NOTARIZE, self.view, block.hash, block)
        return True

    def _is_good(self, view: View, block: Block) -> bool:
        """Whether to vote for the block now. What is missing may still come."""
        if view.verdict is Verdict.INVALID:
            return False
        header = block.header
        parent = self.chain.tip(header.parent)
        if parent is None or not self.is_grounded(parent, header.view):
            return False
        path = self.path_to_parent(parent)
        if not path.is_whole:
            return False
        if not self._follows(header, parent) or (self._has_ended(path.blocks) and block.ids):
            view.verdict = Verdict.INVALID
            return False
        if not self._root_is_right(header, parent):
            return False
        if view.verdict is None:
            view.verdict = self.application.check(block, self.with_unexecuted(path.blocks))
        return view.verdict is Verdict.VALID

    def path_to_parent(self, parent: Tip) -> Path:
        """The blocks between the last final one and a proposal's."""
        return self.chain.path(parent.hash)

    def is_grounded(self, parent: Tip, number: int) -> bool:
        """Whether the parent is notarized and every view between it and this one skipped."""
        if parent.hash != self.chain.final.hash and self.ballots.notarized(parent.view) != parent.hash:
            return False
        return all(self.ballots.is_skipped(between) for between in range(parent.view + 1, number))

    def _follows(self, header: Header, parent: Tip) -> bool:
        return (
            header.height == parent.height + 1
            and header.time > parent.time
            and header.root_height >= parent.root_height
        )

    def _root_is_right(self, header: Header, parent: Tip) -> bool:
        if (header.root_height, header.root) == (parent.root_height, parent.root):
            return True  # whoever notarized the parent has compared it
        if header.root_height > self.chain.final.height:
            return False
        return self.application.root(header.root_height) == header.root

    # Rule 4: finalize what one notarized, unless one skipped.

    def notarized(self, view: View) -> None:
        """A block is notarized."""
        certificate = view.certificates[NOTARIZE]
        if (
            self.may_vote(view.number)
            and view.own.get(NOTARIZE) == certificate.hash
            and FINALIZE not in view.own
            and self.may_finalize(view)
        ):
            self.cast(FINALIZE, view.number, certificate.hash)

    def may_finalize(self, view: View) -> bool:
        """Whether nothing that this node has voted forbids to finalize."""
        return SKIP not in view.own

    # Rule 5: skip on time-out.

    def _view_deadline(self) -> float:
        view = self.ballots.at(self.view)
        if self._at_once and view.proposal is None:
            return self._entered_at
        patience = self.delay.patience(max(0, self.view - self.final_view - 2))
        if self._wanted_since is None:
            return self._entered_at + self.settings.heartbeat + patience
        return max(self._entered_at, self._wanted_since) + self.settings.pace + patience

    def _skip(self) -> bool:
        if not self.may_vote(self.view) or self.now < self._view_deadline():
            return False
        return self.time_out()

    def time_out(self) -> bool:
        """The view took too long; True if there was something to vote."""
        view = self.ballots.at(self.view)
        if SKIP in view.own or FINALIZE in view.own:
            return False
        self.cast(SKIP, self.view)
        return True

    # Rule 7: say it again at a standstill.

    def _is_stuck(self) -> bool:
        """Whether something more than the next heartbeat is awaited."""
        if self.index is None:
            return False
        if SKIP in self.ballots.at(self.view).own or NOTARIZE in self.ballots.at(self.view).own:
            return True
        return any(self.ballots.notarized(number) for number in range(self.final_view + 1, self.view))

    def _repeat_at(self) -> float | None:
        return self.progress_at + self.settings.standstill if self._is_stuck() else None

    def repeat(self) -> None:
        """Send certificates and own votes above the last final block again, if nothing has moved for too long."""
        due = self._repeat_at()
        if due is None or self.now < due or self.index is None:
            return
        self.progress_at = self.now
        if self.latest is not None:
            self.broadcast(self.latest)
        for message in self._repetition.choose(self._unfinished(), len(self.peers)):
            if isinstance(message, Vote) and message.validator != self.index:
                self.send(self.peers.needing(self.epoch.validators[message.validator]), message)
            else:
                self.broadcast(message)

    def _unfinished(self) -> list[Message]:
        """The certificates and own votes above the last final view, the own proposal of this view, and what is to be
        passed on: votes that are in no certificate yet, of validators that some peer has no link to."""
        messages: list[Message] = []
        assert self.index is not None
        for number in range(self.final_view + 1, self.view + 1):
            view = self.ballots.at(number)
            messages.extend(view.certificates.values())
            for kind in view.own:
                vote = view.votes[kind, self.index]
                if kind == NOTARIZE and number == self.view and self.epoch.leader(number) == self.index:
                    assert view.proposal is not None
                    messages.append(self.justified(view.proposal.block, vote))
                else:
                    messages.append(vote)
            messages.extend(self._relayed(view))
        return messages

    def _relayed(self, view: View) -> Iterable[Message]:
        """A vote was passed on when it was news; who missed it then, or had a link to its validator, needs it now."""
        for (kind, validator), vote in view.votes.items():
            is_open = validator != self.index and kind not in view.certificates
            if is_open and self.peers.needing(self.epoch.validators[validator]):
                yield vote

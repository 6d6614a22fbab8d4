"""What a participant knows, votes with, and says: the lower half of :class:`~cloudnode.consensus.simplex.Simplex`.

Here votes become certificates and certificates become known to the peers that haven't shown them. The rules of when
to vote for what are in the upper half.
"""

from __future__ import annotations

from collections.abc import Iterable

from cloudnode.consensus.ballots import Ballots, View
from cloudnode.consensus.chain import Chain
from cloudnode.consensus.effects import (
    Accused,
    Certified,
    Effect,
    Entry,
    EpochOpened,
    Forked,
    Peer,
    Persist,
    Send,
)
from cloudnode.consensus.epoch import Epoch
from cloudnode.consensus.fetching import Fetching
from cloudnode.consensus.messages import Block, Evidence, Message, Proposal
from cloudnode.consensus.peers import Peers
from cloudnode.consensus.seams import Application, Settings, Signer, Tip, Verify
from cloudnode.consensus.timing import Attendance, Delay
from cloudnode.formats.block import FINALIZE, NO_BLOCK, NOTARIZE, SKIP, Certificate, Vote, vote_message
from cloudnode.formats.keys import VOTE, verify

FORWARD_DELAY_MOST = 0.5
"""Seconds that a notarize certificate is held back at most, in case its peers show it first."""


class State:
    """Everything but the rules.

    :ivar epoch: The present one. :ivar view: The lowest view that isn't cleared. :ivar final_view: The view of the
        newest finalize certificate whose blocks are all known, -1 at the beginning of an epoch.
    :ivar latest: The newest finalize certificate of any epoch. :ivar goal: The newest of this epoch, whose blocks may
        still be missing. :ivar is_halted: A :class:`Forked`, :class:`Diverged` or :class:`Behind` was the end of it.
    """

    epoch: Epoch
    ballots: Ballots
    chain: Chain
    attendance: Attendance

    def __init__(
        self,
        network: bytes,
        settings: Settings,
        application: Application,
        signer: Signer | None,
        verify: Verify = verify,
    ) -> None:
        """:param signer: None for a follower, which takes no part but knows what is final."""
        self.network = network
        self.settings = settings
        self.application = application
        self.delay = Delay(settings)
        self.peers = Peers()
        self.fetching = Fetching()
        self.now = 0.0
        self.view = 0
        self.final_view = -1
        self.latest: Certificate | None = None
        self.goal: Certificate | None = None
        self.index: int | None = None
        self.is_halted = False
        self.progress_at = 0.0
        self.floor = (0, -1)
        self._signer = signer
        self._verify = verify
        self._effects: list[Effect] = []
        self._held_back: list[tuple[float, Certificate]] = []
        self._journal: list[Entry] = []
        self._accused: set[int] = set()

    # Effects.

    def emit(self, effect: Effect) -> None:
        self._effects.append(effect)

    def take_effects(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects

    def broadcast(self, message: Message) -> None:
        """Send to every peer."""
        self.send(self.peers.all(), message)

    def send(self, peers: tuple[Peer, ...], message: Message) -> None:
        """Send to some peers, perhaps none."""
        if peers:
            self.emit(Send(peers, message))

    # Epochs and restarts.

    def make_epoch(self, number: int, validators: tuple[bytes, ...]) -> Epoch:
        """The epoch of a number."""
        return Epoch.of(self.network, number, validators)

    def open_epoch(self, number: int, validators: tuple[bytes, ...], base: Tip) -> None:
        """Begin an epoch on a final block (or go on in one, after a start)."""
        self.epoch = self.make_epoch(number, validators)
        self.ballots = Ballots(self.epoch, self._verify)
        self.chain = Chain(base)
        self.attendance = Attendance(len(validators), self.epoch.tolerated)
        self.index = self.epoch.index(None if self._signer is None else self._signer.public)
        self.final_view = base.view
        self.view = base.view + 1
        self.goal = None
        self.progress_at = self.now
        self._held_back = []
        self._accused = set()
        self.emit(EpochOpened(number, validators, base.height))

    def restore(self, journal: Iterable[Entry]) -> None:
        """Remember the own votes of this epoch; keep those of later ones until they begin."""
        entries = list(journal)
        self._journal = [entry for entry in entries if entry.vote.epoch > self.epoch.number]
        for entry in entries:
            vote = entry.vote
            if vote.epoch != self.epoch.number or vote.view <= self.final_view or vote.validator != self.index:
                continue
            view = self.ballots.at(vote.view)
            view.own[vote.kind] = vote.hash
            self.ballots.add(vote)
            if entry.block is not None:
                self.chain.add(entry.block)
                if self.epoch.leader(vote.view) == self.index:
                    view.proposal = Proposal(entry.block, vote, None, ())
            if entry.certificate is not None:
                self.ballots.check(entry.certificate)
                view.certificates.setdefault(NOTARIZE, entry.certificate)

    def restored_later(self) -> list[Entry]:
        """The journal's entries of epochs that had not begun when it was read."""
        return self._journal

    # Votes.

    def may_vote(self, number: int) -> bool:
        """Whether this node decides in this epoch, and knows all that it has signed in this view."""
        return self.index is not None and (self.epoch.number, number) > self.floor

    def record(self, entry: Entry) -> None:
        """Put an own vote on disk before anything that follows."""
        self.emit(Persist(entry))

    def cast(
        self, kind: int, number: int, block_hash: bytes = NO_BLOCK, block: Block | None = None
    ) -> None:
        """Vote: first to the journal, then to the peers, then to the own count."""
        assert self._signer is not None and self.index is not None
        message = vote_message(self.network, kind, self.epoch.number, number, block_hash)
        vote = Vote(kind, self.epoch.number, number, block_hash, self.index, self._signer.sign(VOTE, message))
        view = self.ballots.at(number)
        view.own[kind] = block_hash
        self.progress_at = self.now
        view.voted_at = self.now if kind == NOTARIZE else view.voted_at
        certificate = view.certificates.get(NOTARIZE) if kind == FINALIZE else None
        self.record(Entry(vote, block, certificate))
        if block is not None and self.epoch.leader(number) == self.index:
            view.proposal = self.justified(block, vote)
            self.broadcast(view.proposal)
        else:
            self.broadcast(vote)
        self.count(vote)

    def justified(self, block: Block, vote: Vote) -> Proposal:
        """A proposal with the certificates that allow it."""
        raise NotImplementedError

    def count(self, vote: Vote) -> None:
        """A checked vote: it may contradict, or complete a certificate."""
        self.accuse(self.ballots.add(vote))
        if vote.view > self.final_view:
            view = self.ballots.at(vote.view)
            certificate = self.ballots.form(view, vote.kind, vote.hash)
            if certificate is not None:
                if vote.kind == NOTARIZE and view.voted_at is not None:
                    self.delay.measured(self._one_way(view))
                self.store(certificate)

    def _one_way(self, view: View) -> float:
        assert view.voted_at is not None
        leads = self.epoch.leader(view.number) == self.index
        return (self.now - view.voted_at) / (2 if leads else 1)

    def accuse(self, evidence: Evidence | None) -> None:
        """Show and spread a proof; one for each validator and epoch is enough."""
        if evidence is not None and evidence.first.validator not in self._accused:
            self._accused.add(evidence.first.validator)
            self.emit(Accused(self.epoch.validators[evidence.first.validator], evidence))
            self.broadcast(evidence)

    # Certificates.

    def store(self, certificate: Certificate) -> None:
        """A new, checked certificate of this epoch above the last final view."""
        view = self.ballots.at(certificate.view)
        if self._excludes(view, certificate):
            return
        view.certificates[certificate.kind] = certificate
        self.progress_at = self.now
        self.emit(Certified(certificate))
        if certificate.kind == NOTARIZE:
            self.attendance.proposed(self.epoch.leader(certificate.view))
            # Most peers form it at the same time and show it by voting to finalize.
            self._held_back.append((self.now + min(self.delay.value, FORWARD_DELAY_MOST), certificate))
            self.notarized(view)
            return
        if certificate.kind == FINALIZE and (self.goal is None or certificate.view > self.goal.view):
            self.goal = self.latest = certificate
        self.forward(certificate)

    def notarized(self, view: View) -> None:
        """A view's block is notarized: the upper half may vote to finalize it."""
        raise NotImplementedError

    def _excludes(self, view: View, certificate: Certificate) -> bool:
        for other in view.certificates.values():
            kinds = {other.kind, certificate.kind}
            if (SKIP not in kinds and other.hash != certificate.hash) or kinds == {SKIP, FINALIZE}:
                self.is_halted = True
                self.emit(Forked(other, certificate))
                return True
        return False

    def forward(self, certificate: Certificate) -> None:
        """Send a certificate to the peers that have not shown it."""
        shown = self.ballots.at(certificate.view).shown.get(certificate.kind, ())
        self.send(self.peers.without(shown), certificate)

    def forward_held_back(self) -> None:
        """Send the notarize certificates whose time has come, unless their views are final."""
        while self._held_back and self._held_back[0][0] <= self.now:
            certificate = self._held_back.pop(0)[1]
            if certificate.view > self.final_view:
                self.forward(certificate)

    def held_back_until(self) -> float | None:
        """When the next certificate is to be forwarded."""
        return self._held_back[0][0] if self._held_back else None

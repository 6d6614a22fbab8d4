"""What peers say, checked and sorted: the middle of :class:`~cloudnode.consensus.simplex.Simplex`.

A message is judged by its epoch first: this one's is checked, an older one's tells that the peer is behind, a newer
one's that this node is. Neither can be made to remember more than a bounded number of views ahead.
"""

from __future__ import annotations

from cloudnode.consensus.effects import Peer, Refused
from cloudnode.consensus.errors import ConsensusError
from cloudnode.consensus.messages import BLOCKS_MOST, Block, Blocks, Evidence, Message, Proposal, Want
from cloudnode.consensus.state import State
from cloudnode.formats.block import FINALIZE, NOTARIZE, Certificate, Vote
from cloudnode.formats.errors import LedgerError

PROPOSALS_AHEAD = 4
"""So many views ahead of the own one a proposal is kept."""

VIEWS_KEPT = 8
"""So many views below the last final one stay, to notice contradictions and peers that repeat themselves."""

HELP_MOST = 16
"""Certificates sent at once to a peer that is behind."""

ANSWER_BYTES = 2_097_152
"""About so large an answer to :class:`~cloudnode.consensus.messages.Want` may become."""


class Hearing(State):
    """Adds what to do with each message."""

    def hear(self, peer: Peer, message: Message) -> None:
        """Take a message in; a wrong one becomes an effect that names the peer."""
        try:
            match message:
                case Vote():
                    self._hear_vote(peer, message)
                case Proposal():
                    self._hear_proposal(peer, message)
                case Certificate():
                    self._hear_certificate(peer, message)
                case Evidence():
                    self._hear_evidence(message)
                case Want():
                    self._answer(peer, message)
                case Blocks():
                    self._hear_blocks(message)
        except LedgerError as error:
            self.emit(Refused(peer, error))

    # Votes and proposals.

    def _hear_vote(self, peer: Peer, vote: Vote) -> None:
        if not self._is_present(peer, vote.epoch):
            return
        if vote.validator >= len(self.epoch.validators):
            raise ConsensusError("vote_validator")
        if vote.view <= self.final_view - VIEWS_KEPT:
            self._help(peer, vote.view)
        elif vote.view <= self.view + self.settings.views_ahead and self._take_vote(peer, vote):
            for other in self.peers.needing(self.epoch.validators[vote.validator], peer):
                self.send((other,), vote)

    def _take_vote(self, peer: Peer, vote: Vote) -> bool:
        """Count a vote; False if it is not news."""
        view = self.ballots.at(vote.view)
        known = view.votes.get((vote.kind, vote.validator))
        if known is not None and known.hash == vote.hash:
            if vote.view < self.view:
                self._help(peer, vote.view)  # it repeats itself, so it is at a standstill
            return False
        self.ballots.check_vote(vote)
        if vote.kind == FINALIZE and self.peers.key(peer) == self.epoch.validators[vote.validator]:
            view.shown.setdefault(NOTARIZE, set()).add(peer)
        self.count(vote)
        return True

    def _hear_proposal(self, peer: Peer, proposal: Proposal) -> None:
        header = proposal.block.header
        if header.network != self.network:
            raise ConsensusError("proposal_network")
        if not self._is_present(peer, header.epoch):
            return
        if proposal.vote.validator != self.epoch.leader(header.view):
            raise ConsensusError("proposal_leader")
        if header.view <= self.final_view:
            return
        for certificate in (proposal.parent, *proposal.skips):
            if certificate is not None:
                self._hear_certificate(peer, certificate)
        self.clear_views()
        if not self.view <= header.view <= self.view + PROPOSALS_AHEAD:
            return
        view = self.ballots.at(header.view)
        self._take_vote(peer, proposal.vote)
        if view.proposal is not None or view.votes[NOTARIZE, proposal.vote.validator].hash != proposal.block.hash:
            return
        view.proposal = proposal
        self.chain.add(proposal.block)
        self.proposed()
        # Its vote may have come before, alone: whom that was passed on to needs the block all the more.
        for other in self.peers.needing(self.epoch.validators[proposal.vote.validator], peer):
            self.send((other,), proposal)

    def proposed(self) -> None:
        """A proposal is here for the first time."""
        raise NotImplementedError

    def clear_views(self) -> bool:
        """Enter the lowest view that isn't cleared."""
        raise NotImplementedError

    # Certificates and evidence.

    def _hear_certificate(self, peer: Peer, certificate: Certificate) -> None:
        if not self._is_present(peer, certificate.epoch):
            return
        number = certificate.view
        if number <= self.final_view:
            if number < self.final_view and certificate.kind == FINALIZE:
                self._help(peer, number)
            return
        if certificate.kind != FINALIZE and number > self.view + self.settings.views_ahead:
            return
        view = self.ballots.views.get(number)
        known = None if view is None else view.certificates.get(certificate.kind)
        if known is None or known.hash != certificate.hash:
            for evidence in self.ballots.check(certificate):
                self.accuse(evidence)
        self.ballots.at(number).shown.setdefault(certificate.kind, set()).add(peer)
        if known is None or known.hash != certificate.hash:
            self.store(certificate)

    def _hear_evidence(self, evidence: Evidence) -> None:
        if evidence.first.epoch == self.epoch.number:
            self.ballots.check_evidence(evidence)
            self.accuse(evidence)

    # Peers that are behind.

    def _is_present(self, peer: Peer, epoch: int) -> bool:
        """Whether the epoch is this one; else whoever is behind is told, or asks."""
        if epoch < self.epoch.number:
            if self.peers.may_help(peer, self.now, self.settings.standstill / 2):
                # Who shows what ended an epoch is in the next one, and may have nothing of that to show.
                for past in range(epoch, min(epoch + 2, self.epoch.number)):
                    closing = self.application.epoch_end(past)
                    if closing is not None:
                        self.send((peer,), closing)
        elif epoch > self.epoch.number and self.peers.may_help(peer, self.now, self.settings.standstill / 2):
            self._show_latest(peer)
        return epoch == self.epoch.number

    def _show_latest(self, peer: Peer) -> None:
        """Show how far this node is: a peer that is ahead helps."""
        if self.latest is not None:
            self.send((peer,), self.latest)

    def _help(self, peer: Peer, number: int) -> None:
        """Send what a peer in this view is missing."""
        if not self.peers.may_help(peer, self.now, self.settings.standstill / 2):
            return
        self._show_latest(peer)
        helped = 0
        for view in range(max(number, self.final_view + 1), self.view):
            for certificate in self.ballots.at(view).certificates.values():
                self.send((peer,), certificate)
                helped += 1
            if helped >= HELP_MOST:
                return

    # Blocks.

    def _answer(self, peer: Peer, want: Want) -> None:
        blocks: list[Block] = []
        size, block_hash = 0, want.hash
        while len(blocks) < min(want.most, BLOCKS_MOST) and size < ANSWER_BYTES:
            block = self.chain.get(block_hash) or self.application.find_block(block_hash)
            if block is None:
                break
            blocks.append(block)
            size += block.size
            block_hash = block.header.parent
        if blocks:
            self.send((peer,), Blocks(tuple(blocks)))

    def _hear_blocks(self, blocks: Blocks) -> None:
        """Keep what was asked for, and its ancestors down to what is held. Hashes prove them."""
        parent = None
        for block in blocks.blocks:
            if block.hash not in self.fetching and block.hash != parent:
                break
            if block.header.epoch != self.epoch.number or block.header.height <= self.chain.final.height:
                break
            self.chain.add(block)
            parent = block.header.parent

"""Votes and certificates of an epoch, view by view.

One vote of each kind is remembered for each validator and view, so a validator that signs anything it likes fills no
memory; a second one that contradicts is evidence. Signatures are checked once: a certificate made of votes that were
heard before costs nothing.
"""

from __future__ import annotations

from cloudnode.consensus.effects import Peer
from cloudnode.consensus.epoch import Epoch
from cloudnode.consensus.errors import ConsensusError
from cloudnode.consensus.messages import Evidence, Proposal, contradict
from cloudnode.consensus.seams import Verdict, Verify
from cloudnode.formats.block import FINALIZE, NOTARIZE, SKIP, Certificate, Vote, vote_message
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.keys import VOTE

KINDS = (NOTARIZE, SKIP, FINALIZE)


class View:
    """What is known of one view.

    :ivar votes: By kind and validator; only with true signatures. :ivar certificates: By kind.
    :ivar shown: By kind, the peers that are known to have the certificate.
    :ivar own: By kind, the block hash that this node voted for. :ivar voted_at: When it voted to notarize.
    :ivar proposal: The first true one. :ivar verdict: What is known of it; None before the application was asked.
    """

    __slots__ = (
        "certificates",
        "counts",
        "number",
        "own",
        "proposal",
        "shown",
        "verdict",
        "voted_at",
        "votes",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.votes: dict[tuple[int, int], Vote] = {}
        self.counts: dict[tuple[int, bytes], dict[int, bytes]] = {}
        self.certificates: dict[int, Certificate] = {}
        self.shown: dict[int, set[Peer]] = {}
        self.own: dict[int, bytes] = {}
        self.proposal: Proposal | None = None
        self.verdict: Verdict | None = None
        self.voted_at: float | None = None

    def notarized(self) -> bytes | None:
        """The hash of the block that a quorum notarized (which whoever finalized it did before)."""
        certificate = self.certificates.get(FINALIZE) or self.certificates.get(NOTARIZE)
        return None if certificate is None else certificate.hash

    def is_cleared(self) -> bool:
        """Whether a certificate of this very view lets nodes go on to the next."""
        return bool(self.certificates)


class Ballots:
    """The views of one epoch from the last final one on."""

    def __init__(self, epoch: Epoch, verify: Verify) -> None:
        self.epoch = epoch
        self.views: dict[int, View] = {}
        self._verify = verify

    def at(self, number: int) -> View:
        """The view, made if it isn't known."""
        view = self.views.get(number)
        if view is None:
            view = self.views[number] = View(number)
        return view

    def is_skipped(self, number: int) -> bool:
        """Whether there is a skip certificate for the view."""
        view = self.views.get(number)
        return view is not None and SKIP in view.certificates

    def notarized(self, number: int) -> bytes | None:
        """The hash of the view's notarized block, None if there is none."""
        view = self.views.get(number)
        return None if view is None else view.notarized()

    def prune(self, below: int) -> None:
        """Forget the views before ``below``."""
        for number in [number for number in self.views if number < below]:
            del self.views[number]

    def check_vote(self, vote: Vote) -> None:
        """Check the signature of a vote of this epoch.

        :raises ConsensusError: ``vote_validator``, ``vote_signature``.
        """
        if vote.validator >= len(self.epoch.validators):
            raise ConsensusError("vote_validator")
        if not self._is_signed(vote.kind, vote.view, vote.hash, vote.validator, vote.signature):
            raise ConsensusError("vote_signature")

    def add(self, vote: Vote) -> Evidence | None:
        """Keep a checked vote; returns the proof if it contradicts what its validator voted before."""
        view = self.at(vote.view)
        evidence = None
        for kind in KINDS:
            known = view.votes.get((kind, vote.validator))
            if known is not None and contradict(known, vote):
                evidence = Evidence(known, vote)
        if (vote.kind, vote.validator) not in view.votes:
            view.votes[vote.kind, vote.validator] = vote
            view.counts.setdefault((vote.kind, vote.hash), {})[vote.validator] = vote.signature
        return evidence

    def form(self, view: View, kind: int, block_hash: bytes) -> Certificate | None:
        """The certificate that the votes at hand make, None if they are too few or it is known already."""
        signatures = view.counts.get((kind, block_hash), {})
        if len(signatures) < self.epoch.quorum or kind in view.certificates:
            return None
        return Certificate(kind, self.epoch.number, view.number, block_hash, tuple(sorted(signatures.items())))

    def check(self, certificate: Certificate) -> list[Evidence]:
        """Check a certificate of this epoch and keep its votes; returns the contradictions that it reveals.

        :raises LedgerError: ``certificate_validator``, ``certificate_quorum``, ``certificate_signature``.
        """
        number = certificate.view
        if any(index >= len(self.epoch.validators) for index, _ in certificate.signatures):
            raise LedgerError("certificate_validator")
        if len(certificate.signatures) < self.epoch.quorum:
            raise LedgerError("certificate_quorum")
        view = self.views.get(number)  # not made before the signatures are known to be true
        known = {} if view is None else view.counts.get((certificate.kind, certificate.hash), {})
        fresh = []
        for index, signature in certificate.signatures:
            if known.get(index) == signature:
                continue
            if not self._is_signed(certificate.kind, number, certificate.hash, index, signature):
                raise LedgerError("certificate_signature", f"The signature of validator {index} is not true.")
            fresh.append(Vote(certificate.kind, certificate.epoch, number, certificate.hash, index, signature))
        return [evidence for evidence in map(self.add, fresh) if evidence is not None]

    def check_evidence(self, evidence: Evidence) -> None:
        """Check that both votes are the validator's.

        :raises ConsensusError: ``evidence_votes``.
        """
        try:
            self.check_vote(evidence.first)
            self.check_vote(evidence.second)
        except LedgerError:
            raise ConsensusError("evidence_votes") from None

    def _is_signed(self, kind: int, view: int, block_hash: bytes, index: int, signature: bytes) -> bool:
        message = vote_message(self.epoch.network, kind, self.epoch.number, view, block_hash)
        return self._verify(self.epoch.validators[index], VOTE, message, signature)

"""Links between validators: who of the peers is one, what consensus says to them, what a proposed block still lacks.

A validator tells each peer its standing: its validator key, bound to its node key by a signature of the former, whether
it takes part at present, and with which other validators it has links. Messages of consensus are taken from those that
did so, and from nobody else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from cloudnode.formats.block import signatures_hash
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.keys import VALIDATOR, verify
from cloudnode.node.ledger import Ledger
from cloudnode.node.validating import Validator
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.gossip import OperationGossip
from cloudnode.peers.messages import Consensus, GetProposed, Operations, SentOperation, Standing, take_fitting
from cloudnode.peers.peer import Peer

FETCHES_MOST = 4
"""Proposed blocks whose signatures are fetched at once."""


class ValidatorLinks:
    """What a node's part in consensus needs of its links; on a follower, who of the peers is a validator."""

    _log = Logger()

    def __init__(
        self,
        ledger: Ledger,
        gossip: OperationGossip,
        peers: Callable[[], Iterable[Peer]],
        on_proved: Callable[[Peer, bytes], None],
    ) -> None:
        """
        :param peers: All open peers.
        :param on_proved: Called with a peer that proved to be a validator of the present epoch, and its key.
        """
        self._ledger = ledger
        self._gossip = gossip
        self._peers = peers
        self._on_proved = on_proved
        self._standings: dict[bytes, Standing] = {}
        self._by_id: dict[bytes, Peer] = {}
        self._told: Standing | None = None
        self._signature: bytes | None = None
        self._fetching: set[bytes] = set()
        self._validator: Validator | None = ledger.validator
        if self._validator is not None:
            self._validator.send = self._send
            self._validator.on_missing = self._bodies_missing
            self._validator.on_other_signatures = self._signatures_missing
            self._validator.on_refused = self._refused
            self._validator.on_change = self.announce

    # Who is a validator

    def key_of(self, peer: Peer) -> bytes | None:
        """The validator key that a peer has proven to hold."""
        standing = self._standings.get(peer.id)
        return None if standing is None else standing.key

    def votes(self, peer: Peer) -> bool:
        """Whether a peer takes part in consensus now, so that it learns of blocks from there."""
        standing = self._standings.get(peer.id)
        return standing is not None and standing.votes

    def reached(self) -> frozenset[bytes]:
        """The validators of the present epoch that this node has links with."""
        keys = {standing.key for standing in self._standings.values()}
        return frozenset(keys.intersection(self._ledger.epoch.validators))

    def wanted(self) -> frozenset[bytes]:
        """The validators that this node wants links with and has none: those of its epoch if it is one itself."""
        if self._validator is None or not self._validator.is_validator:
            return frozenset()
        return frozenset(self._ledger.epoch.validators) - self.reached() - {self._validator.key.public}

    def opened(self, peer: Peer) -> None:
        """A link is open."""
        self._by_id[peer.id] = peer
        if self._told is not None:
            peer.send(self._told)
        self.announce()

    def closed(self, peer: Peer) -> None:
        """A link is over."""
        if self._by_id.get(peer.id) is peer:
            del self._by_id[peer.id]
            self._standings.pop(peer.id, None)
            if self._validator is not None:
                self._validator.peer_left(peer.id)
            self.announce()

    def said_standing(self, peer: Peer, standing: Standing) -> None:
        """A peer says that it is a validator.

        :raises PeerFault: The key's owner did not say so.
        """
        known = self._standings.get(peer.id)
        is_new = known is None or (known.key, known.signature) != (standing.key, standing.signature)
        if is_new and not verify(standing.key, VALIDATOR, self._ledger.network + peer.id, standing.signature):
            raise PeerFault("wrong_vote", f"validator {standing.key.hex()} did not sign that it is this node")
        self._standings[peer.id] = standing
        if is_new:
            self._note(peer)
        if self._validator is not None:
            self._validator.peer_joined(peer.id, standing.key, standing.reaches)
        self.announce()

    def note_all(self) -> None:
        """The validators are others now: say again who of the peers is one."""
        for peer in list(self._by_id.values()):
            self._note(peer)

    def _note(self, peer: Peer) -> None:
        key = self.key_of(peer)
        # A key that counts for nothing proves nothing: anybody can make one.
        if key is not None and key in self._ledger.epoch.validators:
            self._on_proved(peer, key)

    def announce(self) -> None:
        """Tell all peers this node's standing if it is another than they know."""
        validator = self._validator
        if validator is None or not (validator.is_validator or self._told is not None):
            return
        if self._signature is None:
            message = self._ledger.network + self._ledger.node_key.public
            self._signature = validator.key.sign(VALIDATOR, message)
        reaches = tuple(sorted(self.reached()))
        standing = Standing(validator.key.public, self._signature, validator.is_voting, reaches)
        if standing != self._told:
            self._told = standing
            for peer in list(self._peers()):
                peer.send(standing)

    # Messages

    def said(self, peer: Peer, message: Consensus) -> None:
        """A peer sends a message of consensus.

        :raises PeerFault: It is no validator, or it sends what no correct node sends.
        """
        if peer.id not in self._standings:
            raise PeerFault("unexpected", "it speaks of votes but did not say that it is a validator")
        if self._validator is not None:
            try:
                self._validator.receive(peer.id, message.message)
            except LedgerError as error:
                raise PeerFault("wrong_vote", str(error)) from None

    def _send(self, peers: Collection[bytes], message: bytes) -> None:
        wrapped = Consensus(message)
        for each in peers:
            peer = self._by_id.get(each)
            # What a slow peer misses is said again at a standstill.
            if peer is not None and peer.has_room:
                peer.send(wrapped)

    def _refused(self, node: bytes, error: LedgerError) -> None:
        peer = self._by_id.get(node)
        if peer is not None:
            peer.end(PeerFault("wrong_vote", str(error)))

    # What a proposed block lacks

    def _voting_peers(self) -> list[Peer]:
        return [peer for node, peer in self._by_id.items() if node in self._standings and peer.is_open]

    def _bodies_missing(self, ids: Collection[bytes]) -> None:
        self._gossip.need(ids, self._voting_peers())

    def serve_proposed(self, question: GetProposed) -> Operations:
        """Answer a validator that has other signatures of the same operations."""
        held = None if self._validator is None else self._validator.proposed_operations(question.hash)
        sent = [SentOperation(each.body, each.signature) for each in (held or [])[question.first :]]
        return Operations(question.request, tuple(take_fitting(sent, len(sent))) if sent else ())

    def _signatures_missing(self, block_hash: bytes) -> None:
        if block_hash not in self._fetching and len(self._fetching) < FETCHES_MOST:
            self._fetching.add(block_hash)
            fetching = Deferred.fromCoroutine(self._fetch_signatures(block_hash))
            fetching.addErrback(self._fetch_failed)
            fetching.addBoth(lambda _: self._fetching.discard(block_hash))

    async def _fetch_signatures(self, block_hash: bytes) -> None:
        """Ask one validator after the other for the block's operations as the leader has them."""
        validator = self._validator
        assert validator is not None
        for peer in self._voting_peers():
            wanted = validator.proposed_block(block_hash)
            if wanted is None:
                return
            try:
                sent = await self._ask_all(peer, block_hash, len(wanted.ids))
            except PeerFault:
                continue
            if signatures_hash(each.signature for each in sent) != wanted.header.signatures_hash:
                continue
            # Signed by the operations' authors or not, that is seen now; each must be the one that the block names.
            if await self._ledger.adopt_signatures(wanted.ids, [(each.body, each.signature) for each in sent]):
                validator.signatures_came(block_hash)
                return

    async def _ask_all(self, peer: Peer, block_hash: bytes, count: int) -> list[SentOperation]:
        sent: list[SentOperation] = []
        while len(sent) < count:
            answer = await peer.ask(GetProposed, block_hash, len(sent))
            assert isinstance(answer, Operations)
            if not answer.operations or len(sent) + len(answer.operations) > count:
                break
            sent.extend(answer.operations)
        return sent

    def _fetch_failed(self, failure: object) -> None:
        if not getattr(failure, "check", lambda *_: None)(CancelledError):
            self._log.error("Signatures of a proposed block could not be fetched: {failure}", failure=failure)

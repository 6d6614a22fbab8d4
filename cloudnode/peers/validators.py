"""Links between validators: who of the peers is one, what consensus says to them, what a proposed block still lacks.

A validator tells each peer its standing: its validator key, bound to its node key by a signature of the former, whether
it takes part at present, and with which other validators it has links. Messages of consensus are taken from those that
did so, and from nobody else.

Anybody can make a key and say so. Only the validators of the present epoch *count*, those of the one before, who may
have missed how it ended, and those of the epochs that are known to follow: nobody else is told or asked anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.keys import VALIDATOR, verify
from cloudnode.node.ledger import Ledger
from cloudnode.node.validating import Validator
from cloudnode.peers.epochs import KnownEpochs
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.gossip import OperationGossip
from cloudnode.peers.messages import Consensus, GetProposed, Operations, SentOperation, Standing, take_fitting
from cloudnode.peers.peer import Peer
from cloudnode.peers.proposed import ProposedSignatures

LINKS_OF_A_VALIDATOR = 2
"""So many nodes that say the same key count, the last ones: a validator that moves is there twice for a while. One that
shows its key by many nodes makes no others work for all of them."""


class ValidatorLinks:
    """What a node's part in consensus needs of its links; on a follower, who of the peers is a validator."""

    def __init__(
        self,
        ledger: Ledger,
        clock: IReactorTime,
        gossip: OperationGossip,
        epochs: KnownEpochs,
        peers: Callable[[], Iterable[Peer]],
        on_proved: Callable[[Peer, bytes], None],
    ) -> None:
        """
        :param peers: All open peers.
        :param on_proved: Called with a peer that proved to be a validator of the present epoch, and its key.
        """
        self._ledger = ledger
        self._clock = clock
        self._gossip = gossip
        self._epochs = epochs
        self._peers = peers
        self._on_proved = on_proved
        self._standings: dict[bytes, Standing] = {}
        self._counting: dict[bytes, Standing] = {}
        self._voters: frozenset[bytes] = frozenset()
        self._former: frozenset[bytes] = frozenset()
        self._noting: IDelayedCall | None = None
        self._by_id: dict[bytes, Peer] = {}
        self._told: Standing | None = None
        self._signature: bytes | None = None
        self._signatures: ProposedSignatures | None = None
        self._validator: Validator | None = ledger.validator
        epochs.on_newer = self._note_soon
        self._find_voters()
        if self._validator is not None:
            self._signatures = ProposedSignatures(ledger, self._validator, clock, self._likeliest)
            self._validator.send = self._send
            self._validator.on_missing = self._bodies_missing
            self._validator.on_other_signatures = self._signatures.fetch
            self._validator.on_refused = self._refused
            self._validator.on_change = self.announce

    # Who is a validator

    def key_of(self, peer: Peer) -> bytes | None:
        """The validator key that a peer has proven to hold."""
        standing = self._standings.get(peer.id)
        return None if standing is None else standing.key

    def votes(self, peer: Peer) -> bool:
        """Whether a peer takes part in consensus now, so that it learns of blocks from there."""
        standing = self._counting.get(peer.id)
        return standing is not None and standing.votes and standing.key in self._voters

    def reached(self) -> frozenset[bytes]:
        """The validators of the present epoch that this node has links with."""
        keys = {standing.key for standing in self._standings.values()}
        return frozenset(keys.intersection(self._ledger.epoch.validators))

    def wanted(self) -> frozenset[bytes]:
        """The validators that this node wants links with and has none: those of its epoch if it is one itself."""
        if self._validator is None or not self._validator.is_validator:
            return frozenset()
        return frozenset(self._ledger.epoch.validators) - self.reached() - {self._validator.key.public}

    def stop(self) -> None:
        """Fetch nothing more."""
        if self._noting is not None:
            self._noting.cancel()
            self._noting = None
        if self._signatures is not None:
            self._signatures.stop()

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
            self._count()
            self.announce()

    def said_standing(self, peer: Peer, standing: Standing) -> None:
        """A peer says that it is a validator.

        :raises PeerFault: The key's owner did not say so.
        """
        known = self._standings.get(peer.id)
        is_new = known is None or (known.key, known.signature) != (standing.key, standing.signature)
        if is_new and not verify(standing.key, VALIDATOR, self._ledger.network + peer.id, standing.signature):
            raise PeerFault("wrong_vote", f"validator {standing.key.hex()} did not sign that it is this node")
        if is_new:
            self._standings.pop(peer.id, None)  # the newest stand last
        self._standings[peer.id] = standing
        if is_new:
            self._note(peer)
        self._count()
        self.announce()

    def note_all(self) -> None:
        """The validators are others now: say again who of the peers is one."""
        self._find_voters()
        for peer in list(self._by_id.values()):
            self._note(peer)
        self._count()
        self.announce()

    def _note_soon(self) -> None:
        """The same once what is being done is over: consensus itself may be what brought the new epoch."""
        if self._noting is None:
            self._noting = self._clock.callLater(0, self._note_now)

    def _note_now(self) -> None:
        self._noting = None
        self.note_all()

    def time_passed(self) -> None:
        """Look whether this node votes in an epoch that is over for long; to be called about once a second.

        Of the end of its epoch it hears from those of the next one; in later ones nobody has to know its key.
        """
        validator, newest = self._validator, self._epochs.newest
        if validator is not None and validator.epoch is not None and newest.number > validator.epoch + 1:
            validator.fell_behind(newest.base)

    def _find_voters(self) -> None:
        present = self._ledger.epoch
        before = self._ledger.find_epoch(present.number - 1)
        self._former = frozenset(() if before is None else before.validators)
        ahead = self._epochs.ahead()
        self._voters = frozenset(key for epoch in (present, *ahead) for key in epoch.validators)

    def _count(self) -> None:
        """Who counts may be others now: tell consensus."""
        counting: dict[bytes, Standing] = {}
        links: Counter[bytes] = Counter()
        for node, standing in reversed(self._standings.items()):
            key = standing.key
            if (key in self._voters or key in self._former) and links[key] < LINKS_OF_A_VALIDATOR:
                links[key] += 1
                counting[node] = standing
        before, self._counting = self._counting, counting
        if self._validator is not None:
            for node in before.keys() - counting.keys():
                self._validator.peer_left(node)
            for node, standing in counting.items():
                if before.get(node) != standing:
                    self._validator.peer_joined(node, standing.key, standing.reaches)

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
        if self._validator is not None and peer.id in self._counting:
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

    def _likeliest(self, block_hash: bytes) -> list[Peer]:
        """The other validators' nodes: those first that should have a proposed block's operations, and answer."""
        assert self._validator is not None and self._signatures is not None
        ranks = {key: rank for rank, key in enumerate(self._validator.holders(block_hash))}
        found: list[tuple[bool, int, int, Peer]] = []
        links: Counter[bytes] = Counter()
        for node, standing in self._counting.items():
            peer = self._by_id.get(node)
            if peer is not None and peer.is_open:
                is_late, rank = self._signatures.is_late(peer), ranks.get(standing.key, len(ranks))
                found.append((is_late, links[standing.key], rank, peer))
                links[standing.key] += 1
        return [peer for *_, peer in sorted(found, key=lambda each: each[:3])]

    def _bodies_missing(self, block_hash: bytes, ids: Collection[bytes]) -> None:
        self._gossip.need(ids, self._likeliest(block_hash))

    def serve_proposed(self, question: GetProposed) -> Operations:
        """Answer a validator that has other signatures of the same operations."""
        held = None if self._validator is None else self._validator.proposed_operations(question.hash)
        sent = [SentOperation(each.body, each.signature) for each in (held or [])[question.first :]]
        return Operations(question.request, tuple(take_fitting(sent, len(sent))) if sent else ())

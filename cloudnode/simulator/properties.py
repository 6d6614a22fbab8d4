"""What must be true of every run, checked as it goes on."""

from __future__ import annotations

from collections.abc import Iterable

from cloudnode.consensus.effects import Accused, Certified, Diverged, EpochOpened, Finalized, Forked, Refused, Send
from cloudnode.consensus.messages import Block, Message, Proposal
from cloudnode.formats.block import FINALIZE, NOTARIZE, SKIP, Vote, quorum
from cloudnode.simulator.host import Host
from cloudnode.simulator.ledger import GENESIS_ROOT


class Violation(Exception):
    """A property is broken.

    :ivar name: Which one. :ivar detail: By what, for people.
    """

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(name, detail)
        self.name = name
        self.detail = detail


class Properties:
    """Watches what honest nodes do, and counts the votes of all."""

    def __init__(self, honest_keys: Iterable[bytes], honest_nodes: Iterable[int]) -> None:
        self._honest = frozenset(honest_keys)
        self._honest_nodes = frozenset(honest_nodes)
        self._epochs: dict[int, tuple[bytes, ...]] = {}
        self._votes: dict[tuple[int, int, int, bytes], bytes] = {}
        self._signers: dict[tuple[int, int, int, bytes], set[int]] = {}
        self._blocks: dict[bytes, Block] = {}
        self._certified: dict[tuple[int, int, int], bytes] = {}
        self._log: list[tuple[bytes, bytes]] = []
        self._ordered: dict[bytes, int] = {}

    # What hosts do.

    def epoch_opened(self, host: Host, effect: EpochOpened) -> None:
        """Everybody agrees who decides."""
        if self._epochs.setdefault(effect.epoch, effect.validators) != effect.validators:
            raise Violation("one validator set an epoch", f"node {host} has another set in epoch {effect.epoch}")

    def sent(self, host: Host, effect: Send) -> None:
        """A message leaves a node."""
        if isinstance(effect.message, Proposal):
            self._blocks[effect.message.block.hash] = effect.message.block
        for vote in _votes_in(effect.message):
            validators = self._epochs.get(vote.epoch, ())
            if vote.validator >= len(validators):
                continue
            key = validators[vote.validator]
            if key == host.identity.signer.public:
                if host.identity.is_honest:
                    self._check_own(host, vote, key)
                self._count(vote, len(validators))

    def certified(self, host: Host, effect: Certified) -> None:
        """An honest node holds a certificate."""
        certificate = effect.certificate
        self._exclude(certificate.kind, certificate.epoch, certificate.view, certificate.hash, f"held by node {host}")

    def finalized(self, host: Host, effect: Finalized) -> None:
        """Honest logs are one log."""
        before = len(host.ledger.blocks) - len(effect.blocks)
        for height, block in enumerate(effect.blocks, before + 1):
            if block.header.height != height:
                raise Violation("heights have no gap", f"node {host}: {block.header.height} in place of {height}")
            self._extend(host, block)
            self._compare_root(host, height, host.ledger.roots[height])

    def accused(self, host: Host, effect: Accused) -> None:
        """Only faulty keys are accused."""
        if effect.key in self._honest:
            raise Violation("every accusation names a faulty key", f"node {host} accuses an honest one: {effect}")

    def refused(self, host: Host, effect: Refused) -> None:
        """What honest nodes send is accepted."""
        if effect.peer in self._honest_nodes:
            raise Violation("honest messages are accepted", f"node {host} from node {effect.peer}: {effect.error}")

    def alarmed(self, host: Host, effect: Forked | Diverged) -> None:
        """With so few liars nothing forks and no root differs."""
        name = "no fork" if isinstance(effect, Forked) else "equal height, equal root"
        raise Violation(name, f"node {host}: {effect}")

    # The rules.

    def _check_own(self, host: Host, vote: Vote, key: bytes) -> None:
        place = (vote.epoch, vote.view, vote.kind, key)
        if self._votes.setdefault(place, vote.hash) != vote.hash:
            raise Violation("one vote of a kind a view", f"node {host} votes twice: {describe_vote(vote)}")
        other = {SKIP: FINALIZE, FINALIZE: SKIP}.get(vote.kind)
        if other is not None and (vote.epoch, vote.view, other, key) in self._votes:
            raise Violation("never skip and finalize", f"node {host} votes both in view {vote.view}")
        block = self._blocks.get(vote.hash)  # None if nobody was linked with its leader when it was proposed
        if vote.kind == NOTARIZE and block is not None and not all(map(host.ledger.holds, block.ids)):
            raise Violation("votes are for what is held", f"node {host} has not all bodies: {describe_vote(vote)}")

    def _count(self, vote: Vote, validators: int) -> None:
        """A certificate exists as soon as its votes do, whoever may have put them together."""
        signers = self._signers.setdefault((vote.epoch, vote.view, vote.kind, vote.hash), set())
        signers.add(vote.validator)
        if len(signers) == quorum(validators):
            self._exclude(vote.kind, vote.epoch, vote.view, vote.hash, "in the votes sent")
            if vote.kind == NOTARIZE:
                self._check_notarized(self._blocks[vote.hash])

    def _exclude(self, kind: int, epoch: int, view: int, block_hash: bytes, where: str) -> None:
        known = self._certified.setdefault((epoch, view, kind), block_hash)
        if known != block_hash:
            raise Violation("one certificate of a kind a view", f"two of kind {kind} in view {view}, {where}")
        other = {SKIP: FINALIZE, FINALIZE: SKIP}.get(kind)
        if other is not None and (epoch, view, other) in self._certified:
            raise Violation("never skip and finalize certificates", f"both in view {view}, {where}")
        final, notarized = (self._certified.get((epoch, view, each)) for each in (FINALIZE, NOTARIZE))
        if final is not None and notarized is not None and final != notarized:
            raise Violation("finalized as notarized", f"two blocks in view {view}, {where}")

    def _check_notarized(self, block: Block) -> None:
        """A block that a quorum found good is so, by what is known of all."""
        header = block.header
        parent = self._blocks.get(header.parent)
        before = (0, 0, 0, GENESIS_ROOT)
        if parent is not None:
            before = parent.header.height, parent.header.time, parent.header.root_height, parent.header.root
        where = f"the block {block.hash.hex()[:8]} of view {header.view}"
        if header.height != before[0] + 1:
            raise Violation("heights have no gap", f"{where}: {header.height} after {before[0]}")
        if header.time <= before[1]:
            raise Violation("time goes on", f"{where}: {header.time} after {before[1]}")
        if header.root_height < before[2]:
            raise Violation("root heights never fall", f"{where}: {header.root_height} after {before[2]}")
        if (header.root_height, header.root) not in (before[2:], (header.root_height, self._root(header.root_height))):
            raise Violation("notarized roots are true", f"{where}: not the root of height {header.root_height}")
        if block.ids and self._follows_end(block):
            raise Violation("nothing after an epoch's end", f"{where}: {len(block.ids)} operations")

    def _root(self, height: int) -> bytes | None:
        """The root of a height that is final somewhere."""
        return GENESIS_ROOT if height == 0 else self._log[height - 1][1] if height <= len(self._log) else None

    def _follows_end(self, block: Block) -> bool:
        """Whether an ancestor in the block's own epoch ended it."""
        parent = self._blocks.get(block.header.parent)
        while parent is not None and parent.header.epoch == block.header.epoch:
            if parent.header.ends_epoch:
                return True
            parent = self._blocks.get(parent.header.parent)
        return False

    def _extend(self, host: Host, block: Block) -> None:
        height = block.header.height
        if height > len(self._log) + 1:
            raise Violation("heights have no gap", f"node {host} is first with {height} after {len(self._log)}")
        if height == len(self._log) + 1:
            self._log.append((block.hash, b""))
            for operation in block.ids:
                if self._ordered.setdefault(operation, height) != height:
                    raise Violation("each operation once", f"at heights {self._ordered[operation]} and {height}")
        elif self._log[height - 1][0] != block.hash:
            raise Violation("honest logs are prefixes of each other", f"node {host} differs at height {height}")

    def _compare_root(self, host: Host, height: int, root: bytes) -> None:
        block_hash, known = self._log[height - 1]
        if known and known != root:
            raise Violation("equal height, equal root", f"node {host} differs at height {height}")
        self._log[height - 1] = (block_hash, root)


def _votes_in(message: Message) -> tuple[Vote, ...]:
    if isinstance(message, Vote):
        return (message,)
    return (message.vote,) if isinstance(message, Proposal) else ()


def describe_vote(vote: Vote) -> str:
    """A vote in a few words."""
    kind = {NOTARIZE: "notarize", SKIP: "skip", FINALIZE: "finalize"}[vote.kind]
    block = "" if vote.kind == SKIP else f" {vote.hash.hex()[:8]}"
    return f"{kind} view {vote.view}{block} by validator {vote.validator}"

"""One participant among four, whose peers are played by the test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cloudnode.consensus.effects import Effect, Entry, Finalized, Persist, Send
from cloudnode.consensus.messages import Block, Message, Proposal
from cloudnode.consensus.seams import Draft, Settings, Start, Tip, Verdict
from cloudnode.consensus.simplex import Simplex
from cloudnode.formats.block import (
    FINALIZE,
    NO_BLOCK,
    NOTARIZE,
    SKIP,
    Certificate,
    Header,
    Vote,
    operations_hash,
    signatures_hash,
    validators_hash,
    vote_message,
)
from cloudnode.formats.keys import VOTE
from cloudnode.simulator.signing import HashKey, verify_hash

NETWORK = bytes(range(32))
ROOT = b"r" * 32
KEYS = [HashKey(b"%d" % index) for index in range(4)]
VALIDATORS = tuple(key.public for key in KEYS)
GENESIS = Tip(NETWORK, 0, -1, 1_000, 0, ROOT, 0)
SETTINGS = Settings(pace=0.2, heartbeat=10.0, delta_first=0.1)
OPERATION = b"o" * 32


class Application:
    """Says what the test wants said."""

    def __init__(self) -> None:
        self.work: tuple[bytes, ...] = ()
        self.verdict = Verdict.VALID
        self.roots: dict[int, bytes] = {0: ROOT}
        self.checked: list[Block] = []
        self.stored: dict[bytes, Block] = {}
        self.ends: dict[int, Certificate] = {}

    def draft(self, height: int, epoch: int, ancestors: Sequence[Block], empty: bool) -> Draft:
        return Draft(() if empty else self.work, 0, signatures_hash(()))

    def has_work(self, epoch: int, ancestors: Sequence[Block]) -> bool:
        return bool(self.work)

    def check(self, block: Block, ancestors: Sequence[Block]) -> Verdict:
        self.checked.append(block)
        return self.verdict

    def root(self, height: int) -> bytes | None:
        return self.roots.get(height)

    def find_block(self, block_hash: bytes) -> Block | None:
        return self.stored.get(block_hash)

    def epoch_end(self, epoch: int) -> Certificate | None:
        return self.ends.get(epoch)


class Scene:
    """A participant with peers 0 to 3 but itself, and all effects that came of it.

    :ivar effects: Since the last :meth:`forget`.
    """

    def __init__(
        self,
        index: int = 3,
        *,
        validators: tuple[bytes, ...] = VALIDATORS,
        journal: Sequence[Entry] = (),
        start: Start | None = None,
        key: HashKey | None = None,
        settings: Settings = SETTINGS,
    ) -> None:
        self.now = 100.0
        self.application = Application()
        self.core = Simplex(NETWORK, settings, self.application, key or KEYS[index], verify_hash)
        self.effects: list[Effect] = []
        self._add(self.core.start(self.now, start or Start(0, validators, GENESIS), journal))
        for peer in range(len(validators)):
            if peer != index:
                self._add(self.core.peer_joined(self.now, peer, validators[peer]))

    def _add(self, effects: list[Effect]) -> None:
        self.effects.extend(effects)

    def forget(self) -> None:
        self.effects.clear()

    def hear(self, message: Message, peer: int = 0) -> None:
        self._add(self.core.receive(self.now, peer, message))

    def wait(self, seconds: float) -> None:
        """Let time pass, calling the participant whenever it asks for it."""
        end = self.now + seconds
        while self.core.deadline is not None and self.core.deadline <= end:
            self.now = max(self.now, self.core.deadline)
            self._add(self.core.timer_due(self.now))
        self.now = end

    def of(self, kind: type[Any]) -> list[Any]:
        """The effects of a kind."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def sent(self, kind: type[Any]) -> list[Any]:
        """The messages of a kind that were sent."""
        return [effect.message for effect in self.of(Send) if isinstance(effect.message, kind)]

    def votes(self) -> list[tuple[int, int]]:
        """Kind and view of the votes in the journal."""
        return [(effect.entry.vote.kind, effect.entry.vote.view) for effect in self.of(Persist)]

    def finals(self) -> list[int]:
        """The heights that became final."""
        return [block.header.height for effect in self.of(Finalized) for block in effect.blocks]

    def play(self, block: Block, kinds: Sequence[int] = (NOTARIZE, FINALIZE)) -> None:
        """Let the other three certify a block."""
        for kind in kinds:
            self.hear(certificate(kind, block.header.view, block.hash))


def vote(index: int, kind: int, view: int, block_hash: bytes = NO_BLOCK, epoch: int = 0) -> Vote:
    message = vote_message(NETWORK, kind, epoch, view, block_hash)
    return Vote(kind, epoch, view, block_hash, index, KEYS[index].sign(VOTE, message))


def certificate(
    kind: int, view: int, block_hash: bytes = NO_BLOCK, signers: Sequence[int] = (0, 1, 2), epoch: int = 0
) -> Certificate:
    votes = [vote(index, kind, view, block_hash, epoch) for index in signers]
    return Certificate(kind, epoch, view, block_hash, tuple((one.validator, one.signature) for one in votes))


def block(
    on: Block | None, view: int, ids: tuple[bytes, ...] = (), validators: tuple[bytes, ...] = (), **changes: Any
) -> Block:
    """A block on another, or on the genesis."""
    before = None if on is None else on.header
    members: dict[str, Any] = {
        "network": NETWORK,
        "epoch": 0,
        "view": view,
        "height": 1 if before is None else before.height + 1,
        "time": 2_000 if before is None else before.time + 1,
        "parent": NETWORK if on is None else on.hash,
        "operations_hash": operations_hash(ids),
        "operations_count": len(ids),
        "root_height": 0,
        "root": ROOT,
        "signatures_hash": signatures_hash(()),
        "next_validators": validators_hash(validators),
    }
    return Block.of(Header(**(members | changes)), ids, validators)


def proposal(
    proposed: Block, parent: Certificate | None = None, skips: tuple[Certificate, ...] = (), index: int | None = None
) -> Proposal:
    leader = proposed.header.view % 4 if index is None else index
    return Proposal(
        proposed, vote(leader, NOTARIZE, proposed.header.view, proposed.hash, proposed.header.epoch), parent, skips
    )


__all__ = ["FINALIZE", "NOTARIZE", "SKIP"]

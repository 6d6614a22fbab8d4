"""A simulated node: runs one participant, syncs its journal, crashes and comes back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

import attrs

from cloudnode.consensus.effects import (
    Accused,
    Behind,
    Diverged,
    Effect,
    Entry,
    EpochOpened,
    Finalized,
    Forked,
    Persist,
    Prune,
    Refused,
    Send,
)
from cloudnode.consensus.journal import NO_FLOOR, Record, encode_floor, journal_head, keep, read_journal
from cloudnode.consensus.messages import Block, Message
from cloudnode.consensus.seams import Settings, Signer, Verdict, Verify
from cloudnode.consensus.simplex import Simplex
from cloudnode.simulator.clock import Clock
from cloudnode.simulator.ledger import BLOCK_MOST, Changes, Ledger

Participant = Callable[[bytes, Settings, Ledger, Signer, Verify], Simplex]


class Surroundings(Protocol):
    """What a host needs of the simulation."""

    clock: Clock

    def sync_time(self, host: Host) -> float:
        """Seconds that a sync or the execution of a block takes."""

    def transmit(self, host: Host, peer: int, message: Message) -> None:
        """Put a message on the way."""

    def performed(self, host: Host, effect: Effect) -> None:
        """Something happened that an observer may want to know."""

    def syncing(self, host: Host) -> None:
        """A sync begins: a good moment for a crash."""

    def is_held(self, host: Host, operation: bytes) -> bool:
        """Whether a node that the host reaches now has the operation's body."""


@attrs.frozen
class Identity:
    """Who a host is.

    :ivar node: Its number, which its twin shares. :ivar name: For the trace, such as ``2`` or ``2b``.
    :ivar wall_offset: Milliseconds by which its clock is ahead, so that twins make different blocks.
    """

    node: int
    name: str
    signer: Signer
    is_honest: bool
    participant: Participant
    wall_offset: int = 0


class Host:
    """One process with its disk.

    :ivar core: The participant, None while it is down.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        identity: Identity,
        network: bytes,
        settings: Settings,
        validators: tuple[bytes, ...],
        changes: Changes,
        verify: Verify,
        on_wire: bool,
    ) -> None:
        """:param on_wire: Whether the journal goes through its bytes at each restart."""
        self.identity = identity
        self.core: Simplex | None = None
        clock, offset = surroundings.clock, identity.wall_offset
        self.ledger = Ledger(network, validators, changes, lambda: int(clock.now * 1000) + offset, self._fetch_bodies)
        self._surroundings = surroundings
        self._clock = clock
        self._settings = settings
        self._verify = verify
        self._on_wire = on_wire
        self._network = network
        self._journal: list[Record] = []
        self._unsynced: list[Entry] = []
        self._queue: deque[Effect] = deque()
        self._life = 0
        self._timer: float | None = None
        self._floor = NO_FLOOR

    def __repr__(self) -> str:
        return self.identity.name

    def boot(self) -> None:
        """Start, from what is on disk, without links."""
        self._life += 1
        self.core = self.identity.participant(
            self._network, self._settings, self.ledger, self.identity.signer, self._verify
        )
        start = attrs.evolve(self.ledger.resume(), floor=self._floor)
        self._perform(self.core.start(self._clock.now, start, self._read_journal()))

    def crash(self) -> None:
        """Stop at once: what isn't synced is lost."""
        self._life += 1
        self.core = None
        self._unsynced.clear()
        self._queue.clear()
        self._timer = None
        self.ledger.lose()

    def link(self, peer: int, key: bytes, reaches: tuple[bytes, ...]) -> None:
        """A link is there, or the peer reaches other validators than before."""
        if self.core is not None:
            self._perform(self.core.peer_joined(self._clock.now, peer, key, reaches))

    def unlink(self, peer: int) -> None:
        """A link is gone."""
        if self.core is not None:
            self._perform(self.core.peer_left(self._clock.now, peer))

    def receive(self, peer: int, message: Message) -> None:
        """A message has arrived."""
        if self.core is not None:
            self._perform(self.core.receive(self._clock.now, peer, message))

    def hold(self, operation: bytes) -> None:
        """An operation's body has arrived, and is durable at once."""
        if self.ledger.hold(operation) and self.core is not None:
            self._perform(self.core.work_arrived(self._clock.now))

    # The effects, strictly in order.

    def _perform(self, effects: list[Effect]) -> None:
        idle = not self._queue and not self._unsynced
        self._queue.extend(effects)
        if idle:
            self._pump()
        self._set_timer()

    def _pump(self) -> None:
        while self._queue and self.core is not None:
            effect = self._queue.popleft()
            if isinstance(effect, Finalized):
                self.ledger.append(effect.blocks, effect.certificate, effect.discarded)
            self._surroundings.performed(self, effect)
            match effect:
                case Send():
                    for peer in effect.peers:
                        self._surroundings.transmit(self, peer, effect.message)  # type: ignore[arg-type]
                case Persist():
                    self._unsynced.append(effect.entry)
                    while self._queue and isinstance(following := self._queue[0], Persist):
                        self._queue.popleft()
                        self._unsynced.append(following.entry)
                    self._clock.later(self._surroundings.sync_time(self), self._synced, self._life)
                    self._surroundings.syncing(self)
                    return
                case Prune():
                    self._journal, dropped = keep(self._journal, effect.epoch, effect.view)
                    self._floor = max(self._floor, dropped)
                case Finalized():
                    height = len(self.ledger.blocks)
                    self._clock.later(self._surroundings.sync_time(self), self._executed, self._life, height)
                case Accused() | Behind() | Diverged() | Forked() | Refused() | EpochOpened():
                    pass

    def _synced(self, life: int) -> None:
        if life == self._life:
            self._journal.extend(map(Record, self._unsynced))
            self._unsynced.clear()
            self._pump()

    def _executed(self, life: int, height: int) -> None:
        if life == self._life and self.core is not None:
            self.ledger.durable = max(self.ledger.durable, height)
            self._perform(self.core.executed(self._clock.now, height))

    def _set_timer(self) -> None:
        deadline = None if self.core is None else self.core.deadline
        if deadline is not None and (self._timer is None or deadline < self._timer):
            self._timer = deadline
            self._clock.at(deadline, self._due, self._life, deadline)

    def _due(self, life: int, deadline: float) -> None:
        if life != self._life or self._timer != deadline or self.core is None:
            return
        self._timer = None
        if self.core.deadline is not None and self.core.deadline <= self._clock.now:
            self._perform(self.core.timer_due(self._clock.now))
        else:
            self._set_timer()

    def _read_journal(self) -> list[Entry]:
        if self._on_wire:
            public = self.identity.signer.public
            floor = b"" if self._floor == NO_FLOOR else encode_floor(self._floor)
            raw = journal_head(self._network, public) + floor + b"".join(map(Record.encode, self._journal))
            torn = raw + b"\x00\x00\x01"
            content = read_journal(torn, self._network, public, BLOCK_MOST)
            assert content.length == len(raw) and content.floor == self._floor
            assert list(content.records) == self._journal
        return [record.entry for record in self._journal]

    def _fetch_bodies(self, block: Block, missing: tuple[bytes, ...]) -> None:
        """Bodies come from whoever has them, soon; what nobody has is asked for again while it may be voted for."""
        self._fetch_later(block, missing, 4 * self._surroundings.sync_time(self))

    def _fetch_later(self, block: Block, missing: tuple[bytes, ...], patience: float) -> None:
        self._clock.later(patience, self._fetched, self._life, block, missing, patience)

    def _fetched(self, life: int, block: Block, missing: tuple[bytes, ...], patience: float) -> None:
        if life != self._life or self.core is None:
            return
        for operation in missing:
            if self._surroundings.is_held(self, operation):
                self.ledger.hold(operation)
        rest = tuple(operation for operation in missing if not self.ledger.holds(operation))
        if not rest:
            self._perform(self.core.block_checked(self._clock.now, block.hash, Verdict.VALID))
        elif (self.core.epoch.number, self.core.view) <= (block.header.epoch, block.header.view):
            self._fetch_later(block, rest, 2 * patience)

"""Running consensus on a node: the participant with its journal, its timer, its links and its ledger.

Theory of operation. The participant (:class:`cloudnode.consensus.simplex.Simplex`) takes events and returns effects,
which are performed strictly in order. A :class:`~cloudnode.consensus.effects.Persist` is performed when it is on disk;
what is behind it waits, so nothing leaves this node that it could forget. With a vote to notarize go the bodies of the
block's operations. Final blocks are handed on to be executed; when one is on disk the participant is told.

The participant lives while this node's key is among the validators of the present epoch. When it is too far behind, its
votes or its blocks can't be written, or the database can't be trusted, it is given up; a new one starts from the store
and the journal once the ledger has caught up. What it had not put on disk has not left, and so binds nobody.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Collection, Sequence

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.consensus.effects import (
    Accused,
    Behind,
    Certified,
    Diverged,
    Effect,
    EpochOpened,
    Finalized,
    Forked,
    Persist,
    Prune,
    Refused,
    Send,
)
from cloudnode.consensus.journal import Record
from cloudnode.consensus.messages import Block, Evidence, decode_message, encode_message
from cloudnode.consensus.seams import Settings, Start, Tip, Verdict
from cloudnode.consensus.simplex import Simplex
from cloudnode.formats.block import Header, signatures_hash
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.finality import Finality, prove_final
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.keys import SIGNATURE_SIZE, SigningKey
from cloudnode.formats.operation import Operation, decode_operation
from cloudnode.ledger.reading import Block as FinalBlock
from cloudnode.ledger.reading import FinalBlock as ExecutedBlock
from cloudnode.node.application import LedgerApplication
from cloudnode.node.journalfile import JournalFile
from cloudnode.node.pool import Pool
from cloudnode.store.sqlite import SqliteStore

JOURNAL_RETRY = 5.0
"""Seconds until what could not be written to the journal (a full disk) is tried again."""

FETCH_MOST = 32
"""If more final blocks are missing, the ledger catches up without consensus: peers tell each with a proof of its own.
What consensus fetches is proven by one certificate, for the last block: each proof has all headers up to that."""

WAITING_MOST = 8
"""Proposed blocks that may wait for bodies, signatures or their time."""

UNEXECUTED_MOST = 128
"""So many final blocks may wait to be written. With more this node votes no longer: they would fill the memory."""

EFFECTS_MOST = 10_000
"""So much may wait for the disk."""


@attrs.define
class Known:
    """A linked peer as consensus knows it: see :meth:`cloudnode.consensus.simplex.Simplex.peer_joined`."""

    key: bytes | None
    reaches: frozenset[bytes] | None


@attrs.define(eq=False)
class _Waiting:
    """A proposed block that can't be judged yet."""

    block: Block
    ancestors: Sequence[Block]
    missing: set[bytes]
    call: IDelayedCall | None = None


class Validator:
    """A validator's part in consensus. Peers are called by their node keys.

    :ivar send: Sends a message to peers. :ivar on_final: Called with each final block, in order, to have it executed.
    :ivar on_missing: Called with a proposed block's hash and the ids of its operations that aren't here, to fetch them
        soon.
    :ivar on_other_signatures: Called with a proposed block's hash whose operations' signatures are to be fetched.
    :ivar on_refused: Called with a peer that sent what no correct node sends.
    :ivar on_evidence: Called with a validator's key and the proof that it contradicted itself.
    :ivar on_diverged: Called with one sentence when the state here is not the one that a quorum signed.
    :ivar on_change: Called when this node begins or ceases to vote.
    :ivar may_begin: Asked before a participant starts: whether the ledger has caught up.
    :ivar trouble: Why this node does not vote at present although it should, or None.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        store: SqliteStore,
        pool: Pool,
        genesis: Genesis,
        key: SigningKey,
        journal: JournalFile,
        wall_time: Callable[[], float],
    ) -> None:
        """:param key: The validator's. :param wall_time: Unix seconds, which blocks tell."""
        self.send: Callable[[Collection[bytes], bytes], None] = lambda peers, message: None
        self.on_final: Callable[[FinalBlock, Header], None] = lambda block, header: None
        self.on_missing: Callable[[bytes, Collection[bytes]], None] = lambda block_hash, ids: None
        self.on_other_signatures: Callable[[bytes], None] = lambda block_hash: None
        self.on_refused: Callable[[bytes, LedgerError], None] = lambda peer, error: None
        self.on_evidence: Callable[[bytes, Evidence], None] = lambda key, evidence: None
        self.on_diverged: Callable[[str], None] = lambda reason: None
        self.on_change: Callable[[], None] = lambda: None
        self.may_begin: Callable[[], bool] = lambda: True
        self.trouble: str | None = None
        self.key = key
        self._reactor = reactor
        self._store = store
        self._pool = pool
        self._genesis = genesis
        self._journal = journal
        parameters = genesis.parameters
        self._settings = Settings(
            pace=parameters.pace_ms / 1000, heartbeat=parameters.heartbeat_ms / 1000, fetch_most=FETCH_MOST
        )
        self._application = LedgerApplication(store, pool, genesis, wall_time)
        self._application.on_missing = self._bodies_missing
        self._application.on_other_signatures = self._signatures_missing
        self._application.on_early = self._block_early
        self._core: Simplex | None = None
        self._is_running = False
        self._is_forked = False
        self._wanted_height = 0
        self._effects: deque[Effect] = deque()
        self._appending: Deferred[None] | None = None
        self._timer: IDelayedCall | None = None
        self._retry: IDelayedCall | None = None
        self._waking: IDelayedCall | None = None
        self._peers: dict[bytes, Known] = {}
        self._waiting: dict[bytes, _Waiting] = {}
        self._recover_bodies()

    # Life

    @property
    def is_voting(self) -> bool:
        """Whether a participant lives."""
        return self._core is not None

    @property
    def view(self) -> int | None:
        """The present view; None while this node takes no part."""
        return None if self._core is None else self._core.view

    @property
    def epoch(self) -> int | None:
        """The number of the epoch that it votes in; None while this node takes no part."""
        return None if self._core is None else self._core.epoch.number

    @property
    def is_validator(self) -> bool:
        """Whether this node's key is among the validators of the present epoch."""
        return self.key.public in self._store.epoch.validators

    def start(self) -> None:
        """Take part as soon as may be."""
        self._is_running = True
        self.begin()

    def begin(self) -> None:
        """Take part if this node should and does not yet; to be called when that may have changed."""
        if self._core is not None or not self._is_running or self._is_forked or not self.is_validator:
            return
        if self._appending is not None or self._retry is not None:
            return
        if self._store.head.height < self._wanted_height or not self.may_begin():
            return
        start = self._make_start()
        if len(start.validators) == 1 and (start.epoch, start.final.view + 1) <= start.floor:
            self._stop_before_floor(start)
            return
        self.trouble = None
        self._application.begin()
        self._core = Simplex(self._genesis.network, self._settings, self._application, self.key)
        entries = [record.entry for record in self._journal.records]
        self._log.info("Voting from height {height} on, epoch {epoch}", height=self._store.head.height,
                       epoch=self._store.epoch.number)  # fmt: skip
        # Peers take nothing of consensus from who has not said that it is a validator.
        self.on_change()
        effects = self._core.start(self._now(), start, entries)
        for peer, known in self._peers.items():
            effects += self._core.peer_joined(self._now(), peer, known.key, known.reaches)
        self._perform(effects)

    def _stop_before_floor(self, start: Start) -> None:
        """Nobody else can bring this network past what its lone validator has signed and forgotten."""
        if self.trouble is None:
            self.trouble = (
                f"the journal says that this validator signed blocks up to view {start.floor[1]}, but the ledger ends "
                f"with view {start.final.view}: put the newer ledger back, or link with a node that has it"
            )
            self._log.critical("{trouble}", trouble=self.trouble)

    def halt(self) -> None:
        """Vote no more: the database can't be trusted."""
        self._is_running = False
        self._give_up()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    async def stop(self) -> None:
        """Vote no more, once what is being written is on disk; close the journal."""
        self.halt()
        if self._appending is not None:
            done: Deferred[None] = Deferred()
            self._appending.addBoth(lambda _: done.callback(None))
            await done
        self._journal.close()

    def _give_up(self) -> None:
        self._core = None
        self._effects.clear()
        for block_hash in list(self._waiting):
            self._wait_no_more(block_hash)
        for call in (self._timer, self._waking):
            if call is not None and call.active():
                call.cancel()
        self._timer = self._waking = None
        self.on_change()

    def _make_start(self) -> Start:
        epoch, head, header = self._store.epoch, self._store.head, self._store.header
        if header is None:
            tip = Tip(head.hash, 0, -1, head.time, 0, head.root, 0)
            return Start(epoch.number, epoch.validators, tip, floor=self._journal.floor)
        block = self._store.reading().block(head.height)
        assert block is not None
        tip = Tip(
            hash=head.hash,
            height=head.height,
            view=header.view if header.epoch == epoch.number else -1,
            time=head.time,
            root_height=header.root_height,
            root=header.root,
            operations_height=self._last_operations(header),
        )
        certificate = Finality.decode(block.finality).certificate
        return Start(epoch.number, epoch.validators, tip, certificate, self._journal.floor)

    def _last_operations(self, header: Header) -> int:
        """The newest height of a block with operations, if no header carries its root yet; else any older height."""
        reading = self._store.reading()
        for height in range(header.height, header.root_height, -1):
            block = reading.block(height)
            if block is not None and block.operation_ids:
                return height
        return 0

    def _recover_bodies(self) -> None:
        """Put what the journal holds into the pool: it was checked before it was written.

        What is for blocks up to the last executed one was needed no longer when this node stopped.
        """
        if (header := self._store.header) is not None:
            self._journal.prune(header.epoch, header.view)
        for record in self._journal.records:
            for operation in self._read_bodies(record):
                if self._store.reading().outcome(operation.id, operation.expiry) is None:
                    self._pool.add(operation)

    def _read_bodies(self, record: Record) -> list[Operation]:
        found = []
        for raw in record.attachments:
            try:
                found.append(decode_operation(raw[SIGNATURE_SIZE:], raw[:SIGNATURE_SIZE], self._genesis))
            except LedgerError as error:
                self._log.error("The journal holds what is no operation: {error}", error=error)
        return found

    # What happens

    def wake(self) -> None:
        """An operation waits. Those that come in the same turn of the reactor get into the same block."""
        if self._core is not None and self._waking is None:
            self._waking = self._reactor.callLater(0, self._work_arrived)

    def _work_arrived(self) -> None:
        self._waking = None
        if self._core is not None:
            self._perform(self._core.work_arrived(self._now()))

    def pooled(self, operation: Operation) -> None:
        """An operation came into the pool, perhaps one that a proposed block waits for."""
        for waiting in list(self._waiting.values()):
            if operation.id in waiting.missing:
                waiting.missing.discard(operation.id)
                if not waiting.missing:
                    self._judge_again(waiting)

    def signatures_came(self, block_hash: bytes) -> None:
        """The pool holds a proposed block's operations with the leader's signatures now."""
        waiting = self._waiting.get(block_hash)
        if waiting is not None:
            self._judge_again(waiting)

    def fell_behind(self, height: int) -> None:
        """The epoch that this node votes in is over for long: it votes no more until the ledger has a height."""
        self._wanted_height = height
        self._log.info("The epoch is over: catching up to height {height}", height=height)
        self._give_up()

    def proposed_block(self, block_hash: bytes) -> Block | None:
        """A block that is under way."""
        return None if self._core is None else self._core.chain.get(block_hash)

    def waiting_block(self, block_hash: bytes) -> Block | None:
        """A proposed block that can't be judged yet."""
        waiting = self._waiting.get(block_hash)
        return None if waiting is None else waiting.block

    def holders(self, block_hash: bytes) -> list[bytes]:
        """The validators that are known to have a proposed block's operations: its leader, and who voted for it."""
        block = self.proposed_block(block_hash)
        if self._core is None or block is None or block.header.epoch != self._core.epoch.number:
            return []
        epoch, view = self._core.epoch, self._core.ballots.views.get(block.header.view)
        indexes = [epoch.leader(block.header.view)]
        if view is not None:
            indexes += [index for (kind, index), vote in view.votes.items() if vote.hash == block_hash]
        return [epoch.validators[index] for index in dict.fromkeys(indexes)]

    def proposed_operations(self, block_hash: bytes) -> list[Operation] | None:
        """The operations of a block that is under way, for a peer that lacks them; None if not all are here."""
        block = self.proposed_block(block_hash)
        if block is None:
            return None
        held = [self._pool.get(operation_id) for operation_id in block.ids]
        found = [operation for operation in held if operation is not None]
        is_whole = len(found) == len(held) and _are_signed_so(found, block.header)
        return found if is_whole else self.voted_operations(block.hash)

    def voted_operations(self, block_hash: bytes) -> list[Operation] | None:
        """The operations of a block that this node voted for and that isn't executed; None if the journal lacks them.

        The pool may have taken them with other signatures since, for another block.
        """
        for record in self._journal.records:
            block = record.entry.block
            if block is not None and block.hash == block_hash:
                found = self._read_bodies(record)
                is_whole = [each.id for each in found] == list(block.ids)
                return found if is_whole and _are_signed_so(found, block.header) else None
        return None

    def executed(self, executed: ExecutedBlock) -> None:
        """A final block is on disk with its effects."""
        height = executed.block.height
        self._application.executed(height, executed.block.hash, executed.root)
        if self._core is not None:
            self._perform(self._core.executed(self._now(), height))
        if self._core is not None and not self.is_validator:
            self._log.info("This node is a validator no longer, since height {height}", height=height)
            self._give_up()
        self.begin()

    def peer_joined(self, peer: bytes, key: bytes | None, reaches: Collection[bytes] | None) -> None:
        """A link is up, or more is known of it."""
        known = Known(key, None if reaches is None else frozenset(reaches))
        self._peers[peer] = known
        if self._core is not None:
            self._perform(self._core.peer_joined(self._now(), peer, known.key, known.reaches))

    def peer_left(self, peer: bytes) -> None:
        """A link is gone."""
        if self._peers.pop(peer, None) is not None and self._core is not None:
            self._perform(self._core.peer_left(self._now(), peer))

    def receive(self, peer: bytes, raw: bytes) -> None:
        """A peer has sent a message.

        :raises LedgerError: It is none.
        """
        if self._core is None or peer not in self._peers:
            return
        message = decode_message(raw, self._genesis.parameters.max_block_operations)
        self._perform(self._core.receive(self._now(), peer, message))

    def _now(self) -> float:
        return self._reactor.seconds()

    # Proposed blocks that wait

    def _bodies_missing(self, block: Block, ids: tuple[bytes, ...]) -> None:
        self._wait(block, set(ids))
        self.on_missing(block.hash, ids)

    def _signatures_missing(self, block: Block) -> None:
        self._wait(block, set())
        self.on_other_signatures(block.hash)

    def _block_early(self, block: Block, milliseconds: int) -> None:
        waiting = self._wait(block, set())
        waiting.call = self._reactor.callLater(milliseconds / 1000, self._judge_again, waiting)

    def _wait(self, block: Block, missing: set[bytes]) -> _Waiting:
        assert self._core is not None
        ancestors = self._core.with_unexecuted(self._core.chain.path(block.header.parent).blocks)
        self._wait_no_more(block.hash)
        waiting = self._waiting[block.hash] = _Waiting(block, ancestors, missing)
        while len(self._waiting) > WAITING_MOST:
            self._wait_no_more(next(iter(self._waiting)))
        return waiting

    def _wait_no_more(self, block_hash: bytes) -> None:
        waiting = self._waiting.pop(block_hash, None)
        if waiting is not None and waiting.call is not None and waiting.call.active():
            waiting.call.cancel()

    def _judge_again(self, waiting: _Waiting) -> None:
        self._wait_no_more(waiting.block.hash)
        if self._core is None:
            return
        verdict = self._application.check(waiting.block, waiting.ancestors)
        if verdict is not Verdict.WAITING:
            self._perform(self._core.block_checked(self._now(), waiting.block.hash, verdict))

    # The effects, strictly in order

    def _perform(self, effects: list[Effect]) -> None:
        self._effects.extend(effects)
        self._pump()
        if len(self._effects) > EFFECTS_MOST:
            self._stop_for("the disk takes too long to write a vote")
        self._set_timer()

    def _pump(self) -> None:
        while self._effects and self._appending is None:
            effect = self._effects.popleft()
            match effect:
                case Send():
                    self.send(effect.peers, encode_message(effect.message))  # type: ignore[arg-type]
                case Persist():
                    persists = [effect]
                    while self._effects and isinstance(following := self._effects[0], Persist):
                        persists.append(following)
                        self._effects.popleft()
                    self._persist([self._record(each) for each in persists])
                case Prune():
                    self._journal.prune(effect.epoch, effect.view)
                case Finalized():
                    self._finalized(effect)
                case Accused():
                    self._log.warn("Validator {key} contradicted itself in view {view} of epoch {epoch}",
                                   key=effect.key.hex(), view=effect.evidence.first.view,
                                   epoch=effect.evidence.first.epoch)  # fmt: skip
                    self.on_evidence(effect.key, effect.evidence)
                case Refused():
                    assert isinstance(effect.peer, bytes)
                    self.on_refused(effect.peer, effect.error)
                case Behind():
                    self._wanted_height = effect.height
                    self._log.info("Too far behind to vote: catching up to height {height}", height=effect.height)
                    self._give_up()
                case Diverged():
                    self._give_up()
                    self.on_diverged(
                        f"the state root at height {effect.height} is not the one that the validators signed, "
                        f"{effect.theirs.hex()}"
                    )
                case Forked():
                    self._stop_for_fork(effect)
                case EpochOpened():
                    self._log.info("Epoch {epoch} with {count} validators begins on height {height}",
                                   epoch=effect.epoch, count=len(effect.validators), height=effect.height)  # fmt: skip
                case Certified():
                    pass

    def _record(self, effect: Persist) -> Record:
        block = effect.entry.block
        bodies = [] if block is None else [self._pool.get(operation_id) for operation_id in block.ids]
        return Record(effect.entry, tuple(each.signature + each.body for each in bodies if each is not None))

    def _persist(self, records: list[Record]) -> None:
        self._appending = self._journal.append(records)
        self._appending.addCallbacks(self._persisted, self._not_persisted, errbackArgs=(records,))

    def _persisted(self, _: object) -> None:
        self._appending = None
        if not self._is_forked:
            self.trouble = None
        self._pump()
        self.begin()

    def _not_persisted(self, failure: Failure, records: list[Record]) -> None:
        self._appending = None
        is_full = getattr(failure.value, "errno", None) == errno.ENOSPC
        reason = "the disk is full" if is_full else failure.getErrorMessage()
        # Nothing that waits for these votes may happen, and nothing may pile up behind them.
        self._give_up()
        if not self._is_forked:
            self.trouble = f"no vote can be written to the journal: {reason}"
            self._log.error("{trouble}; trying again in {delay:.0f} s", trouble=self.trouble, delay=JOURNAL_RETRY)
        if self._is_running:
            self._retry = self._reactor.callLater(JOURNAL_RETRY, self._persist_again, records)

    def _persist_again(self, records: list[Record]) -> None:
        self._retry = None
        self._persist(records)

    def _finalized(self, effect: Finalized) -> None:
        discarded = [block.header for block in effect.discarded]
        proofs = prove_final([block.header for block in effect.blocks], discarded, effect.certificate)
        for block, proof in zip(effect.blocks, proofs, strict=True):
            self._wait_no_more(block.hash)
            height, header = block.header.height, block.header
            self.on_final(
                FinalBlock(height, block.hash, header.encode(), proof.encode(), block.ids, block.validators), header
            )

        if effect.blocks[-1:] and effect.blocks[-1].header.height - self._store.head.height > UNEXECUTED_MOST:
            self._stop_for(f"more than {UNEXECUTED_MOST} final blocks wait to be written")

    def _stop_for(self, reason: str) -> None:
        """Vote no more until the ledger has caught up."""
        self._log.warn("This node votes no longer for now: {reason}", reason=reason)
        self._give_up()
        self.trouble = reason

    def _stop_for_fork(self, effect: Forked) -> None:
        self._give_up()
        self._is_forked = True
        self.trouble = (
            f"two certificates exclude each other (epoch {effect.first.epoch}, views {effect.first.view} and "
            f"{effect.second.view}): more validators lie than the network tolerates, so this node votes no more"
        )
        self._log.critical("{trouble}", trouble=self.trouble)

    def _set_timer(self) -> None:
        deadline = None if self._core is None else self._core.deadline
        if self._timer is not None and self._timer.active():
            if deadline is not None and self._timer.getTime() <= deadline:
                return  # it comes early, and is set again then
            self._timer.cancel()
        self._timer = None
        if deadline is not None:
            self._timer = self._reactor.callLater(max(0.0, deadline - self._now()), self._timer_due)

    def _timer_due(self) -> None:
        self._timer = None
        if self._core is None:
            return
        if self._core.deadline is not None and self._core.deadline <= self._now():
            self._perform(self._core.timer_due(self._now()))
        else:
            self._set_timer()


def _are_signed_so(operations: Sequence[Operation], header: Header) -> bool:
    return signatures_hash(operation.signature for operation in operations) == header.signatures_hash

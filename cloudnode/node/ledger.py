"""The one ledger that all of a node's services share.

It takes operations from callers, has them ordered and executed, and answers reads. Everything here happens in the
reactor's thread but for the verification of signatures and the audit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal

import attrs
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.formats.checkpoint import Checkpoint
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import Operation
from cloudnode.formats.received import SignedBody
from cloudnode.ledger.reading import Accepted, AuditState, Block, Damage, FinalBlock, Head, Outcome, RepairState
from cloudnode.node.background_audit import BackgroundAudit
from cloudnode.node.following import Follower
from cloudnode.node.intake import Intake, Told
from cloudnode.node.ordering import Ordering, Role, ValidatorIdentity
from cloudnode.node.pool import Pool, PoolLimits
from cloudnode.node.recent import RecentOutcomes
from cloudnode.node.threads import RunInThread
from cloudnode.node.validating import Validator
from cloudnode.node.waiting import Waiting
from cloudnode.node.writing import BlockWriting
from cloudnode.store.audit.worker import AuditHere, MakeAuditWorker, Portion
from cloudnode.store.damage import read_damage, write_damage
from cloudnode.store.epochs import EpochEnd
from cloudnode.store.reading import SqliteReading
from cloudnode.store.sqlite import SqliteStore
from cloudnode.store.states import StateRoot

State = Literal["starting", "serving", "syncing", "corrupt", "diverged", "repairing", "stopped"]

DIVERGED = "diverged: "
"""What the finding begins with that says that this node's state is not the network's: no audit of it can clear that."""

LOOK_SECONDS = 0.25
"""How often it is seen whether somebody else wrote to the database."""


@attrs.frozen
class LedgerConfig:
    """What an operator may set.

    :ivar pool: The most that waits for a block. :ivar audit_interval: Seconds between background audits, 0 for none.
    :ivar audit_share: The share of one core's time that a background audit takes, 0 to 2.
    :ivar checkpoint: A block that must be in the chain, or None.
    """

    pool: PoolLimits = attrs.Factory(PoolLimits)
    audit_interval: float = 300.0
    audit_share: float = 0.2
    checkpoint: Checkpoint | None = None


class Ledger:
    """A node's database, open.

    :ivar genesis: The network's. :ivar node_key: The node's identity, which signs receipts and answers.
    :ivar repair: What is done about damage. :ivar on_damage: Called when :attr:`damage` tells what there is to repair.
    :ivar checkpoint: A block that must be in the chain, or None: whoever brings blocks, or a whole state of a later
        height, sees to it by :meth:`cloudnode.formats.checkpoint.Checkpoint.check`.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        run_in_thread: RunInThread,
        store: SqliteStore,
        genesis: Genesis,
        node_key: SigningKey,
        identity: ValidatorIdentity | None,
        config: LedgerConfig = LedgerConfig(),
        wall_time: Callable[[], float] = time.time,
        make_audit: MakeAuditWorker | None = None,
    ) -> None:
        """:param make_audit: Makes what does the work of an audit; by default it is done in this process."""
        self.genesis = genesis
        self.network = genesis.network
        self.node_key = node_key
        self.checkpoint = config.checkpoint
        self._reactor = reactor
        self._run_in_thread = run_in_thread
        self._store = store
        self._pool = Pool(config.pool)
        self._recent = RecentOutcomes()
        self._intake = Intake(reactor, run_in_thread, store, genesis, self._pool, self._recent)
        self._writing = BlockWriting(reactor, run_in_thread, store)
        self._writing.on_final = self._block_final
        self._writing.on_damage = self.report_damage
        self._ordering = Ordering(reactor, self._writing, store, self._pool, genesis, identity, wall_time)
        self._intake.watch(self._ordering.pooled)
        self._ordering.follower.on_diverged = self.report_divergence
        if self._ordering.validator is not None:
            self._ordering.validator.on_diverged = self.report_divergence
        make_audit = make_audit or partial(AuditHere, clock=reactor.seconds)
        self._audit = BackgroundAudit(reactor, run_in_thread, store.path, genesis, config, make_audit, wall_time)
        self._audit.on_damage = self._audit_found
        self._audit.on_portion = self._audit_goes_on
        self._audit.on_finished = self._audit_finished
        self._wall_time = wall_time
        self.repair = RepairState()
        self.on_damage: Callable[[], None] = lambda: None
        self._damage: Damage | None = None
        self._was_sound = False
        """Whether an audit found all of the database sound since the last repair."""
        self._looking: IDelayedCall | None = None
        self._state: State = "starting"
        self._waiting = Waiting()
        self._observers: list[Callable[[FinalBlock], None]] = []

    def check_checkpoint(self) -> None:
        """See that the log does not contradict the checkpoint; to be called before the start.

        :raises CheckpointMissed: It does.
        """
        wanted = self.checkpoint
        if wanted is None or wanted.height > self.head.height:
            return
        block = self.reading().block(wanted.height)
        if block is not None:
            wanted.check(block.height, block.hash)
        else:
            self._log.warn("The checkpoint {checkpoint} is not looked at: that block is pruned here", checkpoint=wanted)

    async def start(self) -> None:
        """Begin to make blocks and to audit. Reads are answered from now on, unless an audit found damage before."""
        damage = read_damage(self._store.path)
        for finding in damage:
            if finding.startswith(DIVERGED):
                self.report_divergence(finding.removeprefix(DIVERGED))
            else:
                self.report_damage(finding)
        if not damage:
            self._serve()
        self._audit.start(lambda: self.head.height)
        self._look()

    def _look(self) -> None:
        """See whether anybody else wrote to the database: then all of it is audited at once."""
        self._looking = self._reactor.callLater(LOOK_SECONDS, self._look)
        if self._state == "serving" and not self._writing.is_busy and self._store.was_changed():
            self._log.warn("Somebody else wrote to {path}: looking whether it is still sound", path=self._store.path)
            self._audit.hurry()

    def _serve(self) -> None:
        self._state = "serving"
        self._ordering.start()

    async def begin_syncing(self) -> None:
        """Serve no data from now on, for another database is being made that will take the place of this one.

        Fires once nothing here writes or audits any more.

        :raises LedgerError: ``node_stopping``.
        """
        await self._leave_database("syncing")

    async def _leave_database(self, state: State) -> None:
        if self._state == "stopped":
            raise LedgerError("node_stopping")
        self._state = state
        self._ordering.halt()
        await self._writing.finish()
        await self._audit.stop()

    async def adopt(self, path: str) -> None:
        """Go on with another database of this network, whose state was proven, and serve its data.

        Whatever else has this node's database open must have closed it.

        :param path: The other one, which is moved to the place of the one in use.
        :raises LedgerError: ``node_stopping``.
        """
        if self._state == "stopped":
            raise LedgerError("node_stopping")
        self._store.replace(path)
        self._damage = None
        self._was_sound = False
        self._audit.forget()
        write_damage(self._store.path, ())
        for operation_id in self._pool.ids():
            operation = self._pool.get(operation_id)
            outcome = None if operation is None else self.outcome(operation_id, operation.expiry)
            if outcome is not None:
                self._pool.remove((operation_id,))
                self._waiting.tell(outcome)
        self._reached(self.head.height)
        self._serve()
        self._audit.start(lambda: self.head.height)

    async def stop(self) -> None:
        """Finish the block under way, give up what waits, close the database."""
        if self._state == "stopped":
            return
        self._state = "stopped"
        if self._looking is not None:
            self._looking.cancel()
        await self._audit.stop()
        await self._ordering.stop()
        self._waiting.give_up("node_stopping")
        self._store.close()

    # What is known

    @property
    def head(self) -> Head:
        """The newest block that is executed and on disk."""
        return self._store.head

    @property
    def epoch(self) -> Epoch:
        """The epoch of the next block, and who decides in it."""
        return self._store.epoch

    def find_epoch(self, number: int) -> Epoch | None:
        """An epoch by its number; None if it has not begun here."""
        return self._store.find_epoch(number)

    def epochs(self, first: int = 0) -> Iterator[EpochEnd]:
        """How the epochs that are over ended, from the one with number ``first`` on."""
        return self._store.epochs(first)

    @property
    def state(self) -> State:
        """Whether data may be served: only while ``serving``."""
        return self._state

    @property
    def audit(self) -> AuditState:
        """What is known of the database's soundness."""
        return self._audit.state

    @property
    def ordering_trouble(self) -> str | None:
        """Why no block can be made at present (for instance a full disk), one sentence; None if all is well."""
        validator = self._ordering.validator
        return self._writing.trouble or (None if validator is None else validator.trouble)

    @property
    def role(self) -> Role:
        """What this node is in the network at present."""
        return self._ordering.role

    @property
    def follower(self) -> Follower:
        """The queue of final blocks that wait to be executed."""
        return self._ordering.follower

    @property
    def validator(self) -> Validator | None:
        """This node's part in consensus; None if it can't have any."""
        return self._ordering.validator

    @property
    def state_root(self) -> StateRoot:
        """The newest state's root, with the tables' entries."""
        return self._store.state

    @property
    def database(self) -> str:
        """The path of the database's file, for whoever reads it with a connection of its own."""
        return self._store.path

    @property
    def pool_operations(self) -> int:
        """Operations that wait for a block."""
        return len(self._pool)

    @property
    def pool_size(self) -> int:
        """Bytes of the operations that wait for a block."""
        return self._pool.size

    @property
    def lowest_block(self) -> int:
        """The height of the oldest block in the log; that of the first one to come if there is none."""
        return self._store.lowest_block

    @property
    def lowest_height(self) -> int:
        """The lowest height that can be read."""
        return self._store.lowest_height

    def reading(self, height: int | None = None) -> SqliteReading:
        """The ledger at a height, the newest by default; to be used at once, not kept.

        :raises LedgerError: ``height_pruned`` or ``height_future``.
        """
        return self._store.reading(height)

    def provable_height(self) -> int:
        """The newest height that is kept and whose state root is in a final header.

        :raises LedgerError: ``not_provable``: there is none yet.
        """
        height = self._store.provable_height
        if height is None:
            raise LedgerError("not_provable")
        return height

    def find_provable(self, most: int) -> int | None:
        """The newest height, up to one, that is kept and whose state root is in a header; None if there is none."""
        return self._store.find_provable(most)

    @property
    def newest_provable(self) -> int:
        """:meth:`provable_height`, and 0 if there is none: which no ``min_height`` above it takes for reached."""
        return self._store.provable_height or 0

    def proving_block(self, height: int) -> Block:
        """The first final block whose header carries the state root of a height.

        :raises LedgerError: ``not_provable``: no header carries it (yet).
        """
        block = self._store.proving_block(height)
        if block is None:
            raise LedgerError("not_provable")
        return block

    def outcome(self, operation_id: bytes, expiry: int) -> Outcome | None:
        """What became of an operation; None if it is in no block, or that is no longer remembered."""
        return self._store.reading().outcome(operation_id, expiry)

    def waiting_operation(self, operation_id: bytes) -> Operation | None:
        """An operation that waits for a block."""
        return self._pool.get(operation_id)

    def waiting_ids(self) -> list[bytes]:
        """The ids of all operations that wait for a block, oldest first."""
        return self._pool.ids()

    # What is asked for

    def submit(self, body: bytes, signature: bytes) -> Deferred[Accepted]:
        """Take an operation (:meth:`cloudnode.node.intake.Intake.submit`)."""
        return self._intake.submit(body, signature)

    def relay(self, body: bytes, signature: bytes, told: Told, needed: bool = False) -> None:
        """Take an operation from a peer (:meth:`cloudnode.node.intake.Intake.relay`)."""
        self._intake.relay(body, signature, told, needed)

    async def adopt_signatures(self, ids: Sequence[bytes], sent: Sequence[SignedBody]) -> bool:
        """Take waiting operations with other signatures (:meth:`cloudnode.node.intake.Intake.adopt_signatures`)."""
        return await self._intake.adopt_signatures(ids, sent)

    def when_final(self, operation_id: bytes, expiry: int) -> Deferred[Outcome]:
        """Wait for an operation that :meth:`submit` accepted.

        :return: Fires with what became of it; with LedgerError ``operation_expired`` if no block took it in time.
            May be cancelled.
        """
        if operation_id not in self._pool:
            outcome = self.outcome(operation_id, expiry)
            return fail(LedgerError("operation_expired")) if outcome is None else succeed(outcome)
        return self._waiting.for_outcome(operation_id)

    def when_height(self, height: int) -> Deferred[None]:
        """Wait until the head is at a height or above. May be cancelled."""
        return succeed(None) if self.head.height >= height else self._waiting.for_height(height)

    def watch_blocks(self, observer: Callable[[FinalBlock], None]) -> Callable[[], None]:
        """Have ``observer`` called after each block that becomes final, in order.

        :return: What ends it.
        """
        self._observers.append(observer)

        def stop_watching() -> None:
            if observer in self._observers:
                self._observers.remove(observer)

        return stop_watching

    def watch_pool(self, observer: Callable[[Operation], None]) -> Callable[[], None]:
        """Have ``observer`` called with each operation that comes into the pool.

        :return: What ends it.
        """
        return self._intake.watch(observer)

    # What happens

    def _block_final(self, final: FinalBlock) -> None:
        self._pool.remove(final.block.operation_ids)
        self._recent.add(final)
        over = self._pool.drop_appoints() if final.block.validators else []
        self._ordering.executed(final)
        self._waiting.executed(final.operations)
        self._reached(final.block.height)
        self._waiting.refuse(over, "appoint_epoch")
        for observer in list(self._observers):
            try:
                observer(final)
            except Exception:
                # One observer's failure is not another's, nor the ledger's.
                self._log.failure("An observer of blocks failed at height {height}", height=final.block.height)

    def _reached(self, height: int) -> None:
        """Give up what no block above a height can hold, and tell those who wait for one up to it.

        :param height: Of the block that was told of last, which is below the head while a run is told of: what is not
            in this block may be in one of those that are told of next.
        """
        self._waiting.refuse(self._pool.drop_expired(height + 1), "operation_expired")
        self._waiting.reached(height)

    def report_damage(self, finding: str) -> None:
        """Say that something read from the database is wrong: no data is served until it is repaired, or an audit
        finds it sound.

        :param finding: One sentence, which ``getnodeinfo`` tells.
        """
        self._audit_found(finding)
        if self._audit.is_wanted:
            # It tells what else is wrong, and of what kind that is.
            self._audit.hurry()
        elif self._damage is None:
            self._damage = Damage(is_torn=True)

    def _audit_found(self, finding: str) -> None:
        if self._state in ("syncing", "repairing", "stopped"):
            return
        self._audit.record_damage(finding)
        write_damage(self._store.path, self._audit.state.findings)
        if self._state in ("starting", "serving"):
            self._state = "corrupt"
            self._log.critical("The database is damaged, data is no longer served: {finding}", finding=finding)
            self._ordering.halt()

    def report_divergence(self, reason: str) -> None:
        """Say that this node's state is not the one that the network's validators signed: no data is served.

        :param reason: One sentence, which ``getnodeinfo`` tells.
        """
        finding = DIVERGED + reason
        self._audit.record_damage(finding)
        write_damage(self._store.path, self._audit.state.findings)
        self._damage = self._damage or Damage()
        if self._state in ("starting", "serving", "corrupt"):
            self._state = "diverged"
            self._log.critical("This node has diverged, data is no longer served: {reason}", reason=reason)
            self._ordering.halt()

    def _audit_goes_on(self, portion: Portion) -> None:
        """Let a repair begin at once: with what was found, if all was sound not long ago, or where it compares all rows
        itself. Else which blocks of the log are damaged is waited for."""
        if self._state == "diverged":
            return
        spots = portion.spots if self._was_sound else None
        if spots is not None:
            self._set_damage(Damage(tuple(portion.heights), portion.is_torn, spots=spots))
        elif not portion.heights:
            self._set_damage(Damage(is_torn=portion.is_torn))

    def _set_damage(self, damage: Damage) -> None:
        self._damage = damage
        self.on_damage()

    def _audit_finished(self, portion: Portion) -> None:
        if portion.findings:
            is_diverged = self._state == "diverged"
            spots = portion.spots if self._was_sound and not is_diverged else None
            is_log_only = portion.is_log_only and not is_diverged
            self._set_damage(Damage(tuple(portion.heights), portion.is_torn, is_log_only, spots))
            return
        if self._state == "diverged":
            # The audit finds a database that agrees with itself, which is not the question.
            return
        self._damage = None
        self._was_sound = True
        write_damage(self._store.path, ())
        if self._state == "corrupt":
            self._log.info("The database is sound again, data is served")
            self._serve()

    # Repair

    @property
    def damage(self) -> Damage | None:
        """What there is to repair, once that is known; None while there is nothing, or it is being found out."""
        return self._damage if self._state in ("corrupt", "diverged") else None

    async def begin_repair(self) -> None:
        """Leave the database to a repair: fires once nothing here writes or audits any more.

        :raises LedgerError: ``node_stopping``.
        """
        await self._leave_database("repairing")

    def show_repair(self, doing: str | None, progress: float = 0.0) -> None:
        """Say what a repair does now."""
        self.repair = attrs.evolve(self.repair, doing=doing, progress=progress)

    def end_repair(self, what: str) -> None:
        """Go on with the repaired database.

        :param what: What was done, in one sentence.
        """
        if self._state != "repairing":
            return
        self._damage = None
        self._was_sound = False
        self._store.reload()
        write_damage(self._store.path, ())
        self._audit.forget()
        self.repair = RepairState(None, 0.0, None, self.repair.repairs + 1, what, self._wall_time())
        self._log.info("The database is repaired, data is served again; {what}", what=what)
        self._serve()
        self._audit.hurry()
        self._audit.start(lambda: self.head.height)

    def warn_of_machine(self, trouble: str) -> None:
        """Say that repairs do not last."""
        self.repair = attrs.evolve(self.repair, trouble=trouble)
        self._log.critical("{trouble}", trouble=trouble)

    def start_over(self) -> None:
        """Put a database that can't be repaired aside, and go on with a new one, which others have the content for.

        Whatever else has this node's database open must have closed it.

        :raises OSError: The directory can't be written.
        """
        if self._state != "repairing":
            return
        aside = self._store.start_over(self._wall_time())
        self._damage = None
        self._was_sound = False
        self._audit.forget()
        what = f"the database was put aside as {aside}, and is made anew from other nodes"
        self.repair = RepairState(None, 0.0, None, self.repair.repairs + 1, what, self._wall_time())
        self._log.critical("{what}", what=what)
        self._serve()
        self._audit.start(lambda: self.head.height)

    def fail_repair(self, trouble: str, damage: Damage) -> None:
        """Say that the repair did not succeed, or can't begin, and what is still to be repaired."""
        if trouble != self.repair.trouble:
            self._log.error("The database is not repaired: {trouble}", trouble=trouble)
        self.repair = attrs.evolve(self.repair, doing=None, progress=0.0, trouble=trouble)
        if self._state != "repairing":
            return
        # That all else was sound is too long ago by now: the next repair compares all rows.
        self._was_sound = False
        self._damage = attrs.evolve(damage, spots=None)
        is_diverged = any(finding.startswith(DIVERGED) for finding in self._audit.state.findings)
        self._state = "diverged" if is_diverged else "corrupt"
        self._audit.start(lambda: self.head.height)

    def read_failed(self, failure: Failure) -> None:
        """Take note of a failed read that showed damage."""
        self.report_damage(failure.getErrorMessage())

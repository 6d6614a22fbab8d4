"""Taking operations: from a caller or a peer, over the checks of form, time and signature, into the pool.

Whether one is in the log already is known of young ones by memory, of old ones by the database. The signature is
verified in a thread; what happened meanwhile is looked at again before the operation goes into the pool.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from cloudnode.formats.appointment import check_appoint
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.operation import Appoint, Operation, check_window, decode_operation, signatures_valid
from cloudnode.formats.received import SignedBody
from cloudnode.ledger.reading import Accepted, Outcome
from cloudnode.node.checking import Checked, SignatureChecker
from cloudnode.node.pool import Pool
from cloudnode.node.recent import RecentOutcomes
from cloudnode.node.threads import RunInThread
from cloudnode.store.sqlite import SqliteStore

Told = Callable[[Accepted | Failure], Any]
"""Is called with what became of an operation that was to be taken."""

HEIGHTS_AHEAD = 100
"""How far in the future an operation from a peer may begin to be valid: another node may be ahead of this one."""


class Intake:
    """The way into the pool."""

    def __init__(
        self,
        reactor: IReactorTime,
        run_in_thread: RunInThread,
        store: SqliteStore,
        genesis: Genesis,
        pool: Pool,
        recent: RecentOutcomes,
    ) -> None:
        """:param recent: What the last blocks held."""
        self._run_in_thread = run_in_thread
        self._store = store
        self._genesis = genesis
        self._pool = pool
        self._recent = recent
        self._checker = SignatureChecker(reactor, run_in_thread)
        self._observers: list[Callable[[Operation], None]] = []

    def watch(self, observer: Callable[[Operation], None]) -> Callable[[], None]:
        """Have ``observer`` called with each operation that comes into the pool.

        :return: What ends it.
        """
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def submit(self, body: bytes, signature: bytes) -> Deferred[Accepted]:
        """Take an operation. To send the same one again, here or elsewhere, is safe.

        :param body: The exact text. :param signature: 64 bytes.
        :return: Fires once the signature is verified and the operation waits for a block, or is final already.
        :raises LedgerError: Any code of the groups ``form`` and ``pool``, at once or through the Deferred.
        """
        operation = decode_operation(body, signature, self._genesis)
        outcome = self._outcome_of(operation)
        if outcome is not None or operation.id in self._pool:
            # The id is of the body alone: whoever sends it with another signature is told of the first one.
            return succeed(Accepted(operation.id, self._store.head.height, operation.expiry, outcome))
        check_window(operation, self._store.head.height + 1)
        self._check_epoch(operation)
        done: Deferred[Accepted] = Deferred()
        self._check(operation, done.callback)
        return done

    def relay(self, body: bytes, signature: bytes, told: Told, needed: bool = False) -> None:
        """Take an operation from a peer, as :meth:`submit` but for one that is not valid yet: peers may be ahead.

        :param told: Called with what the Deferred of :meth:`submit` fires with.
        :param needed: A block that is under way holds it, so it is taken even if the pool is full.
        :raises LedgerError: As :meth:`submit`.
        """
        operation = decode_operation(body, signature, self._genesis)
        height = self._store.head.height + 1
        if operation.id in self._pool or self._outcome_of(operation) is not None:
            told(Accepted(operation.id, self._store.head.height, operation.expiry))
            return
        check_window(operation, max(height, min(operation.valid_from, height + HEIGHTS_AHEAD)))
        self._check_epoch(operation)
        self._check(operation, told, needed)

    def _outcome_of(self, operation: Operation) -> Outcome | None:
        """What became of it, for many: no block below ``valid_from`` can hold it, so the disk is seldom asked."""
        outcome = self._recent.outcome(operation.id)
        if outcome is None and not self._recent.covers(operation.valid_from, self._store.head.height):
            outcome = self._store.reading().outcome(operation.id, operation.expiry)
        return outcome

    def _check(self, operation: Operation, told: Told, needed: bool = False) -> None:
        if not needed:
            self._pool.check_room(self._checker.pending + 1, self._checker.pending_size + len(operation.body))
        taking = partial(self._signature_checked, told, self._store.head.height)
        if isinstance(operation.action, Appoint):
            taking = partial(self._check_appoint, self._store.epoch, taking)
        self._checker.check(operation, taking)

    def _check_epoch(self, operation: Operation) -> None:
        action = operation.action
        if isinstance(action, Appoint) and action.epoch != self._store.epoch.number:
            present = self._store.epoch.number
            advice = "propose it again" if action.epoch < present else "this node is behind, ask another one"
            told = f"The epoch is {present} here, and this would end {action.epoch}: {advice}."
            raise LedgerError("appoint_epoch", told)

    def _check_appoint(self, epoch: Epoch, taking: Checked, operation: Operation, wrong: Failure | None) -> None:
        """Verify the approvals, up to a thousand signatures, in a thread."""
        if wrong is not None:
            taking(operation, wrong)
            return
        checking = self._run_in_thread(check_appoint, operation.action, epoch)
        checking.addCallbacks(lambda _: taking(operation, None), lambda failure: taking(operation, failure))

    def _signature_checked(self, told: Told, height: int, operation: Operation, wrong: Failure | None) -> None:
        accepted: Accepted | Failure
        try:
            accepted = self._checked(operation, height) if wrong is None else wrong
        except LedgerError:
            accepted = Failure()
        told(accepted)

    def _checked(self, operation: Operation, height: int) -> Accepted:
        """Put an operation into the pool unless a block since ``height`` took it, sent by somebody else."""
        if operation.id not in self._pool:
            self._check_epoch(operation)  # it may have ended meanwhile
            outcome = self._recent.outcome(operation.id)
            if outcome is not None:
                return Accepted(operation.id, self._store.head.height, operation.expiry, outcome)
            if not self._recent.covers(height + 1, self._store.head.height):
                # The node is so busy that more blocks came since than are remembered.
                raise LedgerError("pool_full")
            if operation.expiry <= self._store.head.height:
                raise LedgerError("operation_expired")
            self._pool.add(operation)
            for observer in list(self._observers):
                observer(operation)
        return Accepted(operation.id, self._store.head.height, operation.expiry)

    async def adopt_signatures(self, ids: Sequence[bytes], sent: Sequence[SignedBody]) -> bool:
        """Take waiting operations with other signatures of their authors: those that a proposed block covers.

        :param sent: Body and signature for each id. :return: Whether all are these operations, and truly signed.
        """
        try:
            operations = [decode_operation(body, signature, self._genesis) for body, signature in sent]
        except LedgerError:
            return False
        if [operation.id for operation in operations] != list(ids):
            return False
        if not all(await self._run_in_thread(signatures_valid, operations)):
            return False
        for operation in operations:
            self._pool.replace(operation)
        return True

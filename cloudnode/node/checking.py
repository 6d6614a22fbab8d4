"""Verifying signatures in threads, many at a time.

libsodium runs without Python's global lock, so that a thread uses another core; handing over one signature would
cost as much as verifying it. What comes in while a batch is under way makes the next one.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.operation import Operation, signatures_valid
from cloudnode.node.threads import RunInThread


class SignatureChecker:
    """Checks operations' signatures in the order in which they come.

    :param batch: The most signatures in one call to a thread; each takes some 60 us.
    """

    def __init__(self, reactor: IReactorTime, run_in_thread: RunInThread, batch: int = 256) -> None:
        self._reactor = reactor
        self._run_in_thread = run_in_thread
        self._batch = batch
        self._waiting: list[tuple[Operation, Deferred[Operation]]] = []
        self._busy = False
        self.pending = 0
        """Operations that are being checked or wait for it."""
        self.pending_size = 0
        """Bytes of their bodies."""

    def check(self, operation: Operation) -> Deferred[Operation]:
        """Verify a signature.

        :return: Fires with the operation, or with LedgerError ``signature_invalid``.
        """
        done: Deferred[Operation] = Deferred()
        self._waiting.append((operation, done))
        self.pending += 1
        self.pending_size += len(operation.body)
        if not self._busy:
            self._busy = True
            # What arrives in this turn of the reactor shares the first batch.
            self._reactor.callLater(0, self._next)
        return done

    def _next(self) -> None:
        batch, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
        if not batch:
            self._busy = False
            return
        checking = self._run_in_thread(signatures_valid, [operation for operation, _ in batch])
        checking.addBoth(self._done, batch)

    def _done(self, valid: list[bool] | Failure, batch: list[tuple[Operation, Deferred[Operation]]]) -> None:
        self._next()
        for index, (operation, done) in enumerate(batch):
            self.pending -= 1
            self.pending_size -= len(operation.body)
            if isinstance(valid, Failure):
                done.errback(valid)
            elif valid[index]:
                done.callback(operation)
            else:
                done.errback(LedgerError("signature_invalid"))

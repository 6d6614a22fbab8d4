"""Verifying signatures in threads, many at a time.

libsodium runs without Python's global lock, so that a thread uses another core; handing over one signature would
cost as much as verifying it. What comes in while a batch is under way makes the next one.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.operation import Operation, signatures_valid
from cloudnode.node.threads import RunInThread

Checked = Callable[[Operation, Failure | None], None]
"""Is called with the operation, and with what went wrong, or None if its account signed it."""


class SignatureChecker:
    """Checks operations' signatures in the order in which they come.

    :param batch: The most signatures in one call to a thread; each takes some 60 us.
    """

    _log = Logger()

    def __init__(self, reactor: IReactorTime, run_in_thread: RunInThread, batch: int = 256) -> None:
        self._reactor = reactor
        self._run_in_thread = run_in_thread
        self._batch = batch
        self._waiting: list[tuple[Operation, Checked]] = []
        self._busy = False
        self.pending = 0
        """Operations that are being checked or wait for it."""
        self.pending_size = 0
        """Bytes of their bodies."""

    def check(self, operation: Operation, checked: Checked) -> None:
        """Verify a signature.

        :param checked: Is told of LedgerError ``signature_invalid`` if it is not true. There is no Deferred, for one,
            with what hangs on it, would cost as much as the rest of an operation's way into the pool.
        """
        self._waiting.append((operation, checked))
        self.pending += 1
        self.pending_size += len(operation.body)
        if not self._busy:
            self._busy = True
            # What arrives in this turn of the reactor shares the first batch.
            self._reactor.callLater(0, self._next)

    def _next(self) -> None:
        batch, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
        if not batch:
            self._busy = False
            return
        checking = self._run_in_thread(signatures_valid, [operation for operation, _ in batch])
        checking.addBoth(self._done, batch)

    def _done(self, valid: list[bool] | Failure, batch: list[tuple[Operation, Checked]]) -> None:
        self._next()
        for index, (operation, checked) in enumerate(batch):
            self.pending -= 1
            self.pending_size -= len(operation.body)
            wrong = None
            if isinstance(valid, Failure):
                wrong = valid
            elif not valid[index]:
                wrong = Failure(LedgerError("signature_invalid"))
            try:
                checked(operation, wrong)
            except Exception:
                # One operation's trouble is not that of the others in the batch.
                self._log.failure("A checked operation could not be taken")

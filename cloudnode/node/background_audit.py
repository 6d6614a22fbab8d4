"""The audit of a running node: a little at a time, again and again, and at once when something points to damage."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.formats.genesis import Genesis
from cloudnode.ledger.reading import AuditState
from cloudnode.node.threads import RunInThread
from cloudnode.store.audit.worker import CALM, URGENT, WIDE, AuditWorker, MakeAuditWorker, Portion

if TYPE_CHECKING:
    from cloudnode.node.ledger import LedgerConfig

BURST = 0.01
"""Seconds of work at a time; the pause after it makes up the share of the core that the operator allows."""

LONG_BURST = 0.5
"""The same without pauses: the operator wants none, or there is reason to believe that something is wrong."""

PAUSE_MOST = 3600.0
"""Seconds. A step of SQLite's own check takes half a minute with ten million ratings, or for ever on a machine that
sleeps meanwhile."""

RETRY_DELAY = 60.0
"""Seconds until an audit that failed itself begins again, if it would not sooner."""


class BackgroundAudit:
    """Audits the database again and again, from the start of the node on.

    :ivar state: What is known so far. :ivar on_damage: Called once for each new finding of an audit.
    :ivar on_portion: Called with what is found so far when something new is, while the audit goes on.
    :ivar on_finished: Called at the end of each audit with what it found.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        run_in_thread: RunInThread,
        path: str,
        genesis: Genesis,
        config: LedgerConfig,
        make_worker: MakeAuditWorker,
        wall_time: Callable[[], float] = time.time,
    ) -> None:
        self.state = AuditState()
        self.on_damage: Callable[[str], None] = lambda finding: None
        self.on_portion: Callable[[Portion], None] = lambda portion: None
        self.on_finished: Callable[[Portion], None] = lambda portion: None
        self._reactor = reactor
        self._run_in_thread = run_in_thread
        self._wall_time = wall_time
        self._path = path
        self._genesis = genesis
        self._make_worker = make_worker
        self._interval = config.audit_interval
        # More than one core is a share of two, and of the time of two processes.
        self._effort = WIDE if config.audit_share > 1 else CALM
        self._share = min(1.0, max(0.001, config.audit_share / self._effort.processes))
        self._worker: AuditWorker | None = None
        self._timer: IDelayedCall | None = None
        self._burst: Deferred[Any] | None = None
        self._stopped = True
        self._is_hurried = False
        self._is_outdated = False
        self._told = 0
        self._height = 0
        self._height_now: Callable[[], int] = lambda: 0

    @property
    def is_wanted(self) -> bool:
        """Whether the operator wants audits at all."""
        return self._interval > 0

    def start(self, height_now: Callable[[], int]) -> None:
        """Begin the first audit, unless the operator wants none; after :meth:`stop`, begin anew.

        :param height_now: Tells the head's height.
        """
        self._height_now = height_now
        self._stopped = False
        if self.is_wanted:
            self._timer = self._reactor.callLater(0, self._begin)

    def forget(self) -> None:
        """The database was put right, or is another: nothing is known of it yet."""
        self.state = AuditState()

    def hurry(self) -> None:
        """Something points to damage: audit all of it now, without pauses."""
        self._is_hurried = True
        # What is under way has looked at a part before whatever happened.
        self._is_outdated = self._worker is not None
        if self._stopped or not self.is_wanted or self._burst is not None:
            return
        self._cancel_timer()
        self._close()
        self._timer = self._reactor.callLater(0, self._begin)

    async def stop(self) -> None:
        """End the audit under way, as soon as its present burst is over."""
        self._stopped = True
        self._cancel_timer()
        if self._burst is not None:
            done: Deferred[None] = Deferred()
            self._burst.addBoth(lambda _: done.callback(None))
            if self._worker is not None:
                self._worker.interrupt()
            await done
        self._close()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def record_damage(self, finding: str) -> None:
        """Note damage that was found otherwise."""
        if finding not in self.state.findings:
            self.state = attrs.evolve(self.state, state="corrupt", findings=(*self.state.findings, finding))

    def _begin(self) -> None:
        self._timer = None
        self._height = self._height_now()
        self._told = 0
        self._is_outdated = False
        if self.state.state != "corrupt":
            self.state = attrs.evolve(self.state, state="running", progress=0.0)
        self._go_on()

    def _go_on(self) -> None:
        self._timer = None
        began = self._reactor.seconds()
        has_pauses = self._share < 1 and not self._is_hurried
        self._burst = self._run_in_thread(self._work, BURST if has_pauses else LONG_BURST)
        self._burst.addCallbacks(self._worked, self._failed, callbackArgs=(began,))

    def _work(self, seconds: float) -> Portion:
        """In the thread."""
        if self._worker is None:
            effort = URGENT if self._is_hurried else self._effort
            self._worker = self._make_worker(self._path, self._genesis, effort)
        return self._worker.work(seconds)

    def _worked(self, portion: Portion, began: float) -> None:
        self._burst = None
        if self._stopped:
            return
        if self._is_outdated:
            self._close()
            self._begin()
            return
        is_new = len(portion.findings) > self._told
        for finding in portion.findings[self._told :]:
            self._told += 1
            # The rest of what can be found at once is to be known soon.
            self._is_hurried = True
            self.on_damage(finding)
        if self._stopped:
            return
        if portion.done is not None:
            if is_new:
                self.on_portion(portion)
            self.state = attrs.evolve(self.state, progress=portion.done)
            spent = self._reactor.seconds() - began
            pause = 0.0 if self._is_hurried else spent * (1 / self._share - 1)
            self._timer = self._reactor.callLater(min(pause, PAUSE_MOST), self._go_on)
            return
        self._finish(portion)

    def _finish(self, portion: Portion) -> None:
        self.state = AuditState(
            state="corrupt" if portion.findings else "ok",
            height=self._height,
            finished=self._wall_time(),
            rows=portion.rows,
            progress=1.0,
            findings=tuple(portion.findings),
        )
        self._log.info(
            "Audit at height {height}: {rows} rows, {result}",
            height=self._height,
            rows=portion.rows,
            result=self.state.state,
        )
        self._close()
        self._is_hurried = False
        self._timer = self._reactor.callLater(self._interval, self._begin)
        self.on_finished(portion)

    def _failed(self, failure: Failure) -> None:
        self._burst = None
        self._close()
        if self._stopped or failure.check(CancelledError):
            return
        # The audit itself failed (no memory, no file handle): that says nothing of the database.
        self._log.failure("The audit failed and is tried again later", failure)
        self._timer = self._reactor.callLater(min(self._interval, RETRY_DELAY), self._begin)

    def _close(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

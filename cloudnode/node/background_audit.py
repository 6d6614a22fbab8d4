"""The audit of a running node: in a thread, a little at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.formats.genesis import Genesis
from cloudnode.ledger.reading import AuditState
from cloudnode.node.threads import RunInThread
from cloudnode.store.audit.phase import Audit
from cloudnode.store.audit.phases import audit_steps
from cloudnode.store.connection import connect

if TYPE_CHECKING:
    from cloudnode.node.ledger import LedgerConfig

BURST = 0.01
"""Seconds of work at a time; the pause after it makes up the share of the core that the operator allows."""


class BackgroundAudit:
    """Audits the database again and again, from the start of the node on.

    :ivar state: What is known so far. :ivar on_damage: Called once for each new finding of an audit.
    :ivar on_sound: Called at the end of each audit that found nothing.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        run_in_thread: RunInThread,
        path: str,
        genesis: Genesis,
        config: LedgerConfig,
        wall_time: Callable[[], float] = time.time,
    ) -> None:
        self.state = AuditState()
        self.on_damage: Callable[[str], None] = lambda finding: None
        self.on_sound: Callable[[], None] = lambda: None
        self._reactor = reactor
        self._run_in_thread = run_in_thread
        self._wall_time = wall_time
        self._path = path
        self._genesis = genesis
        self._interval = config.audit_interval
        self._share = min(1.0, max(0.001, config.audit_share))
        self._audit: Audit | None = None
        self._steps: Iterator[float] = iter(())
        self._timer: IDelayedCall | None = None
        self._burst: Deferred[Any] | None = None
        self._stopped = False
        self._told = 0
        self._height = 0
        self._height_now: Callable[[], int] = lambda: 0

    def start(self, height_now: Callable[[], int]) -> None:
        """Begin the first audit, unless the operator wants none.

        :param height_now: Tells the head's height.
        """
        self._height_now = height_now
        if self._interval > 0:
            self._timer = self._reactor.callLater(0, self._begin)

    async def stop(self) -> None:
        """End the audit under way, as soon as its present burst is over."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._burst is not None:
            done: Deferred[None] = Deferred()
            self._burst.addBoth(lambda _: done.callback(None))
            if self._audit is not None:
                # The structure of a large table is checked in one call; it need not be waited for.
                self._audit.connection.interrupt()
            await done
        self._close()

    def record_damage(self, finding: str) -> None:
        """Note damage that was found otherwise."""
        if finding not in self.state.findings:
            self.state = attrs.evolve(self.state, state="corrupt", findings=(*self.state.findings, finding))

    def _begin(self) -> None:
        self._timer = None
        self._height = self._height_now()
        self._audit = Audit(connect(self._path, read_only=True, cache_kib=4096), self._genesis)
        self._steps = audit_steps(self._audit)
        self._told = 0
        if self.state.state != "corrupt":
            self.state = attrs.evolve(self.state, state="running", progress=0.0)
        self._go_on()

    def _go_on(self) -> None:
        self._timer = None
        began = self._reactor.seconds()
        self._burst = self._run_in_thread(self._work)
        self._burst.addCallbacks(self._worked, self._failed, callbackArgs=(began,))

    def _work(self) -> float | None:
        """In the thread: some steps; how much is done, or None at the end."""
        end = self._reactor.seconds() + BURST
        done = 0.0
        for done in self._steps:
            if self._stopped or self._reactor.seconds() >= end:
                return done
        return None

    def _worked(self, done: float | None, began: float) -> None:
        self._burst = None
        audit = self._audit
        if self._stopped or audit is None:
            return
        for finding in audit.findings[self._told :]:
            self._told += 1
            self.on_damage(finding)
        if done is not None:
            self.state = attrs.evolve(self.state, progress=done)
            spent = self._reactor.seconds() - began
            pause = spent * (1 / self._share - 1)
            self._timer = self._reactor.callLater(min(pause, 60.0), self._go_on)
            return
        self._finish(audit)

    def _finish(self, audit: Audit) -> None:
        self.state = AuditState(
            state="corrupt" if audit.findings else "ok",
            height=self._height,
            finished=self._wall_time(),
            rows=audit.rows,
            progress=1.0,
            findings=tuple(audit.findings),
        )
        self._log.info(
            "Audit at height {height}: {rows} rows, {result}",
            height=self._height,
            rows=audit.rows,
            result=self.state.state,
        )
        self._close()
        self._timer = self._reactor.callLater(self._interval, self._begin)
        if not audit.findings:
            self.on_sound()

    def _failed(self, failure: Failure) -> None:
        self._burst = None
        self._close()
        if self._stopped or failure.check(CancelledError):
            return
        # The audit itself failed (no memory, no file handle): that says nothing of the database.
        self._log.failure("The audit failed and is tried again later", failure)
        self._timer = self._reactor.callLater(self._interval, self._begin)

    def _close(self) -> None:
        audit, self._audit = self._audit, None
        self._steps = iter(())
        if audit is not None:
            audit.connection.close()

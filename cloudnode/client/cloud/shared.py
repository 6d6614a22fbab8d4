"""Work that several wait for: done once, and not given up because one of them does."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

T = TypeVar("T")


class Shared(Generic[T]):
    """The outcome of some work, for any number of waiters.

    :ivar is_done: Whether it has an outcome.
    """

    def __init__(self, work: Coroutine[Deferred[Any], Any, T] | Awaitable[T]) -> None:
        """The work begins at once."""
        self.is_done = False
        self._outcome: T | Failure | None = None
        self._waiting: list[Deferred[T]] = []
        self._running: Deferred[T] = Deferred.fromCoroutine(work)  # type: ignore[arg-type]
        self._running.addBoth(self._finished)

    @property
    def has_failed(self) -> bool:
        """Whether the outcome is a failure."""
        return isinstance(self._outcome, Failure)

    def wait(self) -> Deferred[T]:
        """The outcome. Cancelling it leaves the work to the others."""
        if self.is_done:
            return fail(self._outcome) if isinstance(self._outcome, Failure) else succeed(self._outcome)  # type: ignore[arg-type]
        waiting: Deferred[T] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def cancel(self) -> None:
        """Give the work up: all who wait fail with ``CancelledError``."""
        self._running.cancel()

    def _finished(self, outcome: T | Failure) -> None:
        self.is_done, self._outcome = True, outcome
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if isinstance(outcome, Failure):
                each.errback(outcome)
            else:
                each.callback(outcome)

"""Running a command in a reactor: until it is done, or until Ctrl-C."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


class Interrupted(Exception):
    """The user, or the system, asked for an end (SIGINT, SIGTERM)."""


def run_in_reactor(reactor: Any, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run the reactor until a coroutine has ended, and give what it gave.

    A signal cancels what the coroutine waits for, which sees a ``CancelledError`` and may clean up or return.

    :raises Interrupted: A signal came, and the coroutine did not return by itself.
    """
    outcome: list[T | Failure] = []
    task: Deferred[T] | None = None
    finished: Deferred[None] = Deferred()
    is_signalled = False

    def start() -> None:
        nonlocal task
        task = Deferred.fromCoroutine(coroutine)
        task.addBoth(end)

    def end(result: T | Failure) -> None:
        outcome.append(result)
        finished.callback(None)
        if not is_signalled:
            reactor.stop()

    def shut_down() -> Deferred[None] | None:
        nonlocal is_signalled
        if outcome:
            return None
        is_signalled = True
        if task is not None:
            task.cancel()
        return finished

    reactor.callWhenRunning(start)
    reactor.addSystemEventTrigger("before", "shutdown", shut_down)
    reactor.run()
    (result,) = outcome
    if not isinstance(result, Failure):
        return result
    if is_signalled:
        raise Interrupted from result.value
    error: BaseException = result.value  # type: ignore[assignment]
    raise error

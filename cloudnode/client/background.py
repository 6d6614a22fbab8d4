"""A reactor in a thread of its own, for programs that have none: scripts, and those that run asyncio's loop.

A process has one reactor, and it can be run once. It runs until the process ends: a daemon thread, which keeps no
program from ending.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")

_lock = threading.Lock()
_thread: threading.Thread | None = None


def start_reactor() -> Any:
    """The reactor, running in its thread.

    :raises RuntimeError: The program runs the reactor itself: then it needs no other face than Twisted's.
    """
    global _thread
    from twisted.internet import reactor

    with _lock:
        if _thread is None:
            if reactor.running:
                raise RuntimeError("This program runs Twisted's reactor: use cloudnode.client.cloud.Cloud in it.")
            started = threading.Event()
            reactor.callWhenRunning(started.set)
            _thread = threading.Thread(
                target=reactor.run,
                kwargs={"installSignalHandlers": False},
                name="cloudnode-reactor",
                daemon=True,
            )
            _thread.start()
            started.wait()
    return reactor


def run_in_background(work: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
    """Run a coroutine in the reactor's thread.

    :param work: Makes it; called in that thread. :returns: Its outcome, for any other thread. Cancelling it cancels
        what the coroutine waits for.
    """
    reactor = start_reactor()
    outcome: Future[T] = Future()

    def begin() -> None:
        running = Deferred.fromCoroutine(work())
        outcome.add_done_callback(lambda future: reactor.callFromThread(running.cancel) if future.cancelled() else None)
        running.addCallbacks(succeeded, failed)

    def succeeded(value: T) -> None:
        if outcome.set_running_or_notify_cancel():
            outcome.set_result(value)

    def failed(failure: Failure) -> None:
        assert failure.value is not None
        if outcome.set_running_or_notify_cancel():
            outcome.set_exception(failure.value)

    reactor.callFromThread(begin)
    return outcome

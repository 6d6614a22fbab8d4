"""One question to many nodes: asked elsewhere when it fails, and at a second one when the first is slow.

Theory of operation. The best place is asked first. If it fails, the next best one is; if it has not answered after a
while, the next best is asked as well, and the first good answer counts. When all places have failed, and the failures
may pass, all are asked again after a pause, until the time is over. So only what may be asked twice may be asked here,
which is all of the API: reads change nothing, and an operation takes effect once.

A node may also refuse. One node's refusal is only its word, so where answers are not believed, a second node is asked,
and the refusal counts when a second one refuses by the same name, or none is left. Another place of the same node is
no second one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Generic, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from cloudnode.client.cloud.directory import Place
from cloudnode.client.cloud.errors import remedy
from cloudnode.client.errors import ConnectionFailed, RemoteError, TimedOut

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds before all places are asked again."""

T = TypeVar("T")


class Asking(Generic[T]):
    """One question under way.

    :ivar done: Fires with the answer and the place that gave it; fails with the last failure when the time is over.
        Cancelling it gives the question up.
    """

    def __init__(
        self,
        ask: Callable[[Place], Deferred[T]],
        choose: Callable[[Collection[Place]], Place | None],
        clock: IReactorTime,
        *,
        timeout: float | None,
        hedge_after: float | None = None,
        confirms: Callable[[RemoteError], bool] = lambda refusal: False,
        same_node: Callable[[Place], Collection[Place]] = lambda place: (place,),
    ) -> None:
        """
        :param ask: Asks one place. :param choose: The best place but for some. :param timeout: Seconds for all of it;
            None for no end.
        :param hedge_after: Seconds after which a second place is asked; None for never.
        :param confirms: Whether a refusal is only believed when a second node gives it as well.
        :param same_node: A place, and the others of its node.
        """
        self.done: Deferred[tuple[T, Place]] = Deferred(lambda _: self.stop())
        self._ask = ask
        self._choose = choose
        self._clock = clock
        self._hedge_after = hedge_after
        self._confirms = confirms
        self._same_node = same_node
        self._refused_at: set[Place] = set()
        self._tried: set[Place] = set()
        self._running: dict[Place, Deferred[None]] = {}
        self._refusal: RemoteError | None = None
        self._failure: Failure | None = None
        self._may_pass = False
        self._pause = FIRST_PAUSE
        self._timer: IDelayedCall | None = None
        self._is_over = False
        self._deadline = None if timeout is None else clock.callLater(timeout, self._time_is_over)
        self._next()

    # Asking

    def _next(self) -> None:
        place = self._choose(self._tried)
        if place is None:
            if not self._running:
                self._all_failed()
            return
        self._tried.add(place)
        attempt: Deferred[None] = Deferred()
        self._running[place] = attempt
        asked = self._ask(place)
        attempt = asked.addCallbacks(self._succeeded, self._failed, callbackArgs=(place,), errbackArgs=(place,))
        if place in self._running:
            self._running[place] = attempt
            if self._hedge_after is not None and len(self._running) == 1:
                self._set_timer(self._hedge_after, self._hedge)

    def _hedge(self) -> None:
        self._timer = None
        self._next()

    def _again(self) -> None:
        self._timer = None
        self._tried.clear()
        self._may_pass = False
        self._next()

    def _all_failed(self) -> None:
        if self._refusal is not None:
            self._end(Failure(self._refusal))
        elif self._failure is not None and not self._may_pass and not self._waits_for_places():
            self._end(self._failure)
        else:
            self._set_timer(self._pause, self._again)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _waits_for_places(self) -> bool:
        """Whether there may be a place later, where there is none now that may be asked: who has no time to lose waits,
        unless what is asked for is gone everywhere.
        """
        assert self._failure is not None
        error = self._failure.value
        return self._deadline is None and error is not None and remedy(error) == "later"

    # What comes of it

    def _succeeded(self, answer: T, place: Place) -> None:
        self._running.pop(place, None)
        self._end((answer, place))

    def _failed(self, failure: Failure, place: Place) -> None:
        self._running.pop(place, None)
        if self._is_over:
            return
        error = failure.value
        if failure.check(CancelledError):
            error = ConnectionFailed(f"The question to {place.url} was given up.")
            failure = Failure(error)
        assert error is not None
        if remedy(error) == "none":
            if not isinstance(error, RemoteError) or not self._confirms(error):
                self._end(failure)
                return
            if _is_same(self._refusal, error) and place not in self._refused_at:
                self._end(failure)
                return
            self._refusal = error
            of_node = set(self._same_node(place))
            self._refused_at |= of_node
            self._tried |= of_node
        else:
            self._failure = failure
            self._may_pass |= remedy(error) == "later"
        self._next()

    def _time_is_over(self) -> None:
        if self._refusal is not None:
            self._end(Failure(self._refusal))
        else:
            self._end(self._failure or Failure(TimedOut("No node answered in time.")))

    def _end(self, result: tuple[T, Place] | Failure) -> None:
        if self._is_over:
            return
        self.stop()
        if isinstance(result, Failure):
            self.done.errback(result)
        else:
            self.done.callback(result)

    def stop(self) -> None:
        """Ask no more; does nothing when it is over."""
        self._is_over = True
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._clear_timer()
        running, self._running = self._running, {}
        for attempt in running.values():
            attempt.cancel()

    def _set_timer(self, seconds: float, call: Callable[[], None]) -> None:
        self._clear_timer()
        self._timer = self._clock.callLater(seconds, call)

    def _clear_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()


def _is_same(one: RemoteError | None, other: RemoteError) -> bool:
    return one is not None and (one.code, one.name) == (other.code, other.name)

"""Who calls, and one call of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import attrs
from twisted.internet.defer import Deferred

from cloudnode.transports.seam import Caller

if TYPE_CHECKING:
    from cloudnode.api.served import ServedNode
    from cloudnode.api.subscriptions import Subscriptions

T = TypeVar("T")


class Scope:
    """What a connection (or one HTTP request) holds while its calls are answered.

    :ivar outstanding: Calls that wait for their answer.
    :ivar retry_after: Seconds until the caller's rate allows more; set by the last call that was over it.
    """

    # Ten thousand idle connections have one each.
    __slots__ = ("_bucket", "_held", "caller", "meter", "outstanding", "retry_after", "served")

    def __init__(self, served: ServedNode, caller: Caller) -> None:
        self.served = served
        self.caller = caller
        self.meter = served.meters.of_transport(caller.transport)
        self.outstanding = 0
        self.retry_after = 0.0
        self._bucket = served.admission.bucket(caller.address)
        self._held: set[Deferred[Any]] | None = None

    @property
    def subscriptions(self) -> Subscriptions | None:
        """The connection's subscriptions, or None where a connection does not stay."""
        return None

    def take(self, cost: int) -> bool:
        """Count requests against the caller's rate; False if it allows none now."""
        if self._bucket is None:
            return True
        self.retry_after = self._bucket.take(cost)
        return not self.retry_after

    def hold(self, waiting: Deferred[T]) -> Deferred[T]:
        """Remember something waited for, so that it is given up when the caller is gone."""
        held = self._held
        if held is None:
            held = self._held = set()
        held.add(waiting)

        def done(result: T) -> T:
            held.discard(waiting)
            return result

        return waiting.addBoth(done)

    def end(self) -> None:
        """Give up everything that is waited for: the caller is gone."""
        held, self._held = self._held, None
        while held:
            held.pop().cancel()


@attrs.frozen(eq=False)
class Call:
    """What a calling method may use."""

    served: ServedNode
    scope: Scope

    def hold(self, waiting: Deferred[T]) -> Deferred[T]:
        """As :meth:`Scope.hold`."""
        return self.scope.hold(waiting)

"""When to try again, and whether."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client.errors import ClientError, ConnectionFailed, Rejected, RemoteError, TimedOut
from cloudnode.client.retrying import LONGEST_PAUSE, Backoff, is_transient


class RetryingTests(SynchronousTestCase):
    def test_transient(self) -> None:
        """What is busy or unreachable may answer later; what was refused is refused for good."""
        passing: list[ClientError] = [
            ConnectionFailed(""), TimedOut(""), RemoteError(-28, "node_starting", ""), RemoteError(429, "", ""),
        ]  # fmt: skip
        self.assertTrue(all(map(is_transient, passing)))
        lasting: list[ClientError] = [RemoteError(-8, "cursor_pruned", ""), Rejected("rating_own", "")]
        self.assertFalse(any(map(is_transient, lasting)))

    def test_pauses(self) -> None:
        """Pauses double up to the longest, are cut by up to a half, and begin anew once it worked."""
        clock, fraction = Clock(), 0.0
        backoff = Backoff(clock, lambda: fraction)

        def pause(seconds: float) -> None:
            waiting = Deferred.fromCoroutine(backoff.pause())
            clock.advance(seconds - 0.01)
            self.assertNoResult(waiting)
            clock.advance(0.01)
            self.successResultOf(waiting)

        for seconds in (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, LONGEST_PAUSE, LONGEST_PAUSE):
            pause(seconds)
        fraction = 1.0
        pause(LONGEST_PAUSE / 2)
        backoff.reset()
        pause(0.125)

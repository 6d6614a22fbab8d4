"""Stopping in order, whatever the parts do."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.service.shutdown import Shutdown, StartAbandoned


class ShutdownTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.shutdown = Shutdown(self.clock)
        self.stopped: list[str] = []

    def add(self, name: str, seconds: float | None = None) -> Deferred[None]:
        """Add a part whose stop ends when the Deferred fires."""
        done: Deferred[None] = Deferred()

        def stop() -> Deferred[None]:
            self.stopped.append(name)
            return done

        self.shutdown.add(name, stop, seconds)
        return done

    def run_shutdown(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.shutdown.run())

    def test_order(self) -> None:
        """Parts are stopped last one first, and each waits for the one before."""
        first, second = self.add("first"), self.add("second")
        running = self.run_shutdown()
        self.assertEqual(self.stopped, ["second"])
        second.callback(None)
        self.assertEqual(self.stopped, ["second", "first"])
        self.assertNoResult(running)
        first.callback(None)
        self.successResultOf(running)

    def test_failures(self) -> None:
        """A part that fails to stop is logged, and the next one is stopped."""

        def broken() -> None:
            raise RuntimeError("broken")

        first = self.add("first")
        self.shutdown.add("broken", broken)
        second = self.add("second")
        running = self.run_shutdown()
        second.errback(ValueError("failed"))
        first.callback(None)
        self.successResultOf(running)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_timeout(self) -> None:
        """A part that does not end in its time is left, and nothing stays scheduled."""
        first = self.add("first")
        self.add("slow", seconds=0.5)
        running = self.run_shutdown()
        self.clock.advance(0.4)
        self.assertEqual(self.stopped, ["slow"])
        self.clock.advance(0.2)
        self.assertEqual(self.stopped, ["slow", "first"])
        first.callback(None)
        self.successResultOf(running)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_in_time(self) -> None:
        """A part that ends in its time leaves no timer behind."""
        self.add("quick", seconds=0.5).callback(None)
        self.successResultOf(self.run_shutdown())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_plain_and_coroutine(self) -> None:
        """A stop may be a plain function or a coroutine."""

        async def stop() -> None:
            self.stopped.append("coroutine")

        self.shutdown.add("plain", lambda: self.stopped.append("plain"))
        self.shutdown.add("coroutine", stop)
        self.successResultOf(self.run_shutdown())
        self.assertEqual(self.stopped, ["coroutine", "plain"])

    def test_requested(self) -> None:
        """Once a stop is requested a start goes no further, and its newest part is stopped as well."""
        self.add("first").callback(None)
        self.shutdown.request()
        self.assertRaises(StartAbandoned, self.add, "second", 1.0)
        running = self.run_shutdown()
        self.clock.advance(1.0)
        self.successResultOf(running)
        self.assertEqual(self.stopped, ["second", "first"])

    def test_twice(self) -> None:
        """A second run stops nothing again."""
        self.add("first").callback(None)
        self.successResultOf(self.run_shutdown())
        self.successResultOf(self.run_shutdown())
        self.assertEqual(self.stopped, ["first"])

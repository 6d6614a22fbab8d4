"""A node's life as twistd sees it, stopped in every phase."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.service.root import NodeService, Serving
from cloudnode.service.shutdown import Shutdown, StartError
from cloudnode.service.supervisor import Supervisor


class RecordingSupervisor(Supervisor):
    """Keeps what it is told instead of sending it."""

    def __init__(self, environ: dict[str, str]) -> None:
        super().__init__(environ, 7)
        self.told: list[str] = []

    def _tell(self, *lines: str) -> None:
        self.told.append(lines[0])


class NodeServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.supervisor = RecordingSupervisor({})
        self.events: list[str] = []
        self.errors: list[StartError] = []
        self.opening: Deferred[None] = Deferred()
        self.closing: Deferred[None] = Deferred()

    def make(self, start: Callable[[Shutdown], Awaitable[Serving]] | None = None) -> NodeService:
        return NodeService(
            start or self.start,
            failed=self.errors.append,
            supervisor=self.supervisor,
            clock=self.clock,
        )

    async def start(self, shutdown: Shutdown) -> Serving:
        """A node of two parts: the first opens in its time, and closes in its time."""
        await self.opening
        shutdown.add("first", self.close_first)
        shutdown.add("second", lambda: self.events.append("second stopped"))
        self.events.append("serving")
        return Serving("ab" * 32, "cd" * 32, 3, ["http://127.0.0.1:1"])

    async def close_first(self) -> None:
        await self.closing
        self.events.append("first stopped")

    def test_life(self) -> None:
        """It says that it serves when it does, and has stopped when the last part has."""
        service = self.make()
        service.startService()
        self.assertEqual(self.supervisor.told, [])
        self.opening.callback(None)
        self.assertEqual(self.supervisor.told, [])
        self.clock.advance(0)
        self.assertEqual(self.supervisor.told, ["READY=1"])
        stopping = service.stopService()
        self.assertEqual(self.supervisor.told, ["READY=1", "STOPPING=1"])
        self.assertEqual(self.events, ["serving", "second stopped"])
        self.assertNoResult(stopping)
        self.closing.callback(None)
        self.successResultOf(stopping)
        self.assertEqual(self.events[-1], "first stopped")
        self.assertEqual(self.errors, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop_while_starting(self) -> None:
        """A stop during the start lets the step under way end, begins no other, and stops what started."""
        service = self.make()
        service.startService()
        stopping = service.stopService()
        self.assertNoResult(stopping)
        self.closing.callback(None)
        self.opening.callback(None)
        self.successResultOf(stopping)
        self.assertEqual(self.events, ["first stopped"])
        self.assertEqual(self.supervisor.told, ["STOPPING=1"])

    def test_stop_before_serving(self) -> None:
        """A stop that comes when all has started, but before the reactor runs, leaves it unsaid that it served."""
        self.opening.callback(None)
        self.closing.callback(None)
        service = self.make()
        service.startService()
        stopping = service.stopService()
        self.clock.advance(0)
        self.successResultOf(stopping)
        self.assertEqual(self.supervisor.told, ["STOPPING=1"])
        self.assertEqual(self.events, ["serving", "second stopped", "first stopped"])

    def test_stop_before_start(self) -> None:
        """A service that never started stops at once."""
        self.successResultOf(self.make().stopService())

    def test_failure_at_once(self) -> None:
        """A failure that is known at once is raised, and told to nobody else."""

        async def start(shutdown: Shutdown) -> Serving:
            shutdown.add("first", lambda: self.events.append("first stopped"))
            raise StartError("the port is taken")

        service = self.make(start)
        error = self.assertRaises(StartError, service.startService)
        self.assertEqual(str(error), "the port is taken")
        self.assertEqual((self.events, self.errors), (["first stopped"], []))
        self.successResultOf(service.stopService())

    def test_later_failure(self) -> None:
        """A later failure is told once, after what had started was stopped."""
        self.closing.callback(None)
        late: Deferred[None] = Deferred()

        async def start(shutdown: Shutdown) -> Serving:
            shutdown.add("first", self.close_first)
            await late
            raise StartError("the disk is full")

        service = self.make(start)
        service.startService()
        self.assertEqual(self.errors, [])
        late.callback(None)
        self.assertEqual([str(error) for error in self.errors], ["the disk is full"])
        self.assertEqual(self.events, ["first stopped"])
        self.successResultOf(service.stopService())
        self.assertEqual(self.supervisor.told, ["STOPPING=1"])

    def test_unexpected_failure(self) -> None:
        """A failure that nobody expected is logged with its traceback and told in one line."""
        self.opening.errback(KeyError("oops"))
        error = self.assertRaises(StartError, self.make().startService)
        self.assertEqual(str(error), "the node can't start: KeyError: 'oops'")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_watchdog(self) -> None:
        """A watchdog is told at half of its time while the node serves, and no longer once it stops."""
        self.supervisor = RecordingSupervisor({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "7"})
        self.opening.callback(None)
        self.closing.callback(None)
        service = self.make()
        service.startService()
        self.clock.pump([0, 1.0, 1.0])
        self.assertEqual(self.supervisor.told, ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"])
        self.successResultOf(service.stopService())
        self.assertEqual(self.clock.getDelayedCalls(), [])


class SupervisorTests(SynchronousTestCase):
    def test_no_supervisor(self) -> None:
        """Without a socket nothing is told, and no watchdog expected."""
        supervisor = Supervisor({"WATCHDOG_USEC": "2000000"}, 7)
        supervisor.serving("x")
        supervisor.stopping()
        self.assertIsNone(supervisor.watchdog_seconds)

    def test_watchdog(self) -> None:
        """The watchdog's time is in microseconds, and may be meant for another process."""
        environ = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "2500000"}
        self.assertEqual(Supervisor(environ, 7).watchdog_seconds, 2.5)
        self.assertIsNone(Supervisor(environ | {"WATCHDOG_PID": "8"}, 7).watchdog_seconds)
        for odd in ("", "0", "-1", "x"):
            self.assertIsNone(Supervisor(environ | {"WATCHDOG_USEC": odd}, 7).watchdog_seconds)

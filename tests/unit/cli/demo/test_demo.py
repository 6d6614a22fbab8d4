"""The demo over processes that only remember what was done to them."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.cli.demo.actions import Timed, parse_script
from cloudnode.cli.demo.demo import START_SECONDS, Demo
from cloudnode.cli.demo.node import END_SECONDS, DemoNode
from cloudnode.cli.demo.watching import Agreement, Round
from cloudnode.cli.exits import Exit
from tests.unit.cli.demo.fakes import OTHER, ROOT, FakeSpawner, RecordingDisplay, equal, make_nodes, view


class FakeLoad:
    """Only counts."""

    toggled = 0
    stopped = 0

    def toggle(self) -> None:
        self.toggled += 1

    def stop(self) -> None:
        self.stopped += 1

    def words(self) -> str:
        return f"load {self.toggled}"


class FakeWatcher:
    """Tells what the processes are; those that run serve."""

    def __init__(self, nodes: list[DemoNode]) -> None:
        self.nodes = nodes
        self.is_closed = False
        self.roots: dict[str, tuple[int, ...]] | None = None
        self.serves = True

    async def ask(self) -> Round:
        running = "serving" if self.serves else "starting"
        views = [
            view(node.number, running if node.condition == "running" else node.condition) for node in self.nodes
        ]
        return Round(tuple(views), Agreement(5, self.roots)) if self.roots else equal(*views)

    async def close(self) -> None:
        self.is_closed = True


class DemoCase(SynchronousTestCase):
    def begin(self, count: int, script: tuple[Timed, ...] = (), seconds: float | None = None) -> None:
        self.clock = Clock()
        self.spawner = FakeSpawner(self.clock)
        self.nodes = make_nodes(Path(self.mktemp()), count, self.spawner)
        self.watcher, self.load, self.display = FakeWatcher(self.nodes), FakeLoad(), RecordingDisplay()
        self.demo = Demo(
            self.nodes, self.watcher, self.load, self.clock, "there", script=script, seconds=seconds  # type: ignore[arg-type]
        )
        self.results: list[Any] = []
        self.running = Deferred.fromCoroutine(self.demo.run(self.display))
        self.running.addBoth(self.results.append)

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([0.25] * round(seconds * 4))

    def exit(self, node: int, reason: Exception | None = None) -> None:
        """The newest process of a node ends."""
        mine = [entry for entry in self.spawner.spawned if str(self.nodes[node - 1].plan.datadir) in entry[1]]
        mine[-1][0].processEnded(Failure(reason or ProcessDone(0)))

    def signals(self, node: int) -> list[int]:
        return [
            number
            for _, arguments, _, transport in self.spawner.spawned
            if str(self.nodes[node - 1].plan.datadir) in arguments
            for number in transport.signals
        ]

    def finish(self) -> Exit:
        """All processes obey."""
        for node in self.nodes:
            if node.pid is not None:
                self.exit(node.number)
        (status,) = self.results
        self.assertTrue(self.display.is_closed and self.watcher.is_closed and self.load.stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        return Exit(status)


class DemoTests(DemoCase):
    def test_order_of_start(self) -> None:
        """The node that has the network starts first, the others when it serves."""
        self.begin(3)
        self.watcher.serves = False
        self.pass_time(3)
        self.assertEqual([node.condition for node in self.nodes], ["running", "waiting", "waiting"])
        self.watcher.serves = True
        self.pass_time(1)
        self.assertEqual([node.condition for node in self.nodes], ["running"] * 3)
        self.demo.typed(b"q")
        self.assertEqual(self.finish(), Exit.OK)

    def test_arguments(self) -> None:
        """Every node has ports and a directory of its own and joins others; the supervisor's socket is not its."""
        self.begin(3)
        self.pass_time(2)
        words = [" ".join(arguments) for _, arguments, _, _ in self.spawner.spawned]
        self.assertIn("--join ws://127.0.0.1:5", words[0])
        self.assertIn("--join ws://127.0.0.1:2", words[1])
        self.assertIn("--join ws://127.0.0.1:2 --join ws://127.0.0.1:5", words[2])
        self.assertIn("--http tcp:7:interface=127.0.0.1", words[2])
        self.assertTrue(all("NOTIFY_SOCKET" not in environment for _, _, environment, _ in self.spawner.spawned))
        self.demo.typed(b"q")
        self.finish()

    def test_keys(self) -> None:
        """A digit kills and revives, ``s`` stops and continues, ``w`` writes; all is told."""
        self.begin(2)
        self.pass_time(2)
        self.demo.typed(b"2")
        self.assertEqual(self.signals(2), [signal.SIGKILL])
        self.exit(2, ProcessTerminated(signal=9))
        self.assertEqual((self.nodes[1].condition, self.nodes[1].pid), ("dead", None))
        self.demo.typed(b"2")
        self.assertEqual(self.nodes[1].condition, "running")
        self.demo.typed(b"s1")
        self.assertEqual((self.nodes[0].condition, self.signals(1)), ("stopped", [signal.SIGSTOP]))
        self.demo.typed(b"s1w")
        self.assertEqual(self.signals(1), [signal.SIGSTOP, signal.SIGCONT])
        self.assertEqual(self.load.toggled, 1)
        told = "\n".join(map(str, self.demo.events))
        for words in ("2 of 2 nodes serve", "killed node 2", "revived node 2", "stopped node 1", "node 1 goes on"):
            self.assertIn(words, told)
        self.demo.typed(b"q")
        self.assertEqual(self.finish(), Exit.OK)

    def test_revived_at_once(self) -> None:
        """A node that is revived before its killed process is gone starts when it is."""
        self.begin(1)
        self.pass_time(1)
        self.demo.typed(b"11")
        self.assertEqual(len(self.spawner.spawned), 1)
        self.exit(1, ProcessTerminated(signal=9))
        self.assertEqual((len(self.spawner.spawned), self.nodes[0].condition), (2, "running"))
        self.demo.typed(b"q")
        self.finish()

    def test_script(self) -> None:
        """Steps are done at their times, counted from when all serve, and the end is not missed."""
        self.begin(2, parse_script("1 kill 2, 3 revive 2"), seconds=5)
        self.pass_time(1.5)
        self.assertEqual(self.signals(2), [])
        self.pass_time(0.5)
        self.assertEqual(self.signals(2), [signal.SIGKILL])
        self.exit(2, ProcessTerminated(signal=9))
        self.pass_time(2)
        self.assertEqual(self.nodes[1].condition, "running")
        self.assertFalse(self.demo._has_quit)
        self.pass_time(2)
        self.assertEqual(self.signals(1), [signal.SIGTERM])
        self.assertEqual(self.finish(), Exit.OK)

    def test_end(self) -> None:
        """At the end a stopped node goes on to end in order, and one that does not obey is killed."""
        self.begin(2)
        self.pass_time(2)
        self.demo.typed(b"s2q")
        self.pass_time(0.5)
        self.assertEqual(self.signals(2), [signal.SIGSTOP, signal.SIGCONT, signal.SIGTERM])
        self.exit(1)
        self.assertEqual(self.results, [])
        self.clock.advance(END_SECONDS)
        self.assertEqual(self.signals(2)[-1], signal.SIGKILL)
        self.exit(2, ProcessTerminated(signal=9))
        self.assertEqual(self.finish(), Exit.OK)

    def test_interrupted(self) -> None:
        """Ctrl-C, which cancels, is an end as well."""
        self.begin(2)
        self.pass_time(2)
        self.running.cancel()
        self.assertEqual(self.signals(1), [signal.SIGTERM])
        self.assertEqual(self.finish(), Exit.OK)

    def test_failed_node(self) -> None:
        """A node that does not start is shown with its reason, and the others run on; one alone is the end."""
        self.begin(2)
        self.watcher.serves = False
        self.nodes[1].start()
        self.pass_time(1)
        self.nodes[1]._errors.write_text("warning\ncloudnode: port 5 is taken\n\n")
        self.exit(2, ProcessTerminated(exitCode=1))
        self.assertEqual((self.nodes[1].condition, self.nodes[1].reason), ("failed", "port 5 is taken"))
        self.watcher.serves = True
        self.pass_time(1)
        self.assertEqual(self.results, [])
        self.assertIn("1 of 2 nodes serve", str(self.demo.events[0]))
        self.demo.typed(b"q")
        self.assertEqual(self.finish(), Exit.OK)

    def test_nothing_starts(self) -> None:
        """If no node comes to serve, the demo ends and says so by its status."""
        self.begin(1)
        self.watcher.serves = False
        self.pass_time(1)
        self.exit(1, ProcessTerminated(exitCode=1))
        self.pass_time(1)
        self.assertEqual(self.finish(), Exit.NO_ANSWER)
        self.assertIn("exit code 1", str(self.nodes[0].reason))

    def test_never_serves(self) -> None:
        """A start that takes too long is given up."""
        self.begin(1)
        self.watcher.serves = False
        self.pass_time(START_SECONDS + 1)
        self.assertEqual(self.finish(), Exit.NO_ANSWER)

    def test_roots_differ(self) -> None:
        """Different roots at the end are told by the status."""
        self.begin(2)
        self.pass_time(1)
        self.watcher.roots = {ROOT: (1,), OTHER: (2,)}
        self.pass_time(1)
        self.demo.typed(b"q")
        self.assertEqual(self.finish(), Exit.DAMAGED)

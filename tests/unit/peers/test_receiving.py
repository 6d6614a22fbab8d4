"""Who reads operations while a node catches up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.received import Received, SignedBody
from cloudnode.node.receiving import ReceivingHere
from cloudnode.peers import download as download_module
from cloudnode.peers.blockcheck import check_operations
from cloudnode.peers.download import CHECKS_AT_ONCE, FEW_WANTED, REST_SECONDS
from tests.unit.node.nodes import run_at_once
from tests.unit.peers.network import MemoryNetwork


class Counting(ReceivingHere):
    """Counts what it is given to do.

    :ivar received: How many operations. :ivar rests: How often it gave back what it had taken.
    :ivar holds: Whether it has taken something.
    """

    received = rests = 0
    holds = False

    def receive(self, signed: Sequence[SignedBody]) -> list[Received]:
        self.received += len(signed)
        self.holds = True
        return super().receive(signed)

    def rest(self) -> None:
        self.rests += self.holds
        self.holds = False


class ReceivingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork(self)
        self.validator = self.network.add()
        self.receiver = Counting(self.network.genesis)

    def fill(self, blocks: int) -> None:
        for number in range(blocks):
            done = self.validator.put(f"r{self.validator.ledger.head.height}-{number}")
            self.network.advance(1)
            self.successResultOf(done)

    def test_far_behind(self) -> None:
        """A node with much to catch up with has all of that read so, and gives back what it took for it."""
        self.fill(FEW_WANTED + 4)
        (operations,) = self.validator.store._read.execute("SELECT count(*) FROM operations").fetchone()
        follower = self.network.add(self.validator.host, sync="replay", receiver=self.receiver)
        self.network.advance(2)
        self.assertEqual(follower.ledger.head, self.validator.ledger.head)
        self.assertEqual(follower.differences(self.validator), ())
        self.assertEqual(self.receiver.received, operations)
        self.network.advance(REST_SECONDS)
        self.assertEqual(self.receiver.rests, 1)

    def test_a_little_behind(self) -> None:
        """A few blocks, and those that come one by one, are not worth it."""
        self.fill(FEW_WANTED // 4)
        follower = self.network.add(self.validator.host, sync="replay", receiver=self.receiver)
        self.network.advance(2)
        self.fill(FEW_WANTED)
        self.assertEqual(follower.rows, self.validator.rows)
        self.assertEqual((self.receiver.received, self.receiver.rests), (0, 0))

    def test_stopped_meanwhile(self) -> None:
        """A node that stops takes nothing with it."""
        self.fill(FEW_WANTED + 4)
        follower = self.network.add(self.validator.host, sync="replay", receiver=self.receiver)
        self.network.advance(2)
        follower.stop()
        self.assertEqual(self.receiver.rests, 1)

    def test_late_check(self) -> None:
        """What had to wait for a thread, and takes something after the node has stopped, gives it back."""
        self.fill(FEW_WANTED + 4)
        follower = self.network.add(self.validator.host, start=False, sync="replay", receiver=self.receiver)
        waiting: list[Callable[[], None]] = []

        def run_later(function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
            if function is not check_operations:
                return run_at_once(function, *arguments)
            done: Deferred[Any] = Deferred()
            waiting.append(lambda: run_at_once(function, *arguments).chainDeferred(done))
            return done

        download = follower.neighbourhood.download
        self.patch(download, "_run_in_thread", run_later)
        self.patch(download_module, "OPERATIONS_CHECKED", 1)
        follower.start()
        self.network.advance(2)
        download.stop()
        self.assertEqual((len(waiting), self.receiver.received), (CHECKS_AT_ONCE, 0))
        for run in waiting:
            run()
        self.assertGreater(self.receiver.received, 0)
        self.assertFalse(self.receiver.holds)

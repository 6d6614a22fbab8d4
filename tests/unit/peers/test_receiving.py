"""Who reads operations while a node catches up."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.received import Received, SignedBody
from cloudnode.node.receiving import ReceivingHere
from cloudnode.peers.download import FEW_WANTED, REST_SECONDS
from tests.unit.peers.network import MemoryNetwork


class Counting(ReceivingHere):
    """Counts what it is given to do.

    :ivar received: How many operations. :ivar rests: How often it was told to rest.
    """

    received = rests = 0

    def receive(self, signed: Sequence[SignedBody], height: int) -> list[Received]:
        self.received += len(signed)
        return super().receive(signed, height)

    def rest(self) -> None:
        self.rests += 1


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
        self.assertEqual(follower.rows, self.validator.rows)
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

"""How a follower decides between the log and the state."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.peers import catchingup
from tests.unit.peers.network import MemoryNetwork, MemoryNode


class DecisionTests(SynchronousTestCase):
    """A network with a short log."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(self)
        self.validator = self.network.add()
        for number in range(6):
            self.validator.put(f"film {number}")
            self.network.advance(0.5)

    def check_caught_up(self, node: MemoryNode) -> None:
        self.assertEqual(node.ledger.head, self.validator.ledger.head)
        self.assertEqual(node.ledger.state, "serving")

    def test_short_log(self) -> None:
        """What is replayed in a moment is replayed, so that the node has all of it."""
        node = self.network.add("10.1.0.1")
        self.network.advance(6)
        self.check_caught_up(node)
        self.assertEqual(node.store.lowest_block, 1)

    def test_long_log(self) -> None:
        """With an empty database the state is fetched, if that is so much sooner."""
        self.patch(catchingup, "WORTH_SECONDS_EMPTY", -60.0)
        node = self.network.add("10.1.0.1")
        self.network.advance(6)
        self.check_caught_up(node)
        self.assertGreater(node.store.lowest_block, 1)

    def test_forbidden(self) -> None:
        """It is replayed nevertheless if the operator says so, and what an earlier state sync left is removed."""
        self.patch(catchingup, "WORTH_SECONDS_EMPTY", -60.0)
        path = self.mktemp()
        with open(f"{path}.sync", "wb") as file:
            file.write(b"left")
        node = self.network.add("10.1.0.1", path=path, sync="replay")
        self.assertFalse(os.path.exists(f"{path}.sync"))
        self.network.advance(6)
        self.check_caught_up(node)
        self.assertEqual(node.store.lowest_block, 1)

    def test_replay_too_slow(self) -> None:
        """A replay that turns out to take so much longer is given up for the state."""
        node = self.network.add("10.1.0.1")
        self.network.advance(6)
        node.stop()
        for number in range(40):
            self.validator.put(f"later {number}")
            self.network.advance(0.3)
        self.patch(catchingup, "FEW_BLOCKS", 1)
        self.patch(catchingup, "MEASURED_SECONDS", 0.0)
        self.patch(catchingup, "WORTH_SECONDS", -60.0)
        # It never gets far by replay.
        self.patch(catchingup.Download, "_fetch_bodies", lambda download: None)
        again = self.network.restart(node)
        self.patch(again.neighbourhood._meter, "progress", slow_progress)
        self.network.advance(3)
        self.assertGreater(again.store.lowest_block, 1)
        self.assertGreaterEqual(again.ledger.head.height, again.store.lowest_block)

    def test_estimates(self) -> None:
        """The state of a million rows takes less than a minute, and the log that led to it minutes."""
        self.assertLess(catchingup.state_seconds(1_000_000), 60)
        self.assertGreater(catchingup.replay_seconds(2_000, 1_000_000), 200)


def slow_progress(height: int, target: int) -> catchingup.Progress:
    """It would take an hour."""
    return catchingup.Progress(height, target, 1.0, 3600.0)

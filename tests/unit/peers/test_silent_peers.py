"""Peers that answer no questions: what they hold up, and for how long."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.peers.catchingup import SyncSetting
from cloudnode.peers.messages import AnyMessage, GetOperations, GetState
from cloudnode.peers.statesync import StateProgress
from tests.unit.peers.network import PORT, MemoryNetwork, MemoryNode
from tests.unit.peers.silence import DATA, Silence


class StoppingTests(SynchronousTestCase):
    """A node that stops while it waits for an answer."""

    def test_state_sync(self) -> None:
        """A state sync that waits for peers which answer nothing ends with the links to them."""
        network = MemoryNetwork(self)
        validator = network.add()
        silent = [network.add(validator.host) for _ in range(2)]
        for number in range(20):
            validator.put(f"film {number}")
            network.advance(0.25)
        silences = [Silence(node) for node in silent]
        node = network.add(*[each.host for each in silent], sync="state")
        network.advance(3)
        self.assertEqual(node.ledger.state, "syncing")
        self.assertTrue(any(each.asked for each in silences))
        self.assertEqual(node.neighbourhood.catching_up.state_progress, StateProgress())
        node.is_up = False
        stopping = Deferred.fromCoroutine(node.neighbourhood.stop())
        network.advance(1)
        self.successResultOf(stopping)
        self.assertEqual(node.peers, set())


class SilentTests(SynchronousTestCase):
    """One honest validator, and nodes nearer than it that answer nothing they are asked for."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(self)
        self.validator = self.network.add()
        self.validator.seconds_away = 0.02
        self.network.advance(1)

    def add_silent(self, count: int, kinds: tuple[type[AnyMessage], ...] = DATA, claim: int = 0) -> list[str]:
        """So many nodes that answer nothing; their addresses."""
        nodes = [self.network.add(self.validator.host) for _ in range(count)]
        self.network.advance(1)
        self.silences = [Silence(node, kinds, claim) for node in nodes]
        return [node.host for node in nodes]

    def write(self, blocks: int) -> None:
        for number in range(blocks):
            self.validator.put(f"film {number}")
            self.network.advance(0.5)

    def catch_up(self, silent: list[str], sync: SyncSetting, most: float) -> MemoryNode:
        """A newcomer to whom the silent nodes are linked first is there within so many seconds of the network's."""
        node = self.network.add(*silent, sync=sync)
        self.network.advance(0.1)
        node.neighbourhood.book.join(self.validator.host, PORT, None, "ws")
        began = self.network.clock.seconds()
        while node.ledger.head.height < self.validator.ledger.head.height or node.ledger.state != "serving":
            self.network.advance(0.25)
            self.assertLess(self.network.clock.seconds() - began, most)
        self.assertTrue(any(each.asked for each in self.silences))
        return node

    def test_replay(self) -> None:
        """Blocks and bodies are replayed as if they were not there, but for a few seconds."""
        silent = self.add_silent(3)
        self.write(30)
        self.catch_up(silent, "replay", 6)

    def test_replay_without_bodies(self) -> None:
        """The same where blocks are told, and their operations are not."""
        silent = self.add_silent(3, (GetOperations,))
        self.write(30)
        self.catch_up(silent, "replay", 6)

    def test_many(self) -> None:
        """Any number of them costs a few seconds once."""
        silent = self.add_silent(8)
        self.write(20)
        self.catch_up(silent, "replay", 8)

    def test_state_sync(self) -> None:
        """A state is fetched in spite of them, with the epochs, blocks and operations that belong to it."""
        silent = self.add_silent(3)
        self.write(30)
        self.catch_up(silent, "state", 10)

    def test_state_sync_without_rows(self) -> None:
        """The same where all but the rows is told."""
        silent = self.add_silent(3, (GetState,))
        self.write(30)
        self.catch_up(silent, "state", 8)

    def test_claim(self) -> None:
        """Who claims heights that do not exist, and answers nothing, does not keep a follower from the tip."""
        silent = self.add_silent(2, claim=2**40)
        follower = self.network.add(*silent, self.validator.host)
        self.network.advance(3)
        lags = []
        for number in range(60):
            self.validator.put(f"film {number}")
            self.network.advance(1)
            lags.append(self.validator.ledger.head.height - follower.ledger.head.height)
        self.assertTrue(any(each.asked for each in self.silences))
        self.assertLessEqual(max(lags), 4)
        self.assertLess(sum(lags), 10)

"""Peers that answer no questions: what they hold up, and for how long."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.peers.statesync import StateProgress
from tests.unit.peers.network import MemoryNetwork
from tests.unit.peers.silence import Silence


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

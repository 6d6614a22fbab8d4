"""Whom questions go to."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.peers.answering import Answering
from cloudnode.peers.asking import Asker
from cloudnode.peers.link import LinkLimits
from cloudnode.peers.messages import COSTS, Answer, GetNodes, GetState, Nodes


class OtherNode:
    """The part of a peer that is used here; it answers at once."""

    def __init__(self, height: int) -> None:
        self.height, self.asked, self.is_open, self.ping_seconds = height, 0, True, None
        self.id, self.address, self.progress_bytes = b"%d" % height, "192.0.2.1", 0
        self.cost = 0.0

    def ask(self, question: Any, *arguments: object) -> Deferred[Answer]:
        self.cost += COSTS[question]
        done: Deferred[Answer] = Deferred()
        done.callback(Nodes(1, b"", (b"node",)))
        return done


class AskerTests(SynchronousTestCase):
    """Two peers, one of them behind."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.near, self.far = OtherNode(10), OtherNode(5)
        self.asker = Asker(self.clock, lambda: [self.near, self.far], Answering(self.clock))  # type: ignore[list-item]

    def test_choice(self) -> None:
        """Asked is who has the height, has a link, and could answer lately."""
        self.assertEqual(self.asker.choose(7, GetNodes), [self.near])
        self.assertEqual(self.asker.choose(11, GetNodes), [])
        self.asker.could_not(self.near)  # type: ignore[arg-type]
        self.assertEqual(self.asker.choose(7, GetNodes), [])
        self.assertTrue(self.asker.nobody_can(7))
        self.assertFalse(self.asker.nobody_can(5))
        self.clock.advance(6)
        self.assertEqual(self.asker.choose(7, GetNodes), [self.near])
        self.near.is_open = False
        self.assertEqual(self.asker.choose(7, GetNodes), [])

    def test_no_flood(self) -> None:
        """However fast answers come, no peer is asked more than it takes from one node."""
        limits = LinkLimits()
        for _ in range(5_000):
            peers = self.asker.choose(7, GetState)
            if not peers:
                self.clock.advance(0.01)
                continue
            self.asker.ask(peers, 7, GetState, 7, ("1",))
            self.clock.advance(0.001)
        self.assertLess(self.near.cost, limits.allowance + self.clock.seconds() * limits.refill)
        self.assertGreater(self.near.cost, self.clock.seconds() * limits.refill / 2)

    def test_one_after_the_other(self) -> None:
        """Who has not what is wanted is not asked for it twice."""
        asking = Deferred.fromCoroutine(self.asker.ask_one(5, lambda answer: None, GetNodes, 5, ()))
        self.assertIsNone(self.successResultOf(asking))
        self.assertEqual((self.near.cost, self.far.cost), (20, 20))
        self.assertEqual(self.asker.on_way, 0)

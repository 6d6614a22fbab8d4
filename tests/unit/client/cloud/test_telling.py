"""What a session tells besides answers: who lied, who decides, and which node serves a subscription."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from cloudnode.client.cloud.nodes import REPORT
from cloudnode.client.errors import ConnectionFailed
from tests.unit.client.cloud.doors import CloudTestCase
from tests.unit.client.cloud.test_cloud import changed


class TellingTests(CloudTestCase):
    def test_reported(self) -> None:
        """Whoever waits for it has every liar named that was found before."""
        self.node.put("metropolis")
        self.node.pass_time(1.0)
        cloud = self.connect()
        self.run_now(cloud.reported())  # nobody lied
        self.a.lie = changed("version", lambda version: version + 1)
        self.run_now(cloud.call("getrecord", self.node.name("metropolis")))
        self.run_now(cloud.reported())
        self.assertEqual([each.url for each in self.accused], ["ws://a:1"])

    def test_reported_in_time(self) -> None:
        """A liar that says nothing more is not waited for longer than a few seconds."""
        self.node.put("metropolis")
        self.node.pass_time(1.0)
        cloud = self.connect()
        self.a.lie = changed("version", lambda version: version + 1)
        self.run_now(cloud.call("getrecord", self.node.name("metropolis")))
        for door in self.doors.values():
            door.is_silent = True
        reported = Deferred.fromCoroutine(cloud.reported())
        self.node.clock.pump([0.1] * round(REPORT * 10 + 1))
        self.successResultOf(reported)

    def test_epoch(self) -> None:
        """Who decides is checked; a node that tells others is left for one that does not. Unchecked it is not told."""
        cloud = self.connect()
        self.a.lie = changed("epochs", lambda epochs: [epochs[0] | {"validators": ["ab" * 32]}])
        self.assertEqual(self.run_now(cloud.epoch()), self.node.ledger.epoch)
        self.run_now(cloud.reported())
        self.assertEqual([each.url for each in self.accused], ["ws://a:1"])
        self.failure(self.connect(verify="none").epoch(), ValueError)

    def test_moved(self) -> None:
        """Each change of the node under a subscription is told."""
        told: list[str] = []
        cloud = self.connect()
        subscription = self.run_now(cloud.subscribe("records", moved=told.append))
        self.node.pass_time(0.1)
        first = subscription.url
        taken = Deferred.fromCoroutine(anext(subscription))
        self.doors[first].shut()
        self.node.put("1")
        self.result(taken)
        self.node.pass_time(1.0)
        self.assertEqual(told, [first, "", subscription.url])
        self.assertNotEqual(subscription.url, first)

    def test_over_http_alone(self) -> None:
        """Where no place keeps connections there is no subscription, and that is said at once."""
        self.doors["http://a:2"] = self.a
        cloud = self.connect("http://a:2", verify="certificate")
        self.assertIn("ws://", self.failure(cloud.subscribe("records"), ConnectionFailed, seconds=0.1).message)

"""Through which connections a node is reached that was named by its key."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client.client import Client
from cloudnode.client.cloud import nodes
from cloudnode.client.cloud.directory import Directory, Place
from cloudnode.client.cloud.nodes import Nodes
from cloudnode.client.errors import ConnectionFailed, TimedOut
from tests.unit.client.cloud.doors import CloudTestCase
from tests.unit.client.fakes import MemoryCarrier

BY_KEY = "node:" + "ab" * 32


class HelpersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.dialled: list[str] = []
        self.down: set[str] = set()
        self.directory = Directory(["ws://a:1", "ws://b:1", BY_KEY], lambda: 0.0)
        self.nodes = Nodes(
            self.directory, self.dial, self.clock, network=None, certifies=False, left=lambda place: None,
            accused=lambda accusation: None,
        )  # fmt: skip

    async def dial(self, url: str) -> Client:
        self.dialled.append(url)
        if url in self.down:
            raise ConnectionFailed(f"Cannot reach {url}.")
        return Client(MemoryCarrier(), self.clock, url=url)

    def place(self, url: str) -> Place:
        found = self.directory.find(url)
        assert found is not None
        return found

    def connect(self, url: str) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.nodes.connect(self.place(url))))

    def helpers(self) -> list[str]:
        return [client.url for client in self.successResultOf(Deferred.fromCoroutine(self.nodes.helpers()))]

    def test_connected(self) -> None:
        """All that there are connections with, the nearest first; the node itself is none."""
        for url, seconds in (("ws://a:1", 0.2), ("ws://b:1", 0.1), (BY_KEY, 0.01)):
            self.connect(url)
            self.directory.answered(self.place(url), seconds)
        self.assertEqual(self.helpers(), ["ws://b:1", "ws://a:1"])
        self.assertEqual(len(self.dialled), 3)

    def test_none_is_left(self) -> None:
        """A place that answered once is dialled before those that never did, though it failed since."""
        self.directory.answered(self.place("ws://b:1"), 0.1)
        self.nodes.failed(self.place("ws://b:1"), TimedOut("It hangs."))
        self.assertEqual(self.helpers(), ["ws://b:1"])
        self.assertEqual(self.dialled, ["ws://b:1"])
        self.assertEqual(self.nodes.routes, {"ws://b:1": "ws://b:1"})

    def test_next(self) -> None:
        """Where one can't be reached, the next one is dialled."""
        self.down.add("ws://a:1")
        self.assertEqual(self.helpers(), ["ws://b:1"])

    def test_nobody(self) -> None:
        """It fails when none can be reached."""
        self.down |= {"ws://a:1", "ws://b:1"}
        failure = self.failureResultOf(Deferred.fromCoroutine(self.nodes.helpers()), ConnectionFailed)
        self.assertEqual(failure.value.message, "Cannot reach ws://b:1.")
        self.assertEqual(self.dialled, ["ws://a:1", "ws://b:1"])


class AddressTests(CloudTestCase):
    """Sessions on a machine that comes into another network."""

    def test_lost(self) -> None:
        """What waits for a connection that belonged to a lost address goes on by another one within two seconds, and
        long before the node's patience is over; a connection that goes from another address stays.
        """
        own = {"10.0.0.2", "10.0.0.3"}
        self.patch(nodes, "is_lost_address", lambda address: address not in own)
        cloud = self.connect()
        [first] = self.a.carriers
        first.local_address = "10.0.0.2"
        [second] = self.b.carriers
        second.local_address = "10.0.0.3"
        self.node.clock.pump([0.1] * 21)
        self.a.is_deaf = True
        answered = Deferred.fromCoroutine(cloud.call("getlastblocks", [1]))
        self.node.clock.advance(0)
        own.remove("10.0.0.2")
        self.node.clock.pump([0.1] * 21)
        self.assertEqual(self.successResultOf(answered).url, "ws://b:1")
        self.assertNotIn(first, self.a.carriers)
        self.assertIn(second, self.b.carriers)

    def test_closed(self) -> None:
        """A closed session plans nothing more."""

        def planned() -> list[str]:
            calls = (call.func for call in self.node.clock.getDelayedCalls())
            return sorted(getattr(each, "__qualname__", type(each).__name__) for each in calls)

        before = planned()
        cloud = self.connect()
        self.assertIn("AddressWatch._look", planned())
        self.run_now(cloud.close())
        self.assertEqual(planned(), before)

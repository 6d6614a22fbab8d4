"""Subscriptions: every item once, in order, whatever the consumer's pace and whatever breaks."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client import subscription as subscription_module
from cloudnode.client.client import Client
from cloudnode.client.errors import ClientError, ConnectionFailed, RemoteError
from cloudnode.client.following import follow
from cloudnode.client.places import LogPlace
from cloudnode.client.subscription import Item, Subscription
from tests.unit.client.fakes import MemoryCarrier, make_client


def item(height: int, index: int = 0) -> dict[str, Any]:
    return {"cursor": {"height": height, "index": index}, "id": f"{height}:{index}"}


def notification(*heights: int, subscription: str = "1") -> dict[str, Any]:
    return {
        "subscription": subscription,
        "cursor": {"height": heights[-1], "index": 0},
        "items": [item(height) for height in heights],
    }


def subscribed(carrier: MemoryCarrier, subscription: str = "1", height: int = 0) -> None:
    """Answer the newest request, which is a subscribe."""
    assert carrier.sent[-1]["method"] == "subscribe"
    carrier.answer(carrier.sent[-1], {"subscription": subscription, "cursor": {"height": height, "index": 0}})


class SubscriptionTests(SynchronousTestCase):
    """One subscription on one connection."""

    def subscribe(self, after: LogPlace | None = None) -> tuple[Subscription, MemoryCarrier]:
        client, carrier = make_client()
        made = Deferred.fromCoroutine(client.subscribe("records", {"collection": "film"}, after))
        subscribed(carrier)
        return self.successResultOf(made), carrier

    def take(self, subscription: Subscription) -> Deferred[Item]:
        return Deferred.fromCoroutine(subscription.__anext__())

    def test_request(self) -> None:
        """Topic, filter and cursor are asked for."""
        _, carrier = self.subscribe(LogPlace(3, 4))
        self.assertEqual(
            carrier.sent[0]["params"],
            {"topic": "records", "filter": {"collection": "film"}, "after": {"height": 3, "index": 4}},
        )

    def test_items(self) -> None:
        """Items come one by one; the cursor is that of the last one taken."""
        subscription, carrier = self.subscribe()
        carrier.notify(notification(1, 2))
        self.assertEqual(self.successResultOf(self.take(subscription)).cursor, LogPlace(1, 0))
        self.assertEqual(subscription.cursor, LogPlace(1, 0))
        self.assertEqual(self.successResultOf(self.take(subscription)).cursor, LogPlace(2, 0))

    def test_waits(self) -> None:
        """A consumer that is faster than the network waits."""
        subscription, carrier = self.subscribe()
        taken = self.take(subscription)
        self.assertNoResult(taken)
        carrier.notify({"subscription": "1", "cursor": {"height": 8, "index": 0}, "items": []})
        self.assertNoResult(taken)
        carrier.notify(notification(9))
        self.assertEqual(self.successResultOf(taken).cursor, LogPlace(9, 0))

    def test_block_cursor(self) -> None:
        """A block's cursor is that of its last operation."""
        subscription, carrier = self.subscribe()
        block = {"height": 4, "hash": "00", "operations_count": 3}
        carrier.notify({"subscription": "1", "cursor": {"height": 4, "index": 2}, "items": [block]})
        self.assertEqual(self.successResultOf(self.take(subscription)).cursor, LogPlace(4, 2))

    def test_ended_by_node(self) -> None:
        """The node's error ends the iteration, after what came before it."""
        subscription, carrier = self.subscribe()
        carrier.notify(notification(1))
        error = {"code": -28, "message": "no", "data": {"code": "data_corrupt"}}
        carrier.notify({"subscription": "1", "cursor": {"height": 1, "index": 0}, "error": error})
        self.successResultOf(self.take(subscription))
        self.assertEqual(self.failureResultOf(self.take(subscription), RemoteError).value.name, "data_corrupt")

    def test_slow_for_the_node(self) -> None:
        """A subscription that the node gave up as too slow is made again after the last cursor."""
        subscription, carrier = self.subscribe()
        error = {"code": -32005, "message": "slow", "data": {"code": "subscriber_slow"}}
        carrier.notify(notification(5))
        carrier.notify({"subscription": "1", "cursor": {"height": 5, "index": 0}, "error": error})
        self.successResultOf(self.take(subscription))
        taken = self.take(subscription)
        self.assertEqual(carrier.sent[-1]["params"]["after"], {"height": 5, "index": 0})
        subscribed(carrier, "2", 5)
        carrier.notify(notification(5, 6, subscription="2"))
        self.assertEqual(self.successResultOf(taken).cursor, LogPlace(6, 0))

    def test_slow_consumer(self) -> None:
        """Too many waiting items end it at the node; it goes on where it was, without gap or repetition."""
        self.patch(subscription_module, "WAITING_MAX", 3)
        subscription, carrier = self.subscribe()
        carrier.notify(notification(1, 2, 3, 4))
        self.assertEqual(carrier.sent[-1]["method"], "unsubscribe")
        carrier.notify(notification(5))
        carrier.answer(carrier.sent[-1], {})
        heights = [self.successResultOf(self.take(subscription)).cursor.height for _ in range(4)]
        self.assertEqual(heights, [1, 2, 3, 4])
        taken = self.take(subscription)
        self.assertEqual(carrier.sent[-1]["params"]["after"], {"height": 4, "index": 0})
        subscribed(carrier, "2", 4)
        carrier.notify(notification(5, subscription="2"))
        self.assertEqual(self.successResultOf(taken).cursor, LogPlace(5, 0))

    def test_close(self) -> None:
        """Closing tells the node, and ends the iteration."""
        subscription, carrier = self.subscribe()
        closed = Deferred.fromCoroutine(subscription.close())
        carrier.answer(carrier.sent[-1], {})
        self.successResultOf(closed)
        self.failureResultOf(self.take(subscription), StopAsyncIteration)

    def test_lost(self) -> None:
        """A lost connection ends the iteration with the reason."""
        subscription, carrier = self.subscribe()
        taken = self.take(subscription)
        carrier.lose()
        self.failureResultOf(taken, ConnectionFailed)


class FollowTests(SynchronousTestCase):
    """Following through lost connections."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.carriers: list[MemoryCarrier] = []
        self.refuses = 0
        self.troubles: list[ClientError] = []
        self.items = follow(
            self.connect, self.clock, "records", on_trouble=self.troubles.append, random_fraction=lambda: 0.0
        )
        self.taking: list[Deferred[Item]] = []
        self.addCleanup(self.end)

    def end(self) -> None:
        """Give up what was not taken. A generator left alone would be ended by the collector, in another test."""
        for taken in self.taking:
            taken.addErrback(lambda _: None)
            taken.cancel()
        self.successResultOf(Deferred.fromCoroutine(self.items.aclose()))  # type: ignore[attr-defined]

    async def connect(self) -> Client:
        if self.refuses:
            self.refuses -= 1
            raise ConnectionFailed("nobody listens there")
        client, carrier = make_client(self.clock)
        self.carriers.append(carrier)
        return client

    def take(self) -> Deferred[Item]:
        self.taking.append(Deferred.fromCoroutine(self.items.__anext__()))  # type: ignore[arg-type]
        return self.taking[-1]

    def test_goes_on(self) -> None:
        """After a lost connection and two failed attempts it goes on after the last cursor."""
        taken = self.take()
        subscribed(self.carriers[0])
        self.carriers[0].notify(notification(1))
        self.successResultOf(taken)
        taken = self.take()
        self.refuses = 2
        self.carriers[0].lose()
        self.clock.pump([0.25, 0.5])
        self.assertEqual(len(self.carriers), 1)
        self.clock.advance(1.0)
        self.assertEqual(self.carriers[1].sent[0]["params"]["after"], {"height": 1, "index": 0})
        subscribed(self.carriers[1], height=1)
        self.carriers[1].notify(notification(2))
        self.assertEqual(self.successResultOf(taken).cursor, LogPlace(2, 0))
        self.assertEqual(len(self.troubles), 3)

    def test_lost_before_anything_came(self) -> None:
        """The cursor that the first subscription began at is kept, so that nothing is missed meanwhile."""
        self.take()
        subscribed(self.carriers[0], height=30)
        self.carriers[0].lose()
        self.clock.advance(0.25)
        self.assertEqual(self.carriers[1].sent[0]["params"]["after"], {"height": 30, "index": 0})

    def test_first_connection(self) -> None:
        """A node that was never reached is an error at once."""
        self.refuses = 1
        self.failureResultOf(self.take(), ConnectionFailed)

    def test_refused(self) -> None:
        """What trying again does not help is an error, and the connection is closed."""
        taken = self.take()
        self.carriers[0].refuse(self.carriers[0].sent[0], "cursor_pruned", -8)
        self.assertEqual(self.failureResultOf(taken, RemoteError).value.name, "cursor_pruned")
        self.assertTrue(self.carriers[0].is_closed)
        self.assertEqual(self.clock.getDelayedCalls(), [])

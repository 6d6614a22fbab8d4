"""Subscriptions: every item once, in order, whatever the consumer's pace and whatever breaks."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client import subscription as subscription_module
from cloudnode.client.errors import ConnectionFailed, RemoteError
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

    def test_client_closed(self) -> None:
        """Whoever closes the connection leaves nobody waiting for items that can't come; those that came are taken."""
        subscription, carrier = self.subscribe()
        carrier.notify(notification(1))
        self.successResultOf(self.take(subscription))
        waiting = self.take(subscription)
        subscription._client.close()
        self.failureResultOf(waiting, ConnectionFailed)
        self.failureResultOf(self.take(subscription), ConnectionFailed)

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

    def test_large_items(self) -> None:
        """Too many bytes that wait end it at the node as well; and no item keeps its message in memory."""
        self.patch(subscription_module, "BYTES_MAX", 200)
        subscription, carrier = self.subscribe()
        carrier.notify(notification(1))
        self.assertEqual(carrier.sent[-1]["method"], "subscribe")
        carrier.notify(notification(2, 3, 4, 5))
        self.assertEqual(carrier.sent[-1]["method"], "unsubscribe")
        heights = [self.successResultOf(self.take(subscription)).cursor.height for _ in range(5)]
        self.assertEqual((heights, subscription._bytes), ([1, 2, 3, 4, 5], 0))

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

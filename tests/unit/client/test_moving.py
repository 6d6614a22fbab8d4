"""A client that goes on over another connection: no call is lost, no item missed or told twice."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client.errors import ConnectionFailed
from tests.unit.client.fakes import MemoryCarrier, make_client
from tests.unit.client.test_subscription import notification, subscribed


class MovingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.client, self.old = make_client()
        self.new = MemoryCarrier()

    def move(self) -> None:
        self.client.move(self.new, "ws://direct")

    def test_new_calls(self) -> None:
        """New calls take the new connection; with nothing under way the old one closes at once."""
        self.move()
        asked = self.client.call("ping")
        self.assertEqual((self.old.sent, self.old.is_closed, self.client.url), ([], True, "ws://direct"))
        self.new.answer(self.new.sent[0], "pong")
        self.assertEqual(self.successResultOf(asked).result, "pong")

    def test_calls_under_way(self) -> None:
        """The old connection closes once it has answered what was asked of it."""
        first, second = self.client.call("a"), self.client.call("b")
        self.move()
        self.old.answer(self.old.sent[1], "b")
        self.assertFalse(self.old.is_closed)
        self.old.answer(self.old.sent[0], "a")
        self.assertTrue(self.old.is_closed)
        self.assertEqual([self.successResultOf(each).result for each in (first, second)], ["a", "b"])

    def test_old_breaks(self) -> None:
        """What the old connection took with it is asked again, once, of the new one."""
        asked, done = self.client.call("submit"), self.client.call("ping")
        self.move()
        self.old.answer(self.old.sent[1], None)
        self.old.lose()
        self.successResultOf(done)
        self.assertEqual(self.new.sent, [self.old.sent[0]])
        self.assertTrue(self.client.is_connected)
        self.new.answer(self.new.sent[0], "taken")
        self.assertEqual(self.successResultOf(asked).result, "taken")

    def test_new_breaks(self) -> None:
        """With the newest connection the client is lost."""
        asked = self.client.call("a")
        self.move()
        self.new.lose()
        self.failureResultOf(asked, ConnectionFailed)
        self.assertFalse(self.client.is_connected)

    def test_waiting_calls(self) -> None:
        """Calls that waited for a place go out over the new connection."""
        client, old = make_client(outstanding=1)
        client.call("a")
        later = client.call("b")
        client.move(self.new, "ws://direct")
        old.answer(old.sent[0], None)
        self.assertEqual([each["method"] for each in self.new.sent], ["b"])
        self.new.answer(self.new.sent[0], "b")
        self.assertEqual(self.successResultOf(later).result, "b")

    def test_closed(self) -> None:
        """A client that is closed closes both connections; one that was closed before takes no other."""
        self.client.call("a").addErrback(lambda _: None)
        self.move()
        self.client.close()
        self.assertEqual((self.old.is_closed, self.new.is_closed), (True, True))
        third = MemoryCarrier()
        self.client.move(third, "ws://third")
        self.assertTrue(third.is_closed)

    def test_subscription(self) -> None:
        """A subscription goes on after what it told, whatever its old number means on the new connection."""
        made = Deferred.fromCoroutine(self.client.subscribe("records"))
        subscribed(self.old)
        subscription = self.successResultOf(made)
        self.old.notify(notification(5, 6))
        self.move()
        self.assertEqual(self.new.sent[-1]["params"]["after"], {"height": 6, "index": 0})
        self.old.notify(notification(7))  # too late: the new one tells it
        subscribed(self.new, "1", 6)
        self.new.notify(notification(7, 8))
        heights = []
        for _ in range(4):
            taking = Deferred.fromCoroutine(subscription.__anext__())
            heights.append(self.successResultOf(taking).cursor.height)
        self.assertEqual(heights, [5, 6, 7, 8])
        self.assertNoResult(Deferred.fromCoroutine(subscription.__anext__()))

    def test_subscribing(self) -> None:
        """A subscription under way is asked for again on the new connection; the old answer is nobody's."""
        made = Deferred.fromCoroutine(self.client.subscribe("records"))
        self.move()
        subscribed(self.old, "1", 3)
        self.assertNoResult(made)
        subscribed(self.new, "4", 5)
        self.assertEqual(self.successResultOf(made).cursor.height, 5)

    def test_closed_subscription(self) -> None:
        """A subscription that is closed while it moves is ended on the new connection."""
        made = Deferred.fromCoroutine(self.client.subscribe("records"))
        subscribed(self.old)
        subscription = self.successResultOf(made)
        self.move()
        closing = Deferred.fromCoroutine(subscription.close())
        self.successResultOf(closing)
        subscribed(self.new, "9", 6)
        self.assertEqual(self.new.sent[-1]["method"], "unsubscribe")
        self.assertEqual(self.new.sent[-1]["params"], {"subscription": "9"})

    def test_address_lost(self) -> None:
        """Calls under way fail at once when the connection's address is not this machine's any more."""
        self.old.local_address = "10.0.0.2"
        asked = self.client.call("a")
        self.client.leave()
        error = self.failureResultOf(asked, ConnectionFailed).value
        self.assertEqual(error.message, "This machine no longer has the address 10.0.0.2.")
        self.assertEqual((self.old.is_closed, self.client.is_connected), (True, False))
        self.assertEqual(self.successResultOf(self.client.lost), error)

    def test_address_lost_by_the_old(self) -> None:
        """The address is that of the newest connection: one that moved away from it stays."""
        self.old.local_address, self.new.local_address = "10.0.0.2", "10.0.0.3"
        self.move()
        self.assertEqual(self.client.local_address, "10.0.0.3")

"""Subscriptions: no gap and no repetition, from any cursor, at the subscriber's pace."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.api.limits import Limits
from tests.unit.api.network import MemoryNode, NodeTestCase, make_key

START = {"height": 0, "index": 0}


class Subscriber:
    """A connection with one subscription.

    :ivar items: All that it was told. :ivar cursor: The last cursor. :ivar error: Why it was ended.
    """

    def __init__(self, node: MemoryNode, topic: str = "records", **params: Any) -> None:
        self.session, self.connection = node.connect("127.0.0.1")
        self.items: list[dict[str, Any]] = []
        self.error: dict[str, Any] | None = None
        self.messages = 0
        request = {"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": {"topic": topic, **params}}
        self.session.message_received(json.dumps(request).encode())
        answer = self.connection.take()[0]
        self.refused = answer.get("error")
        self.id = answer["result"]["subscription"] if "result" in answer else ""
        self.cursor = answer["result"]["cursor"] if "result" in answer else None

    def read(self) -> list[dict[str, Any]]:
        """Take what was sent; all items so far."""
        for message in self.connection.take():
            assert message["method"] == "subscription", message
            assert message["params"]["subscription"] == self.id
            self.messages += 1
            self.cursor = message["params"]["cursor"]
            self.items += message["params"].get("items", [])
            self.error = message["params"].get("error")
        return self.items

    def keys(self) -> list[str]:
        """The keys of the records told of."""
        return [item["key"] for item in self.read()]


class SubscriptionTests(NodeTestCase):
    """One subscriber."""

    limits = Limits(slow_heights=5, subscriptions=4)

    def test_appointment(self) -> None:
        """An operation that is of no topic, such as a change of validators, ends no subscription."""
        subscriber = Subscriber(self.node)
        self.node.write(self.node.appoint(make_key(1)))
        again = Subscriber(self.node, after=START)
        self.node.put("1")
        self.node.pass_time(0.5)
        self.assertEqual((subscriber.keys(), again.keys()), (["1"], ["1"]))

    def test_from_now_on(self) -> None:
        """Without a cursor a subscriber is told what comes, as it becomes final."""
        self.node.put("before")
        subscriber = Subscriber(self.node)
        self.assertEqual(subscriber.cursor, {"height": self.node.ledger.head.height, "index": 0})
        self.node.put("1", b'{"a": 1}', ref=self.node.address("before"))
        self.node.put("1", if_version=9)
        self.node.rate("1", 3)
        self.node.delete("1")
        put, delete = subscriber.read()
        self.assertEqual(
            (put["type"], put["key"], put["data"], put["ref"]), ("put", "1", {"a": 1}, self.node.address("before"))
        )
        self.assertEqual((delete["type"], delete["data"], delete["cursor"]), ("delete", None, subscriber.cursor))

    def test_from_the_beginning(self) -> None:
        """From a cursor on, the log is told first and then what comes, item for item the same as live."""
        live = Subscriber(self.node)
        for number in range(5):
            self.node.put(str(number))
        late = Subscriber(self.node, after=START)
        self.node.pass_time(0.05)
        self.node.put("last")
        self.assertEqual(late.read(), live.read())
        self.assertEqual(late.keys(), ["0", "1", "2", "3", "4", "last"])
        self.assertEqual(late.cursor, live.cursor)

    def test_resume_anywhere(self) -> None:
        """After any cursor that was told, the rest follows and nothing twice."""
        whole = Subscriber(self.node)
        batch = [
            {"jsonrpc": "2.0", "id": number, "method": "submit",
             "params": self.node.params(self.node.put_body(str(number)))}
            for number in range(4)
        ]  # fmt: skip
        self.node.answer(json.dumps(batch))
        self.node.pass_time(1)
        self.node.put("4")
        items = list(whole.read())
        self.assertEqual(len(items), 5)
        for place, item in enumerate(items):
            resumed = Subscriber(self.node, after=item["cursor"])
            self.node.pass_time(0.05)
            self.assertEqual(resumed.read(), items[place + 1 :])
            resumed.session.connection_lost()

    def test_ratings(self) -> None:
        """Ratings are told with their stars, and with none once withdrawn."""
        subscriber = Subscriber(self.node, "ratings")
        self.node.put("1")
        self.node.rate("1", 2)
        self.node.rate("1", 5)
        self.node.withdraw("1")
        self.assertEqual([item["stars"] for item in subscriber.read()], [2, 5, None])
        self.assertEqual(subscriber.items[0]["record"], self.node.address("1"))

    def test_blocks(self) -> None:
        """Blocks are told from any height on."""
        self.node.put("1")
        self.node.pass_time(1)
        subscriber = Subscriber(self.node, "blocks", after=START)
        self.node.pass_time(0.05)
        self.node.put("2")
        heights = [item["height"] for item in subscriber.read()]
        self.assertEqual(heights, list(range(1, self.node.ledger.head.height + 1)))
        self.assertEqual(subscriber.items[1]["operations_count"], 1)
        self.assertEqual(subscriber.items[-1]["hash"], self.node.ledger.head.hash.hex())

    def test_peers(self) -> None:
        """Peers may be subscribed to; nothing is told while there are none."""
        subscriber = Subscriber(self.node, "peers")
        self.node.put("1")
        self.assertEqual((subscriber.refused, subscriber.read()), (None, []))

    def test_filters(self) -> None:
        """Only what passes the filter is told, live and from the log."""
        account, other = self.node.account.public.hex(), self.node.other.public.hex()
        address = self.node.address("1")
        for wanted, topic, count in (
            ({"account": account}, "records", 2),
            ({"account": other}, "records", 0),
            ({"collection": "film"}, "records", 2),
            ({"collection": "post"}, "records", 0),
            ({"record": address}, "records", 1),
            ({"ref": address}, "records", 1),
            ({"account": other}, "ratings", 1),
            ({"collection": "film", "record": address}, "ratings", 1),
            ({"account": account}, "ratings", 0),
        ):
            node = MemoryNode(self.mktemp())
            live = Subscriber(node, topic, filter=wanted)
            node.put("1")
            node.put("2", ref=address)
            node.rate("1", 4)
            late = Subscriber(node, topic, filter=wanted, after=START)
            node.pass_time(0.05)
            self.assertEqual((len(live.read()), late.read()), (count, live.items), wanted)
            node.stop()

    def test_filter_that_fits_nothing(self) -> None:
        """A filter that a topic has nothing for is refused."""
        for topic, wanted in (("blocks", {"account": "ab" * 32}), ("ratings", {"ref": self.node.address("1")})):
            refused = Subscriber(self.node, topic, filter=wanted).refused
            self.assertEqual((refused or {})["data"]["code"], "parameters_conflict")

    def test_future_cursor(self) -> None:
        """A cursor in the future waits until the log has come there."""
        height = self.node.ledger.head.height
        subscriber = Subscriber(self.node, after={"height": height + 2, "index": 0})
        for number in range(4):
            self.node.put(str(number))
        self.assertEqual(subscriber.keys(), ["2", "3"])

    def test_pruned_cursor(self) -> None:
        """A cursor before what this node keeps is refused with the one to start after."""
        self.node.put("1")
        self.node.put("2")
        self.node.put("3")
        self.node.store._write.execute("DELETE FROM blocks WHERE height <= 2")
        refused = Subscriber(self.node, after=START).refused or {}
        self.assertEqual((refused["code"], refused["data"]["code"]), (-8, "cursor_pruned"))
        subscriber = Subscriber(self.node, after=refused["data"]["start"])
        self.node.pass_time(0.05)
        self.assertEqual(subscriber.keys(), ["2", "3"])

    def test_end(self) -> None:
        """An ended subscription says up to where it told, and tells no more; its id is then unknown."""
        subscriber = Subscriber(self.node)
        self.node.put("1")
        subscriber.read()
        ended = {"jsonrpc": "2.0", "id": 2, "method": "unsubscribe", "params": {"subscription": subscriber.id}}
        subscriber.session.message_received(json.dumps(ended).encode())
        (answer,) = subscriber.connection.take()
        self.assertEqual(answer["result"], {"subscription": subscriber.id, "cursor": subscriber.cursor})
        self.node.put("2")
        subscriber.session.message_received(json.dumps(ended).encode())
        (answer,) = subscriber.connection.take()
        self.assertEqual(answer["error"]["data"]["code"], "subscription_unknown")

    def test_too_many(self) -> None:
        """A connection has so many subscriptions at most."""
        subscriber = Subscriber(self.node)
        request = {"jsonrpc": "2.0", "id": 2, "method": "subscribe", "params": {"topic": "blocks"}}
        subscriber.session.message_received(json.dumps([request] * 4).encode())
        (answers,) = subscriber.connection.take()
        self.assertEqual([answer.get("error", {}).get("code") for answer in answers], [None] * 3 + [-32005])
        self.assertEqual(self.node.served.meters.subscriptions, 4)

    def test_needs_a_connection(self) -> None:
        """Over HTTP there is nothing to subscribe on."""
        for method, params in (("subscribe", {"topic": "blocks"}), ("unsubscribe", {"subscription": "1"})):
            self.assertEqual(self.node.error(method, params)["data"]["code"], "transport_unsuited")

    def test_answer_comes_first(self) -> None:
        """The answer to subscribe, alone or in a batch, is sent before the first notification."""
        self.node.put("1")
        session, connection = self.node.connect("127.0.0.1")
        request = {"jsonrpc": "2.0", "id": 2, "method": "subscribe", "params": {"topic": "records", "after": START}}
        wait = {
            "jsonrpc": "2.0",
            "id": 3,
            "method": "ping",
            "context": {"min_height": self.node.ledger.head.height + 1},
        }
        session.message_received(json.dumps([request, wait]).encode())
        self.node.put("2")
        self.node.pass_time(0.05)
        answer, *notifications = connection.take()
        self.assertEqual([one["id"] for one in answer], [2, 3])
        self.assertEqual([item["key"] for one in notifications for item in one["params"]["items"]], ["1", "2"])

    def test_quiet(self) -> None:
        """A subscriber for whom nothing happens is told from time to time how far it is."""
        subscriber = Subscriber(self.node, filter={"collection": "post"})
        for number in range(101):
            self.node.put(str(number))
        subscriber.read()
        self.assertEqual((subscriber.items, subscriber.messages), ([], 1))
        self.assertGreater(subscriber.cursor["height"], 100)

    def test_damage(self) -> None:
        """When damage is found, a subscription that reads the log is ended by name."""
        self.node.put("1")
        subscriber = Subscriber(self.node, after=START)
        self.node.ledger.report_damage("Row 1 is wrong.")
        self.node.pass_time(0.05)
        subscriber.read()
        self.assertEqual((subscriber.error or {})["data"]["code"], "data_corrupt")


class SlowSubscriberTests(NodeTestCase):
    """Subscribers that do not keep up."""

    limits = Limits(slow_heights=5)

    def test_pause(self) -> None:
        """What happens while a subscriber takes nothing is told to it from the log afterwards."""
        subscriber = Subscriber(self.node)
        self.node.put("0")
        subscriber.session.pause_sending()
        for number in range(1, 4):
            self.node.put(str(number))
        self.assertEqual(subscriber.keys(), ["0"])
        subscriber.session.resume_sending()
        self.node.pass_time(0.05)
        self.node.put("4")
        self.assertEqual(subscriber.keys(), ["0", "1", "2", "3", "4"])

    def test_too_slow(self) -> None:
        """A subscriber that takes nothing for long is ended with its cursor, after which it resumes elsewhere."""
        subscriber = Subscriber(self.node)
        self.node.put("0")
        subscriber.session.pause_sending()
        for number in range(1, 9):
            self.node.put(str(number))
        subscriber.read()
        self.assertEqual((subscriber.error or {})["code"], -32005)
        self.assertEqual((subscriber.error or {})["data"]["code"], "subscriber_slow")
        self.assertEqual(self.node.served.meters.subscriptions, 0)
        again = Subscriber(self.node, after=subscriber.cursor)
        self.node.pass_time(0.05)
        self.assertEqual(subscriber.keys() + again.keys(), [str(number) for number in range(9)])

    def test_large_items(self) -> None:
        """Large items come in messages of bounded size, with pauses between them, and all of them."""
        big = json.dumps("x" * 60_000).encode()
        for number in range(10):
            self.node.put(str(number), big)
        session, connection = self.node.connect("127.0.0.1")
        send = connection.send_message
        largest = 0

        def send_and_fill(message: bytes) -> None:
            nonlocal largest
            largest = max(largest, len(message))
            send(message)
            session.pause_sending()

        connection.send_message = send_and_fill  # type: ignore[method-assign]
        request = {"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": {"topic": "records", "after": START}}
        session.message_received(json.dumps(request).encode())
        keys: list[str] = []
        for _ in range(10):
            session.resume_sending()
            self.node.pass_time(0.02)
            keys += [item["key"] for one in connection.take() for item in one.get("params", {}).get("items", [])]
        self.assertEqual(keys, [str(number) for number in range(10)])
        self.assertLess(largest, 270_000)


class AnyPaceTests(SynchronousTestCase):
    """Whatever order things happen in."""

    @settings(max_examples=25, deadline=None)
    @given(st.lists(st.sampled_from(["put", "rate", "pause", "resume", "turn", "drop", "block"]), max_size=30))
    def test_no_gap_no_repetition(self, steps: list[str]) -> None:
        """A subscriber that pauses, is dropped and resumes after its cursor sees each change exactly once."""
        node = MemoryNode(self.mktemp())
        try:
            reference = Subscriber(node)
            subscriber = Subscriber(node)
            seen: list[dict[str, Any]] = []
            for number, step in enumerate(steps):
                if step == "put":
                    node.put(str(number))
                elif step == "rate":
                    node.rate("none", 1)
                elif step == "pause":
                    subscriber.session.pause_sending()
                elif step == "resume":
                    subscriber.session.resume_sending()
                elif step == "turn":
                    node.clock.advance(0)
                elif step == "block":
                    node.pass_time(0.2)
                else:
                    seen += subscriber.read()
                    subscriber.session.connection_lost()
                    subscriber = Subscriber(node, after=subscriber.cursor)
            subscriber.session.resume_sending()
            node.pass_time(0.1)
            self.assertEqual(seen + subscriber.read(), reference.read())
        finally:
            node.stop()

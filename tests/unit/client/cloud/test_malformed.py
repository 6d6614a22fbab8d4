"""Answers of a form that nobody foresaw: another node is asked, and nothing of the caller's ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from re import sub

from twisted.internet.defer import Deferred

from cloudnode.client.errors import ConnectionFailed, RemoteError
from cloudnode.client.places import LogPlace
from tests.unit.client.cloud.doors import CloudTestCase, Door
from tests.unit.client.cloud.test_cloud import changed, of_page


class MalformedTests(CloudTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.node.put("metropolis")
        self.node.pass_time(1.0)

    def spoil(self, door: Door, method: str, spoilt: Callable[[bytes], bytes]) -> None:
        """A door's answers to a method become another text."""

        def lie(message: bytes) -> bytes:
            told = json.loads(message)
            [asked] = [each for each in door.asked if each["id"] == told.get("id")][-1:] or [{"method": ""}]
            return spoilt(message) if asked["method"] == method else message

        door.lie = lie

    def test_no_text(self) -> None:
        """A seed whose answer is no text fails as any other, and is not waited for when it is the last."""
        for door in self.doors.values():
            self.spoil(door, "getnodeinfo", lambda message: message.replace(b'"result":{', b'"result":{"x":"\xff",'))
        error = self.failureResultOf(self.begin(), ConnectionFailed).value
        self.assertIn("documented form", error.message)
        self.c.lie = lambda message: message
        cloud = self.connect()
        self.assertEqual(self.run_now(cloud.call("getdatahash")).url, "ws://c:1")

    def test_no_context(self) -> None:
        """So does one whose context is none, where nothing is checked; and its calls are answered all the same."""
        for told in (b'"height":"x"', b'"height":1,"hash":"\xff"'):
            self.spoil(self.a, "getdatahash", lambda message, told=told: sub(rb'"height":\d+', told, message))
            cloud = self.connect(verify="none")
            self.assertEqual(self.run_now(cloud.call("getdatahash"), 1.0).url, "ws://b:1")

    def test_no_rank(self) -> None:
        """Numbers of ratings that give no mean are no trouble of the caller's."""
        cloud = self.connect()
        self.a.lie = changed("records", of_page(lambda page: [page[0] | {"ratings_count": -5}]))
        params = {"account": self.node.account.public.hex(), "order": "best"}
        self.assertEqual(self.run_now(cloud.call("listrecords", params)).url, "ws://b:1")

    def test_no_expiry(self) -> None:
        """An operation that no operation is ends no subscription."""
        cloud = self.connect()
        operation = '{"expiry":18446744073709551616}'
        self.a.lie = changed("operations", of_page(lambda page: [each | {"operation": operation} for each in page]))
        subscription = self.run_now(cloud.subscribe("records", None, LogPlace(0, 0)))
        item = self.run_now(anext(subscription))
        self.assertEqual(json.loads(bytes(item.raw))["key"], "metropolis")

    def test_unforeseen(self) -> None:
        """Whatever reading an answer raises: the node has failed, and another answers."""
        cloud = self.connect()
        assert cloud._nodes.checker is not None

        async def fail_once(*args: object, **options: object) -> object:
            self.patch(cloud._nodes.checker, "check", check)
            raise ZeroDivisionError

        check = cloud._nodes.checker.check
        self.patch(cloud._nodes.checker, "check", fail_once)
        self.assertEqual(self.run_now(cloud.call("getdatahash")).url, "ws://b:1")

    def test_no_error(self) -> None:
        """An error that is none ends a subscription at its node alone."""
        cloud = self.connect(verify="certificate")
        subscription = self.run_now(cloud.subscribe("records"))
        self.node.pass_time(0.1)
        taken = Deferred.fromCoroutine(anext(subscription))
        [told] = list(self.a.carriers[0]._receiver._client.subscribers)  # type: ignore[union-attr]
        error = {"code": -1, "message": "no", "data": {"code": ["x"]}}
        params = {"subscription": told, "cursor": {"height": 1, "index": 0}, "error": error}
        self.a.carriers[0].send_message(
            json.dumps({"jsonrpc": "2.0", "method": "notification", "params": params}).encode()
        )
        self.failureResultOf(taken, RemoteError)

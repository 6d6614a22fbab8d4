"""What one node merely says decides nothing: where the log ends, what it has no more, what does not exist."""

from __future__ import annotations

import json
from collections.abc import Callable

from twisted.internet.defer import Deferred

from cloudnode.client.cloud.answers import Denied
from cloudnode.client.errors import RemoteError
from cloudnode.client.places import LogPlace
from tests.unit.api.network import make_key
from tests.unit.client.cloud.doors import CloudTestCase, Door


class BareWordTests(CloudTestCase):
    def setUp(self) -> None:
        super().setUp()
        for number in range(4):
            self.node.put(f"{number}")
        self.node.pass_time(1.0)
        for number, door in enumerate(self.doors.values()):
            door.key = make_key(60 + number)

    def test_end_of_log(self) -> None:
        """A node that tells an old height, or none, has nobody read the log again from there on."""
        cloud = self.connect()
        self.run_now(cloud.call("getdatahash"))

        def lie(message: bytes, height: int) -> bytes:
            told = json.loads(message)
            if isinstance(told.get("result"), dict) and "accounts" in told["result"]:
                told["context"]["height"] = height
            return json.dumps(told, separators=(",", ":")).encode()

        for height in (0, 1):
            self.a.lie = lambda message, height=height: lie(message, height)
            subscription = self.run_now(cloud.subscribe("records"))
            self.assertGreaterEqual(subscription.cursor.height, 4)
            taken = Deferred.fromCoroutine(anext(subscription))
            self.node.put(f"new {height}")
            self.assertEqual(json.loads(bytes(self.result(taken).raw))["key"], f"new {height}")

    def pruned(self, door: Door, blocks_from: int) -> Callable[[bytes], bytes]:
        error = {"code": -5, "message": "no", "data": {"code": "block_pruned", "blocks_from": blocks_from}}

        def lie(message: bytes) -> bytes:
            told = json.loads(message)
            result = told.get("result")
            if isinstance(result, dict) and result.get("height") == 2 and "operations" in result:
                return json.dumps({"jsonrpc": "2.0", "id": told["id"], "error": error}).encode()
            return message

        return lie

    def test_pruned(self) -> None:
        """Where the log begins is the lowest that any node says, whoever was asked last; and nowhere in the future."""
        far, newest = 10**9, self.node.ledger.head.height
        for told, start in (((3, 3, far), 2), ((far, 3, 4), 2), ((far, far, far), newest)):
            for door, blocks_from in zip(self.doors.values(), told, strict=True):
                door.lie = self.pruned(door, blocks_from)
            cloud = self.connect()
            self.run_now(cloud.call("getdatahash"))
            refused = self.failure(cloud.subscribe("records", None, LogPlace(1, 0)), RemoteError)
            self.assertEqual(refused.name, "cursor_pruned")
            self.assertLessEqual(abs(refused.data["start"]["height"] - start), 1)
            self.assertLessEqual(refused.data["start"]["height"], newest)

    def test_unrated(self) -> None:
        """That a record which nobody rated does not exist no proof shows: another node is asked."""
        cloud = self.connect()
        record = self.node.address("1")

        def deny(message: bytes) -> bytes:
            told = json.loads(message)
            if isinstance(told.get("result"), dict) and "ratings" in told["result"]:
                error = {"code": -5, "message": "no", "data": {"code": "record_unknown"}}
                told = {"jsonrpc": "2.0", "id": told["id"], "error": error, "context": told["context"]}
            return json.dumps(told, separators=(",", ":")).encode()

        self.a.lie = deny
        answer = self.run_now(cloud.call("getratings", {"record": record}))
        self.assertEqual((answer.url, answer.result["count"]), ("ws://b:1", 0))
        self.failure(cloud.call("getratings", {"record": self.node.address("none")}), Denied)

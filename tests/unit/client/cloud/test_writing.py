"""What nodes answer falsely to a submitted operation holds no write up, and is blamed on nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from twisted.internet.defer import Deferred

from cloudnode.client.cloud.writing import SHOW_SECONDS
from cloudnode.client.writer import SignedOperation, Submitted
from cloudnode.formats.operation import Envelope, build_put, sign_operation
from tests.unit.client.cloud.doors import CloudTestCase


class FalseHeightTests(CloudTestCase):
    """The door ``a`` says at once that an operation is final, at a height that it chooses."""

    def setUp(self) -> None:
        super().setUp()
        self.node.put("metropolis")
        self.node.pass_time(1.0)
        self.cloud = self.connect()
        self.writer = self.run_now(self.cloud.writer(self.node.account))

    def say(self, height: Callable[[SignedOperation], int], operation: SignedOperation) -> None:
        def answer(asked: dict[str, Any]) -> Any:
            if asked["method"] != "submit":
                return None
            cursor = {"height": height(operation), "index": 0}
            return {"id": operation.id.hex(), "cursor": cursor, "result": "ok"}

        self.a.answer = answer

    def submit(self, operation: SignedOperation, seconds: float) -> Submitted:
        submitted = self.run_now(self.cloud.submit(operation), seconds)
        self.assertEqual([each.url for each in self.accused if each.url != "ws://a:1"], [])
        self.assertLess(self.cloud.height, 100)
        return submitted

    def test_impossible(self) -> None:
        """A height at which the operation can't stand is a lie; no other node is asked to get there."""
        for height in (
            lambda operation: operation.expiry + 1,
            lambda operation: 10**9,
            lambda operation: operation.least_height,
            lambda operation: -1,
        ):
            self.setUp()
            operation = self.writer.put("film", "new", 1)
            self.say(height, operation)
            self.assertEqual(self.submit(operation, 3.0).result, "ok")
            self.assertIn("proof_height", self.cloud.places[-1].lie or "")

    def test_not_there_yet(self) -> None:
        """A height that is still to come is for the node itself to show, and only for a while."""
        operation = self.writer.put("film", "new", 1)
        self.say(lambda operation: operation.expiry, operation)
        self.assertEqual(self.submit(operation, SHOW_SECONDS + 1.0).result, "ok")

    def test_expired(self) -> None:
        """What a node says of an operation that has expired has no honest one accused for its proof."""
        envelope = self.node.envelope(self.node.account)
        expiry = envelope.valid_from
        short = Envelope(envelope.network, envelope.account, envelope.time, expiry, expiry)
        body = build_put(short, "film", "short", {})
        self.node.write(body)
        for number in range(3):
            self.node.put(f"later {number}")
        self.node.pass_time(1.0)
        operation = SignedOperation(sha256(body).digest(), body, sign_operation(self.node.account, body), expiry)
        self.say(lambda operation: expiry + 1, operation)
        submitted = self.submit(operation, 5.0)
        assert submitted.cursor is not None
        self.assertEqual(submitted.cursor.height, expiry)
        self.node.clock.pump([0.1] * 10)
        self.assertEqual([each.url for each in self.accused], ["ws://a:1"])

    def test_gone(self) -> None:
        """A node that lied of a write and went away is left, and the write is told as it is proven."""
        operation = self.writer.put("film", "new", 1)

        def lie(message: bytes) -> bytes:
            told = json.loads(message)
            if isinstance(told.get("result"), dict) and told["result"].get("cursor"):
                told["result"]["cursor"]["index"] = 5
                self.node.clock.callLater(0.01, self.a.shut)
            return json.dumps(told, separators=(",", ":")).encode()

        self.a.lie = lie
        submitting = Deferred.fromCoroutine(self.cloud.submit(operation))
        submitted = self.result(submitting)
        assert submitted.cursor is not None
        self.assertEqual((submitted.cursor.index, submitted.result), (0, "ok"))
        self.assertIn("proof_row_wrong", self.cloud.places[-1].lie or "")

"""What is called proven is proven to the last member."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.unit.client.cloud.doors import CloudTestCase


class AddedTests(CloudTestCase):
    """The door ``a`` adds to true answers what no proof covers."""

    def setUp(self) -> None:
        super().setUp()
        self.node.put("metropolis")
        self.node.put("nosferatu")
        self.node.delete("nosferatu")
        self.node.rate("metropolis", 4)
        self.node.pass_time(1.0)
        self.cloud = self.connect()

    def add(self, change: Callable[[Any], Any]) -> None:
        def lie(message: bytes) -> bytes:
            told = json.loads(message)
            asked = [each for each in self.a.asked if each["id"] == told.get("id")]
            if asked and asked[-1]["method"] in ("getrecord", "getratings"):
                told["result"] = change(told["result"])
            return json.dumps(told, separators=(",", ":")).encode()

        self.a.lie = lie

    def check_liar(self, method: str, params: Any, change: Callable[[Any], Any]) -> None:
        honest = self.run_now(self.cloud.call(method, params))
        self.assertEqual((honest.url, honest.checked), ("ws://a:1", "proof"))
        self.add(change)
        answer = self.run_now(self.cloud.call(method, params))
        self.assertEqual((answer.url, answer.result), ("ws://b:1", honest.result))
        self.assertIn("proof_row_wrong", self.cloud.places[-1].lie or "")

    def test_tombstone(self) -> None:
        """A deleted record has no data: not what it had once, nor anything else."""
        self.check_liar("getrecord", self.node.name("nosferatu"), lambda record: record | {"data": {"title": "A film"}})

    def test_record(self) -> None:
        """A record has no members besides its own."""
        self.check_liar("getrecord", self.node.name("metropolis"), lambda record: record | {"banned": True})

    def test_rating(self) -> None:
        """Nor has a rating, nor the answer that has it, which is a whole one."""
        params = {"record": self.node.address("metropolis"), "account": self.node.other.public.hex()}
        changes: tuple[Callable[[Any], Any], ...] = (
            lambda told: told | {"mean": 1},
            lambda told: told | {"ratings": [told["ratings"][0] | {"weight": 7}]},
            lambda told: told | {"next": {"height": 1, "index": 0}},
        )
        for change in changes:
            self.setUp()
            self.check_liar("getratings", params, change)


class StateTests(CloudTestCase):
    """The watch takes a node's sums for what they are."""

    def test_no_preimage(self) -> None:
        """False sums under the true root are seen, also when the proof leaves out what shows them."""
        self.node.put("metropolis")
        self.node.pass_time(1.0)

        def lie(message: bytes) -> bytes:
            told = json.loads(message)
            if "proof" in told.get("context", {}) and "nodes" in told["context"]["proof"]:
                told["context"]["proof"]["nodes"] = []
            return message if "result" not in told else self.a.sign(json.dumps(told, separators=(",", ":")).encode())

        self.a.lie = lie
        cloud = self.connect()
        self.node.clock.pump([0.1] * 10)
        [place] = [place for place in cloud.places if place.url == "ws://a:1"]
        self.assertIn("proof_node_missing", place.lie or "")

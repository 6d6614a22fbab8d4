"""Nodes that answer what makes them look well, and withhold the rest."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from cloudnode.client.places import LogPlace
from cloudnode.client.subscription import Subscription
from tests.unit.client.cloud.doors import CloudTestCase, Door

NOBODY = b'{"jsonrpc":"2.0","id":999999,"result":null}'
"""An answer to no question."""


def withhold(door: Door, *methods: str) -> None:
    """A door never answers some methods."""
    door.lie = _instead(door, methods, lambda request_id: NOBODY)


def refuse(door: Door, *methods: str) -> None:
    """A door answers some methods by an error."""
    error = {"code": -1, "message": "no", "data": {"code": "odd"}}
    door.lie = _instead(
        door, methods, lambda request_id: json.dumps({"jsonrpc": "2.0", "id": request_id, "error": error}).encode()
    )


def _instead(door: Door, methods: tuple[str, ...], told: Callable[[Any], bytes]) -> Callable[[bytes], bytes]:
    def lie(message: bytes) -> bytes:
        request_id = json.loads(message).get("id")
        asked = [each["method"] for each in door.asked if each["id"] == request_id]
        return told(request_id) if asked and asked[-1] in methods else message

    return lie


class WithholdingTests(CloudTestCase):
    def test_seeds(self) -> None:
        """Seeds that do not bring the genesis hold up the beginning by a second each, and are asked later."""
        withhold(self.a, "getgenesis")
        withhold(self.b, "getepochs")
        cloud = self.result(self.begin(), 3.0)
        self.assertEqual(self.run_now(cloud.call("getdatahash"), 0.1).checked, "proof")
        self.node.clock.pump([0.1] * 5)
        self.assertEqual([place.trouble for place in cloud.places], ["", "", ""])
        self.assertNotIn(None, [place.latency for place in cloud.places])

    def test_unchecked_items(self) -> None:
        """A node that serves items, and does not show the blocks they are of, is left for longer each time: it costs
        neither a loop nor memory.
        """
        cloud = self.connect("ws://a:1", verify="certificate")
        subscription = self.run_now(cloud.subscribe("records"))
        refuse(self.a, "getblock")
        self.a.asked.clear()
        taken = Deferred.fromCoroutine(anext(subscription))
        self.node.put("1")
        self.node.clock.pump([0.1] * 300)
        self.assertLessEqual(self.a.methods().count("subscribe"), 12)
        self.assertGreaterEqual(self.a.methods().count("unsubscribe"), self.a.methods().count("subscribe") - 1)
        gc.collect()
        self.assertLessEqual(sum(isinstance(each, Subscription) for each in gc.get_objects()), 2)
        self.a.lie = lambda message: message
        self.assertEqual(json.loads(bytes(self.result(taken).raw))["key"], "1")

    def test_subscribe(self) -> None:
        """A node that never answers ``subscribe`` is left for another, and not asked first the next time."""
        cloud = self.connect(verify="certificate")
        withhold(self.a, "subscribe")
        self.assertEqual(self.run_now(cloud.subscribe("records"), 8.0).url, "ws://b:1")
        self.node.clock.pump([0.1] * 2)
        self.a.asked.clear()
        self.assertEqual(self.run_now(cloud.subscribe("ratings"), 0.1).url, "ws://b:1")
        self.assertNotIn("subscribe", self.a.methods())

    def test_closed_while_it_pauses(self) -> None:
        """Whoever closes a subscription then is not kept waiting."""
        cloud = self.connect("ws://a:1", verify="certificate")
        subscription = self.run_now(cloud.subscribe("records"))
        refuse(self.a, "getblock")
        taken = Deferred.fromCoroutine(anext(subscription, None))
        self.node.put("1")
        self.node.clock.pump([0.1] * 100)
        self.run_now(subscription.close(), 0.1)
        self.assertIsNone(self.successResultOf(taken))

    def test_blocks(self) -> None:
        """A node that answers at once what it is watched by, and never a block, does not hold up those who read."""
        for number in range(6):
            self.node.put(f"{number}")
        self.node.pass_time(1.0)
        cloud = self.connect()
        withhold(self.a, "getblock")
        begun = self.node.clock.seconds()
        subscription = self.run_now(cloud.subscribe("records", None, LogPlace(0, 0)))
        for number in range(6):
            self.assertEqual(json.loads(bytes(self.run_now(anext(subscription)).raw))["key"], f"{number}")
        self.assertLess(self.node.clock.seconds() - begun, 6.0)
        self.node.clock.pump([0.1] * 100)
        [place] = [each for each in cloud.places if each.url == "ws://a:1"]
        self.assertEqual(place.failures, 0)

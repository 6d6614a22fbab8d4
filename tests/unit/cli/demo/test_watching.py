"""What is asked of the nodes, and what is made of their answers and silence."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.cli.demo.node import DemoNode
from cloudnode.cli.demo.watching import ANSWER_SECONDS, NodeView, Round, Watcher
from cloudnode.cli.demo.workload import ACCOUNTS, Workload
from cloudnode.client.client import Client
from tests.unit.cli.demo.fakes import OTHER, ROOT, FakeSpawner, make_nodes
from tests.unit.cli.fakes import GENESIS, Refusal, ScriptedCarrier


class FakeNode:
    """What a node answers.

    :ivar asked: Methods that were called. :ivar submitted: Operations that it was given.
    :ivar is_mute: Whether it leaves calls unanswered. :ivar refuses: Whether it takes no operation.
    """

    def __init__(self, height: int = 7) -> None:
        self.height = self.target = height
        self.root = ROOT
        self.state = "serving"
        self.asked: list[str] = []
        self.submitted: list[dict[str, Any]] = []
        self.is_mute = False
        self.refuses = False

    def methods(self) -> dict[str, Any]:
        return {
            "getnodeinfo": self._info, "getdatahash": self._hash, "submit": self._submit, "getgenesis": self._genesis
        }  # fmt: skip

    def _info(self, _: Any) -> dict[str, Any]:
        self.asked.append("getnodeinfo")
        sync = {
            "state": self.state, "role": "follower", "height": self.height, "target": self.target, "trouble": None,
            "operations_second": 3.0,
        }  # fmt: skip
        findings = ["records: row 1 is altered"] if self.state == "corrupt" else []
        return {"sync": sync, "peers": {"inbound": 1, "outbound": 2}, "audit": {"findings": findings}}

    def _hash(self, _: Any) -> dict[str, Any]:
        self.asked.append("getdatahash")
        return {"height": self.height, "root": self.root, "records": 4, "ratings_sum": 9}

    def _genesis(self, _: Any) -> dict[str, Any]:
        return {"network": GENESIS.network_hex, "genesis": GENESIS.text.decode()}

    def _submit(self, params: dict[str, Any]) -> dict[str, Any]:
        self.submitted.append(params)
        if self.refuses:
            raise Refusal("operation_expired", -26)
        return {"id": "cd" * 32, "cursor": {"height": 9, "index": 0}, "result": "ok"}


class MuteCarrier(ScriptedCarrier):
    """Takes requests and answers none while its node is mute."""

    node: FakeNode

    def send(self, request_id: int, message: bytes) -> None:
        if not self.node.is_mute:
            super().send(request_id, message)


class NetworkCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.spawner = FakeSpawner(self.clock)
        self.nodes: list[DemoNode] = make_nodes(Path(self.mktemp()), 3, self.spawner)
        self.fakes = {node.plan.http_url: FakeNode() for node in self.nodes}
        self.carriers: list[MuteCarrier] = []
        for node in self.nodes:
            node.start()
        self.watcher = Watcher(self.nodes, self.connect)

    async def connect(self, url: str) -> Client:
        carrier = MuteCarrier()
        carrier.node = self.fakes[url]
        carrier.methods = carrier.node.methods()
        self.carriers.append(carrier)
        return Client(carrier, self.clock, url=url)

    def fake(self, number: int) -> FakeNode:
        return self.fakes[self.nodes[number - 1].plan.http_url]

    def ask(self) -> Round:
        return self.successResultOf(Deferred.fromCoroutine(self.watcher.ask()))


class WatcherTests(NetworkCase):
    def test_all_well(self) -> None:
        """All that a node tells is in its row, and roots are compared at the lowest height of all."""
        self.fake(2).height = 5
        round = self.ask()
        first = round.nodes[0]
        self.assertEqual(
            first,
            NodeView(1, "serving", first.pid, "follower", 7, ROOT, records=4, ratings_sum=9, peers=3, rate=3.0),
        )
        self.assertEqual((round.serving, round.agreement.height), (3, 5))
        self.assertTrue(round.agreement.is_equal)
        asked = [request.get("context") for carrier in self.carriers for request in carrier.sent]
        self.assertEqual([context for context in asked if context], [{"at": 5}] * 3)

    def test_different(self) -> None:
        """A node with another root is named."""
        self.fake(3).root = OTHER
        self.assertEqual(self.ask().agreement.roots, {ROOT: (1, 2), OTHER: (3,)})

    def test_behind(self) -> None:
        """A node that is behind is syncing and is not waited for with the comparison."""
        self.fake(3).height, self.fake(3).target = 1, 90
        round = self.ask()
        self.assertEqual((round.nodes[2].state, round.nodes[2].note), ("syncing", "89 blocks behind"))
        self.assertEqual((round.agreement.height, round.agreement.nodes), (7, 2))

    def test_damaged(self) -> None:
        """A node that found damage says what, and is asked for no data."""
        self.fake(2).state = "corrupt"
        round = self.ask()
        self.assertEqual((round.nodes[1].state, round.nodes[1].note), ("corrupt", "records: row 1 is altered"))
        self.assertEqual(self.fake(2).asked, ["getnodeinfo"])
        self.assertEqual(round.serving, 2)

    def test_silent(self) -> None:
        """A node that does not answer is starting if it never did, else silent; the round ends all the same."""
        self.fake(3).is_mute = True
        for expected in ("starting", "silent"):
            asked = Deferred.fromCoroutine(self.watcher.ask())
            self.assertNoResult(asked)
            self.clock.advance(ANSWER_SECONDS)
            self.clock.advance(ANSWER_SECONDS)
            self.assertEqual(self.successResultOf(asked).nodes[2].state, expected)
            self.fake(3).is_mute = False
            self.assertEqual(self.ask().nodes[2].state, "serving")
            self.fake(3).is_mute = True

    def test_not_running(self) -> None:
        """A node without a process is asked nothing."""
        self.nodes[1].stop()
        self.nodes[2].kill()
        round = self.ask()
        self.assertEqual([view.state for view in round.nodes], ["serving", "stopped", "dead"])
        self.assertEqual(self.fake(2).asked, [])


class WorkloadTests(NetworkCase):
    def setUp(self) -> None:
        super().setUp()
        self.load = Workload(self.nodes, self.slow_client, self.spawner, random.Random(1))

    async def slow_client(self, node: DemoNode) -> Client:
        """A client after a while, so that all accounts have their turns."""
        await deferLater(self.clock, 0.1)
        return await self.watcher.client(node)

    def operations(self) -> list[dict[str, Any]]:
        return [json.loads(each["operation"]) for fake in self.fakes.values() for each in fake.submitted]

    def test_writes(self) -> None:
        """Every account writes through running nodes: records, and ratings of records of others alone."""
        self.nodes[2].kill()
        self.assertEqual(self.load.words(), "load: off")
        self.load.toggle()
        self.clock.pump([0.1] * 5)
        operations = self.operations()
        self.assertEqual({operation["type"] for operation in operations}, {"put", "rate"})
        self.assertEqual(len({operation["account"] for operation in operations}), ACCOUNTS)
        written = {(each["account"], each["collection"], each["key"]) for each in operations if each["type"] == "put"}
        for operation in operations:
            if operation["type"] == "rate":
                self.assertFalse(operation["record"].startswith(operation["account"]))
                self.assertIn(tuple(operation["record"].split("/")), written)
        self.assertEqual(self.fake(3).submitted, [])
        self.assertEqual(self.load.final, len(operations))
        self.load.toggle()
        self.clock.pump([0.1] * 20)
        self.assertEqual(len(self.operations()), len(operations))
        self.assertEqual(self.load.words(), f"load: off, {len(operations):,} operations final")
        self.successResultOf(Deferred.fromCoroutine(self.watcher.close()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_refused(self) -> None:
        """Operations that nobody knows the end of are counted, and the load pauses and goes on."""
        for fake in self.fakes.values():
            fake.refuses = True
        self.load.toggle()
        self.clock.pump([0.1] * 2)
        failed = len(self.operations())
        self.assertEqual(self.load.words(), f"load: on, 0 operations final, {failed} without an answer")
        for fake in self.fakes.values():
            fake.refuses = False
        self.clock.pump([0.1] * 10)
        self.assertGreater(self.load.final, 0)
        self.load.stop()

    def test_no_node(self) -> None:
        """Without a running node it waits for one."""
        for node in self.nodes:
            node.kill()
        self.load.toggle()
        self.clock.pump([0.1] * 20)
        self.assertEqual(self.operations(), [])
        self.load.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

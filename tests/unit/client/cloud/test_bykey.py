"""A node named by its key is looked for through one node after another."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client import punching
from cloudnode.client.client import Client
from cloudnode.client.cloud.bykey import ASK_SECONDS, connect_by_key
from cloudnode.client.errors import ConnectionFailed, RemoteError
from tests.unit.client.fakes import make_client

NODE = b"\xab" * 32


@attrs.frozen
class Found:
    client: Client


class ByKeyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.hangs: Client | None = None
        self.found, _ = make_client()
        self.through = [make_client()[0] for _ in range(3)]
        self.helps: Client | None = self.through[1]
        self.asked: list[Client] = []
        self.patch(punching, "find_coordinator", self.find)
        self.patch(punching, "connect_node", self.connect)

    async def find(self, client: Client, reactor: Any) -> Client:
        self.asked.append(client)
        if client is self.hangs:
            await Deferred()
        if client is self.through[0]:
            raise ConnectionFailed("It answers no STUN.")
        return client

    async def connect(self, node: bytes, mutual: Client, reactor: Any) -> Found:
        self.assertEqual(node, NODE)
        if mutual is not self.helps:
            raise RemoteError(-8, "peer_unknown", "There is no link with that node.")
        return Found(self.found)

    def connect_through(self, through: list[Client]) -> Deferred[Client]:
        return Deferred.fromCoroutine(connect_by_key(NODE, through, self.clock))

    def test_first_that_helps(self) -> None:
        """The first node that has a link with it brings them together; no other is asked."""
        self.assertIs(self.successResultOf(self.connect_through(self.through)), self.found)
        self.assertEqual(self.asked, self.through[:2])

    def test_hangs(self) -> None:
        """One that does not answer keeps the next from being asked for a short while only."""
        self.hangs, self.helps = self.through[1], self.through[2]
        connecting = self.connect_through(self.through)
        self.clock.advance(ASK_SECONDS - 0.1)
        self.assertEqual(self.asked, self.through[:2])
        self.clock.advance(0.1)
        self.assertIs(self.successResultOf(connecting), self.found)

    def test_no_way(self) -> None:
        """What each said is told."""
        self.helps = None
        message = self.failureResultOf(self.connect_through(self.through), ConnectionFailed).value.message
        self.assertIn("It answers no STUN.", message)
        self.assertEqual(message.count("peer_unknown"), 2)

    def test_nobody_to_go_through(self) -> None:
        """There must be another node."""
        message = self.failureResultOf(self.connect_through([]), ConnectionFailed).value.message
        self.assertIn("no other node", message)

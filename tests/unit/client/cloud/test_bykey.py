"""A node named by its key is dialled where it says that it is, else looked for through one node after another."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client import punching
from cloudnode.client.address import NodeAddress
from cloudnode.client.client import Client
from cloudnode.client.cloud import bykey
from cloudnode.client.cloud.bykey import ASK_SECONDS, DIRECT_SECONDS, STAGGER, ByKey, dial_first
from cloudnode.client.errors import ConnectionFailed, RemoteError
from cloudnode.formats.stundata import NatKind
from tests.unit.client.cloud.test_stunbook import NETWORK, NOW, record
from tests.unit.client.cloud.test_stunbook import NODE as KEY
from tests.unit.client.fakes import MemoryCarrier, make_client

NODE = KEY.public


@attrs.frozen
class Found:
    client: Client


class ByKeyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.hangs: Client | None = None
        self.found, _ = make_client()
        made = [make_client(self.clock) for _ in range(3)]
        self.through = [client for client, _ in made]
        self.carriers = [carrier for _, carrier in made]
        self.by_key = ByKey(lambda: NETWORK, self.clock)
        self.patch(bykey.time, "time", lambda: float(NOW))
        self.told: str | None = None
        self.dialled: list[str] = []
        self.answers = False
        self.patch(bykey, "dial_first", self.dial)
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

    async def dial(self, addresses: list[NodeAddress], certificates: frozenset[bytes], reactor: Any) -> Client:
        self.dialled += map(str, addresses)
        if not self.answers:
            await Deferred()
        return self.found

    def connect_through(self, through: list[Client]) -> Deferred[Client]:
        async def helpers() -> list[Client]:
            return through

        connecting = Deferred.fromCoroutine(self.by_key.connect(NODE, helpers))
        for client, carrier in zip(self.through, self.carriers, strict=True):
            if client is not self.hangs:
                self.tell(carrier)
        return connecting

    def tell(self, carrier: MemoryCarrier) -> None:
        """Answer what was asked about the node's STUN data."""
        nodes = [] if self.told is None else [{"record": self.told}]
        for asked in carrier.sent:
            if asked["method"] == "getstuninfo":
                carrier.answer(asked, {"nodes": nodes})

    def test_first_that_helps(self) -> None:
        """The first node that has a link with it brings them together; no other is asked."""
        self.assertIs(self.successResultOf(self.connect_through(self.through)), self.found)
        self.assertEqual(self.asked, self.through[:2])

    def test_hangs(self) -> None:
        """One that does not answer keeps the next from being asked for a short while only."""
        self.hangs, self.helps = self.through[1], self.through[2]
        connecting = self.connect_through(self.through)
        self.clock.pump([0.1] * round(10 * (2 * ASK_SECONDS + 4)))
        self.tell(self.carriers[2])
        self.assertIs(self.successResultOf(connecting), self.found)

    def test_direct(self) -> None:
        """What the node says of itself is enough: nobody else is needed, if it lets strangers in."""
        self.answers = True
        self.by_key.told({"nodes": [{"record": record()}]})
        self.assertIs(self.successResultOf(self.connect_through([])), self.found)
        self.assertEqual(self.dialled, ["ws+udp://203.0.113.7:40001", "wss://203.0.113.7:40001"])
        self.assertEqual(self.asked, [])

    def test_told_by_a_helper(self) -> None:
        """Who knows nothing of it asks; the node that answers is not needed as a coordinator then."""
        self.answers, self.told = True, record()
        self.assertIs(self.successResultOf(self.connect_through(self.through)), self.found)
        self.assertEqual((len(self.dialled), self.asked), (2, []))

    def test_filtered(self) -> None:
        """One that lets no stranger in is not dialled."""
        self.told = record(nat=NatKind("endpoint-independent", "address-dependent"))
        self.assertIs(self.successResultOf(self.connect_through(self.through)), self.found)
        self.assertEqual((self.dialled, self.asked), ([], self.through[:2]))

    def test_nobody_there(self) -> None:
        """Where nobody answers any more, it is looked for through others."""
        self.by_key.told({"nodes": [{"record": record()}]})
        connecting = self.connect_through(self.through)
        self.clock.pump([0.1] * round(10 * DIRECT_SECONDS + 1))
        for _ in range(2):
            for carrier in self.carriers:
                self.tell(carrier)
        self.assertIs(self.successResultOf(connecting), self.found)
        self.assertEqual(self.asked, self.through[:2])
        # The same is not dialled again; what the node signs next is.
        self.dialled.clear()
        self.assertIs(self.successResultOf(self.connect_through(self.through)), self.found)
        self.assertEqual(self.dialled, [])
        self.answers, self.told = True, record(sequence=6)
        self.assertIs(self.successResultOf(self.connect_through(self.through)), self.found)
        self.assertEqual(len(self.dialled), 2)

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


class DialFirstTests(SynchronousTestCase):
    """Several addresses of one node."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.dialled: list[Deferred[Client]] = []
        self.cancelled = 0
        addresses = [NodeAddress("ws+udp", "203.0.113.7", port, "/") for port in (1, 2, 3)]
        self.done = Deferred.fromCoroutine(dial_first(addresses, frozenset({b""}), self.clock, self.connect))

    async def connect(self, address: NodeAddress, certificates: frozenset[bytes], reactor: Any) -> Client:
        def give_up(_: object) -> None:
            self.cancelled += 1

        attempt: Deferred[Client] = Deferred(give_up)
        self.dialled.append(attempt)
        return await attempt

    def test_first_that_answers(self) -> None:
        """One after the other is dialled; the first that answers is taken, and the others are given up."""
        self.assertEqual(len(self.dialled), 1)
        self.clock.advance(STAGGER)
        self.assertEqual(len(self.dialled), 2)
        client, _ = make_client(self.clock)
        self.dialled[1].callback(client)
        self.assertIs(self.successResultOf(self.done), client)
        self.assertEqual((self.cancelled, client.is_connected, self.clock.getDelayedCalls()), (1, True, []))

    def test_none_answers(self) -> None:
        """What each did is told."""
        self.clock.pump([STAGGER] * 3)
        for attempt in self.dialled:
            attempt.errback(ConnectionFailed("Nobody is there."))
        self.assertEqual(
            self.failureResultOf(self.done, ConnectionFailed).value.message.count("Nobody is there."), 3
        )

    def test_given_up(self) -> None:
        """Whoever gives up leaves nothing behind."""
        self.clock.advance(STAGGER)
        self.done.addErrback(lambda _: None)
        self.done.cancel()
        self.assertEqual((self.cancelled, self.clock.getDelayedCalls()), (2, []))

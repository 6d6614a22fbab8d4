"""A node by its key: a direct path or a relay, whichever comes about first, and the path after all."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client import punching
from cloudnode.client.client import Client
from cloudnode.client.errors import ConnectionFailed
from cloudnode.client.punching import RELAY_AFTER, Mutual, NodeClient, connect_node, find_coordinator
from cloudnode.formats.keys import TLS, SigningKey
from cloudnode.reach.punching.calling import Grant, Path, PunchFailed, PunchRequest, Via
from cloudnode.reach.punching.values import Candidate, Strategy
from tests.unit.client.fakes import MemoryCarrier, make_client

NODE = b"n" * 32


class CoordinatorTests(SynchronousTestCase):
    def request(self, *candidates: tuple[str, str]) -> Deferred[Grant]:
        """Ask a coordinator at a public address, which tells these endpoints, for a punch."""
        client, carrier = make_client(Clock())
        client.url = "ws+udp://198.51.100.1:38083"
        finding = Deferred.fromCoroutine(find_coordinator(client, Clock()))
        carrier.answer(carrier.sent[-1], {"stun": {"server": {"udp": 3478, "tcp": 0}}, "interfaces": []})
        mutual: Mutual = self.successResultOf(finding)
        key = SigningKey(bytes(32))
        request = PunchRequest(key.public, "udp", Strategy.DIRECT, "username", bytes(32), (), "unknown")

        async def ask() -> Grant:
            return await mutual.via.request(request)

        asking = Deferred.fromCoroutine(ask())
        certificate = {"hash": bytes(32).hex(), "signature": key.sign(TLS, bytes(32)).hex()}
        carrier.answer(carrier.sent[-1], {
            "strategy": "direct", "mapping": "unknown", "certificates": [certificate],
            "candidates": [{"address": host, "port": 5_000, "kind": kind} for host, kind in candidates],
            "observed": {"address": "203.0.113.1", "port": 40_000},
        })  # fmt: skip
        return asking

    def test_believed(self) -> None:
        """Nothing is tried at this machine or in its network because a coordinator says so."""
        local = [(host, kind) for host in ("127.0.0.1", "10.0.0.1", "fe80::1", "") for kind in ("observed", "private")]
        grant = self.successResultOf(self.request(*local, ("203.0.113.2", "observed")))
        self.assertEqual([each.endpoint[0] for each in grant.order.candidates], ["203.0.113.2"])
        self.failureResultOf(self.request(*local), PunchFailed)
        self.failureResultOf(self.request(), PunchFailed)


class ConnectNodeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.path_cancelled = self.relay_cancelled = False
        self.punching: Deferred[Path] = Deferred(self.cancel_path)
        self.relaying: Deferred[Client] = Deferred(self.cancel_relay)
        self.relays_asked = 0
        self.relayed, self.relay_carrier = make_client(self.clock)
        self.carrier = MemoryCarrier()
        self.patch(punching, "Puncher", lambda reactor, tracer: self)

    def cancel_path(self, _: Deferred[Any]) -> None:
        self.path_cancelled = True

    def cancel_relay(self, _: Deferred[Any]) -> None:
        self.relay_cancelled = True

    async def open(self, *arguments: Any, **options: Any) -> Path:
        """In the puncher's place."""
        return await self.punching

    async def relay(self, node: bytes, timeout: float, outstanding: int) -> Client:
        assert node == NODE
        self.relays_asked += 1
        return await self.relaying

    def path(self) -> Path:
        candidate = Candidate(("203.0.113.7", 9), "observed")
        return Path(self.carrier, "tcp", candidate, Strategy.DIRECT, 2, 0.1)

    def connect(self) -> Deferred[NodeClient]:
        via = Via("198.51.100.1", (), None, lambda request: Deferred())
        return Deferred.fromCoroutine(connect_node(NODE, Mutual(via, self.relay), self.clock))

    def test_path_in_time(self) -> None:
        """With a path in time no relay is asked."""
        connecting = self.connect()
        self.clock.advance(RELAY_AFTER / 2)
        path = self.path()
        self.punching.callback(path)
        self.assertIs(self.successResultOf(connecting).path, path)
        self.clock.advance(RELAY_AFTER)
        self.assertEqual(self.relays_asked, 0)

    def test_path_while_relaying(self) -> None:
        """A path that comes about while the relay is on its way is taken at once, and the relay given up."""
        connecting = self.connect()
        self.clock.advance(RELAY_AFTER)
        self.assertEqual(self.relays_asked, 1)
        self.assertNoResult(connecting)
        self.punching.callback(self.path())
        reached = self.successResultOf(connecting)
        self.assertEqual(reached.client.url, "wss://203.0.113.7:9")
        self.assertTrue(self.relay_cancelled)
        self.assertFalse(self.path_cancelled)

    def test_relay_first(self) -> None:
        """A relayed session begins, and moves when there is a path."""
        connecting = self.connect()
        self.clock.advance(RELAY_AFTER)
        self.relaying.callback(self.relayed)
        reached = self.successResultOf(connecting)
        self.assertEqual((reached.client, reached.path), (self.relayed, None))
        path = self.path()
        self.punching.callback(path)
        self.assertEqual((reached.path, reached.client.url), (path, "wss://203.0.113.7:9"))
        self.assertTrue(self.relay_carrier.is_closed)

    def test_relay_alone(self) -> None:
        """Where no path comes about, before or after, the relayed session goes on."""
        for fails_first in (True, False):
            self.setUp()
            connecting = self.connect()
            self.clock.advance(RELAY_AFTER)
            if fails_first:
                self.punching.errback(PunchFailed("nothing came through"))
                self.assertNoResult(connecting)
            self.relaying.callback(self.relayed)
            reached = self.successResultOf(connecting)
            if not fails_first:
                self.punching.errback(PunchFailed("nothing came through"))
            self.assertEqual((reached.client, reached.path), (self.relayed, None))
            self.assertFalse(self.relay_carrier.is_closed)

    def test_no_relay(self) -> None:
        """Where the relay refuses, the path is waited for."""
        connecting = self.connect()
        self.clock.advance(RELAY_AFTER)
        self.relaying.errback(ConnectionFailed("relay_full"))
        self.assertNoResult(connecting)
        path = self.path()
        self.punching.callback(path)
        self.assertIs(self.successResultOf(connecting).path, path)

    def test_neither(self) -> None:
        """With neither the error says what was tried."""
        for relay_fails_first in (True, False):
            self.setUp()
            connecting = self.connect()
            self.clock.advance(RELAY_AFTER)
            failing = [
                lambda: self.relaying.errback(ConnectionFailed("relay_full")),
                lambda: self.punching.errback(PunchFailed("nothing came through")),
            ]
            for fail in failing if relay_fails_first else reversed(failing):
                self.assertNoResult(connecting)
                fail()
            error = self.failureResultOf(connecting, ConnectionFailed).value
            self.assertIn("nothing came through; relay: relay_full", str(error))

    def test_given_up(self) -> None:
        """Who gives up gives both up."""
        connecting = self.connect()
        self.clock.advance(RELAY_AFTER)
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.assertEqual((self.path_cancelled, self.relay_cancelled), (True, True))
        self.assertEqual(self.clock.getDelayedCalls(), [])

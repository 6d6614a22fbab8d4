"""A network in memory for sessions: one real ledger behind several doors, each of which fails, lags or lies by
itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from hashlib import sha256
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from cloudnode.client.carrier import Receiver
from cloudnode.client.client import Client
from cloudnode.client.cloud import Cloud
from cloudnode.client.cloud.accusing import Accusation
from cloudnode.client.cloud.blocks import STORE
from cloudnode.client.errors import ConnectionFailed
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.receipt import Answer, sign_answer
from cloudnode.transports.seam import Caller
from tests.unit.api.network import MemoryNode, NodeTestCase

T = TypeVar("T")


class DoorCarrier:
    """A connection through a door: a session of the node's API at its other end."""

    def __init__(self, door: Door, keeps_connection: bool) -> None:
        self.keeps_connection = keeps_connection
        self.local_address = ""
        self.caller = Caller("127.0.0.1", "ws" if keeps_connection else "http")
        self._door = door
        self._receiver: Receiver | None = None
        self._session: Any = door.node.opener.open_session(self)

    # As Carrier

    def start(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def send(self, request_id: int, message: bytes) -> None:
        asked = json.loads(message)
        self._door.asked.append(asked)
        answer = self._door.answer(asked)
        if answer is not None:
            self.send_message(json.dumps({"jsonrpc": "2.0", "id": request_id, "result": answer}).encode())
        elif self._session is not None and not self._door.is_deaf:
            self._session.message_received(message)

    def close(self) -> Deferred[None]:
        self._end()
        closed: Deferred[None] = Deferred()
        closed.callback(None)
        return closed

    # As the node's connection; what it is told to close comes as a loss

    def send_message(self, message: bytes) -> None:
        if self._receiver is not None and not self._door.is_silent:
            self._receiver.message_received(self._door.lie(self._door.sign(message)))

    # For doors

    def lose(self) -> None:
        receiver = self._receiver
        self._end()
        if receiver is not None:
            receiver.connection_lost(ConnectionFailed("it broke"))

    def _end(self) -> None:
        session, self._session, self._receiver = self._session, None, None
        if session is not None:
            session.connection_lost()
        if self in self._door.carriers:
            self._door.carriers.remove(self)


class Door:
    """Where the node can be asked.

    :ivar asked: The requests that came. :ivar is_open: Whether connections are taken. :ivar is_deaf: Whether requests
        are lost.
    :ivar is_silent: Whether answers are lost. :ivar lie: What becomes of each answer.
    :ivar key: Whose signature its answers have, if they have one; None for the node's.
    :ivar answer: Answers a request in place of the node; None for what the node is to answer.
    """

    def __init__(self, node: MemoryNode) -> None:
        self.node = node
        self.asked: list[dict[str, Any]] = []
        self.carriers: list[DoorCarrier] = []
        self.is_open = True
        self.is_deaf = False
        self.is_silent = False
        self.lie: Callable[[bytes], bytes] = lambda message: message
        self.key: SigningKey | None = None
        self.answer: Callable[[dict[str, Any]], Any] = lambda asked: None

    def connect(self, url: str) -> Client:
        if not self.is_open:
            raise ConnectionFailed(f"Cannot reach {url}: nobody listens there.")
        carrier = DoorCarrier(self, not url.startswith("http"))
        self.carriers.append(carrier)
        return Client(carrier, self.node.clock, url=url)

    def shut(self) -> None:
        """The node is killed."""
        self.is_open = False
        for carrier in list(self.carriers):
            carrier.lose()

    def sign(self, message: bytes) -> bytes:
        """An answer as the node with the door's own key would sign it."""
        told = json.loads(message)
        given = told.get("context", {}).get("signature")
        if self.key is None or given is None:
            return message
        text = message[message.index(b'"result":') + 9 : message.index(b',"context"')]
        [asked] = [each for each in self.asked if each["id"] == told["id"]][-1:]
        answer = Answer(
            network=self.node.genesis.network,
            node=self.key.public,
            method=asked["method"],
            params_hash=sha256(given["params"].encode()).digest(),
            height=told["context"]["height"],
            root=bytes.fromhex(given["root"]),
            answer_hash=sha256(text).digest(),
        )
        signature = sign_answer(self.key, answer).hex()
        return message.replace(given["node"].encode(), self.key.public.hex().encode()).replace(
            given["signature"].encode(), signature.encode()
        )

    def methods(self) -> list[str]:
        """What was asked here."""
        return [each["method"] for each in self.asked]


class CloudTestCase(NodeTestCase):
    """Sessions with a node behind the doors ``ws://a``, ``ws://b`` and ``ws://c``."""

    seeds = ("ws://a:1", "ws://b:1", "ws://c:1")

    def setUp(self) -> None:
        super().setUp()
        self.node.facts.interfaces = list  # type: ignore[method-assign]
        self.node.facts.peers = list  # type: ignore[method-assign]
        self.doors = {url: Door(self.node) for url in self.seeds}
        self.a, self.b, self.c = self.doors.values()
        self.accused: list[Accusation] = []
        STORE.clear()  # blocks of one test may be those of another

    def connect(self, *seeds: str, **options: Any) -> Cloud:
        """A session that prefers the doors in the order of the alphabet."""
        tastes = iter((0.0, 0.4, 0.8, 1.0))
        made = self.begin(*seeds, random_fraction=lambda: next(tastes), **options)
        return self.result(made)

    def begin(self, *seeds: str, **options: Any) -> Deferred[Cloud]:
        async def dial(url: str) -> Client:
            return self.doors[url].connect(url)

        made = Deferred.fromCoroutine(
            Cloud.connect(seeds or self.seeds, self.node.clock, connect=dial, on_liar=self.accused.append, **options)
        )

        def clean(cloud: Cloud) -> Cloud:
            self.addCleanup(lambda: self.run_now(cloud.close()))
            return cloud

        return made.addCallback(clean)

    def run_now(self, work: Coroutine[Any, Any, T], seconds: float = 40.0) -> T:
        """What a coroutine gives, for which so much time passes at most."""
        return self.result(Deferred.fromCoroutine(work), seconds)

    def result(self, fired: Deferred[T], seconds: float = 40.0) -> T:
        for _ in range(round(seconds * 20)):
            if fired.called:
                break
            self.node.clock.pump([0.01] * 5)
        return self.successResultOf(fired)

    def failure(self, work: Coroutine[Any, Any, Any], *kinds: type[BaseException], seconds: float = 40.0) -> Any:
        """What a coroutine fails with."""
        fired = Deferred.fromCoroutine(work)
        for _ in range(round(seconds * 20)):
            if fired.called:
                break
            self.node.clock.pump([0.01] * 5)
        return self.failureResultOf(fired, *kinds).value

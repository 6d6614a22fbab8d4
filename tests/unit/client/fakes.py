"""A carrier in memory: what a client sends lies there, and the test says what comes back."""

from __future__ import annotations

import json
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from cloudnode.client.carrier import Receiver
from cloudnode.client.client import Client
from cloudnode.client.errors import ConnectionFailed

NETWORK = "ab" * 32


@attrs.define(eq=False)
class MemoryCarrier:
    """Keeps what was sent; the newest request is ``sent[-1]``."""

    keeps_connection: bool = True
    local_address: str = ""
    is_closed: bool = False
    sent: list[dict[str, Any]] = attrs.field(factory=list)
    receiver: Receiver | None = None

    def start(self, receiver: Receiver) -> None:
        self.receiver = receiver

    def send(self, request_id: int, message: bytes) -> None:
        request = json.loads(message)
        assert request["id"] == request_id
        self.sent.append(request)

    def close(self) -> Deferred[None]:
        self.is_closed = True
        closed: Deferred[None] = Deferred()
        closed.callback(None)
        return closed

    # For tests

    def receive(self, message: dict[str, Any]) -> None:
        assert self.receiver is not None
        self.receiver.message_received(json.dumps(message, ensure_ascii=False).encode())

    def answer(self, request: dict[str, Any], result: Any, height: int = 7) -> None:
        """Answer a request."""
        context = {"network": NETWORK, "height": height, "hash": "00" * 32, "time": 1}
        self.receive({"jsonrpc": "2.0", "id": request["id"], "result": result, "context": context})

    def refuse(self, request: dict[str, Any], name: str, code: int = -26, **data: Any) -> None:
        """Answer a request with an error."""
        error = {"code": code, "message": f"It is {name}.", "data": {"code": name, **data}}
        self.receive({"jsonrpc": "2.0", "id": request["id"], "error": error})

    def notify(self, params: dict[str, Any]) -> None:
        """Send a notification."""
        self.receive({"jsonrpc": "2.0", "method": "subscription", "params": params})

    def lose(self) -> None:
        """The connection breaks."""
        assert self.receiver is not None
        self.receiver.connection_lost(ConnectionFailed("it broke"))


def make_client(clock: Clock | None = None, **options: Any) -> tuple[Client, MemoryCarrier]:
    """A client over a carrier in memory."""
    carrier = MemoryCarrier()
    return Client(carrier, clock or Clock(), url="memory:", **options), carrier

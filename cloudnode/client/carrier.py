"""The seam between a client's calls and the connection that carries them.

A carrier moves whole messages and knows nothing of JSON-RPC but the id of a request, which it needs to say which one
failed: over HTTP each request can fail by itself. A client that speaks to many nodes is many carriers to it.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred

from cloudnode.client.errors import ClientError, ConnectionFailed

MESSAGE_BYTES = 16 * 1024 * 1024
"""The longest message that a carrier takes."""


class Receiver(Protocol):
    """Whom a carrier delivers to."""

    def message_received(self, message: bytes) -> None:
        """Take one whole message: an answer or a notification. Never raises."""

    def request_failed(self, request_id: int, error: ClientError) -> None:
        """No answer will come to this one request."""

    def connection_lost(self, error: ConnectionFailed) -> None:
        """No answer will come to any request. Called at most once, last."""


class Carrier(Protocol):
    """A connection to a node (over HTTP, a way to make as many as are needed)."""

    @property
    def keeps_connection(self) -> bool:
        """Whether the node can send by itself, which subscriptions need."""

    @property
    def local_address(self) -> str:
        """The IP address on this side that the connection belongs to; empty if it may change or there is none."""

    def start(self, receiver: Receiver) -> None:
        """Deliver from now on, beginning with what came meanwhile."""

    def send(self, request_id: int, message: bytes) -> None:
        """Send one request, UTF-8 JSON text. Does nothing once the connection is lost."""

    def close(self) -> Deferred[None]:
        """Close in good order; the Deferred fires, never fails, when nothing is left open."""

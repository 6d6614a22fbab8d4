"""The body of an HTTP response that this program was sent."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure


class BodyReader(Protocol):
    """Reads a body of bounded length.

    :ivar done: Fires with it when the connection ends, or fails with a ValueError if it is too long; cancelling it ends
        the connection.
    """

    transport: Any

    def __init__(self, longest: int) -> None:
        """:param longest: Bytes."""
        self.done: Deferred[bytes] = Deferred(lambda _: self._leave())
        self._parts: list[bytes] = []
        self._room = longest

    def dataReceived(self, data: bytes) -> None:
        self._room -= len(data)
        if self._room >= 0:
            self._parts.append(data)
        else:
            self._leave()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.done.called:
            return
        if self._room < 0:
            self.done.errback(ValueError("its answer is too long"))
        else:
            self.done.callback(b"".join(self._parts))

    def _leave(self) -> None:
        self._parts.clear()
        if self.transport is not None:
            self.transport.loseConnection()

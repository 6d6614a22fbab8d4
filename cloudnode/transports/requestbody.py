"""The body of a small HTTP request that this program sends."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer


@implementer(IBodyProducer)
class RequestBody:
    """Bytes that are at hand, written at once."""

    def __init__(self, body: bytes) -> None:
        self.length = len(body)
        self._body = body

    def startProducing(self, consumer: Any) -> Deferred[None]:
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """Everything is written at once."""

    def resumeProducing(self) -> None:
        """As above."""

    def stopProducing(self) -> None:
        """As above."""

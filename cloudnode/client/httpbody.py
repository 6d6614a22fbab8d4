"""Reading the body of an HTTP response that a node may send without end."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IResponse

from cloudnode.client.errors import AnswerMalformed


def read_body(response: IResponse, longest: int) -> Deferred[bytes]:
    """Read it whole. ``treq`` and Twisted's ``readBody`` keep whatever comes, and are called back again once cancelled.

    :param longest: Bytes.
    :returns: Fails with :class:`AnswerMalformed` if it is longer, and with what ended the connection if it is not
        whole. Cancelling it closes the connection.
    """
    done: Deferred[bytes] = Deferred(lambda _: body.leave())
    body = _Body(done, longest)
    response.deliverBody(body)
    return done


class _Body(Protocol):
    transport: Any

    def __init__(self, done: Deferred[bytes], longest: int) -> None:
        self._done: Deferred[bytes] | None = done
        self._parts: list[bytes] = []
        self._room = longest

    def dataReceived(self, data: bytes) -> None:
        self._room -= len(data)
        if self._done is None:
            return
        if self._room >= 0:
            self._parts.append(data)
            return
        done = self._done
        self.leave()
        done.errback(AnswerMalformed("The answer is longer than any of a cloudnode's."))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        done, self._done = self._done, None
        if done is None:
            return
        # Without a length the end of the connection is the end of the body; what was cut is no JSON.
        if reason.check(ResponseDone, PotentialDataLoss) is None:
            done.errback(reason)
        else:
            done.callback(b"".join(self._parts))

    def leave(self) -> None:
        """Take no more, and close the connection."""
        self._done = None
        self._parts.clear()
        if self.transport is not None:
            self.transport.loseConnection()

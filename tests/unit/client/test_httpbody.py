"""Bodies of HTTP responses: whole, cut, endless, given up."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from cloudnode.client.errors import AnswerMalformed
from cloudnode.client.httpbody import read_body


class Response:
    """Delivers what the test says; closing ends it as a connection does: later, with what was on its way before."""

    def __init__(self) -> None:
        self.protocol: Any = None
        self.closed = 0

    def deliverBody(self, protocol: Any) -> None:
        self.protocol = protocol
        protocol.makeConnection(self)

    def loseConnection(self) -> None:
        self.closed += 1

    def end(self, reason: Exception) -> None:
        self.protocol.connectionLost(Failure(reason))


class BodyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.response: Any = Response()
        self.read = read_body(self.response, 10)

    def test_whole(self) -> None:
        """All that came, up to the longest, whether its length was told or the connection's end ends it."""
        self.response.protocol.dataReceived(b"12345")
        self.response.protocol.dataReceived(b"67890")
        self.response.end(ResponseDone())
        self.assertEqual(self.successResultOf(self.read), b"1234567890")
        other: Any = Response()
        read = read_body(other, 10)
        other.protocol.dataReceived(b"123")
        other.end(PotentialDataLoss())
        self.assertEqual(self.successResultOf(read), b"123")

    def test_cut(self) -> None:
        """A body that breaks off is none."""
        self.response.protocol.dataReceived(b"123")
        self.response.end(ConnectionLost())
        self.failureResultOf(self.read, ConnectionLost)

    def test_endless(self) -> None:
        """One that is too long is refused at once and its connection closed; nothing more is kept."""
        self.response.protocol.dataReceived(b"1234567890")
        self.assertNoResult(self.read)
        self.response.protocol.dataReceived(b"1")
        self.failureResultOf(self.read, AnswerMalformed)
        self.assertEqual(self.response.closed, 1)
        for _ in range(3):
            self.response.protocol.dataReceived(b"x" * 1000)
        self.assertEqual(self.response.protocol._parts, [])
        self.response.end(ConnectionLost())

    def test_given_up(self) -> None:
        """Cancelling closes the connection; that a body ends regularly all the same hurts nobody."""
        self.response.protocol.dataReceived(b"123")
        self.read.cancel()
        self.failureResultOf(self.read, CancelledError)
        self.assertEqual(self.response.closed, 1)
        self.response.protocol.dataReceived(b"4")
        self.response.end(ResponseDone())

"""One connection's conversation, and the door through which connections come.

A session answers each message as it comes. If the connection's send buffer is full, its caller does not read: further
messages are then kept, up to a bound, and answered when there is room again; past the bound the connection is closed.
So a caller can't make the node hold more answers than it takes.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.api.answerer import Answer, Answerer
from cloudnode.api.calls import Scope
from cloudnode.api.errors import sentence
from cloudnode.api.served import ServedNode
from cloudnode.api.subscriptions import Subscription, Subscriptions
from cloudnode.transports.seam import Caller, Connection, Refused

POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011

_RETRY_SECONDS = 10


class ApiSession(Scope):
    """A session of any transport (:class:`cloudnode.transports.seam.Session`)."""

    __slots__ = ("_answerer", "_backlog", "_backlog_bytes", "_connection", "_lost", "_subscriptions", "paused")

    _log = Logger()

    def __init__(self, served: ServedNode, answerer: Answerer, connection: Connection) -> None:
        super().__init__(served, connection.caller)
        self.paused = False
        self._answerer = answerer
        self._connection = connection
        self._lost = False
        self._backlog: deque[bytes] | None = None
        self._backlog_bytes = 0
        self._subscriptions: Subscriptions | None = None

    @property
    def subscriptions(self) -> Subscriptions:
        """This connection's subscriptions."""
        if self._subscriptions is None:
            self._subscriptions = Subscriptions(self.served.feeds, self.served.meters, self)
        return self._subscriptions

    def message_received(self, message: bytes) -> None:
        """Answer a message, now or when there is room for its answer."""
        if self.paused or self._backlog:
            self._keep(message)
        else:
            self._process(message)

    def _process(self, message: bytes) -> None:
        if self._lost:
            return
        try:
            answer = self._answerer.answer(message, self)
        except Exception:
            # The answerer answers for every failure that it knows of; this is one that it does not.
            self._log.failure("A message of {caller} could not be answered", caller=self.caller.address)
            self._connection.close(INTERNAL_ERROR, "internal error")
            return
        new = self._subscriptions.take_new() if self._subscriptions is not None else []
        if isinstance(answer, Deferred):
            answer.addCallback(self._answer_later, new)
            answer.addErrback(self._answer_failed)
        elif answer is not None:
            self._connection.send_message(answer)
        if new and not isinstance(answer, Deferred):
            _run(new)

    def _answer_later(self, answer: Answer, new: list[Subscription]) -> None:
        if self._lost:
            return
        if answer is not None:
            self._connection.send_message(answer)
        _run(new)
        if self._subscriptions is not None:
            _run(self._subscriptions.take_new())

    def _answer_failed(self, failure: Failure) -> None:
        if not self._lost:
            self._log.failure("An answer to {caller} failed", failure, caller=self.caller.address)
            self._connection.close(INTERNAL_ERROR, "internal error")

    # Back-pressure

    def _keep(self, message: bytes) -> None:
        limits = self.served.limits
        if self._backlog is None:
            self._backlog = deque()
        self._backlog.append(message)
        self._backlog_bytes += len(message)
        if self._backlog_bytes > limits.unread_bytes or len(self._backlog) > limits.outstanding:
            self._drop_backlog()
            self._connection.close(POLICY_VIOLATION, "answers are not being read")

    def _drop_backlog(self) -> None:
        self._backlog = None
        self._backlog_bytes = 0

    def pause_sending(self) -> None:
        """The send buffer is full."""
        self.paused = True

    def resume_sending(self) -> None:
        """There is room again: first for what was asked, then for subscriptions."""
        self.paused = False
        while self._backlog and not self.paused:
            message = self._backlog.popleft()
            self._backlog_bytes -= len(message)
            self._process(message)
        if self._subscriptions is not None and not self.paused:
            self._subscriptions.resume()

    def send(self, message: bytes) -> None:
        """Send a notification of a subscription."""
        if not self._lost:
            self._connection.send_message(message)

    def connection_lost(self) -> None:
        """Give up what is waited for."""
        if self._lost:
            return
        self._lost = True
        self._drop_backlog()
        if self._subscriptions is not None:
            self._subscriptions.end_all()
        self.end()
        self.served.meters.sessions[self.caller.transport] -= 1
        self.served.admission.disconnect(self.caller.address)


def _run(subscriptions: list[Subscription]) -> None:
    for subscription in subscriptions:
        subscription.run()


class ApiSessionOpener:
    """Opens sessions for all transports (:class:`cloudnode.transports.seam.SessionOpener`)."""

    def __init__(self, served: ServedNode, answerer: Answerer) -> None:
        self._served = served
        self._answerer = answerer

    def check_admission(self, caller: Caller) -> None:
        """Refuse a caller that is over a limit."""
        if self._served.ledger.state == "stopped":
            raise Refused(503, sentence("node_stopping"))
        if self._served.admission.is_full(caller.address):
            raise Refused(429, sentence("too_many_connections"), _RETRY_SECONDS)

    def open_session(self, connection: Connection) -> ApiSession:
        """Open a session; its connection counts until it is lost."""
        self.check_admission(connection.caller)
        self._served.admission.connect(connection.caller.address)
        sessions = self._served.meters.sessions
        sessions[connection.caller.transport] = sessions.get(connection.caller.transport, 0) + 1
        return ApiSession(self._served, self._answerer, connection)

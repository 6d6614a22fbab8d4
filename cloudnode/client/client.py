"""Calls of one node, pipelined over whatever carries them.

Theory of operation. Each call gets a number, its bytes and one Deferred. As many calls as ``outstanding`` allows are
on their way at once; those above wait in order and go out as answers come in. Times are kept by a single timer that
looks through what is outstanding every so often, so that a call costs no timer of its own: a time-out comes up to a
tenth of the client's own time-out late.

A client may go on over another connection with the same node (:meth:`Client.move`), from a relay's to a direct one for
instance. Each connection is a route. New calls take the newest; those under way are answered on their own, or, if that
breaks, are sent again: whatever a client sends may be sent twice. Subscriptions are made again after what they have
told. The caller sees nothing of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from cloudnode.client.carrier import Carrier
from cloudnode.client.errors import AnswerMalformed, ClientError, ConnectionFailed, TimedOut
from cloudnode.client.messages import Answer, Incoming, decode_context, decode_incoming, encode_request
from cloudnode.client.places import LogPlace
from cloudnode.client.subscription import Notification, Subscription, subscribe

TIMEOUT = 30.0
"""Seconds that a call waits for its answer unless it says otherwise."""

OUTSTANDING = 512
"""Calls on their way at once; nodes take 1,024 of a connection by default."""


class _Pending:
    __slots__ = ("deadline", "deferred", "is_subscribe", "message", "route")

    def __init__(self, deferred: Deferred[Answer], message: bytes, deadline: float, is_subscribe: bool) -> None:
        self.deferred = deferred
        self.message = message
        self.deadline = deadline
        self.is_subscribe = is_subscribe
        self.route: _Route | None = None


class _Route:
    """One of a client's connections (:class:`cloudnode.client.carrier.Receiver`).

    :ivar outstanding: How many calls wait for their answers from it.
    """

    __slots__ = ("_client", "carrier", "outstanding")

    def __init__(self, client: Client, carrier: Carrier) -> None:
        self._client = client
        self.carrier = carrier
        self.outstanding = 0

    def message_received(self, message: bytes) -> None:
        """An answer or a notification came."""
        self._client.route_received(self, message)

    def request_failed(self, request_id: int, error: ClientError) -> None:
        """No answer will come to one call."""
        self._client.request_failed(request_id, error)

    def connection_lost(self, error: ConnectionFailed) -> None:
        """No answer will come to any call."""
        self._client.route_lost(self, error)


class Client:
    """One node.

    :ivar url: Where it is, for messages to people.
    :ivar newest_height: The newest height that any of its answers told.
    :ivar subscribers: Who is called with the notifications of each subscription, by its id on the newest route.
    :ivar moved: Who is called when there is another route, and has to subscribe again.
    :ivar lost: Fires with the reason, a :class:`ConnectionFailed`, when the connection is lost; None when closed here.
    """

    _log = Logger()

    def __init__(
        self,
        carrier: Carrier,
        clock: IReactorTime,
        *,
        url: str = "",
        outstanding: int = OUTSTANDING,
        timeout: float = TIMEOUT,
    ) -> None:
        """
        :param outstanding: Calls on their way at once. :param timeout: Seconds to wait for an answer.
        """
        self.url = url
        self.newest_height = 0
        self.subscribers: dict[str, Callable[[Notification], object]] = {}
        self.moved: set[Callable[[], object]] = set()
        self.lost: Deferred[ConnectionFailed | None] = Deferred()
        self._clock = clock
        self._last_context = msgspec.Raw(b"")
        self._limit = outstanding
        self._timeout = timeout
        self._last_id = 0
        self._outstanding: dict[int, _Pending] = {}
        self._waiting: deque[tuple[int, _Pending]] = deque()
        self._timer: IDelayedCall | None = None
        self._failure: ConnectionFailed | None = None
        self._route = _Route(self, carrier)
        self._old_routes: list[_Route] = []
        carrier.start(self._route)

    @property
    def keeps_connection(self) -> bool:
        """Whether subscriptions are possible."""
        return self._route.carrier.keeps_connection

    @property
    def local_address(self) -> str:
        """The IP address on this side that the connection belongs to; empty if it may change or there is none."""
        return self._route.carrier.local_address

    @property
    def is_connected(self) -> bool:
        """Whether calls may still be answered."""
        return self._failure is None

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits for it: no call, no subscription."""
        return not (self._outstanding or self._waiting or self.subscribers)

    def call(
        self,
        method: str,
        params: Any = None,
        context: dict[str, Any] | None = None,
        *,
        timeout: float | None = None,
    ) -> Deferred[Answer]:
        """Call a method.

        :param params: A dict or list of JSON values, or a msgspec Struct. :param context: The request's ``context``.
        :param timeout: Seconds from now; the client's own if None.
        :returns: Fires with the answer; fails with :class:`RemoteError`, :class:`ConnectionFailed` or
            :class:`TimedOut`. Cancelling it gives up the answer, not what the node does.
        """
        if self._failure is not None:
            return fail(self._failure)
        self._last_id = request_id = self._last_id + 1
        message = encode_request(request_id, method, params, context)
        answered: Deferred[Answer] = Deferred(lambda _: self._forget(request_id))
        seconds = self._timeout if timeout is None else timeout
        pending = _Pending(answered, message, self._clock.seconds() + seconds, method == "subscribe")
        if len(self._outstanding) < self._limit:
            self._send(request_id, pending)
        else:
            self._waiting.append((request_id, pending))
        if self._timer is None:
            self._look_in(min(seconds, self._timeout) / 10)
        return answered

    def submit(
        self,
        body: bytes,
        signature: bytes,
        wait: Literal["accepted", "final"] = "accepted",
        *,
        least_height: int = 0,
        timeout: float | None = None,
    ) -> Deferred[Answer]:
        """Submit a signed operation; the same bytes may be submitted again at any time.

        :param wait: Answer with a receipt at once, or with the operation's place in the log once it is final. A node
            waits for that within its own limit only, then answers ``not_final_yet``.
        :param least_height: A node that is not there yet is to wait first (``height_not_reached`` if that takes too
            long): :attr:`cloudnode.client.writer.SignedOperation.least_height`.
        """
        params = {"operation": body.decode(), "signature": signature.hex(), "wait": wait}
        context = {"min_height": least_height} if least_height else None
        return self.call("submit", params, context, timeout=timeout)

    async def subscribe(
        self, topic: str, wanted: dict[str, Any] | None = None, after: LogPlace | None = None
    ) -> Subscription:
        """Be told of changes: see :func:`cloudnode.client.subscription.subscribe`."""
        return await subscribe(self, topic, wanted, after)

    def close(self) -> Deferred[None]:
        """Close the connection; calls without an answer fail. Fires when nothing is left open."""
        self._end(ConnectionFailed("The connection was closed."), None)
        for route in self._old_routes:
            route.carrier.close()
        self._old_routes.clear()
        return self._route.carrier.close()

    def leave(self) -> None:
        """This machine has lost :attr:`local_address`: nothing can come any more, so calls fail without waiting."""
        carrier = self._route.carrier
        self.route_lost(self._route, ConnectionFailed(f"This machine no longer has the address {self.local_address}."))
        carrier.close()

    def move(self, carrier: Carrier, url: str) -> None:
        """Go on over another connection with the same node; the one before closes once its calls are answered.

        :param url: Where the node is, by this connection.
        """
        if self._failure is not None:
            carrier.close()
            return
        old, self._route, self.url = self._route, _Route(self, carrier), url
        self._old_routes.append(old)
        self.subscribers.clear()
        carrier.start(self._route)
        self._send_again(old, lambda pending: pending.is_subscribe)
        for moved in list(self.moved):
            moved()
        self._close_if_done(old)

    # What routes tell

    def route_received(self, route: _Route, message: bytes) -> None:
        """An answer or a notification came."""
        try:
            incoming = decode_incoming(message)
        except AnswerMalformed as malformed:
            self.route_lost(route, malformed)
            route.carrier.close()
            return
        if incoming.method:
            if route is self._route:
                self._notify(incoming)
            return
        if incoming.id is not None and (sent := self._outstanding.get(incoming.id)) and sent.route is not route:
            return  # it was sent again over another
        pending = self._take(incoming.id)
        if pending is None:
            self._answer_without_call(incoming)
            return
        error = incoming.remote_error
        if error is not None:
            pending.deferred.errback(error)
            return
        self._note_height(incoming.context)
        pending.deferred.callback(Answer(incoming.result, incoming.context))

    def request_failed(self, request_id: int, error: ClientError) -> None:
        """No answer will come to one call."""
        pending = self._take(request_id)
        if pending is not None:
            pending.deferred.errback(error)

    def route_lost(self, route: _Route, error: ConnectionFailed) -> None:
        """No answer will come from a connection."""
        if route is self._route:
            self._end(error, error)
        elif route in self._old_routes:
            self._old_routes.remove(route)
            self._send_again(route, lambda pending: True)

    # Inside

    def _note_height(self, context: msgspec.Raw) -> None:
        """Learn the newest height. The same context comes with every answer at a height: it is read once."""
        if context == self._last_context or not bytes(context):
            return
        self._last_context = msgspec.Raw(bytes(context))
        try:
            self.newest_height = max(self.newest_height, decode_context(context).height)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._log.warn("The node's answer has a malformed context")

    def _notify(self, notification: Incoming) -> None:
        try:
            told = msgspec.json.decode(notification.params, type=Notification)
            subscriber = self.subscribers.get(told.subscription)
            if subscriber is not None:
                subscriber(told)
        except Exception:
            self._log.failure("A notification could not be taken")

    def _answer_without_call(self, incoming: Incoming) -> None:
        """Late answers are nobody's; an error without an id is about a request that the node could not read."""
        error = incoming.remote_error
        if error is not None and incoming.id is None and self._outstanding:
            pending = self._take(next(iter(self._outstanding)))
            assert pending is not None
            pending.deferred.errback(error)

    def _send(self, request_id: int, pending: _Pending) -> None:
        self._outstanding[request_id] = pending
        pending.route = self._route
        pending.route.outstanding += 1
        pending.route.carrier.send(request_id, pending.message)

    def _send_again(self, route: _Route, wanted: Callable[[_Pending], bool]) -> None:
        for request_id, pending in list(self._outstanding.items()):
            if pending.route is route and wanted(pending):
                route.outstanding -= 1
                self._send(request_id, pending)

    def _close_if_done(self, route: _Route) -> None:
        if route in self._old_routes and not route.outstanding:
            self._old_routes.remove(route)
            route.carrier.close()

    def _take(self, request_id: int | None) -> _Pending | None:
        pending = self._outstanding.pop(request_id, None)  # type: ignore[arg-type]
        if pending is not None:
            assert pending.route is not None
            pending.route.outstanding -= 1
            if pending.route is not self._route:
                self._close_if_done(pending.route)
            if self._waiting:
                self._send(*self._waiting.popleft())
        return pending

    def _forget(self, request_id: int) -> None:
        if self._take(request_id) is None:
            self._waiting = deque(waiting for waiting in self._waiting if waiting[0] != request_id)

    def _look_in(self, seconds: float) -> None:
        self._timer = self._clock.callLater(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        everything = [*self._outstanding.items(), *self._waiting]
        late = {request_id: pending for request_id, pending in everything if pending.deadline <= now}
        if late:
            self._waiting = deque(waiting for waiting in self._waiting if waiting[0] not in late)
        for request_id, pending in late.items():
            self._take(request_id)
            _fail(pending, TimedOut(f"{self.url or 'The node'} did not answer in time."))
        rest = [pending.deadline for _, pending in everything if pending.deadline > now]
        if rest and self._failure is None and self._timer is None:
            self._look_in(max(0.01, min(min(rest) - now, self._timeout / 10)))

    def _end(self, error: ConnectionFailed, reason: ConnectionFailed | None) -> None:
        if self._failure is not None:
            return
        self._failure = error
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        unanswered = [*self._outstanding.values(), *(pending for _, pending in self._waiting)]
        self._outstanding.clear()
        self._waiting.clear()
        for pending in unanswered:
            _fail(pending, error)
        self.lost.callback(reason)


def _fail(pending: _Pending, error: ClientError) -> None:
    """Have one of several calls fail, unless whoever was told of another one's failure has given it up."""
    if not pending.deferred.called:
        pending.deferred.errback(error)

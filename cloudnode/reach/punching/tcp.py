"""The requester's side over TCP: one attempt from a new port, until a call on a connection succeeds.

The port has a listener, a connection to the coordinator's STUN server, which stays open so that the mapping does, and
connections to the target's endpoints. Who speaks TLS as the client was agreed on before: the requester, whichever
side's SYN came first.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.reach.punching.adopting import adopt
from cloudnode.reach.punching.calling import Calling, CallTcp, Grant, Path, PunchFailed, PunchRequest, Via
from cloudnode.reach.punching.connecting import Accepting, Connecting, OpenRun
from cloudnode.reach.punching.strategies import Step
from cloudnode.reach.punching.tracing import Trace, Tracer
from cloudnode.reach.punching.udp import local_host, make_credentials
from cloudnode.reach.punching.values import Endpoint, Mapping
from cloudnode.stun.errors import StunError
from cloudnode.stun.framing import MessageSplitter
from cloudnode.stun.message import TRANSACTION_BYTES, Kind, decode
from cloudnode.stun.transaction import make_request

ASK_AGAIN = 0.02
"""Seconds after which a coordinator is asked again that did not know the credentials yet."""

ANSWER_BYTES_MAX = 2_048


class _Observing(Protocol):
    """The connection to the STUN server. Its answer is of no use but for whether it is to be asked again."""

    transport: Any

    def __init__(self, reactor: Any, username: str, key: bytes) -> None:
        self.sent = 0
        self._reactor = reactor
        self._username, self._key = username, key
        self._splitter = MessageSplitter(ANSWER_BYTES_MAX)
        self._again: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """Ask."""
        self._ask()

    def dataReceived(self, data: bytes) -> None:
        """Ask again if it knows the credentials not yet."""
        try:
            for message in self._splitter.feed(data):
                if decode(message).kind is Kind.ERROR and self.sent < 8 and self._again is None:
                    self._again = self._reactor.callLater(ASK_AGAIN, self._ask)
        except StunError:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is gone."""
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def _ask(self) -> None:
        self._again = None
        self.sent += 1
        transaction = os.urandom(TRANSACTION_BYTES)
        self.transport.write(make_request(transaction, username=self._username, key=self._key))


class TcpAttempt:
    """One attempt; as :class:`cloudnode.reach.punching.udp.UdpAttempt`."""

    _log = Logger()
    mapping: Mapping = "unknown"

    def __init__(
        self, reactor: Any, via: Via, node: bytes, step: Step, call: CallTcp, tracer: Tracer
    ) -> None:
        """:param via: With a STUN server over TCP. :raises OSError: No port is to be had."""
        self.done: Deferred[Path] = Deferred(lambda _: self._fail(CancelledError()))
        self.grant: Grant | None = None
        self._reactor = reactor
        self._step = step
        self._call = call
        self._tracer = tracer
        self._began = reactor.seconds()
        self._trace: Trace = tracer.begin("requester", node, "tcp", step.strategy)
        self._username, self._key = make_credentials()
        self._run: OpenRun | None = None
        self._calls: dict[Calling, Endpoint] = {}
        self._is_over = False
        self._early: list[tuple[socket.socket, Endpoint]] = []
        family = socket.AF_INET6 if ":" in via.host else socket.AF_INET
        self._listener = Accepting(reactor, family, self._accepted)
        local = local_host(via.host)
        own = () if local is None else ((local, self._listener.port),)
        request = PunchRequest(node, "tcp", step.strategy, self._username, self._key, own, "unknown")
        self._timer: IDelayedCall = reactor.callLater(5.0 + step.seconds, self._too_late)
        assert via.tcp is not None
        self._observing: _Observing | None = None
        self._connecting: Connecting | None = Connecting(reactor, self._listener.port, via.tcp, self._stun_connected)
        self._requesting = Deferred.fromCoroutine(_request(via, request))
        self._requesting.addCallbacks(self._granted, self._refused)

    def _stun_connected(self, connecting: Connecting, handle: socket.socket | None, number: int) -> None:
        self._connecting = None
        if handle is None:
            self._fail(PunchFailed(f"the coordinator's STUN server can't be reached over TCP: {os.strerror(number)}"))
            return
        protocol = self._observing = _Observing(self._reactor, self._username, self._key)
        adopt(self._reactor, handle, Factory.forProtocol(lambda: protocol))

    def _granted(self, grant: Grant) -> None:
        if self._is_over:
            return
        self.grant = grant
        trace, order = self._trace, grant.order
        trace.own = order.own
        trace.candidates = list(order.candidates)
        self._timer.reset(self._step.seconds)
        self._run = OpenRun(self._reactor, self._listener.port, list(order.candidates), self._begin_call)
        early, self._early = self._early, []
        for handle, endpoint in early:
            self._accepted(handle, endpoint)

    def _refused(self, failure: Failure) -> None:
        self._fail(failure.value if isinstance(failure.value, Exception) else PunchFailed(str(failure.value)))

    def _accepted(self, handle: socket.socket, endpoint: Endpoint) -> None:
        if self._run is None:
            # The other side was told a moment earlier.
            if self._is_over or len(self._early) >= 4:
                handle.close()
            else:
                self._early.append((handle, endpoint))
            return
        self._run.accepted(endpoint)
        self._begin_call(handle, endpoint)

    def _begin_call(self, handle: socket.socket, endpoint: Endpoint) -> None:
        if self._is_over or self.grant is None or len(self._calls) >= 6:
            handle.close()
            return
        calling = self._call(handle, endpoint, self.grant)
        self._calls[calling] = endpoint
        calling.done.addCallbacks(self._opened, self._call_failed, callbackArgs=(calling,), errbackArgs=(calling,))

    def _opened(self, connection: Any, calling: Calling) -> None:
        endpoint = self._calls.pop(calling)
        if self._is_over:
            return
        assert self._run is not None
        candidate = self._run.plan.kind(endpoint)
        self._finish()
        self._tracer.opened(self._trace, candidate)
        seconds = self._reactor.seconds() - self._began
        self.done.callback(
            Path(connection, "tcp", candidate, self._trace.strategy, self._trace.packets, seconds)
        )

    def _call_failed(self, failure: Failure, calling: Calling) -> None:
        endpoint = self._calls.pop(calling, None)
        if not self._is_over and not failure.check(CancelledError):
            self._log.debug("A call at {place} failed: {error}", place=endpoint, error=failure.getErrorMessage())

    def _too_late(self) -> None:
        self._fail(PunchFailed(f"no connection came about in {self._step.seconds:.1f} s"))

    def _fail(self, error: Exception) -> None:
        if self._is_over:
            return
        self._finish()
        self._tracer.failed(self._trace, str(error) or type(error).__name__)
        self.done.errback(error)

    def _finish(self) -> None:
        self._is_over = True
        if self._timer.active():
            self._timer.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
        self._trace.packets = 1 + (0 if self._run is None else self._run.plan.connects)
        if self._run is not None:
            self._run.stop()
        for handle, _ in self._early:
            handle.close()
        self._early.clear()
        self._listener.close()
        # A connection that was opened keeps its own mapping.
        if self._observing is not None and self._observing.transport is not None:
            self._observing.transport.loseConnection()
        self._requesting.addErrback(lambda _: None)
        self._requesting.cancel()
        for calling in list(self._calls):
            calling.cancel()


async def _request(via: Via, request: PunchRequest) -> Grant:
    return await via.request(request)

"""The requester's side over TCP: one attempt from a new port, until a call on a connection succeeds.

The port has a listener, a connection to the coordinator's STUN server, which stays open so that the mapping does, and
connections to the target's endpoints. Who speaks TLS as the client was agreed on before: the requester, whichever
side's SYN came first.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from cloudnode.reach.punching.adopting import adopt
from cloudnode.reach.punching.attempt import CALLS_MAX, Attempt
from cloudnode.reach.punching.calling import CallTcp, Grant, PunchFailed, Via
from cloudnode.reach.punching.connecting import OpenRun
from cloudnode.reach.punching.readyport import ReadyPort
from cloudnode.reach.punching.strategies import Step
from cloudnode.reach.punching.tracing import Tracer
from cloudnode.reach.punching.values import Candidate, Endpoint
from cloudnode.stun.errors import StunError
from cloudnode.stun.framing import MessageSplitter
from cloudnode.stun.message import TRANSACTION_BYTES, Kind, decode
from cloudnode.stun.transaction import make_request

ASK_AGAIN = 0.02
"""Seconds after which a coordinator is asked again that did not know the credentials yet."""

ANSWER_BYTES_MAX = 2_048

EARLY_MAX = 4
"""Connections that are kept which come before this side has its order."""


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


class TcpAttempt(Attempt):
    """One attempt over TCP."""

    transport = "tcp"
    _too_late_text = "no connection came about"

    def __init__(
        self, reactor: Any, via: Via, node: bytes, step: Step, call: CallTcp, tracer: Tracer
    ) -> None:
        """:param via: With a STUN server over TCP. :raises OSError: No port is to be had."""
        assert via.tcp is not None
        self._port = ReadyPort(reactor, via.tcp) if via.ready is None else via.ready.take()
        self._call = call
        self._run: OpenRun | None = None
        self._early: list[tuple[socket.socket, Endpoint]] = []
        super().__init__(reactor, via, node, step, tracer, "unknown", self._port.port)
        self._observing: _Observing | None = None
        self._port.take(self._accepted, self._stun_connected)
        self._take_answer()

    def _stun_connected(self, handle: socket.socket | None, number: int) -> None:
        if handle is None:
            self._fail(PunchFailed(f"the coordinator's STUN server can't be reached over TCP: {os.strerror(number)}"))
            return
        protocol = self._observing = _Observing(self._reactor, self._username, self._key)
        adopt(self._reactor, handle, Factory.forProtocol(lambda: protocol))

    def _ordered(self, grant: Grant) -> None:
        self._run = OpenRun(self._reactor, self._port.port, list(grant.order.candidates), self._begin_call)
        early, self._early = self._early, []
        for handle, endpoint in early:
            self._accepted(handle, endpoint)

    def _accepted(self, handle: socket.socket, endpoint: Endpoint) -> None:
        if self._run is None:
            # The other side was told a moment earlier.
            if self._is_over or len(self._early) >= EARLY_MAX:
                handle.close()
            else:
                self._early.append((handle, endpoint))
            return
        self._run.accepted(endpoint)
        self._begin_call(handle, endpoint)

    def _begin_call(self, handle: socket.socket, endpoint: Endpoint) -> None:
        if self._is_over or self.grant is None or len(self._calls) >= CALLS_MAX:
            handle.close()
            return
        self._called(self._call(handle, endpoint, self.grant), endpoint)

    def _candidate(self, endpoint: Endpoint) -> Candidate:
        assert self._run is not None
        return self._run.plan.kind(endpoint)

    def _release(self, *, keep: bool) -> None:
        """The port closes in any case: a connection that was opened keeps its own mapping."""
        self._trace.packets = 1 + (0 if self._run is None else self._run.plan.connects)
        if self._run is not None:
            self._run.stop()
        for handle, _ in self._early:
            handle.close()
        self._early.clear()
        self._port.close()
        if self._observing is not None and self._observing.transport is not None:
            self._observing.transport.loseConnection()

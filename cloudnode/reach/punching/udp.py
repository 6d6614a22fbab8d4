"""The requester's side over UDP: one attempt from a new socket, until a call on it succeeds.

QUIC starts with the order, without waiting for a probe's answer: it is the same packet that opens this side's NAT, and
if the other side's is open already it has saved a round trip. If it was too early it is lost; so the first probe, and
the first answer, that come from an endpoint start a call there, unless the one before is answered within moments.
"""

from __future__ import annotations

import os
import socket as sockets
from random import SystemRandom
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.reach.punching.calling import Calling, CallUdp, Grant, Path, PunchFailed, PunchRequest, Via
from cloudnode.reach.punching.coordinator import judge_mapping
from cloudnode.reach.punching.port import Observing, ProbeEvents, ProbeRun, PunchPort
from cloudnode.reach.punching.probing import Probing
from cloudnode.reach.punching.spraying import ManySockets, Sprayer
from cloudnode.reach.punching.strategies import Step
from cloudnode.reach.punching.tracing import Trace, Tracer
from cloudnode.reach.punching.values import KEY_BYTES, Candidate, CandidateKind, Endpoint, Mapping, Strategy
from cloudnode.transports.quic.listener import QuicSocket

CALLS_MAX = 6
"""Calls in one attempt, to all endpoints together."""

GRACE = 0.03
"""Seconds from a probe's answer to a call anew: the answer to the one before takes longer to make than a probe's."""

CALLED_AT_ONCE = 2
"""So many candidates are called with the order; the others once something came from there."""


def make_credentials() -> tuple[str, bytes]:
    """A username and a key that nobody can guess."""
    return os.urandom(8).hex(), os.urandom(KEY_BYTES)


def local_host(towards: str) -> str | None:
    """This machine's own address on the way to another; no packet is sent."""
    family = sockets.AF_INET6 if ":" in towards else sockets.AF_INET
    with sockets.socket(family, sockets.SOCK_DGRAM) as probe:
        try:
            probe.connect((towards, 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


class UdpAttempt:
    """One attempt.

    :ivar done: Fires with the :class:`Path`, or fails with :class:`PunchFailed`, or with what the coordinator refused
        with. Cancelling it gives up.
    :ivar mapping: What is known of this side's NAT. :ivar grant: What the coordinator gave.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        via: Via,
        node: bytes,
        step: Step,
        call: CallUdp,
        tracer: Tracer,
        mapping: Mapping = "unknown",
    ) -> None:
        self.done: Deferred[Path] = Deferred(lambda _: self._fail(CancelledError()))
        self.mapping: Mapping = mapping
        self.grant: Grant | None = None
        self._reactor = reactor
        self._step = step
        self._call = call
        self._tracer = tracer
        self._began = reactor.seconds()
        self._trace: Trace = tracer.begin("requester", node, "udp", step.strategy)
        self._username, self._key = make_credentials()
        self._run: ProbeRun | None = None
        self._many: ManySockets | None = None
        self._sprayer: Sprayer | None = None
        self._calls: dict[Calling, Endpoint] = {}
        self._called: dict[Endpoint, Calling] = {}
        self._checks: list[IDelayedCall] = []
        self._is_over = False
        self._socket = QuicSocket(reactor)
        self._socket.listen(0, "::" if ":" in via.host else "")
        self._port = PunchPort(reactor, self._socket)
        local = local_host(via.host)
        own = () if local is None else ((local, self._socket.host_address[1]),)
        said = step.assumed if mapping == "unknown" else mapping
        request = PunchRequest(node, "udp", step.strategy, self._username, self._key, own, said)
        # The deadline counts from the order; until then the coordinator has its own.
        self._timer: IDelayedCall = reactor.callLater(5.0 + step.seconds, self._too_late)
        self._requesting = Deferred.fromCoroutine(_request(via, request))
        self._observing = Observing(reactor, self._port, via.udp, self._username, self._key)
        self._requesting.addCallbacks(self._granted, self._refused)

    def _granted(self, grant: Grant) -> None:
        if self._is_over:
            return
        self.grant = grant
        trace, order = self._trace, grant.order
        trace.own = order.own
        trace.strategy = order.strategy
        trace.candidates = list(order.candidates)
        self._timer.reset(self._step.seconds)
        if order.strategy is Strategy.SPREAD and order.many == "requester":
            self._many = ManySockets(
                self._reactor, order.candidates[-1].endpoint, self._username, self._key, self._socket_hit
            )
            return
        probing = Probing(order.strategy, order.candidates, self._reactor.seconds())
        events = ProbeEvents(self._came, self._came)
        self._run = ProbeRun(self._reactor, self._port, probing, self._username, self._key, events)
        if order.strategy is Strategy.SPREAD:
            self._sprayer = Sprayer(
                self._reactor, self._port, order.candidates[-1].endpoint, self._username, self._key,
                self._run.take_answer, SystemRandom(),
            )  # fmt: skip
        elif not probing.first_open:
            for candidate in order.candidates[:CALLED_AT_ONCE]:
                self._begin_call(candidate.endpoint)

    def _refused(self, failure: Failure) -> None:
        self._fail(failure.value if isinstance(failure.value, Exception) else PunchFailed(str(failure.value)))

    def _came(self, endpoint: Endpoint) -> None:
        """A first probe, or answer, came from there: what is called there can arrive now."""
        if endpoint not in self._called:
            self._begin_call(endpoint)
        elif not self._is_over:
            self._checks.append(self._reactor.callLater(GRACE, self._begin_call, endpoint))

    def _socket_hit(self, handle: sockets.socket, endpoint: Endpoint) -> None:
        """One of many sockets was hit: go on with it alone."""
        socket, port = self._socket, self._port
        port.close()
        socket.stop()
        self._socket = QuicSocket(self._reactor)
        self._socket.adopt(handle)
        handle.close()
        self._port = PunchPort(self._reactor, self._socket)
        probing = Probing(Strategy.DIRECT, [Candidate(endpoint, "observed")], self._reactor.seconds())
        events = ProbeEvents(self._came, self._came)
        self._run = ProbeRun(self._reactor, self._port, probing, self._username, self._key, events)
        self._begin_call(endpoint)

    def _begin_call(self, endpoint: Endpoint) -> None:
        before = self._called.get(endpoint)
        if self._is_over or len(self._calls) >= CALLS_MAX or (before is not None and before.is_answered):
            return
        assert self.grant is not None
        calling = self._call(self._socket, endpoint, self.grant)
        self._calls[calling] = endpoint
        self._called[endpoint] = calling
        calling.done.addCallbacks(self._opened, self._call_failed, callbackArgs=(calling,), errbackArgs=(calling,))

    def _opened(self, connection: Any, calling: Calling) -> None:
        endpoint = self._calls.pop(calling)
        if self._is_over:
            return
        kind: CandidateKind = "observed" if self._run is None else self._run.probing.kind(endpoint)
        candidate = Candidate(endpoint, kind)
        self._finish(keep=True)
        self._tracer.opened(self._trace, candidate)
        path = Path(
            connection, "udp", candidate, self._trace.strategy, self._trace.packets,
            self._reactor.seconds() - self._began,
        )  # fmt: skip
        self.done.callback(path)

    def _call_failed(self, failure: Failure, calling: Calling) -> None:
        endpoint = self._calls.pop(calling, None)
        if not self._is_over and not failure.check(CancelledError):
            self._log.debug("A call at {place} failed: {error}", place=endpoint, error=failure.getErrorMessage())

    def _too_late(self) -> None:
        self._fail(PunchFailed(f"nothing came through in {self._step.seconds:.1f} s"))

    def _fail(self, error: Exception) -> None:
        if self._is_over:
            return
        self._finish(keep=False)
        self._tracer.failed(self._trace, str(error) or type(error).__name__)
        self.done.errback(error)

    def _finish(self, *, keep: bool) -> None:
        """Stop all that is under way; the socket too, unless a connection lives on it."""
        self._is_over = True
        for call in (self._timer, *self._checks):
            if call.active():
                call.cancel()
        self._observing.stop()
        self.mapping = judge_mapping(list(self._observing.mapped.values())) if self._observing.mapped else self.mapping
        self._trace.packets = self._observing.sent + sum(
            each.sent for each in (self._many, self._sprayer) if each is not None
        )
        if self._run is not None:
            self._trace.packets += self._run.probing.sent
            self._run.stop(deaf=not keep)
        if self._sprayer is not None:
            self._sprayer.stop()
        if self._many is not None:
            self._many.stop()
        self._requesting.addErrback(lambda _: None)
        self._requesting.cancel()
        for calling in list(self._calls):
            calling.cancel()
        if not keep:
            self._reactor.callLater(0, self._socket.stop)

    @property
    def socket(self) -> QuicSocket:
        """The socket of the path; whoever has the path stops it when the path is not used any more."""
        return self._socket


async def _request(via: Via, request: PunchRequest) -> Grant:
    return await via.request(request)

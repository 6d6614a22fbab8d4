"""The requester's side over UDP: one attempt from a new socket, until a call on it succeeds.

QUIC starts with the order, without waiting for a probe's answer: it is the same packet that opens this side's NAT, and
if the other side's is open already it has saved a round trip. If it was too early it is lost; so the first probe, and
the first answer, that come from an endpoint start a call there, unless the one before is answered within moments.
"""

from __future__ import annotations

import socket as sockets
from random import SystemRandom
from typing import Any

from twisted.internet.interfaces import IDelayedCall

from cloudnode.reach.punching.attempt import CALLS_MAX, Attempt
from cloudnode.reach.punching.calling import CallFrom, Calling, CallUdp, Grant, Via
from cloudnode.reach.punching.coordinator import judge_mapping
from cloudnode.reach.punching.port import Observing, ProbeEvents, ProbeRun, PunchPort
from cloudnode.reach.punching.probing import Probing
from cloudnode.reach.punching.spraying import ManySockets, Sprayer
from cloudnode.reach.punching.strategies import Step
from cloudnode.reach.punching.tracing import Tracer
from cloudnode.reach.punching.values import Candidate, CandidateKind, Endpoint, Mapping, Strategy
from cloudnode.transports.quic.listener import QuicSocket

WAITED_SHARE = 1 / 3
"""So much of the time that an attempt has left may be waited for the answer to an earlier call."""

GRACE = 0.03
"""Seconds from when a probe's answer is there, or could be, to a call anew: that to a call takes longer to make."""

PREPARED_AFTER = 0.006
"""Seconds from the request to the preparations for the first call: once the coordinator was asked, and asked again."""

CALLED_AT_ONCE = 2
"""So many candidates are called with the order; the others once something came from there."""


class UdpAttempt(Attempt):
    """One attempt over UDP."""

    transport = "udp"
    _too_late_text = "nothing came through"

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
        self._make_ready = call
        self._call_from: CallFrom | None = None
        self._run: ProbeRun | None = None
        self._many: ManySockets | None = None
        self._sprayer: Sprayer | None = None
        self._newest: dict[Endpoint, Calling] = {}
        self._later: list[IDelayedCall] = []
        self._socket = QuicSocket(reactor)
        self._socket.listen(0, "::" if ":" in via.host else "")
        self._port = PunchPort(reactor, self._socket)
        super().__init__(reactor, via, node, step, tracer, mapping, self._socket.host_address[1])
        self._observing = Observing(reactor, self._port, via.udp, self._username, self._key, via.round_trip)
        self._later.append(reactor.callLater(PREPARED_AFTER, self._prepare))
        self._take_answer()

    @property
    def socket(self) -> QuicSocket:
        """The socket of the path; whoever has the path stops it when the path is not used any more."""
        return self._socket

    def _prepare(self) -> CallFrom:
        if self._call_from is None:
            self._call_from = self._make_ready(self._socket)
        return self._call_from

    def _ordered(self, grant: Grant) -> None:
        order = grant.order
        if order.strategy is Strategy.SPREAD and order.many == "requester":
            self._many = ManySockets(
                self._reactor, order.candidates[-1].endpoint, self._username, self._key, self._socket_hit
            )
            return
        called = order.candidates[:CALLED_AT_ONCE] if order.strategy is Strategy.DIRECT else ()
        probing = Probing(order.strategy, order.candidates, self._reactor.seconds(), len(called))
        self._run = ProbeRun(self._reactor, self._port, probing, self._username, self._key, self._make_events())
        if order.strategy is Strategy.SPREAD:
            self._sprayer = Sprayer(
                self._reactor, self._port, order.candidates[-1].endpoint, self._username, self._key,
                self._run.take_answer, SystemRandom(),
            )  # fmt: skip
        for candidate in called:
            self._begin_call(candidate.endpoint)

    def _make_events(self) -> ProbeEvents:
        began = self._reactor.seconds()

        def heard(endpoint: Endpoint) -> None:
            # The other side was told when this one was: an answer to the call needs as long again as this probe did. Or
            # it was told late, and what was called before is lost: then a new call has to come in time as well.
            passed = self._reactor.seconds() - began
            self._came(endpoint, min(passed, max(0.0, self._step.seconds - passed) * WAITED_SHARE))

        return ProbeEvents(heard, self._came)

    def _came(self, endpoint: Endpoint, on_its_way: float = 0.0) -> None:
        """A first probe, or answer, came from there: what is called there can arrive now.

        :param on_its_way: Seconds that the answer to an earlier call may need yet.
        """
        if endpoint not in self._newest:
            self._begin_call(endpoint)
        elif not self._is_over:
            self._later.append(self._reactor.callLater(GRACE + on_its_way, self._begin_call, endpoint))

    def _socket_hit(self, handle: sockets.socket, endpoint: Endpoint) -> None:
        """One of many sockets was hit: go on with it alone."""
        socket, port = self._socket, self._port
        port.close()
        socket.stop()
        self._socket = QuicSocket(self._reactor)
        self._socket.adopt(handle)
        handle.close()
        self._port = PunchPort(self._reactor, self._socket)
        self._call_from = None
        probing = Probing(Strategy.DIRECT, [Candidate(endpoint, "observed")], self._reactor.seconds())
        self._run = ProbeRun(self._reactor, self._port, probing, self._username, self._key, self._make_events())
        self._begin_call(endpoint)

    def _begin_call(self, endpoint: Endpoint) -> None:
        before = self._newest.get(endpoint)
        if self._is_over or len(self._calls) >= CALLS_MAX or (before is not None and before.is_answered):
            return
        assert self.grant is not None
        calling = self._newest[endpoint] = self._prepare()(endpoint, self.grant)
        self._called(calling, endpoint)

    def _candidate(self, endpoint: Endpoint) -> Candidate:
        kind: CandidateKind = "observed" if self._run is None else self._run.probing.kind(endpoint)
        return Candidate(endpoint, kind)

    def _release(self, *, keep: bool) -> None:
        for call in self._later:
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
        if not keep:
            self._reactor.callLater(0, self._socket.stop)

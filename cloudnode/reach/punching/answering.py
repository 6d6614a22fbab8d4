"""The target's side: what a node does when a coordinator tells it that somebody wants to reach it.

It sends probes, and over TCP connections, from the very socket whose mapping the coordinator knows. What then comes in
is served as anything else is that comes to that socket.

A coordinator could name an address that never asked for anything. So what one is obeyed in is bounded: a few probes an
order, so many orders, and few of those with many probes, by who gives them and by where they lead (``allowance``).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from random import SystemRandom
from typing import Any

import attrs
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from cloudnode.reach.punching.adopting import adopt
from cloudnode.reach.punching.allowance import Allowance, Taken
from cloudnode.reach.punching.connecting import OpenRun
from cloudnode.reach.punching.port import ProbeEvents, ProbeRun, PunchPort
from cloudnode.reach.punching.probing import Probing
from cloudnode.reach.punching.spraying import ManySockets, Sprayer
from cloudnode.reach.punching.tracing import Trace, Tracer
from cloudnode.reach.punching.values import Candidate, Endpoint, Order, Strategy, find_family
from cloudnode.transports.quic.listener import QuicSocket

DIRECT_SECONDS = 4.5
SPREAD_SECONDS = 8.0
TCP_SECONDS = 4.0
UNDER_WAY_MAX = 64
HIT_SOCKETS_MAX = 16
IDLE_SECONDS = 30.0
"""A socket that was opened for one requester is closed when it carried nothing for so long."""


@attrs.frozen
class TcpPort:
    """A port that listens and that connections may be made from.

    :ivar port: Its number. :ivar factory: Serves what comes in.
    """

    port: int
    factory: Any


@attrs.frozen
class TargetSockets:
    """What a node punches with; each is asked for the socket that a coordinator (by its key) knows in a family.

    :ivar udp: The QUIC socket with the mapping, or None. :ivar tcp: The same for TCP.
    :ivar make_udp: Makes a further QUIC socket that serves the same, not yet bound.
    """

    udp: Callable[[bytes, int], QuicSocket | None]
    tcp: Callable[[bytes, int], TcpPort | None]
    make_udp: Callable[[], QuicSocket]


class _Attempt:
    """What runs for one order."""

    def __init__(self, trace: Trace, taken: Taken) -> None:
        self.trace = trace
        self.taken = taken
        self.run: ProbeRun | OpenRun | None = None
        self.many: ManySockets | None = None
        self.sprayer: Sprayer | None = None
        self.timer: IDelayedCall | None = None
        self.path: Candidate | None = None

    @property
    def packets(self) -> int:
        """Probes and SYNs so far."""
        count = sum(each.sent for each in (self.many, self.sprayer) if each is not None)
        if isinstance(self.run, ProbeRun):
            count += self.run.probing.sent
        elif self.run is not None:
            count += self.run.plan.connects
        return count

    def stop(self) -> None:
        for each in (self.run, self.many, self.sprayer, self.timer):
            if isinstance(each, ProbeRun | OpenRun | ManySockets | Sprayer):
                each.stop()
            elif each is not None and each.active():
                each.cancel()


class PunchTarget:
    """Carries out a coordinator's orders."""

    _log = Logger()

    def __init__(self, reactor: Any, tracer: Tracer, sockets: TargetSockets, allowance: Allowance) -> None:
        self._reactor = reactor
        self._tracer = tracer
        self._sockets = sockets
        self._ports: dict[QuicSocket, PunchPort] = {}
        self._under_way: dict[str, _Attempt] = {}
        self._hit: dict[QuicSocket, IDelayedCall] = {}
        self._allowance = allowance
        self._is_stopped = False

    def stop(self) -> None:
        """End all that is under way."""
        self._is_stopped = True
        for attempt in list(self._under_way.values()):
            attempt.stop()
        self._under_way.clear()
        for quic_socket, call in self._hit.items():
            call.cancel()
            quic_socket.stop()
        self._hit.clear()

    def carry_out(self, coordinator: bytes, order: Order, username: str, key: bytes) -> str | None:
        """Begin.

        :returns: Why not, if not.
        """
        now = self._reactor.seconds()
        is_spread = order.strategy is Strategy.SPREAD
        if self._is_stopped or username in self._under_way or len(self._under_way) >= UNDER_WAY_MAX:
            return "too much is under way"
        family = find_family(order.candidates[0].endpoint[0]) if order.candidates else 0
        candidates = [each for each in order.candidates if family and find_family(each.endpoint[0]) == family]
        order = attrs.evolve(order, candidates=tuple(candidates))
        taken = self._allowance.take(coordinator.hex(), order, now)
        if taken is None:
            return "there come more orders, of this coordinator or to this place, than are carried out"
        attempt = _Attempt(self._tracer.begin("target", coordinator, order.transport, order.strategy), taken)
        attempt.trace.candidates = list(candidates)
        attempt.trace.own = order.own
        if not candidates:
            return self._refuse(attempt, "no candidate is of any use")
        begin = self._begin_tcp if order.transport == "tcp" else self._begin_udp
        refusal = begin(attempt, coordinator, order, candidates, username, key)
        if refusal is not None:
            return self._refuse(attempt, refusal)
        seconds = TCP_SECONDS if order.transport == "tcp" else SPREAD_SECONDS if is_spread else DIRECT_SECONDS
        self._under_way[username] = attempt
        attempt.timer = self._reactor.callLater(seconds, self._end, username)
        return None

    def accepted(self, endpoint: Endpoint) -> None:
        """A listener of this node's took a connection from an endpoint."""
        for attempt in self._under_way.values():
            run = attempt.run
            if isinstance(run, OpenRun) and run.expects(endpoint) and attempt.path is None:
                run.accepted(endpoint)
                self._connected(attempt, run.plan.kind(endpoint))
                return

    def _connected(self, attempt: _Attempt, path: Candidate) -> None:
        self._allowance.answered(attempt.taken, path.endpoint[0], self._reactor.seconds())
        if attempt.path is None:
            attempt.path = path
            attempt.trace.packets = attempt.packets
            self._tracer.opened(attempt.trace, path)

    def _refuse(self, attempt: _Attempt, reason: str) -> str:
        self._tracer.failed(attempt.trace, reason)
        return reason

    def _begin_udp(
        self,
        attempt: _Attempt,
        coordinator: bytes,
        order: Order,
        candidates: list[Candidate],
        username: str,
        key: bytes,
    ) -> str | None:
        quic_socket = self._sockets.udp(coordinator, find_family(candidates[0].endpoint[0]))
        if quic_socket is None:
            return "there is no mapping over UDP"
        if order.strategy is Strategy.SPREAD and order.many == "target":
            to = candidates[-1].endpoint

            def hit(handle: socket.socket, endpoint: Endpoint) -> None:
                self._serve_hit(handle, endpoint, attempt, username, key)

            attempt.many = ManySockets(self._reactor, to, username, key, hit)
            return None
        run = self._probe(attempt, quic_socket, order.strategy, candidates, username, key)
        if order.strategy is Strategy.SPREAD:
            observed = next((each for each in candidates if each.kind == "observed"), candidates[0])
            port = self._port(quic_socket)
            attempt.sprayer = Sprayer(
                self._reactor, port, observed.endpoint, username, key, run.take_answer, SystemRandom()
            )
        return None

    def _probe(
        self,
        attempt: _Attempt,
        quic_socket: QuicSocket,
        strategy: Strategy,
        candidates: list[Candidate],
        username: str,
        key: bytes,
    ) -> ProbeRun:
        probing = Probing(strategy, candidates, self._reactor.seconds())

        def answered(endpoint: Endpoint) -> None:
            if attempt.sprayer is not None:
                attempt.sprayer.stop()
            self._connected(attempt, Candidate(endpoint, probing.kind(endpoint)))

        events = ProbeEvents(lambda endpoint: None, answered)
        run = ProbeRun(self._reactor, self._port(quic_socket), probing, username, key, events)
        attempt.run = run
        return run

    def _port(self, quic_socket: QuicSocket) -> PunchPort:
        port = self._ports.get(quic_socket)
        if port is None:
            for closed in [each for each in self._ports if each.host_address == ("", 0)]:
                del self._ports[closed]
            port = self._ports[quic_socket] = PunchPort(self._reactor, quic_socket)
        return port

    def _serve_hit(
        self, handle: socket.socket, endpoint: Endpoint, attempt: _Attempt, username: str, key: bytes
    ) -> None:
        if len(self._hit) >= HIT_SOCKETS_MAX or self._is_stopped:
            handle.close()
            return
        quic_socket = self._sockets.make_udp()
        quic_socket.adopt(handle)
        handle.close()
        self._hit[quic_socket] = self._reactor.callLater(IDLE_SECONDS, self._close_idle, quic_socket)
        self._probe(attempt, quic_socket, Strategy.DIRECT, [Candidate(endpoint, "observed")], username, key)

    def _close_idle(self, quic_socket: QuicSocket) -> None:
        if quic_socket.endpoint.links:
            self._hit[quic_socket] = self._reactor.callLater(IDLE_SECONDS, self._close_idle, quic_socket)
            return
        del self._hit[quic_socket]
        self._ports.pop(quic_socket, None)
        quic_socket.stop()

    def _begin_tcp(
        self,
        attempt: _Attempt,
        coordinator: bytes,
        order: Order,
        candidates: list[Candidate],
        username: str,
        key: bytes,
    ) -> str | None:
        port = self._sockets.tcp(coordinator, find_family(candidates[0].endpoint[0]))
        if port is None:
            return "there is no mapping over TCP"

        def connected(handle: socket.socket, endpoint: Endpoint) -> None:
            adopt(self._reactor, handle, port.factory)
            if isinstance(attempt.run, OpenRun):
                self._connected(attempt, attempt.run.plan.kind(endpoint))

        attempt.run = OpenRun(self._reactor, port.port, candidates, connected)
        return None

    def _end(self, username: str) -> None:
        attempt = self._under_way.pop(username)
        attempt.trace.packets = attempt.packets
        attempt.stop()
        self._tracer.failed(attempt.trace, "no answer came from the requester")

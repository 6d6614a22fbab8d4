"""From a node's key to a path to it: attempts one after the other over each transport, both transports raced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.reach.punching.calling import CallTcp, CallUdp, Path, PunchFailed, PunchUnmapped, Via
from cloudnode.reach.punching.strategies import next_step
from cloudnode.reach.punching.tcp import TcpAttempt
from cloudnode.reach.punching.tracing import Tracer
from cloudnode.reach.punching.udp import UdpAttempt
from cloudnode.reach.punching.values import Mapping, Transport

HEAD_START = 0.25
"""Seconds that UDP, whose punches are quicker and surer, is ahead of TCP in a race."""


@attrs.frozen
class Calls:
    """How calls are made on each transport; None: not over that one."""

    udp: CallUdp | None
    tcp: CallTcp | None


def find_servers(via: Via, transport: Transport) -> list[Via]:
    """The coordinator at each of its addresses where it answers STUN over a transport."""
    known = [each for each in (via, via.other) if each is not None]
    return [each for each in known if (each.udp if transport == "udp" else each.tcp)]


class Puncher:
    """Opens paths to nodes through coordinators.

    :ivar tracer: Of all attempts.
    """

    _log = Logger()

    def __init__(self, reactor: Any, tracer: Tracer) -> None:
        self.tracer = tracer
        self._reactor = reactor

    async def open(
        self,
        via: Via,
        node: bytes,
        calls: Calls,
        *,
        transports: Sequence[Transport] = ("udp", "tcp"),
    ) -> Path:
        """Open a path to a node: the first that works wins, and the rest is given up.

        :param node: The target's key. :param transports: The first has a head start.
        :raises PunchFailed: There is none, in either family if the coordinator is known in both; the text has the
            reason of each transport.
        """
        racers: dict[Transport, Deferred[Path]] = {}
        reasons: dict[Transport, str] = {}
        first: Deferred[Path] = Deferred()

        def won(path: Path, transport: Transport) -> None:
            racers.pop(transport, None)
            if not first.called:
                first.callback(path)

        def lost(failure: Failure, transport: Transport) -> None:
            racers.pop(transport, None)
            reasons[transport] = failure.getErrorMessage() or type(failure.value).__name__
            if not racers and not first.called:
                text = "; ".join(f"{each}: {reason}" for each, reason in reasons.items())
                first.errback(PunchFailed(text))

        for place, transport in enumerate(transports):
            if (calls.udp if transport == "udp" else calls.tcp) is None or not find_servers(via, transport):
                continue
            coroutine = self._attempt_all(via, node, calls, transport, HEAD_START * place if racers else 0.0)
            racers[transport] = Deferred.fromCoroutine(coroutine)
        if not racers:
            raise PunchFailed("there is no transport that both this side and the coordinator have")
        for transport, racer in list(racers.items()):
            racer.addCallbacks(won, lost, callbackArgs=(transport,), errbackArgs=(transport,))
        try:
            return await first
        finally:
            for racer in list(racers.values()):
                racer.cancel()

    async def _attempt_all(
        self, via: Via, node: bytes, calls: Calls, transport: Transport, delay: float
    ) -> Path:
        if delay:
            await deferLater(self._reactor, delay)
        failures: dict[str, Exception] = {}
        for each in find_servers(via, transport):
            try:
                return await self._attempt_from(each, node, calls, transport)
            except CancelledError:
                raise
            except Exception as error:
                failures[each.host] = error
        if len(failures) == 1:
            raise next(iter(failures.values()))
        raise PunchFailed(", ".join(f"{error} (through {host})" for host, error in failures.items()))

    async def _attempt_from(self, via: Via, node: bytes, calls: Calls, transport: Transport) -> Path:
        """All attempts over one family."""
        own: Mapping = "unknown"
        theirs: Mapping = "unknown"
        tried = 0
        failure: Exception = PunchFailed("nothing was tried")
        while (step := next_step(tried, transport, own, theirs, via.round_trip)) is not None:
            attempt: UdpAttempt | TcpAttempt
            if transport == "udp":
                assert calls.udp is not None
                attempt = UdpAttempt(self._reactor, via, node, step, calls.udp, self.tracer, own)
            else:
                assert calls.tcp is not None
                attempt = TcpAttempt(self._reactor, via, node, step, calls.tcp, self.tracer)
            try:
                return await attempt.done
            except (CancelledError, PunchUnmapped):
                raise
            except PunchFailed as error:
                failure = error
            own = attempt.mapping
            if attempt.grant is not None:
                theirs = attempt.grant.mapping
            tried += 1
        raise failure

"""What a requester's attempts do alike over UDP and TCP: ask the coordinator, call, take the first that succeeds."""

from __future__ import annotations

import os
import socket
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.reach.punching.allowance import Taken
from cloudnode.reach.punching.calling import Calling, Grant, Path, PunchFailed, PunchRequest, PunchUnmapped, Via
from cloudnode.reach.punching.strategies import Step
from cloudnode.reach.punching.tracing import Trace, Tracer
from cloudnode.reach.punching.values import KEY_BYTES, Candidate, Endpoint, Mapping, Transport, find_family

CALLS_MAX = 6
"""Calls in one attempt that are under way, to all endpoints together."""

COORDINATOR_SECONDS = 5.0
"""So long the coordinator may take; the attempt's own time counts from its order."""


def make_credentials() -> tuple[str, bytes]:
    """A username and a key that nobody can guess."""
    return os.urandom(8).hex(), os.urandom(KEY_BYTES)


def local_host(towards: str) -> str | None:
    """This machine's own address on the way to another; no packet is sent."""
    family = socket.AF_INET6 if ":" in towards else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((towards, 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


class Attempt:
    """One attempt.

    :ivar done: Fires with the :class:`Path`, or fails with :class:`PunchFailed`, or with what the coordinator refused
        with. Cancelling it gives up.
    :ivar mapping: What is known of this side's NAT. :ivar grant: What the coordinator gave.
    """

    _log = Logger()
    _too_late_text: str
    transport: Transport

    def __init__(
        self, reactor: Any, via: Via, node: bytes, step: Step, tracer: Tracer, mapping: Mapping, port: int
    ) -> None:
        """:param mapping: What the coordinator is told of this side's NAT. :param port: The local one."""
        self.done: Deferred[Path] = Deferred(lambda _: self._fail(CancelledError()))
        self.grant: Grant | None = None
        self.mapping: Mapping = mapping
        self._reactor = reactor
        self._step = step
        self._tracer = tracer
        self._began = reactor.seconds()
        self._trace: Trace = tracer.begin("requester", node, self.transport, step.strategy)
        self._username, self._key = make_credentials()
        self._calls: dict[Calling, Endpoint] = {}
        self._is_over = False
        self._timer: IDelayedCall = reactor.callLater(COORDINATOR_SECONDS + step.seconds, self._too_late)
        self._family = find_family(via.host)
        self._coordinator, self._allowance = via.host, via.allowance
        self._taken: Taken | None = None
        local = local_host(via.host)
        own = () if local is None else ((local, port),)
        said = step.assumed if mapping == "unknown" else mapping
        request = PunchRequest(node, self.transport, step.strategy, self._username, self._key, own, said)
        self._requesting = Deferred.fromCoroutine(_request(via, request))

    def _take_answer(self) -> None:
        """Go on once the coordinator has answered; to be called when the attempt is ready for that."""
        self._requesting.addCallbacks(self._granted, self._refused).addErrback(self._broke)

    # What each transport does its own way

    def _ordered(self, grant: Grant) -> None:
        """Begin to open the path."""
        raise NotImplementedError

    def _candidate(self, endpoint: Endpoint) -> Candidate:
        """An endpoint that was called, with where it was known from."""
        raise NotImplementedError

    def _release(self, *, keep: bool) -> None:
        """Stop all that is under way, but for what a connection lives on if that is to be kept; count the packets."""
        raise NotImplementedError

    # The course of it

    def _granted(self, grant: Grant) -> None:
        if self._is_over:
            return
        candidates = tuple(each for each in grant.order.candidates if find_family(each.endpoint[0]) == self._family)
        if not candidates:
            self._fail(PunchUnmapped("the coordinator told no endpoint in the family of this side's address"))
            return
        grant = attrs.evolve(grant, order=attrs.evolve(grant.order, candidates=candidates))
        self._taken = self._allowance.take(self._coordinator, grant.order, self._reactor.seconds())
        if self._taken is None:
            self._fail(PunchFailed("too much was sent there in vain, or on this coordinator's word: wait"))
            return
        self.grant = grant
        trace, order = self._trace, grant.order
        trace.own = order.own
        trace.strategy = order.strategy
        trace.candidates = list(order.candidates)
        self._timer.reset(self._step.seconds)
        self._ordered(grant)

    def _refused(self, failure: Failure) -> None:
        self._fail(failure.value if isinstance(failure.value, Exception) else PunchFailed(str(failure.value)))

    def _broke(self, failure: Failure) -> None:
        self._log.failure("An attempt to open a path broke off", failure)
        self._fail(PunchFailed(f"this side failed: {failure.getErrorMessage()}"))

    def _called(self, calling: Calling, endpoint: Endpoint) -> None:
        """A call is under way."""
        self._calls[calling] = endpoint
        calling.done.addCallbacks(self._opened, self._call_failed, callbackArgs=(calling,), errbackArgs=(calling,))

    def _opened(self, connection: Any, calling: Calling) -> None:
        endpoint = self._calls.pop(calling)
        if self._is_over:
            return
        candidate = self._candidate(endpoint)
        if self._taken is not None:
            self._allowance.answered(self._taken, endpoint[0], self._reactor.seconds())
        self._finish(keep=True)
        trace, seconds = self._trace, self._reactor.seconds() - self._began
        # What waited for the path is sent at the end of this turn: the line in the log comes after that.
        self._reactor.callLater(0.0, self._tracer.opened, trace, candidate)
        self.done.callback(Path(connection, self.transport, candidate, trace.strategy, trace.packets, seconds))

    def _call_failed(self, failure: Failure, calling: Calling) -> None:
        endpoint = self._calls.pop(calling, None)
        if not self._is_over and not failure.check(CancelledError):
            self._log.debug("A call at {place} failed: {error}", place=endpoint, error=failure.getErrorMessage())

    def _too_late(self) -> None:
        self._fail(PunchFailed(f"{self._too_late_text} in {self._step.seconds:.1f} s"))

    def _fail(self, error: Exception) -> None:
        if self._is_over:
            return
        self._finish(keep=False)
        self._tracer.failed(self._trace, str(error) or type(error).__name__)
        self.done.errback(error)

    def _finish(self, *, keep: bool) -> None:
        self._is_over = True
        if self._timer.active():
            self._timer.cancel()
        self._requesting.addErrback(lambda _: None)
        self._requesting.cancel()
        for calling in list(self._calls):
            calling.cancel()
        self._release(keep=keep)


async def _request(via: Via, request: PunchRequest) -> Grant:
    return await via.request(request)

"""TCP sockets that share one local port: a listener, and connections to several places at once (SO_REUSEPORT)."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from random import SystemRandom
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReadDescriptor, IWriteDescriptor
from twisted.logger import Logger
from zope.interface import implementer

from cloudnode.reach.punching.opening import SimultaneousOpen
from cloudnode.reach.punching.values import Candidate, Endpoint, public_name

BACKLOG = 16


def make_shared_socket(family: int, port: int) -> socket.socket:
    """A TCP socket at a local port that others of this program have as well.

    :param port: 0 lets the system choose.
    :raises OSError: The port is somebody else's.
    """
    handle = socket.socket(family, socket.SOCK_STREAM)
    try:
        handle.setblocking(False)
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        handle.bind(("::" if family == socket.AF_INET6 else "", port))
    except OSError:
        handle.close()
        raise
    return handle


@implementer(IReadDescriptor)
class Accepting:
    """A listener whose connections are handed on as sockets."""

    def __init__(self, reactor: Any, family: int, accepted: Callable[[socket.socket, Endpoint], None]) -> None:
        """:raises OSError: No port is to be had."""
        self._reactor = reactor
        self._accepted = accepted
        self._handle = make_shared_socket(family, 0)
        self.port: int = self._handle.getsockname()[1]
        self._handle.listen(BACKLOG)
        reactor.addReader(self)

    def fileno(self) -> int:
        return self._handle.fileno()

    def logPrefix(self) -> str:
        return "punching"

    def doRead(self) -> None:
        try:
            handle, source = self._handle.accept()
        except OSError:
            return  # it is gone again
        handle.setblocking(False)
        self._accepted(handle, (public_name(source[0]), source[1]))

    def connectionLost(self, reason: object) -> None:
        """The reactor stops."""

    def close(self) -> None:
        """Listen no longer."""
        self._reactor.removeReader(self)
        self._handle.close()


@implementer(IWriteDescriptor)
class Connecting:
    """A connection that is being made from a shared port."""

    def __init__(
        self, reactor: Any, port: int, to: Endpoint, done: Callable[[Connecting, socket.socket | None, int], None]
    ) -> None:
        """:param done: Is called with the connected socket, which is the receiver's, or with ``errno``'s number."""
        self.to = to
        self._reactor = reactor
        self._done = done
        self._handle: socket.socket | None = None
        self._call: IDelayedCall | None = None
        family = socket.AF_INET6 if ":" in to[0] else socket.AF_INET
        try:
            self._handle = make_shared_socket(family, port)
            number = self._handle.connect_ex(to)
        except OSError as error:
            number = error.errno or errno.EIO
        if number in (0, errno.EINPROGRESS):
            reactor.addWriter(self)
        else:
            # Not within the constructor: its caller does not have this object yet.
            self._call = reactor.callLater(0, self._fail, number)

    def fileno(self) -> int:
        return -1 if self._handle is None else self._handle.fileno()

    def logPrefix(self) -> str:
        return "punching"

    def doWrite(self) -> None:
        assert self._handle is not None
        number = self._handle.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._fail(number)
            return
        self._reactor.removeWriter(self)
        handle, self._handle = self._handle, None
        self._done(self, handle, 0)

    def connectionLost(self, reason: object) -> None:
        """The reactor stops."""

    def cancel(self) -> None:
        """Give up, without a word."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        if self._handle is not None:
            self._reactor.removeWriter(self)
            self._handle.close()
            self._handle = None

    def _fail(self, number: int) -> None:
        self.cancel()
        self._done(self, None, number)


class OpenRun:
    """One side of a simultaneous open, from a port that a listener of this program has.

    :ivar plan: What is connected to when.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        port: int,
        candidates: list[Candidate],
        connected: Callable[[socket.socket, Endpoint], None],
    ) -> None:
        """:param connected: Is called with each connected socket, which is the receiver's."""
        self.plan = SimultaneousOpen(candidates, SystemRandom(), reactor.seconds())
        self._reactor = reactor
        self._port = port
        self._connected = connected
        self._under_way: dict[Endpoint, Connecting] = {}
        self._timer: IDelayedCall | None = None
        self._is_over = False
        self._go_on()

    def stop(self) -> None:
        """Connect no more."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for each in self._under_way.values():
            each.cancel()
        self._under_way.clear()

    def expects(self, endpoint: Endpoint) -> bool:
        """Whether it is one that is connected to."""
        return self.plan.kind(endpoint).kind != "reflexive"

    def accepted(self, endpoint: Endpoint) -> None:
        """The listener has a connection from there: no other is possible."""
        self.plan.connected(endpoint)
        connecting = self._under_way.pop(endpoint, None)
        if connecting is not None:
            connecting.cancel()

    def _go_on(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._reactor.seconds()
        for endpoint in self.plan.take_stale(now):
            self._under_way.pop(endpoint).cancel()
        for endpoint in self.plan.take_due(now):
            self._under_way[endpoint] = Connecting(self._reactor, self._port, endpoint, self._done)
        deadline = self.plan.deadline()
        if deadline is not None:
            self._timer = self._reactor.callLater(max(0.0, deadline - now), self._timer_came)

    def _timer_came(self) -> None:
        self._timer = None
        self._go_on()

    def _done(self, connecting: Connecting, handle: socket.socket | None, number: int) -> None:
        self._under_way.pop(connecting.to, None)
        if self._is_over:
            if handle is not None:
                handle.close()
            return
        if handle is None:
            name = errno.errorcode.get(number, number)
            self._log.debug("A connection to {place} failed: {error}", place=connecting.to, error=name)
            self.plan.failed(connecting.to, number, self._reactor.seconds())
        else:
            self.plan.connected(connecting.to)
            self._connected(handle, connecting.to)
        self._go_on()

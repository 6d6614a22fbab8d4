"""The port of an attempt over TCP, made before it is known for which attempt.

A connection to the coordinator's STUN server takes a round trip. Where it is there before the request for a punch is
made, the request and the server's view of the port arrive at the coordinator together.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall

from cloudnode.reach.punching.connecting import Accepting, Connecting
from cloudnode.reach.punching.values import Endpoint

READY_SECONDS = 10.0
"""So long a port is kept that no attempt has taken; a server closes silent connections after a minute."""

Accepted = Callable[[socket.socket, Endpoint], None]
Connected = Callable[[socket.socket | None, int], None]


class ReadyPort:
    """A listener, and from the same port a connection to a STUN server, under way or open.

    :ivar port: The local port.
    """

    def __init__(self, reactor: Any, server: Endpoint) -> None:
        """:raises OSError: No port is to be had."""
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self._listener = Accepting(reactor, family, self._came)
        self.port = self._listener.port
        self._reactor = reactor
        self._accepted: Accepted | None = None
        self._told: Connected | None = None
        self._handle: socket.socket | None = None
        self._failed = 0
        self._call: IDelayedCall | None = None
        self._connecting: Connecting | None = Connecting(reactor, self.port, server, self._connected)

    def take(self, accepted: Accepted, connected: Connected) -> None:
        """Be the port of an attempt from now on.

        :param accepted: Is called with each connection that comes. :param connected: Is called once, not before this
            returns, with the connection to the server, which is the receiver's, or with ``errno``'s number.
        """
        self._accepted, self._told = accepted, connected
        if self._connecting is None:
            self._call = self._reactor.callLater(0, self._tell)

    @property
    def is_good(self) -> bool:
        """Whether the connection is there and open, or under way."""
        if self._handle is None:
            return self._connecting is not None
        try:
            self._handle.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False  # the server closed it, or speaks before it is asked

    def close(self) -> None:
        """Listen no longer, and give up the connection unless it was handed on."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        if self._handle is not None:
            self._handle.close()
            self._handle = None
        self._listener.close()

    def _came(self, handle: socket.socket, endpoint: Endpoint) -> None:
        if self._accepted is None:
            handle.close()  # nobody was told of this port
        else:
            self._accepted(handle, endpoint)

    def _connected(self, connecting: Connecting, handle: socket.socket | None, number: int) -> None:
        self._connecting, self._handle, self._failed = None, handle, number
        if self._told is not None:
            self._tell()

    def _tell(self) -> None:
        handle, self._handle = self._handle, None
        assert self._told is not None
        self._told(handle, 0 if handle is not None else self._failed or errno.EIO)


class ReadyPorts:
    """One port for the next attempt through a coordinator. What nobody takes is closed after ``READY_SECONDS``.

    :ivar server: The coordinator's STUN server.
    """

    def __init__(self, reactor: Any, server: Endpoint) -> None:
        self.server = server
        self._reactor = reactor
        self._ready: ReadyPort | None = None
        self._timer: IDelayedCall | None = None

    def prepare(self) -> None:
        """Begin to make one. Where none can be made now, an attempt will say why."""
        self.close()
        try:
            self._ready = ReadyPort(self._reactor, self.server)
        except OSError:
            return
        self._timer = self._reactor.callLater(READY_SECONDS, self.close)

    def take(self) -> ReadyPort:
        """The one that is ready, or a new one; the caller closes it.

        :raises OSError: No port is to be had.
        """
        ready, self._ready = self._ready, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if ready is not None and ready.is_good:
            return ready
        if ready is not None:
            ready.close()
        return ReadyPort(self._reactor, self.server)

    def close(self) -> None:
        """Let go of the one that nobody took."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if self._ready is not None:
            self._ready.close()
            self._ready = None

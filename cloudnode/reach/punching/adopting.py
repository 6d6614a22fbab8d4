"""Connections that are there already, for what wants to make its own."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IStreamClientEndpoint
from zope.interface import implementer


def adopt(reactor: Any, handle: socket.socket, factory: Any) -> Any:
    """Let Twisted carry on with a connected socket, as if it had accepted it; the caller's own is closed."""
    try:
        return reactor.adoptStreamConnection(handle.fileno(), handle.family, factory)
    finally:
        handle.close()


@implementer(IStreamClientEndpoint)
class ConnectedEndpoint:
    """The endpoint of a connection that is there already."""

    def __init__(self, reactor: Any, handle: socket.socket) -> None:
        self._reactor = reactor
        self._handle = handle

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        """Carry on with it."""
        factory = _Remembering(protocolFactory)
        try:
            adopt(self._reactor, self._handle, factory)
        except OSError as error:
            return fail(error)
        return succeed(factory.protocol)


class _Remembering:
    """A factory that remembers the one protocol which it made."""

    def __init__(self, factory: Any) -> None:
        self.protocol: Any = None
        self._factory = factory

    def buildProtocol(self, address: Any) -> Any:
        """The connection's."""
        self.protocol = self._factory.buildProtocol(address)
        return self.protocol

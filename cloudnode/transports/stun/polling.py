"""Reading many TCP connections of which each brings little: small requests, each answered at once.

Theory of operation. Twisted's reactor has some 20 us of work for each event, its own logging context among it, which is
more than a STUN request takes in all. So the connections are watched by an epoll(7) of their own, which the reactor
watches as one descriptor; when something came, one turn of the reactor reads all of them.

A connection stays Twisted's in every other way. Its transport asks an ``IReactorFDSet`` to be told when there is
something to read; it is given a :class:`ConnectionPoll` for that, which passes all but reading on to the reactor.
So writing what the system does not take at once, pausing, closing and aborting work as ever.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any

from twisted.internet import tcp
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

BATCH = 64
ROUNDS = 16
"""Batches taken before the reactor gets its turn: some milliseconds at most."""
READ_BYTES = 448
"""At once. Python allocates as much for each read, which is cheapest for objects of up to 512 bytes."""


@implementer(IReadDescriptor, IReactorFDSet)
class ConnectionPoll:
    """Watches TCP connections for something to read; costs nothing before the first one comes."""

    _log = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._epoll: select.epoll | None = None
        self._connections: dict[int, tuple[Callable[[int], bytes], tcp.Server]] = {}
        self._descriptors: dict[object, int] = {}

    def __len__(self) -> int:
        """How many are watched now."""
        return len(self._connections)

    def adopt(self, transport: Any) -> Callable[[bytes], int] | None:
        """Read a connection from now on.

        :returns: What sends on it at once and raises ``OSError`` if nothing can be sent; None if the connection stays
            with the reactor: it is not in the clear, or the reactor watches no descriptors.
        """
        if not isinstance(transport, tcp.Server) or transport.TLS or not IReactorFDSet.providedBy(self._reactor):
            return None
        transport.stopReading()
        transport.reactor = self
        transport.startReading()
        send: Callable[[bytes], int] = transport.socket.send
        return send

    # what a transport asks

    def addReader(self, reader: Any) -> None:
        """Watch a transport."""
        if reader in self._descriptors:
            return
        if self._epoll is None:
            self._epoll = select.epoll()
            self._reactor.addReader(self)
        descriptor = reader.fileno()
        self._epoll.register(descriptor, select.EPOLLIN)
        self._connections[descriptor] = reader.socket.recv, reader
        self._descriptors[reader] = descriptor

    def removeReader(self, reader: Any) -> None:
        """Watch a transport no longer. Harmless when it is called again."""
        descriptor = self._descriptors.pop(reader, None)
        if descriptor is None:
            return
        assert self._epoll is not None
        del self._connections[descriptor]
        # Transports stop reading before they close their socket, so the descriptor is theirs still.
        self._epoll.unregister(descriptor)
        if not self._connections:
            self.close()

    def addWriter(self, writer: Any) -> None:
        """Twisted's."""
        self._reactor.addWriter(writer)

    def removeWriter(self, writer: Any) -> None:
        """Twisted's."""
        self._reactor.removeWriter(writer)

    def removeAll(self) -> list[Any]:
        """Watch nothing any more."""
        readers = list(self._descriptors)
        for reader in readers:
            self.removeReader(reader)
        return readers

    def getReaders(self) -> list[Any]:
        """What is watched."""
        return list(self._descriptors)

    def getWriters(self) -> list[Any]:
        """Nothing: that is Twisted's."""
        return []

    def __getattr__(self, name: str) -> Any:
        """Whatever else a transport needs of its reactor, such as calls later."""
        return getattr(self._reactor, name)

    # what the reactor asks

    def fileno(self) -> int:
        """The descriptor of the epoll; -1 if there is none."""
        return -1 if self._epoll is None else self._epoll.fileno()

    def logPrefix(self) -> str:
        """For Twisted's log."""
        return "STUN"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends: so do the connections."""
        for transport in self.removeAll():
            transport.connectionLost(reason)

    def close(self) -> None:
        """Give the epoll up; another one is made when a connection comes."""
        if self._epoll is not None:
            self._reactor.removeReader(self)
            self._epoll.close()
            self._epoll = None

    def doWrite(self) -> None:
        """Nothing. An event for a socket that was closed comes here if this epoll took its number in the same turn."""

    def doRead(self) -> None:
        """Read what came, connection by connection."""
        find = self._connections.get
        for _ in range(ROUNDS):
            if self._epoll is None:
                return
            events = self._epoll.poll(0, BATCH)
            if not events:
                return
            for descriptor, _event in events:
                found = find(descriptor)
                if found is None:
                    continue  # what came on another one closed it
                receive, transport = found
                try:
                    data = receive(READ_BYTES)
                except BlockingIOError:
                    continue
                except OSError:
                    transport.connectionLost(Failure(ConnectionLost()))
                    continue
                if not data:
                    transport.connectionLost(Failure(ConnectionDone()))
                    continue
                try:
                    transport.protocol.dataReceived(data)
                except Exception:
                    failure = Failure()
                    self._log.failure("STUN over TCP failed", failure)
                    if not transport.disconnected:
                        transport.connectionLost(failure)

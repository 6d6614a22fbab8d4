"""What is open: sessions of every transport, and TCP connections, so that a stop can close them.

A listening port that stops leaves its connections alone, and neither the sessions nor the transports know of
each other; both are remembered here, weakly, so that a connection which ends needs no word to anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from twisted.internet.interfaces import IAddress, IProtocolFactory, IReactorTime
from twisted.internet.task import deferLater
from zope.interface import implementer

from cloudnode.transports.seam import Caller, Connection, Refused, Session, SessionOpener

GOING_AWAY = 1001
_POLL_SECONDS = 0.01


async def wait_until(condition: Callable[[], bool], seconds: float, clock: IReactorTime) -> bool:
    """Look every 10 ms whether a condition has come true.

    :param seconds: After which to give up.
    :returns: Whether it has.
    """
    deadline = clock.seconds() + seconds
    while not condition():
        if clock.seconds() >= deadline:
            return False
        await deferLater(clock, _POLL_SECONDS)
    return True


class LiveSessions:
    """Opens sessions by another opener and remembers their connections (:class:`SessionOpener`)."""

    def __init__(self, opener: SessionOpener, count: Callable[[], int]) -> None:
        """:param count: Tells how many sessions are open."""
        self._opener = opener
        self._count = count
        self._connections: WeakSet[Connection] = WeakSet()
        self._closing = False

    def check_admission(self, caller: Caller) -> None:
        """Raise :class:`Refused` if no session would be opened for this caller."""
        if self._closing:
            raise Refused(503, "The node is stopping: try another one.")
        self._opener.check_admission(caller)

    def open_session(self, connection: Connection) -> Session:
        """Open a session.

        :raises Refused: The caller is over a limit, or the node stops.
        """
        self.check_admission(connection.caller)
        session = self._opener.open_session(connection)
        self._connections.add(connection)
        return session

    async def close(self, seconds: float, clock: IReactorTime) -> None:
        """Open no more, close all, and give the callers so many seconds to take their leave."""
        self._closing = True
        for connection in list(self._connections):
            connection.close(GOING_AWAY, "the node is stopping")
        await wait_until(lambda: self._count() <= 0, seconds, clock)


@implementer(IProtocolFactory)
class LiveConnections:
    """A factory of stream connections that remembers what it built."""

    noisy = False

    def __init__(self, factory: IProtocolFactory) -> None:
        """:param factory: Builds the connections; its protocols have their ``transport``."""
        self._factory = factory
        self._protocols: WeakSet[Any] = WeakSet()

    def doStart(self) -> None:
        """A port listens."""
        self._factory.doStart()

    def doStop(self) -> None:
        """A port listens no longer."""
        self._factory.doStop()

    def buildProtocol(self, addr: IAddress) -> Any:
        """A connection came."""
        protocol: Any = self._factory.buildProtocol(addr)
        if protocol is not None:
            self._protocols.add(protocol)
        return protocol

    async def close(self, seconds: float, clock: IReactorTime) -> None:
        """Close all after what was written to them, or after so many seconds in any case.

        Links between nodes are left to those who keep them, and who need them for longer.
        """
        for transport in self._open_transports():
            transport.loseConnection()
        if not await wait_until(lambda: not self._open_transports(), seconds, clock):
            for transport in self._open_transports():
                transport.abortConnection()

    def _open_transports(self) -> list[Any]:
        protocols = [each for each in list(self._protocols) if not getattr(each, "carries_nodes", False)]
        transports = [getattr(protocol, "transport", None) for protocol in protocols]
        # Twisted's transports say in ``connected`` (TLS: ``disconnected``'s opposite) whether they are open.
        return [each for each in transports if each is not None and getattr(each, "connected", True)]

"""The connections that a session has: one for each place, made when it is first asked, shared by all who ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.client.client import Client
from cloudnode.client.cloud.directory import Place
from cloudnode.client.errors import ClientError, ConnectionFailed


class Connections:
    """Clients by place."""

    _log = Logger()

    def __init__(
        self, connect: Callable[[str], Awaitable[Client]], lost: Callable[[Place, ClientError], object]
    ) -> None:
        """
        :param connect: Makes a connection to a URL. :param lost: Told of each that broke, or was dropped.
        """
        self._connect = connect
        self._lost = lost
        self._open: dict[Place, Client] = {}
        self._waiting: dict[Place, list[Deferred[Client]]] = {}
        self._is_closed = False

    @property
    def open(self) -> dict[Place, Client]:
        """Those that are there now."""
        return dict(self._open)

    def get(self, place: Place) -> Deferred[Client]:
        """A place's client.

        :returns: Fails with :class:`ConnectionFailed`. Cancelling it leaves the attempt to the others who wait.
        """
        client = self._open.get(place)
        if client is not None:
            return succeed(client)
        waiting: Deferred[Client] = Deferred(lambda each: self._give_up(place, each))
        others = self._waiting.get(place)
        if others is not None:
            others.append(waiting)
            return waiting
        self._waiting[place] = [waiting]
        Deferred.fromCoroutine(self._make(place)).addCallbacks(
            self._made, self._not_made, callbackArgs=(place,), errbackArgs=(place,)
        ).addErrback(lambda failure: self._log.failure("A connection could not be taken", failure))
        return waiting

    def drop(self, place: Place, reason: ClientError) -> None:
        """Close a place's connection; calls under way fail, and the next one makes another."""
        client = self._open.pop(place, None)
        if client is not None:
            client.close()
            self._lost(place, reason)

    def close_one(self, place: Place) -> None:
        """Close a connection that nobody uses."""
        client = self._open.pop(place, None)
        if client is not None:
            client.close()

    def close(self) -> Deferred[None]:
        """Close all; fires when nothing is left open."""
        self._is_closed = True
        clients, self._open = list(self._open.values()), {}
        waiting, self._waiting = self._waiting, {}
        for each in [each for those in waiting.values() for each in those]:
            each.errback(ConnectionFailed("The session was closed."))
        done: Deferred[None] = gatherResults([client.close() for client in clients]).addCallback(lambda _: None)
        return done

    async def _make(self, place: Place) -> Client:
        return await self._connect(place.url)

    def _give_up(self, place: Place, waiting: Deferred[Client]) -> None:
        those = self._waiting.get(place, [])
        if waiting in those:
            those.remove(waiting)

    def _made(self, client: Client, place: Place) -> None:
        if self._is_closed:
            client.close()
            return
        self._open[place] = client
        client.lost.addCallback(self._client_lost, place, client)
        for each in self._waiting.pop(place, []):
            each.callback(client)

    def _not_made(self, failure: Failure, place: Place) -> None:
        error = failure.value
        if not isinstance(error, ClientError):
            self._log.failure("Connecting to {url} failed", failure, url=place.url)
            error = ConnectionFailed(f"Cannot reach {place.url}: {error}")
        for each in self._waiting.pop(place, []):
            each.errback(error)

    def _client_lost(self, reason: ConnectionFailed | None, place: Place, client: Client) -> ConnectionFailed | None:
        if self._open.get(place) is client:
            del self._open[place]
            self._lost(place, reason or ConnectionFailed(f"The connection with {place.url} was closed."))
        return reason

"""Whom a node dials, and when: as many links as it wants, and now and then one more, to see who is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cloudnode.peers.book import Entry
from cloudnode.peers.link import LinkLimits
from cloudnode.peers.peer import Channel, Peer
from cloudnode.peers.places import place_group

if TYPE_CHECKING:
    from cloudnode.peers.neighbourhood import Neighbourhood

FEELER_SECONDS = 120.0


class Dial(Protocol):
    """Opens a channel, as :func:`cloudnode.transports.peersocket.dial_peer`."""

    def __call__(self, host: str, port: int, make_end: Callable[[Channel], Peer]) -> Awaitable[object]:
        """Open a channel on which ``make_end`` makes what lives there."""


class Dialling:
    """Dials places of the address book."""

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, wall_time: Callable[[], float], dial: Dial, neighbourhood: Neighbourhood
    ) -> None:
        """:param wall_time: Unix seconds."""
        self._clock = clock
        self._wall_time = wall_time
        self._dial = dial
        self._neighbourhood = neighbourhood
        self._under_way: dict[tuple[str, int], Deferred[None]] = {}
        self._next_feeler = clock.seconds()

    def stop(self) -> None:
        """Give up what is under way."""
        for dialling in list(self._under_way.values()):
            dialling.cancel()

    def dial_more(self) -> None:
        """Dial until there are as many links as are wanted, or no place is left to try now."""
        near, now = self._neighbourhood, self._clock.seconds()
        dialled = [peer for peer in near.all_peers() if not peer.inbound]
        outbound = len(dialled) + len(self._under_way)
        groups = Counter(place_group(peer.address) for peer in dialled)
        linked = {near.node_key, *(peer.id for peer in near)}
        feels = now >= self._next_feeler
        while outbound < near.settings.outbound or feels:
            entry = near.book.choose(self._wall_time(), linked, self._under_way, groups)
            if entry is None:
                return
            is_feeler = outbound >= near.settings.outbound
            feels = False
            if is_feeler:
                self._next_feeler = now + FEELER_SECONDS
            outbound += 1
            groups[entry.group] += 1
            self._begin(entry, is_feeler)

    def _begin(self, entry: Entry, is_feeler: bool) -> None:
        self._neighbourhood.counted.dials += 1
        done = Deferred.fromCoroutine(self._dial_place(entry, is_feeler))
        if not done.called:
            self._under_way[entry.place] = done
            done.addBoth(lambda _: self._under_way.pop(entry.place, None))

    async def _dial_place(self, entry: Entry, is_feeler: bool) -> None:
        near = self._neighbourhood

        def make_end(channel: Channel) -> Peer:
            peer = near.make_peer(channel, entry.node or None)
            peer.dialled = entry.place
            peer.is_feeler = is_feeler
            return peer

        # Until the handshake is done, or has failed, it is not tried again.
        entry.next_try = self._wall_time() + LinkLimits().handshake + 2 * near.settings.dial_timeout
        try:
            await self._dial(entry.host, entry.port, make_end)
        except CancelledError:
            return
        except Exception as error:
            near.counted.dials_failed += 1
            near.book.failed(entry.place, self._wall_time())
            self._log.debug("Cannot link with {place}: {error}", place=f"{entry.host}:{entry.port}", error=error)

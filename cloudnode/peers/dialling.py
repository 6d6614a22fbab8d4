"""Whom a node dials, and when: as many links as it wants, and now and then one more, to see who is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cloudnode.peers.book import Place
from cloudnode.peers.entries import Entry, Way
from cloudnode.peers.link import LinkLimits
from cloudnode.peers.peer import Channel, Peer
from cloudnode.peers.places import LinkTransport, place_group

if TYPE_CHECKING:
    from cloudnode.peers.neighbourhood import Neighbourhood

FEELER_SECONDS = 120.0


class Dial(Protocol):
    """Opens a channel, as :class:`cloudnode.service.links.Dialler`."""

    def __call__(
        self, transport: LinkTransport, host: str, port: int, make_end: Callable[[Channel], Peer]
    ) -> Awaitable[object]:
        """Open a channel on which ``make_end`` makes what lives there."""


class Dialling:
    """Dials places of the address book."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, dial: Dial, neighbourhood: Neighbourhood) -> None:
        self._clock = clock
        self._dial = dial
        self._neighbourhood = neighbourhood
        self._under_way: dict[Place, Deferred[None]] = {}
        self._answered: dict[Place, bytes] = {}
        self._next_feeler = clock.seconds()

    def stop(self) -> None:
        """Give up what is under way."""
        for dialling in list(self._under_way.values()):
            dialling.cancel()

    def answered(self, place: Place, node: bytes) -> None:
        """A node that is linked with says that it is at this place as well: it is not tried until that link ends."""
        self._answered[place] = node

    def dial_more(self) -> None:
        """Dial until there are as many links as are wanted, or no place is left to try now."""
        near, now = self._neighbourhood, self._clock.seconds()
        dialled = [peer for peer in near.all_peers() if not peer.inbound]
        groups = Counter(place_group(peer.address) for peer in dialled)
        linked = {near.node_key, *(peer.id for peer in near)}
        self._answered = {place: node for place, node in self._answered.items() if node in linked}

        def begin(entry: Entry | None, *, feels: bool = False) -> bool:
            if entry is not None:
                groups[entry.group] += 1
                self._begin(entry, feels)
            return entry is not None

        def busy() -> set[Place]:
            return self._under_way.keys() | self._answered.keys()

        def outbound() -> int:
            return len(dialled) + len(self._under_way)

        wanted = near.validators.wanted()
        while wanted and outbound() < near.settings.outbound + near.settings.validators:
            if not begin(near.book.choose_validator(now, wanted, linked, busy())):
                break
        while outbound() < near.settings.outbound:
            if not begin(near.book.choose(now, linked, busy(), groups)):
                return
        if now >= self._next_feeler and near.settings.outbound:
            self._next_feeler = now + FEELER_SECONDS
            begin(near.book.choose(now, linked, busy(), groups, feels=True), feels=True)

    def _begin(self, entry: Entry, is_feeler: bool) -> None:
        self._neighbourhood.counted.dials += 1
        done = Deferred.fromCoroutine(self._dial_place(entry, is_feeler))
        # Even one that is done already waits for its handshake, in which its place is not tried again.
        if not done.called:
            self._under_way[entry.place] = done
            done.addBoth(lambda _: self._under_way.pop(entry.place, None))

    async def _dial_place(self, entry: Entry, is_feeler: bool) -> None:
        near, ways = self._neighbourhood, entry.ways
        # Until the handshake is done, or has failed, it is not tried again.
        entry.next_try = self._clock.seconds() + LinkLimits().handshake + 2 * len(ways) * near.settings.dial_timeout
        for way in ways:
            try:
                await self._dial_way(entry, way, is_feeler)
                return
            except CancelledError:
                return
            except Exception as error:
                at = f"{entry.host}:{way[1]}"
                self._log.debug("Cannot link with {place} over {way}: {error}", place=at, way=way[0], error=error)
        near.counted.dials_failed += 1
        near.book.failed(entry.place, self._clock.seconds())

    async def _dial_way(self, entry: Entry, way: Way, is_feeler: bool) -> None:
        def make_end(channel: Channel) -> Peer:
            peer = self._neighbourhood.make_peer(channel, entry.node or None)
            peer.dialled, peer.way = entry.place, way
            peer.is_feeler = is_feeler
            return peer

        transport, port = way
        await self._dial(transport, entry.host, port, make_end)

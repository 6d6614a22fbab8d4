"""What nodes tell each other over their links about being reached (:class:`cloudnode.peers.extensions.LinkExtension`).

Each peer is told where this node's STUN server is, and a key of its own for it, so that the server knows which peer
asks. STUN data is passed on, and dial-backs are done for those who ask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from cloudnode.formats.stundata import SignedStunData
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import AnyMessage, DialBack, Message, StunRecords, StunServer
from cloudnode.peers.neighbourhood import Neighbourhood
from cloudnode.peers.peer import Peer
from cloudnode.reach.gossip import StunGossip
from cloudnode.reach.own import OwnStunData
from cloudnode.reach.records import StunRecordBook
from cloudnode.reach.sightings import Place, Sightings
from cloudnode.reach.stunfile import StunFile
from cloudnode.stun.credentials import Credential, CredentialTable, Observation

TICK_SECONDS = 0.5
ANNOUNCE_SECONDS = 0.1
"""What changes within so short a time is told together."""


class PeerWatcher(Protocol):
    """Who wants to know of peers and their STUN servers, to ask them."""

    def server_told(self, peer: Peer, server: StunServer) -> None:
        """A peer tells of its STUN server; it may do so again."""

    def record_came(self, peer: Peer) -> None:
        """A peer's own STUN data came."""

    def closed(self, peer: Peer) -> None:
        """The link with a peer is over."""


class DialsBack(Protocol):
    """Who dials peers back."""

    def asked(self, peer: Peer, question: DialBack) -> None:
        """A peer asks for it."""


class StunExchange:
    """The part of a node that speaks of STUN over its links.

    :ivar own: What this node says of itself. :ivar book: What others do. :ivar sightings: Where they were seen.
    :ivar server: The ports of this node's STUN server, UDP and TCP, 0 for none; to be set before there are links.
    :ivar watchers: Told of peers.
    """

    _log = Logger()
    messages: Sequence[type[Message]] = (StunServer, StunRecords, DialBack)

    def __init__(
        self,
        clock: IReactorTime,
        neighbourhood: Neighbourhood,
        own: OwnStunData,
        book: StunRecordBook,
        sightings: Sightings,
        file: StunFile,
        credentials: CredentialTable,
        dials_back: DialsBack,
        *,
        secret: Callable[[int], bytes],
        wall_time: Callable[[], float],
    ) -> None:
        """
        :param credentials: Those that the STUN server accepts. :param secret: So many bytes that nobody can guess.
        :param wall_time: Unix seconds.
        """
        self.own = own
        self.book = book
        self.sightings = sightings
        self.server = (0, 0)
        self.watchers: list[PeerWatcher] = []
        self._clock = clock
        self._neighbourhood = neighbourhood
        self._file = file
        self._credentials = credentials
        self._dials_back = dials_back
        self._secret = secret
        self._wall_time = wall_time
        self._revoke: dict[Peer, Callable[[], None]] = {}
        self._usernames: dict[Peer, str] = {}
        self._gossip = StunGossip(own, book, lambda: iter(neighbourhood), wall_time, self._record_came)
        self._tick_call: IDelayedCall | None = None
        self._announce_call: IDelayedCall | None = None
        neighbourhood.extensions.add(self)

    # Life

    def start(self) -> None:
        """Begin to look after it all."""
        self._tick()

    def stop(self) -> None:
        """Tell nothing more, and save what is known."""
        for call in (self._tick_call, self._announce_call):
            if call is not None:
                call.cancel()
        self._tick_call = self._announce_call = None
        self._file.save()

    def _tick(self) -> None:
        self._tick_call = self._clock.callLater(TICK_SECONDS, self._tick)
        try:
            now = self._wall_time()
            self.book.expire(now)
            self.sightings.expire(now)
            self._gossip.time_passed(self._clock.seconds())
            if self._announce_call is None:
                self._announce()
            self._file.time_passed(now)
        except Exception:
            # The next tick is set already.
            self._log.failure("Looking after the STUN data failed")

    def changed(self) -> None:
        """Something of what this node says of itself has changed: tell it at once."""
        if self._announce_call is None and self._tick_call is not None:
            self._announce_call = self._clock.callLater(ANNOUNCE_SECONDS, self._announce_now)

    def _announce_now(self) -> None:
        self._announce_call = None
        self._announce()

    def _announce(self) -> None:
        if self.own.renew(self._wall_time()) is not None:
            self._gossip.announce()
            self._file.save_soon(self._wall_time())

    # Links

    def opened(self, peer: Peer) -> None:
        """Tell a peer where to ask, and what is known."""
        if any(self.server):
            username, key = self._secret(8).hex(), self._secret(32)
            credential = Credential(key, lambda seen: self._saw(peer, seen))
            self._revoke[peer] = self._credentials.grant(username, credential)
            self._usernames[peer] = username
            peer.send(StunServer(*self.server, username, key))
        self._gossip.greet(peer)

    def said(self, peer: Peer, message: AnyMessage) -> None:
        """Take what a peer says.

        :raises PeerFault: It is wrong.
        """
        match message:
            case StunServer():
                for watcher in self.watchers:
                    watcher.server_told(peer, message)
            case StunRecords():
                self._gossip.said(peer, message)
            case DialBack():
                self._dials_back.asked(peer, message)
            case _:
                raise PeerFault("unexpected", f"{type(message).__name__} has no place here")

    def closed(self, peer: Peer) -> None:
        """Forget a peer's key."""
        self._usernames.pop(peer, None)
        revoke = self._revoke.pop(peer, None)
        if revoke is not None:
            revoke()
        for watcher in self.watchers:
            watcher.closed(peer)

    def username(self, peer: Peer) -> str | None:
        """By what a peer is known at this node's STUN server; None if that is not told to it."""
        return self._usernames.get(peer)

    def _saw(self, peer: Peer, seen: Observation) -> None:
        place = Place(seen.protocol, *seen.address)
        is_new = not any(each.place == place for each in self.sightings.of(peer.id))
        self.sightings.saw(peer.id, place, self._wall_time())
        if is_new:
            self._file.save_soon(self._wall_time())

    def _record_came(self, record: SignedStunData) -> None:
        for peer in self._neighbourhood:
            if peer.id == record.data.node:
                for watcher in self.watchers:
                    watcher.record_came(peer)

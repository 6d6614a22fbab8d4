"""Which of the node's ports are reached from outside: peers that they never sent to are asked to try.

A NAT or firewall that filters lets in whom the port sent to before. So a mapping is never tried by the peer whose STUN
server keeps it open, nor the UDP port by a peer that was dialled from it. Neighbours in a private network are asked
only where there is nobody else (:mod:`cloudnode.reach.outside`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.formats.stundata import Endpoint, Protocol
from cloudnode.peers.messages import Answer, DialBack, DialledBack
from cloudnode.peers.peer import Peer
from cloudnode.reach.keeper import KeptMapping, MappingKeeper
from cloudnode.reach.mapping import External
from cloudnode.reach.outside import OutsideChoice, Realm, find_realm, is_loopback

LOOK_SECONDS = 1.0
REFUSED_SECONDS = 15.0
UNCLEAR_SECONDS = 60.0
"""After an answer that says nothing of a mapping."""

OUTCOME_ROUNDS = 3
"""So many questions about a port later, an outcome is forgotten that no newer one of its realm has replaced."""

FAILURES_MAX = 2
"""So many that failed in a row make sure that a mapping is not reached; one may be the other side's fault."""


@attrs.frozen
class Tried:
    """What came of an interface.

    :ivar address: Where it was tried. :ivar observer: Who tried it. :ivar at: When, seconds of the clock.
    """

    address: str
    reached: bool
    observer: bytes
    at: float


class Confirming:
    """Has the node's ports tried, one question to a peer at a time.

    :ivar ports: The node's own, which others are to reach; filled as they are opened.
    :ivar tried: What came of them, by the realm of the address at which they were tried.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        peers: Callable[[], Iterable[Peer]],
        keeper: MappingKeeper,
        certificates: Callable[[], Collection[bytes]],
        changed: Callable[[], None],
        every: float,
        external: Callable[[], Collection[str]] = tuple,
        *,
        include_local: bool = False,
    ) -> None:
        """
        :param certificates: The hashes of those that the node shows. :param changed: Called when something was reached
            that was not, or the other way round. :param every: Seconds between two questions about the same.
        :param external: The IP addresses at which peers see this node, as far as that is known.
        :param include_local: Ask peers on this machine as well.
        """
        self.ports: list[tuple[Protocol, int]] = []
        self.tried: dict[tuple[Protocol, int, Realm], Tried] = {}
        self._clock = clock
        self._peers = peers
        self._keeper = keeper
        self._certificates = certificates
        self._changed = changed
        self._every = every
        self._external = external
        self._include_local = include_local
        self._outside = OutsideChoice(clock)
        self._able: list[Peer] = []
        self._asked: set[Peer] = set()
        self._rests: dict[bytes, float] = {}
        self._failures: dict[KeptMapping, tuple[External, int]] = {}
        self._tried: dict[KeptMapping, tuple[External, float]] = {}
        self._due: dict[tuple[Protocol, int, int], float] = {}
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Begin."""
        self._call = self._clock.callLater(LOOK_SECONDS, self._look)

    def stop(self) -> None:
        """Ask no more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def endpoints(self) -> list[Endpoint]:
        """The interfaces that were reached."""
        return [
            Endpoint(protocol, tried.address, port, tried.observer, "interface")
            for (protocol, port, _), tried in self.tried.items()
            if tried.reached
        ]

    def is_walled(self, realm: Realm) -> bool:
        """Whether others tried the node's ports at addresses of a realm, and reached none."""
        outcomes = [tried.reached for (_, _, where), tried in self.tried.items() if where == realm]
        return bool(outcomes) and not any(outcomes)

    def _look(self) -> None:
        self._call = self._clock.callLater(LOOK_SECONDS, self._look)
        known = [each for each in self._peers() if self._include_local or not is_loopback(each.address)]
        self._able = self._outside.choose(known, lambda each: each.address, self._external())
        try:
            self._ask_for_mappings()
            self._ask_for_ports()
        except Exception:
            self._log.failure("Looking whether the node is reached failed")

    # Mappings

    def _ask_for_mappings(self) -> None:
        kept_now = set(self._keeper)
        self._failures = {kept: value for kept, value in self._failures.items() if kept in kept_now}
        self._tried = {kept: value for kept, value in self._tried.items() if kept in kept_now}
        for kept in kept_now:
            external = kept.mapping.external
            if external is None or self._rests_of(kept, external):
                continue
            peer = self._choose(lambda peer, kept=kept: (  # type: ignore[misc]
                peer.id != kept.observer and peer.address != kept.peer.address
                and find_realm(peer.address).version == find_realm(kept.peer.address).version
            ))  # fmt: skip
            if peer is not None:
                self._ask(peer, kept.socket.protocol, external.port, self._mapping_tried, kept, external)

    def _rests_of(self, kept: KeptMapping, external: External) -> bool:
        """Whether a mapping was tried lately, as it is now."""
        known, until = self._tried.get(kept, (external, 0.0))
        return known == external and self._clock.seconds() < until

    def _mapping_tried(self, peer: Peer, answer: DialledBack, kept: KeptMapping, external: External) -> None:
        if kept.mapping.external != external or answer.host != external.address:
            # It is another one by now, or the peer sees this node at another address.
            self._tried[kept] = external, self._clock.seconds() + UNCLEAR_SECONDS
            return
        if answer.outcome == "reached":
            self._conclude(kept, external, True)
            return
        known, failures = self._failures.get(kept, (external, 0))
        failures = failures + 1 if known == external else 1
        self._failures[kept] = external, failures
        if failures >= FAILURES_MAX:
            self._conclude(kept, external, False)

    def _conclude(self, kept: KeptMapping, external: External, confirmed: bool) -> None:
        self._failures.pop(kept, None)
        self._tried[kept] = external, self._clock.seconds() + self._every
        if kept.confirmed is not confirmed:
            kept.confirmed = confirmed
            self._changed()

    # The node's own ports

    def _ask_for_ports(self) -> None:
        now = self._clock.seconds()
        for protocol, port in self.ports:
            for version in (4, 6):
                each = protocol, port, version
                if self._due.get(each, now) > now:
                    continue
                peer = self._choose(lambda peer, protocol=protocol, version=version: (  # type: ignore[misc]
                    find_realm(peer.address).version == version and (protocol == "tcp" or not _was_sent_to(peer))
                ))  # fmt: skip
                if peer is not None:
                    self._due[each] = now + self._every
                    self._ask(peer, protocol, port, self._port_tried, each)

    def _port_tried(self, peer: Peer, answer: DialledBack, port: tuple[Protocol, int, int]) -> None:
        tried, now = (*port[:2], find_realm(peer.address)), self._clock.seconds()
        before = self.tried.get(tried)
        reached = answer.outcome == "reached"
        # What was found in another realm counts for a while yet.
        self.tried = {
            each: outcome
            for each, outcome in self.tried.items()
            if each[:2] != port[:2] or now - outcome.at < OUTCOME_ROUNDS * self._every
        }
        self.tried[tried] = Tried(answer.host, reached, peer.id, now)
        if not reached and before is not None and before.reached:
            # Perhaps it was the other side: ask another one before long.
            self._due[port] = now + REFUSED_SECONDS
        if before is None or (before.reached, before.address) != (reached, answer.host):
            self._log.info("{protocol} port {port} is {what} at {address} by {peer}", protocol=port[0], port=port[1],
                           what="reached" if reached else "not reached", address=answer.host, peer=peer)  # fmt: skip
            self._keeper.walls_changed()
            self._changed()

    # Asking

    def _choose(self, may: Callable[[Peer], bool]) -> Peer | None:
        """A peer that may be asked now, the one that was asked the longest ago."""
        now = self._clock.seconds()
        able = [
            peer
            for peer in self._able
            if peer not in self._asked and self._rests.get(peer.id, 0.0) <= now and may(peer)
        ]
        return min(able, key=lambda peer: self._rests.get(peer.id, 0.0), default=None)

    def _ask(
        self, peer: Peer, protocol: Protocol, port: int, done: Callable[..., None], *arguments: object
    ) -> None:
        self._asked.add(peer)

        def answered(answer: Answer) -> None:
            assert isinstance(answer, DialledBack)
            self._rest(peer, REFUSED_SECONDS if answer.outcome == "refused" else 0.0)
            if answer.outcome != "refused":
                done(peer, answer, *arguments)

        def failed(failure: Failure) -> None:
            self._rest(peer, REFUSED_SECONDS)
            self._log.debug("{peer} did not say whether it reached this node: {error}",
                            peer=peer, error=failure.getErrorMessage())  # fmt: skip

        asking = peer.ask(DialBack, protocol, port, tuple(self._certificates())).addCallback(answered)
        asking.addErrback(failed).addBoth(lambda _: self._asked.discard(peer))

    def _rest(self, peer: Peer, seconds: float) -> None:
        self._rests[peer.id] = self._clock.seconds() + seconds
        linked = {each.id for each in self._peers()}
        self._rests = {node: until for node, until in self._rests.items() if node in linked}


def _was_sent_to(peer: Peer) -> bool:
    """Whether the socket that serves QUIC sent to a peer first."""
    return peer.transport == "ws-udp" and not peer.inbound


"""When a survey is due: first when peers can be asked, then when there is more to learn, or the address has changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.peers.messages import StunServer
from cloudnode.peers.peer import Peer
from cloudnode.reach.nat.deciding import NatReport
from cloudnode.reach.nat.survey import PEERS_MAX, AskedPeer
from cloudnode.reach.nat.words import describe_nat
from cloudnode.reach.outside import OutsideChoice, is_loopback, is_outside

LOOK_SECONDS = 1.0
ENOUGH = 3
"""Peers at so many addresses can tell everything: two to ask, and one to which a socket never sent."""

GATHER_SECONDS = 5.0
"""So long the first survey waits for enough peers."""

STUN_PORT = 3_478
"""RFC 8489, section 18.6; nodes serve STUN there by default."""

PAUSE_SECONDS = 10.0
"""Between two surveys at least, unless the setting is shorter."""


class MakesSurvey(Protocol):
    """Begins a round with these peers."""

    def __call__(self, peers: Sequence[AskedPeer]) -> Deferred[NatReport]:
        """Fires with what was found out. Cancelling it gives the round up."""


class NatWatch:
    """Keeps what is known of the NAT (a :class:`cloudnode.reach.exchange.PeerWatcher`).

    :ivar report: The newest one; None before. :ivar rounds: How many surveys ended.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        make_survey: MakesSurvey,
        external: Callable[[], Collection[str]],
        changed: Callable[[NatReport], None],
        every: float,
        *,
        include_local: bool = False,
    ) -> None:
        """
        :param external: The IP addresses at which peers see this node, as far as that is known.
        :param changed: Called with each new report. :param every: Seconds from one survey to the next.
        :param include_local: Ask peers on this machine as well.
        """
        self.report: NatReport | None = None
        self.rounds = 0
        self._clock = clock
        self._make_survey = make_survey
        self._external = external
        self._changed = changed
        self._every = every
        self._include_local = include_local
        self._servers: dict[Peer, StunServer] = {}
        self._outside = OutsideChoice(clock)
        self._call: IDelayedCall | None = None
        self._round: Deferred[Any] | None = None
        self._first_peer: float | None = None
        self._asked: set[Peer] = set()
        self._ended = float("-inf")

    # Peers

    def server_told(self, peer: Peer, server: StunServer) -> None:
        """A peer can be asked."""
        # Neighbours gather nothing that counts once there is somebody outside.
        is_first = is_outside(peer.address) and not any(is_outside(each.address) for each in self._servers)
        self._servers[peer] = server
        if self._first_peer is None or is_first:
            self._first_peer = self._clock.seconds()

    def record_came(self, peer: Peer) -> None:
        """Nothing is learned from it."""

    def closed(self, peer: Peer) -> None:
        """A peer is gone."""
        self._servers.pop(peer, None)
        self._asked.discard(peer)

    # Life

    def start(self) -> None:
        """Begin."""
        self._call = self._clock.callLater(LOOK_SECONDS, self._look)

    def stop(self) -> None:
        """Ask no more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._round is not None:
            self._round.cancel()

    def _look(self) -> None:
        self._call = self._clock.callLater(LOOK_SECONDS, self._look)
        known = [each for each in self._servers if self._include_local or not is_loopback(each.address)]
        chosen = self._outside.choose(known, lambda each: each.address, self._external())
        peers = choose_peers({each: self._servers[each] for each in chosen})
        if self._round is None and peers and self._is_due(peers):
            self._begin(peers)

    def _is_due(self, peers: Sequence[AskedPeer]) -> bool:
        now, external = self._clock.seconds(), self._external()
        are_outside = any(is_outside(each.host, external) for each in peers)
        if self.report is None or (are_outside and self._knows_neighbours_alone(self.report)):
            assert self._first_peer is not None
            gathered = len(peers) >= ENOUGH or now - self._first_peer >= GATHER_SECONDS
            return gathered and now - self._ended >= min(PAUSE_SECONDS, self._every)
        if now - self._ended >= self._every:
            return True
        # What is told is the kind of IPv4's NAT, as soon as there is somebody to find it out with.
        is_better = ":" in (self.report.external or "") and ":" not in peers[0].host
        moved = self.report.external is not None and bool(external) and self.report.external not in external
        # Another link with the same node counts: the one that was asked over may have been dead already.
        learns_more = not self.report.is_complete and any(each.peer not in self._asked for each in peers)
        return (moved or learns_more or is_better) and now - self._ended >= PAUSE_SECONDS

    @staticmethod
    def _knows_neighbours_alone(report: NatReport) -> bool:
        """Whether a report is of neighbours in a private network, who see no NAT that is beyond it."""
        return report.external is not None and not is_outside(report.external)

    def _begin(self, peers: Sequence[AskedPeer]) -> None:
        self._asked = {each.peer for each in peers}
        surveying: Deferred[Any] = self._make_survey(peers)
        self._round = surveying
        surveying.addCallbacks(self._took, self._failed)
        surveying.addErrback(lambda failure: self._log.failure("A survey of the NAT could not be used", failure))
        surveying.addBoth(lambda _: self._over())

    def _took(self, report: NatReport) -> None:
        if not report.observers:
            self._log.debug("No peer answered what kind of NAT there is")
            return
        before, self.report = self.report, report
        if before is None or (before.kind, before.udp, before.external) != (report.kind, report.udp, report.external):
            meaning, advice = describe_nat(report)
            self._log.info("{told}", told=f"{meaning} {advice}".rstrip())
        self._changed(report)

    def _failed(self, failure: Failure) -> None:
        if failure.check(CancelledError) is None:
            self._log.warn("What kind of NAT there is could not be found out: {error}", error=failure.getErrorMessage())

    def _over(self) -> None:
        self.rounds += 1
        self._round = None
        self._ended = self._clock.seconds()


def choose_peers(servers: dict[Peer, StunServer]) -> list[AskedPeer]:
    """The peers to be asked: one for each address, reachable ones first; over IPv4 if there is anybody to ask there.

    Over IPv6 nothing is mapped, so that of the two it is IPv4's NAT which others have to know of.
    """
    by_host: dict[str, AskedPeer] = {}
    for peer, server in sorted(servers.items(), key=lambda each: each[0].dialled is None):
        host = peer.address.partition("%")[0]
        by_host.setdefault(host, AskedPeer(peer, host, server.udp_port, server.tcp_port, _other_port(peer, server)))
    is_ipv6 = all(":" in host for host in by_host)
    return [each for host, each in by_host.items() if (":" in host) == is_ipv6][:PEERS_MAX]


def _other_port(peer: Peer, server: StunServer) -> int:
    """Its QUIC port, where nodes answer STUN too; or the port for STUN alone, where it tells of the QUIC port."""
    for each in peer.hello.interfaces:
        if each.transport == "ws-udp" and each.host in ("", peer.address) and each.port != server.udp_port:
            return each.port
    return STUN_PORT if server.udp_port != STUN_PORT else 0

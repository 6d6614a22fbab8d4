"""What the API tells of the running node, taken from the parts that know (:class:`cloudnode.api.facts.NodeFacts`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail

from cloudnode.api.errors import ApiError
from cloudnode.api.facts import (
    BannedPeer,
    Certificate,
    Interface,
    PeerInfo,
    PeerInterface,
    Peers,
    PunchAttempt,
    PunchGranted,
    PunchParams,
    SeenAddress,
    Stun,
    StunRecord,
    StunServerPorts,
    SyncFacts,
    ToldHash,
)
from cloudnode.formats.keys import TLS, SigningKey
from cloudnode.peers.messages import Answer, GetSigned, Signed
from cloudnode.peers.neighbourhood import Neighbourhood
from cloudnode.peers.peer import Peer
from cloudnode.service.listening import Listening
from cloudnode.service.punching import NodePunching
from cloudnode.service.reachfacts import ReachFacts
from cloudnode.transports.certificates import CertificateKeeper
from cloudnode.transports.selfsigned import TLSCertificate

BANS_TOLD = 20


class LinkedNode:
    """A peer as the API asks it (:class:`cloudnode.api.facts.OtherNode`)."""

    def __init__(self, peer: Peer) -> None:
        self.id = peer.id
        self.place = peer.place
        self._peer = peer

    def ask_hash(self, height: int | None) -> Deferred[ToldHash]:
        """Ask for its signed answer."""
        return self._peer.ask(GetSigned, height).addCallback(_told)


def _told(signed: Answer) -> ToldHash:
    assert isinstance(signed, Signed)
    return ToldHash(signed.newest, signed.lowest, signed.answer, signed.signature, signed.text)


class ServiceFacts:
    """Facts about this node.

    :ivar started: When it started, unix seconds. :ivar listening: What listens; filled as ports are opened.
    :ivar reach: How it is reached; None until that is put together. :ivar punching: The same of its part in punches.
    """

    def __init__(
        self,
        started: float,
        keeper: CertificateKeeper,
        node_key: SigningKey,
        neighbourhood: Neighbourhood,
        wall_offset: Callable[[], float],
    ) -> None:
        """:param wall_offset: Unix seconds less the reactor's."""
        self.started = started
        self._neighbourhood = neighbourhood
        self._wall_offset = wall_offset
        self.listening: list[Listening] = []
        self.reach: ReachFacts | None = None
        self.punching: NodePunching | None = None
        self._keeper = keeper
        self._key = node_key
        self._shown: dict[bytes, Certificate] = {}

    def interfaces(self) -> Sequence[Interface]:
        """What listens now, but for Unix sockets, which nobody reaches from outside."""
        return [
            Interface(transport, each.protocol, each.address, each.port, each.secure)
            for each in self.listening
            if each.port is not None
            for transport in each.transports
        ]

    def certificates(self) -> Sequence[Certificate]:
        """The certificate in use and the one that follows it, newest first."""
        known = [each for each in (self._keeper.next, self._keeper.current) if each is not None]
        self._shown = {each.hash: self._shown.get(each.hash) or self._sign(each) for each in known}
        return list(self._shown.values())

    def peers(self) -> Sequence[PeerInfo]:
        """The peers, as they are now."""
        offset, height = self._wall_offset(), self._neighbourhood.progress().height
        return [self._describe(peer, offset, height) for peer in self._neighbourhood]

    def others(self) -> Sequence[LinkedNode]:
        """The same, to be asked."""
        return [LinkedNode(peer) for peer in self._neighbourhood]

    def peer_counts(self) -> Peers:
        """How many they are."""
        counters, offset = self._neighbourhood.counters(), self._wall_offset()
        banned = [
            BannedPeer(whom, ban.fault, ban.count, int(ban.until + offset))
            for whom, ban in self._neighbourhood.longest_bans(BANS_TOLD)
        ]
        return Peers(counters.inbound, counters.outbound, counters.addresses, banned)

    def sync(self) -> SyncFacts:
        """How far the node is."""
        progress, catching_up = self._neighbourhood.progress(), self._neighbourhood.catching_up
        state = None if catching_up is None else catching_up.state_progress
        left = progress.seconds_left if state is None else state.seconds_left
        return SyncFacts(
            target=progress.target,
            operations_second=round(progress.operations_second, 1),
            seconds_left=None if left is None else round(left, 1),
            trouble=None if catching_up is None else catching_up.trouble,
            phase="replay" if state is None else "state",
            rows=0 if state is None else state.rows,
            total=0 if state is None else state.total,
        )

    def stun(self) -> Stun:
        """How the node is reached from outside."""
        return Stun([], None, [], StunServerPorts(0, 0), [], None) if self.reach is None else self.reach.stun()

    def stun_records(self) -> Sequence[StunRecord]:
        """The STUN data of all nodes that is known."""
        return [] if self.reach is None else self.reach.records()

    def request_punch(self, params: PunchParams, address: str) -> Deferred[PunchGranted]:
        """Coordinate a punch for a caller."""
        if self.punching is None:
            return fail(ApiError("punch_not_offered"))
        return self.punching.request(params, address)

    def punch_attempts(self) -> Sequence[PunchAttempt]:
        """The newest attempts that this node had a part in."""
        return [] if self.punching is None else self.punching.attempts()

    def seen_addresses(self) -> Sequence[SeenAddress]:
        """Where the STUN server saw peers."""
        return [] if self.reach is None else self.reach.seen()

    def _describe(self, peer: Peer, offset: float, height: int) -> PeerInfo:
        hello = peer.hello
        return PeerInfo(
            id=peer.id.hex(),
            addr=peer.place,
            services=",".join(sorted({each.transport for each in hello.interfaces})),
            relaytxes=True,
            lastsend=int(peer.last_sent + offset),
            lastrecv=int(peer.last_received + offset),
            conntime=int(peer.began + offset),
            timeoffset=round(peer.time_offset),
            pingtime=round((peer.ping_seconds or 0.0) * 1e6),
            protocol=peer.transport,
            version=hello.software,
            inbound=peer.inbound,
            startingheight=hello.height,
            whitelisted=False,
            banscore=self._neighbourhood.ban_count(peer),
            synced_headers=peer.height,
            synced_blocks=min(peer.height, height),
            blocks_from=peer.blocks_from,
            bytessent=peer.sent_bytes,
            bytesrecv=peer.received_bytes,
            interfaces=[PeerInterface(each.transport, each.host, each.port, each.secure) for each in hello.interfaces],
            validator=None if (key := self._neighbourhood.validators.key_of(peer)) is None else key.hex(),
            stun=None if self.reach is None else self.reach.record_of(peer.id),
            seen=[] if self.reach is None else self.reach.seen(peer.id),
            punches=[] if self.punching is None else self.punching.attempts_with(peer.id),
        )

    def _sign(self, certificate: TLSCertificate) -> Certificate:
        return Certificate(
            certificate.hash.hex(),
            int(certificate.begin),
            int(certificate.end),
            self._key.sign(TLS, certificate.hash).hex(),
        )


def make_gauges(counters: Mapping[str, Callable[[], Iterable[Any]]]) -> Callable[[], dict[str, float]]:
    """Values for ``/metrics``: the transports' counters and what the process takes of the machine.

    :param counters: By a prefix, what gives all present counters of a kind (attrs objects of numbers), which
        are added up.
    """

    def gauges() -> dict[str, float]:
        values = measure_process()
        for prefix, kind in counters.items():
            for each in kind():
                for name, value in attrs.asdict(each).items():
                    values[f"{prefix}_{name}"] = values.get(f"{prefix}_{name}", 0) + value
        return values

    return gauges


def measure_process() -> dict[str, float]:
    """Memory, processor time and open files of this process (proc(5))."""
    used = os.times()
    values = {"process_cpu_seconds": used.user + used.system}
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        values["process_resident_bytes"] = float(pages * os.sysconf("SC_PAGESIZE"))
        values["process_open_files"] = float(len(os.listdir("/proc/self/fd")))
    except OSError:
        # Not Linux, or /proc is hidden: these two are left out rather than made up.
        return values
    return values

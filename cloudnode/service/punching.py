"""Putting a node's part in punches together, and what the API tells of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from random import SystemRandom
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocolFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from cloudnode.api.errors import ApiError
from cloudnode.api.facts import (
    Certificate,
    PunchAttempt,
    PunchCandidate,
    PunchEndpoint,
    PunchGranted,
    PunchParams,
)
from cloudnode.formats.stundata import CertificateHash, NatKind
from cloudnode.peers.neighbourhood import Neighbourhood
from cloudnode.reach.clientsockets import TcpClientSocket, UdpClientSocket
from cloudnode.reach.punchdialling import PunchDialling
from cloudnode.reach.punching.allowance import Allowance
from cloudnode.reach.punching.answering import PunchTarget, TargetSockets, TcpPort
from cloudnode.reach.punching.coordinator import Ask, PunchRefused
from cloudnode.reach.punching.tracing import PunchCounters, Trace, Tracer
from cloudnode.reach.punching.values import Candidate, Endpoint, Strategy, Transport, public_name
from cloudnode.reach.punchlinks import Granted, PunchLinks
from cloudnode.reach.settings import KEEPALIVE_MOST
from cloudnode.service.reach import NodeReach
from cloudnode.stun.credentials import CredentialTable
from cloudnode.transports.addresses import address_group
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.quic.peers import choose_socket

SEEN_SECONDS = 1.25 * KEEPALIVE_MOST
"""A mapping that was not asked for again for so long is not told: no keep-alive is that rare, wherever it is set."""

ATTEMPTS_TOLD = 32
"""Of the newest attempts, with whomever."""


class _Known:
    """What the STUN server and the STUN data tell (:class:`cloudnode.reach.punchlinks.Known`)."""

    def __init__(self, reach: NodeReach, own_key: bytes, wall_time: Callable[[], float]) -> None:
        self._reach = reach
        self._own_key = own_key
        self._wall_time = wall_time

    def endpoints(self, node: bytes, transport: Transport) -> Sequence[Endpoint]:
        """Where a node was seen, the newest first, of the sockets that it serves on.

        It asks from others as well, to learn how long mappings live and whether there is a NAT. Which one serves it
        says in its STUN data.
        """
        seen = self._seen(node, transport)
        record = self._reach.exchange.book.get(node)
        if record is None:
            return seen
        served = {
            (each.address, each.port)
            for each in record.data.endpoints
            if each.observer == self._own_key and each.protocol == transport and each.source == "stun"
        }
        return [each for each in seen if each in served]

    def proven(self, node: bytes) -> frozenset[str]:
        """The addresses from which it asked over TCP."""
        return frozenset(public_name(host) for host, _ in self._seen(node, "tcp"))

    def nat(self, node: bytes) -> NatKind:
        """What it says of its NAT."""
        record = self._reach.exchange.book.get(node)
        return NatKind() if record is None else record.data.nat

    def certificates(self, node: bytes) -> Sequence[CertificateHash]:
        """What it shows."""
        record = self._reach.exchange.book.get(node)
        return () if record is None else record.data.certificates

    def _seen(self, node: bytes, transport: Transport) -> list[Endpoint]:
        """Where a node was seen lately, the newest first."""
        oldest = self._wall_time() - SEEN_SECONDS
        return [
            (each.place.address, each.place.port)
            for each in reversed(self._reach.exchange.sightings.of(node))
            if each.place.protocol == transport and each.last >= oldest
        ]


@implementer(IProtocolFactory)
class WatchedPort:
    """A factory of stream connections that tells where each comes from.

    :ivar accepted: Is called with the endpoint.
    """

    noisy = False

    def __init__(self, factory: IProtocolFactory) -> None:
        self.accepted: Callable[[Endpoint], None] = lambda endpoint: None
        self._factory = factory

    def doStart(self) -> None:
        """A port listens."""
        self._factory.doStart()

    def doStop(self) -> None:
        """A port listens no longer."""
        self._factory.doStop()

    def buildProtocol(self, addr: IAddress) -> Any:
        """A connection came."""
        host, port = getattr(addr, "host", None), getattr(addr, "port", None)
        if host is not None and port is not None:
            self.accepted((public_name(host), port))
        return self._factory.buildProtocol(addr)


class NodePunching:
    """A node's part in punches.

    :ivar links: Coordinates, and carries out orders. :ivar tracer: Of all attempts.
    """

    def __init__(
        self,
        reactor: Any,
        neighbourhood: Neighbourhood,
        reach: NodeReach,
        credentials: CredentialTable,
        sockets: Sequence[QuicSocket],
        make_udp: Callable[[], QuicSocket],
        tcp: WatchedPort,
        wall_time: Callable[[], float],
    ) -> None:
        """
        :param credentials: Of this node's STUN servers. :param sockets: The QUIC sockets of the node's own ports.
        :param make_udp: Makes a further one. :param tcp: Serves TCP connections, on all STUN-Client sockets.
        """
        self._reach = reach
        self._own = sockets
        self._tcp = tcp
        self.tracer = Tracer(wall_time)
        allowance = Allowance()
        sockets_of = TargetSockets(self._find_udp, self._find_tcp, make_udp)
        target = PunchTarget(reactor, self.tracer, sockets_of, allowance)
        tcp.accepted = target.accepted
        known = _Known(reach, neighbourhood.node_key, wall_time)
        self.links = PunchLinks(reactor, credentials, known, target, self.tracer, self._find_local)
        neighbourhood.extensions.add(self.links)
        self._dialling = PunchDialling(
            reactor, neighbourhood, lambda: [each.data for each in reach.exchange.book], self.tracer, SystemRandom(),
            allowance,
        )  # fmt: skip
        reach.exchange.watchers.append(self._dialling)

    def start(self) -> None:
        """Begin, before there are links."""
        self.links.start()
        self._dialling.start()

    def stop(self) -> None:
        """End what is under way."""
        self._dialling.stop()
        self.links.stop()

    def counters(self) -> PunchCounters:
        """For metrics."""
        return self.tracer.counters

    # For the API

    def request(self, params: PunchParams, address: str) -> Deferred[PunchGranted]:
        """Coordinate a punch for a caller."""
        ask = Ask(
            address_group(address) if _is_address(address) else address,
            bytes.fromhex(params.node),
            params.transport,
            Strategy(params.strategy),
            params.username,
            bytes.fromhex(params.key),
            tuple((each.address, each.port) for each in params.local),
            params.mapping,
            frozenset((address,)),
        )
        return self.links.coordinate(ask).addCallbacks(_describe_granted, _explain)

    def attempts(self) -> list[PunchAttempt]:
        """The newest attempts, with whomever; the newest last."""
        return [_describe_trace(each) for each in list(self.tracer)[-ATTEMPTS_TOLD:]]

    def attempts_with(self, node: bytes) -> list[PunchAttempt]:
        """The last attempts that a peer had a part in."""
        return [_describe_trace(each) for each in self.tracer.of_node(node)]

    # Which sockets a coordinator knows

    def _find_udp(self, coordinator: bytes, family: int) -> QuicSocket | None:
        for kept in self._reach.keeper:
            if (kept.observer, kept.family) == (coordinator, family) and isinstance(kept.socket, UdpClientSocket):
                return kept.socket.quic
        chosen = choose_socket(self._own, ("::1" if family == 6 else "127.0.0.1", 1))
        return None if chosen is None else chosen[0]

    def _find_tcp(self, coordinator: bytes, family: int) -> TcpPort | None:
        for kept in self._reach.keeper:
            if (kept.observer, kept.family) == (coordinator, family) and isinstance(kept.socket, TcpClientSocket):
                return TcpPort(kept.socket.local[1], self._tcp)
        return None

    def _find_local(self, coordinator: bytes, transport: Transport) -> Sequence[Endpoint]:
        found = []
        for kept in self._reach.keeper:
            if kept.observer == coordinator and kept.socket.protocol == transport:
                host, port = kept.local
                if port and not ip_address(host).is_unspecified:
                    found.append((host, port))
        return found


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False  # a Unix socket's
    return True


def _describe_candidate(candidate: Candidate) -> PunchCandidate:
    return PunchCandidate(*candidate.endpoint, candidate.kind)


def _describe_granted(granted: Granted) -> PunchGranted:
    order = granted.order
    assert order.own is not None
    return PunchGranted(
        order.strategy.value,
        [_describe_candidate(each) for each in order.candidates],
        PunchEndpoint(*order.own),
        [
            Certificate(each.hash.hex(), each.not_before, each.not_after, each.signature.hex())
            for each in granted.certificates
        ],
        granted.mapping,
        order.many,
    )


def _explain(failure: Failure) -> Failure:
    refusal = failure.value
    return Failure(ApiError(refusal.name)) if isinstance(refusal, PunchRefused) else failure


def _describe_trace(trace: Trace) -> PunchAttempt:
    return PunchAttempt(
        trace.role, trace.node.hex(), trace.transport, trace.strategy.value, int(trace.began), trace.outcome,
        round(trace.seconds, 4), trace.packets, [_describe_candidate(each) for each in trace.candidates],
        None if trace.path is None else _describe_candidate(trace.path), trace.reason,
    )  # fmt: skip

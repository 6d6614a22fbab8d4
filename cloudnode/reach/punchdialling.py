"""Links with nodes that can't be dialled: punched for, through a peer that keeps their mapping.

Whom: nodes of which there is STUN data but no link, if a peer that there is a link with is named in it as the one that
saw their mapping, while this node has fewer links than it wants to dial. One at a time; who could not be reached is
tried again after a minute, then two, up to an hour; a coordinator with whose help several were not is asked once a
minute.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from cloudnode.formats.stundata import StunData
from cloudnode.peers.messages import Place, Punched, RequestPunch, StunServer
from cloudnode.peers.neighbourhood import Neighbourhood
from cloudnode.peers.peer import Channel, Peer
from cloudnode.reach.punching.adopting import ConnectedEndpoint
from cloudnode.reach.punching.allowance import Allowance
from cloudnode.reach.punching.attempt import local_host
from cloudnode.reach.punching.calling import (
    CallFrom,
    Grant,
    Path,
    PunchFailed,
    PunchRequest,
    PunchUnmapped,
    Via,
    add_other,
    check_order,
)
from cloudnode.reach.punching.punching import Calls, Puncher
from cloudnode.reach.punching.tracing import Tracer
from cloudnode.reach.punching.values import Candidate, Endpoint, Order, Strategy
from cloudnode.transports.budgets import Budgets
from cloudnode.transports.peersocket import dial_peer
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.quic.peers import dial_peer_quic

LOOK_SECONDS = 5.0
AGAIN_SECONDS = 60.0
AGAIN_MOST = 3_600.0
VAIN_MOST = 6.0
"""Punches through coordinators at one address that may come to nothing at once: nodes are made up easily, and each
would be punched for."""

VAIN_SECONDS = 60.0
"""Seconds to one more of these."""

CALL_SECONDS = 8.0


@attrs.frozen
class Wanted:
    """A node that may be punched for, and the peers that could coordinate."""

    node: bytes
    coordinators: tuple[bytes, ...]


def find_wanted(
    records: Iterable[StunData], linked: Iterable[bytes], own: bytes, servers: Iterable[bytes]
) -> list[Wanted]:
    """The nodes that may be punched for.

    :param linked: The nodes that there are links with. :param own: This node.
    :param servers: The peers whose STUN servers are known.
    """
    near, known = {own, *linked}, set(servers)
    found = []
    for record in records:
        observers = {each.observer for each in record.endpoints if each.source == "stun"} & known
        if record.node not in near and observers:
            found.append(Wanted(record.node, tuple(sorted(observers))))
    return found


class Retries:
    """When a node that could not be reached is tried again."""

    def __init__(self, most: int = 1_024) -> None:
        self._most = most
        self._failed: dict[bytes, tuple[int, float]] = {}

    def may_try(self, node: bytes, now: float) -> bool:
        """Whether it is time."""
        return now >= self._failed.get(node, (0, now))[1]

    def failed(self, node: bytes, now: float) -> None:
        """It was not reached."""
        count, _ = self._failed.pop(node, (0, 0.0))
        self._failed[node] = (count + 1, now + min(AGAIN_SECONDS * 2**count, AGAIN_MOST))
        if len(self._failed) > self._most:
            del self._failed[next(iter(self._failed))]

    def reached(self, node: bytes) -> None:
        """It was."""
        self._failed.pop(node, None)


class PunchDialling:
    """Looks for nodes to punch for (:class:`cloudnode.reach.exchange.PeerWatcher`)."""

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        neighbourhood: Neighbourhood,
        records: Callable[[], Iterable[StunData]],
        tracer: Tracer,
        random: Random,
        allowance: Allowance,
    ) -> None:
        """
        :param records: The STUN data of nodes that is known. :param allowance: What this node sends on others' word.
        """
        self._reactor = reactor
        self._neighbourhood = neighbourhood
        self._records = records
        self._puncher = Puncher(reactor, tracer)
        self._random = random
        self._servers: dict[Peer, StunServer] = {}
        self._retries = Retries()
        self._allowance = allowance
        self._vain = Budgets(VAIN_MOST, 1 / VAIN_SECONDS)
        self._timer: IDelayedCall | None = None
        self._under_way: Deferred[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._timer = self._reactor.callLater(LOOK_SECONDS * (0.5 + self._random.random()), self._look)

    def stop(self) -> None:
        """Give up what is under way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._under_way is not None:
            self._under_way.cancel()

    # What is learned of peers

    def server_told(self, peer: Peer, server: StunServer) -> None:
        """A peer tells of its STUN server."""
        self._servers[peer] = server

    def record_came(self, peer: Peer) -> None:
        """A peer's own STUN data came, which is of no use here: there is a link already."""

    def closed(self, peer: Peer) -> None:
        """The link with a peer is over."""
        self._servers.pop(peer, None)

    # Inside

    def _look(self) -> None:
        self.start()
        near = self._neighbourhood
        peers = list(near)
        dialled = sum(not peer.inbound for peer in peers)
        if self._under_way is not None or dialled >= near.settings.outbound:
            return
        now = self._reactor.seconds()
        servers = {peer.id: peer for peer in self._servers if self._vain.has(peer.address, 1.0, now)}
        wanted = [
            each
            for each in find_wanted(self._records(), [peer.id for peer in peers], near.node_key, servers)
            if self._retries.may_try(each.node, now)
        ]
        if not wanted:
            return
        chosen = self._random.choice(wanted)
        coordinator = servers[self._random.choice(chosen.coordinators)]
        done = self._under_way = Deferred.fromCoroutine(self._punch(chosen.node, coordinator))
        done.addErrback(lambda failure: self._log.failure("A punch for a link failed", failure))
        if done.called:
            self._under_way = None

    async def _punch(self, node: bytes, coordinator: Peer) -> None:
        self._vain.take(coordinator.address, 1.0, self._reactor.seconds())
        try:
            await self.link(node, coordinator)
            self._retries.reached(node)
            self._vain.give(coordinator.address, 1.0, self._reactor.seconds())
        except CancelledError:
            return
        except PunchFailed as error:
            self._retries.failed(node, self._reactor.seconds())
            self._log.info("No link with node {node} through {peer}: {error}",
                           node=node.hex(), peer=coordinator, error=error)  # fmt: skip
        finally:
            self._under_way = None

    async def link(self, node: bytes, coordinator: Peer) -> Path:
        """Open a link with a node through a peer.

        :raises PunchFailed: It can't be reached.
        """
        server = self._servers.get(coordinator)
        if server is None:
            raise PunchFailed("the peer told no STUN server")
        host = coordinator.address
        ports = [server.udp_port] if server.udp_port else []
        ports += [each.port for each in coordinator.hello.interfaces if each.transport == "ws-udp"]
        udp: list[Endpoint] = [(host, port) for port in dict.fromkeys(ports)][:2]

        async def request(request: PunchRequest) -> Grant:
            answer = await coordinator.ask(
                RequestPunch, request.node, request.transport, request.strategy.value, request.username, request.key,
                tuple(Place(*each) for each in request.local), request.mapping,
            )  # fmt: skip
            assert isinstance(answer, Punched)
            return read_grant(answer, request, host)

        def make_end(channel: Channel) -> Peer:
            return self._neighbourhood.make_peer(channel, node)

        def call_udp(quic_socket: QuicSocket) -> CallFrom:
            def call_from(endpoint: Endpoint, grant: Grant) -> _Call:
                call = _Call(dial_peer_quic(self._reactor, [quic_socket], *endpoint, make_end, timeout=CALL_SECONDS))
                call.done.addCallback(_stop_with, quic_socket)
                return call

            return call_from

        def call_tcp(handle: socket.socket, endpoint: Endpoint, grant: Grant) -> _Call:
            connected = ConnectedEndpoint(self._reactor, handle)
            return _Call(dial_peer(self._reactor, *endpoint, make_end, timeout=CALL_SECONDS, endpoint=connected))

        tcp = (host, server.tcp_port) if server.tcp_port else None
        via = Via(
            host, tuple(udp), tcp, request, coordinator.ping_seconds or 0.0, allowance=self._allowance
        )  # fmt: skip
        record = next((each for each in self._records() if each.node == coordinator.id), None)
        told = [] if record is None else [
            (each.protocol, (each.address, each.port)) for each in record.endpoints if each.source == "interface"
        ]  # fmt: skip
        return await self._puncher.open(add_other(via, told, local_host), node, Calls(call_udp, call_tcp))


def read_grant(answer: Punched, request: PunchRequest, coordinator: str) -> Grant:
    """What a coordinator grants, as far as it is believed.

    :param coordinator: Its address. :raises PunchFailed: It refuses.
    """
    if answer.refusal == "punch_unmapped":
        raise PunchUnmapped("the coordinator knows no endpoint of that node in this family of addresses")
    if answer.refusal or answer.own is None:
        raise PunchFailed(f"the coordinator refused: {answer.refusal}")
    told = Order(
        request.transport,
        Strategy(answer.strategy),
        tuple(Candidate((each.host, each.port), each.kind) for each in answer.candidates),
        (answer.own.host, answer.own.port),
        answer.many,
    )
    # Who is at the other end is proven on the link itself.
    certificates = frozenset(each.hash for each in answer.certificates)
    return Grant(check_order(told, request, coordinator), certificates, answer.mapping)


def _stop_with(channel: Any, quic_socket: QuicSocket) -> Any:
    """Close a socket with the one channel on it."""
    channel.end.gone.addCallback(lambda _: quic_socket.stop())
    return channel


class _Call:
    """A dial (:class:`cloudnode.reach.punching.calling.Calling`). QUIC repeats what is lost: no second one is made."""

    is_answered = True

    def __init__(self, dialling: Any) -> None:
        self.done: Deferred[Any] = Deferred.fromCoroutine(dialling)

    def cancel(self) -> None:
        """Give up."""
        self.done.cancel()

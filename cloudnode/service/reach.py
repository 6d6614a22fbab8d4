"""Putting together how a node is reached: its mappings, and what is told of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.threads import deferToThreadPool

from cloudnode.api.facts import Certificate
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.stundata import CertificateHash, Protocol
from cloudnode.peers.messages import StunServer
from cloudnode.peers.neighbourhood import Neighbourhood
from cloudnode.peers.peer import Peer
from cloudnode.reach.clientsockets import ClientSocket, TcpClientSocket, UdpClientSocket
from cloudnode.reach.confirming import Confirming
from cloudnode.reach.dialback import DialBackServing
from cloudnode.reach.exchange import StunExchange
from cloudnode.reach.httpprobe import probe_http
from cloudnode.reach.keeper import MappingKeeper
from cloudnode.reach.nat.deciding import NatReport
from cloudnode.reach.nat.survey import AskedPeer, Survey
from cloudnode.reach.nat.trying import NatTrying
from cloudnode.reach.nat.watching import NatWatch
from cloudnode.reach.own import OwnStunData
from cloudnode.reach.portmapping.keeping import PortMapper
from cloudnode.reach.portmapping.ways import FirewallWays, RouterWays, served_by_firewall
from cloudnode.reach.settings import PortMappingMode, ReachMode, ReachSettings
from cloudnode.reach.silence import LifetimeProber
from cloudnode.reach.silentsockets import SilentConnection, SilentDatagrams
from cloudnode.reach.stunfile import make_stun_file
from cloudnode.service.listening import Listening
from cloudnode.service.shutdown import Shutdown
from cloudnode.stun.credentials import CredentialTable
from cloudnode.transports.moving import AddressWatch
from cloudnode.transports.probing import probe
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.quic.peers import choose_socket
from cloudnode.transports.reuse import is_lost_address, is_own_address
from cloudnode.transports.stun.socket import StunSocket
from cloudnode.transports.stun.stream import StunStreamFactory


@attrs.define
class MappingCounters:
    """For metrics.

    :ivar udp: :ivar tcp: Mappings that are known. :ivar sockets: STUN-Client sockets that are open. :ivar changes: How
        often a mapping became another one. :ivar confirmed: Mappings that others reached.
    :ivar keepalive_seconds: Between two keep-alives over UDP. :ivar keepalive_tcp_seconds: The same over TCP.
    :ivar records: Nodes whose STUN data is known.
    :ivar seen: Addresses at which peers were seen. :ivar dialled_back: Peers that were, and were reached.
    :ivar dial_backs_failed: Those that were not. :ivar dial_backs_refused: Those that asked for too many.
    :ivar forwarded: Ports that the router forwards. :ivar forwarded_confirmed: Those that peers reached.
    :ivar forward_requests: Requests to forward one, renewals included. :ivar forward_failures: Those in vain.
    """

    udp: int = 0
    tcp: int = 0
    sockets: int = 0
    changes: int = 0
    confirmed: int = 0
    keepalive_seconds: float = 0.0
    keepalive_tcp_seconds: float = 0.0
    records: int = 0
    seen: int = 0
    dialled_back: int = 0
    dial_backs_failed: int = 0
    dial_backs_refused: int = 0
    forwarded: int = 0
    forwarded_confirmed: int = 0
    forward_requests: int = 0
    forward_failures: int = 0


class NodeReach:
    """How a node is reached.

    :ivar own: What this node says of itself. :ivar exchange: What nodes tell each other.
    :ivar keeper: The mappings. :ivar confirming: Which ports are reached.
    :ivar ports: Those that the router forwards. :ivar pinholes: Those that its IPv6 firewall opens, by the address.
    """

    def __init__(
        self,
        reactor: Any,
        mode: ReachMode,
        port_mapping: PortMappingMode,
        settings: ReachSettings,
        neighbourhood: Neighbourhood,
        network: bytes,
        key: SigningKey,
        path: Path,
        certificates: Callable[[], Iterable[Certificate]],
        make_quic: Callable[[], QuicSocket],
        tcp: IProtocolFactory,
        credentials: CredentialTable,
        attach: Callable[[QuicSocket], StunSocket],
        streams: StunStreamFactory,
        wall_time: Callable[[], float],
    ) -> None:
        """
        :param path: Where STUN data is kept. :param certificates: Those that the node shows.
        :param make_quic: Makes a socket that serves, for each mapping. :param tcp: Serves TCP connections to mappings.
        :param credentials: Those that the STUN server accepts. :param attach: Has STUN answered on a socket, and asked.
        :param streams: The STUN server over TCP.
        """
        self._reactor = reactor
        self._network = network
        self._make_quic = make_quic
        self._tcp = tcp
        self._attach = attach
        self._streams = streams
        self._listening: list[Listening] = []
        book, sightings, file = make_stun_file(path, network, key.public, wall_time)

        def hashes() -> list[CertificateHash]:
            return [_read_certificate(each) for each in certificates()]

        self.own = OwnStunData(network, key, hashes, file.next_sequence)
        self._dials_back = DialBackServing(reactor, partial(probe, reactor))
        self.exchange = StunExchange(
            reactor, neighbourhood, self.own, book, sightings, file, credentials, self._dials_back,
            secret=os.urandom, wall_time=wall_time,
        )  # fmt: skip
        self.keeper = MappingKeeper(
            reactor, mode, settings, self._make_sockets, self._probe_peer, is_own_address, self._mappings_changed,
            neighbourhood.doubt,
        )  # fmt: skip
        self._watch = AddressWatch(reactor, lambda: [*neighbourhood.all_peers(), *self.keeper], is_lost_address)
        self.confirming = Confirming(
            reactor, lambda: iter(neighbourhood), self.keeper, lambda: [each.hash for each in hashes()],
            self.exchange.changed, settings.dial_back, self._external_addresses, include_local=mode == "always",
        )  # fmt: skip
        self.keeper.is_walled = self.confirming.is_walled
        self._probers = [
            LifetimeProber(reactor, self.keeper, kind, os.urandom) for kind in (SilentDatagrams, SilentConnection)
        ]
        self._mode = mode
        self._wall_time = wall_time
        self.trying = NatTrying(reactor, settings.tries_second)
        neighbourhood.extensions.add(self.trying)
        self.nat = NatWatch(
            reactor, self._survey, self._external_addresses, self._nat_found, settings.survey,
            include_local=mode == "always",
        )  # fmt: skip
        self.exchange.watchers.append(self.keeper)
        self.exchange.watchers.append(self.nat)
        self.own.add_source(self.keeper.endpoints)
        self.own.add_source(self.confirming.endpoints)
        self._port_mapping = port_mapping
        self._changes = 0
        self._run_in_thread = partial(deferToThreadPool, reactor, reactor.getThreadPool())
        self._make_mapper = partial(
            PortMapper, reactor, peers=lambda: iter(neighbourhood), changed=self.exchange.changed,
            certificates=lambda: [each.hash for each in hashes()], lifetime=settings.lease,
        )  # fmt: skip
        self.ports = self._make_mapper(ways=RouterWays(reactor, self._run_in_thread, os.urandom))
        self.pinholes: list[PortMapper] = []
        self.own.add_source(self.ports.endpoints)

    # Life

    def start(self, listening: Sequence[Listening], sockets: Sequence[QuicSocket], shutdown: Shutdown) -> None:
        """Begin, when all ports are open and before there are links.

        :param sockets: Those of the node's own ports, which answer STUN.
        """
        self._listening = list(listening)
        own = [each for each in listening if each.port is not None and {"ws", "ws-udp"} & set(each.transports)]
        udp = [each.port for each in own if each.protocol == "udp"]
        tcp = [each.port for each in own if each.protocol == "tcp"]
        # A node without a port for WebSocket may have one for STUN alone.
        stun = [each for each in listening if each.port is not None and "stun" in each.transports]
        udp_servers = udp or [each.port for each in stun if each.protocol == "udp"]
        tcp_servers = tcp or [each.port for each in stun if each.protocol == "tcp"]
        self.exchange.server = (next(iter(udp_servers), None) or 0, next(iter(tcp_servers), None) or 0)
        if sockets:
            self._dials_back.indicate["stun"] = partial(_indicate_udp, sockets)
        self._dials_back.indicate["stun-tcp"] = self._indicate_tcp
        self.keeper.serves_others = any(not ip_address(each.address.partition("%")[0]).is_loopback for each in own)
        self.exchange.start()
        shutdown.add("the STUN data", self.exchange.stop)
        self._watch.start()
        shutdown.add("the watch over this machine's addresses", self._watch.stop)
        if self._mode != "never":
            self.confirming.ports.extend((each.protocol, each.port) for each in own if each.port)
            self.confirming.start()
            shutdown.add("the dial-backs", self.confirming.stop)
            for prober in self._probers:
                prober.start()
                shutdown.add("a search of the mappings' lifetime", prober.stop)
            self.nat.start()
            shutdown.add("the surveys of the NAT", self.nat.stop)
        if self._port_mapping == "auto" and self.keeper.serves_others:
            self.ports.start((each.protocol, each.port) for each in own if each.port)
            shutdown.add("the ports that the router forwards", _stopping(self.ports))
            self._start_pinholes(own, shutdown)
        shutdown.add("the mappings", self.keeper.stop_serving)

    def _start_pinholes(self, own: Sequence[Listening], shutdown: Shutdown) -> None:
        """Have the firewall open the ports at public IPv6 addresses; a node that serves none says nothing of it."""
        served = [each for each in own if each.port and served_by_firewall(each.address)]
        for address in dict.fromkeys(each.address for each in served):
            chosen = None if ip_address(address).is_unspecified else address
            ways = FirewallWays(self._reactor, self._run_in_thread, os.urandom, chosen)
            mapper = self._make_mapper(ways=ways, is_optional=chosen is None)
            self.pinholes.append(mapper)
            self.own.add_source(mapper.endpoints)
            mapper.start((each.protocol, each.port) for each in served if each.port and each.address == address)
            shutdown.add("the ports that the firewall opens", _stopping(mapper))

    async def stop(self) -> None:
        """Close the STUN-Client sockets."""
        await self.keeper.stop()

    def mapping_counters(self) -> MappingCounters:
        """For metrics."""
        kept = [each for each in self.keeper if each.mapping.external is not None]
        mappers = (self.ports, *self.pinholes)
        return MappingCounters(
            udp=sum(each.socket.protocol == "udp" for each in kept),
            tcp=sum(each.socket.protocol == "tcp" for each in kept),
            sockets=len(self.keeper.sockets()),
            changes=self.keeper.changes,
            confirmed=sum(bool(each.confirmed) for each in kept),
            keepalive_seconds=self.keeper.lifetimes["udp"].interval,
            keepalive_tcp_seconds=self.keeper.lifetimes["tcp"].interval,
            records=len(self.exchange.book),
            seen=len(self.exchange.sightings),
            dialled_back=self._dials_back.reached,
            dial_backs_failed=self._dials_back.failed,
            dial_backs_refused=self._dials_back.refused,
            forwarded=sum(each.lease is not None for mapper in mappers for each in mapper.ports),
            forwarded_confirmed=sum(mapper.is_confirmed(each) for mapper in mappers for each in mapper.ports),
            forward_requests=sum(mapper.requests for mapper in mappers),
            forward_failures=sum(mapper.failures for mapper in mappers),
        )

    # The kind of NAT

    def _survey(self, peers: Sequence[AskedPeer]) -> Deferred[NatReport]:
        survey = Survey(self._reactor, peers, is_own_address, os.urandom, self._wall_time)
        return Deferred.fromCoroutine(survey.run())

    def _external_addresses(self) -> set[str]:
        seen = {each.mapping.external.address for each in self.keeper if each.mapping.external is not None}
        return seen | set(self.keeper.no_nat.values())

    def _mappings_changed(self) -> None:
        if self.keeper.changes != self._changes:
            # The router may have been restarted, or be another one.
            self._changes = self.keeper.changes
            for mapper in (self.ports, *self.pinholes):
                mapper.disturb()
        self.exchange.changed()

    def _nat_found(self, report: NatReport) -> None:
        self.own.nat = report.kind
        self.exchange.changed()

    # What the keeper needs

    def _make_sockets(self, server: StunServer, host: str) -> list[ClientSocket]:
        """STUN-Client sockets for a server, bound as the node's own ports are."""
        sockets: list[ClientSocket] = []
        udp, tcp = self._interface("udp", host), self._interface("tcp", host)
        if server.udp_port and udp is not None:
            quic = self._make_quic()
            sockets.append(UdpClientSocket(quic, self._attach(quic), udp))
        if server.tcp_port and tcp is not None:
            sockets.append(TcpClientSocket(self._reactor, self._tcp, tcp))
        return sockets

    def _interface(self, protocol: Protocol, host: str) -> str | None:
        """What a socket that talks with a host is bound to; None if the node serves nothing by which it could."""
        is_ipv6 = ":" in host
        for each in self._listening:
            address = ip_address(each.address.partition("%")[0]) if each.port is not None else None
            if address is None or each.protocol != protocol or not {"ws", "ws-udp"} & set(each.transports):
                continue
            if address.is_unspecified and (address.version == 6 or not is_ipv6):
                return "::" if is_ipv6 else ""
            if (address.version == 6) == is_ipv6:
                return each.address
        return None

    def _indicate_tcp(self, peer: Peer, port: int, data: bytes) -> None:
        """Send an indication on the connection of a peer that comes from the address of its link and from this port."""
        username = self.exchange.username(peer)
        if username is None or not self._streams.indicate(username, (peer.address, port), data):
            raise ValueError("the peer has no connection from there")

    async def _probe_peer(self, peer: Peer) -> None:
        """Try the interfaces that a peer says it serves at the address where it is seen, one of each transport."""
        record = self.exchange.book.get(peer.id)
        trouble: Exception = ValueError("it tells no interface, or not by which certificate it is known")
        told = [each for each in peer.hello.interfaces if each.host in ("", peer.address)]
        ports = {each.transport: each.port for each in reversed(told)}
        for transport, port in ports.items():
            try:
                if transport == "http":
                    await probe_http(self._reactor, peer.address, port, peer.id, self._network)
                elif record is not None and transport in ("ws", "ws-udp"):
                    protocol: Protocol = "tcp" if transport == "ws" else "udp"
                    hashes = [certificate.hash for certificate in record.data.certificates]
                    await probe(self._reactor, protocol, peer.address, port, hashes)
                else:
                    continue
            except CancelledError:
                raise
            except Exception as error:
                trouble = error
            else:
                return
        raise trouble


def _read_certificate(told: Certificate) -> CertificateHash:
    return CertificateHash(
        bytes.fromhex(told.hash), told.not_before, told.not_after, bytes.fromhex(told.signature)
    )  # fmt: skip


def _indicate_udp(sockets: Sequence[QuicSocket], peer: Peer, port: int, data: bytes) -> None:
    """Send an indication from the first socket that can."""
    chosen = choose_socket(sockets, (peer.address, port))
    if chosen is None:
        raise ValueError("no socket can send there")
    socket, address = chosen
    socket.write(data, address)


def _stopping(mapper: PortMapper) -> Callable[[], Deferred[None]]:
    """What has the router give up a mapper's ports."""
    return lambda: Deferred.fromCoroutine(mapper.stop())

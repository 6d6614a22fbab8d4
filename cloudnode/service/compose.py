"""Putting a node together, from the data directory up to the ports.

Each part is handed to the shutdown as soon as it runs, which stops them in the reverse order: the ports, the
loops, the sessions and what is left of their connections, the operations that wait for a block, the database,
the data directory.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from random import SystemRandom
from socket import SOCK_DGRAM
from typing import Any

import attrs
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from cloudnode.api.answerer import Answerer
from cloudnode.api.facts import TransportName
from cloudnode.api.methods import TABLE
from cloudnode.api.served import ServedNode
from cloudnode.api.session import ApiSessionOpener
from cloudnode.api.web.site import make_site
from cloudnode.formats.checkpoint import CheckpointMissed
from cloudnode.node.datadir import Datadir
from cloudnode.node.evidence import EvidenceStore
from cloudnode.node.ledger import Ledger
from cloudnode.node.receiving import make_receiver
from cloudnode.peers.neighbourhood import Neighbourhood
from cloudnode.peers.places import JoinAddress
from cloudnode.service.config import Config
from cloudnode.service.facts import ServiceFacts, make_gauges
from cloudnode.service.joining import unless_stopped
from cloudnode.service.links import Dialler, make_peer_factory, told_interfaces
from cloudnode.service.listening import Listening, describe, listen_stream, listen_udp, serving_ipv6
from cloudnode.service.live import LiveConnections, LiveSessions, wait_until
from cloudnode.service.mappedports import MappedPorts
from cloudnode.service.opening import (
    SOFTWARE,
    choose_network,
    open_certificates,
    open_evidence,
    open_ledger,
    prepare_datadir,
)
from cloudnode.service.punching import NodePunching, WatchedPort
from cloudnode.service.reach import NodeReach
from cloudnode.service.reachfacts import ReachFacts
from cloudnode.service.relaying import NodeRelaying
from cloudnode.service.root import Serving
from cloudnode.service.shutdown import Shutdown, StartError
from cloudnode.service.stun import StunService
from cloudnode.transports.certificates import CertificateKeeper
from cloudnode.transports.limits import WebSocketLimits
from cloudnode.transports.peersocket import OVER_TCP
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.quic.peers import OVER_QUIC
from cloudnode.transports.quic.serving import KeptCredentials, make_quic_server
from cloudnode.transports.reuse import bind_ipv6, listen_ipv6
from cloudnode.transports.sniff import SniffingFactory
from cloudnode.transports.tls import RotatingTLS
from cloudnode.transports.websocket import WebSocketFactory

# Together with the database's own close these leave room in the two seconds that a stop may take.
SESSION_SECONDS = 0.3
CONNECTION_SECONDS = 0.15
DRAIN_SECONDS = 0.8

HTTP = "HTTP"
WS = "WebSocket"
WS_UDP = "WebSocket over UDP"

_log = Logger(namespace="cloudnode.service")


async def start_node(
    config: Config, reactor: Any, shutdown: Shutdown, wall_time: Callable[[], float] = time.time
) -> Serving:
    """Start a node.

    :param reactor: Twisted's. :param shutdown: Is given what stops each part.
    :param wall_time: Unix seconds.
    :raises StartError: It can't start; one line says why.
    """
    prepared = prepare_datadir(config)
    shutdown.add("the data directory", prepared.close)
    joining = Deferred.fromCoroutine(choose_network(config, prepared, reactor, wall_time))
    datadir, joins = await unless_stopped(joining, shutdown, reactor)
    ledger = open_ledger(config, datadir, reactor)
    # From here on the store is open: the ledger closes it, started or not.
    shutdown.add("the ledger", ledger.stop)
    try:
        ledger.check_checkpoint()
    except CheckpointMissed as error:
        raise StartError(str(error)) from None
    await ledger.start()
    evidence = open_evidence(datadir, ledger, reactor, wall_time)
    shutdown.add("the evidence", evidence.stop)
    sockets: list[QuicSocket] = []
    reaches: list[NodeReach] = []
    neighbourhood = _make_neighbourhood(config, datadir, ledger, evidence, joins, sockets, reactor, wall_time)
    # The sockets outlive the links, which go over them as well.
    shutdown.add(WS_UDP, lambda: gatherResults([each.stop() for each in sockets]), CONNECTION_SECONDS)
    shutdown.add(
        "the STUN-Client sockets",
        lambda: gatherResults([Deferred.fromCoroutine(each.stop()) for each in reaches]),
        CONNECTION_SECONDS,
    )
    shutdown.add("the links", neighbourhood.stop)
    shutdown.add("the pool", lambda: _drain(ledger, reactor))
    certificates = open_certificates(config, datadir, reactor)
    node = _Node(config, reactor, datadir, ledger, evidence, certificates, neighbourhood, wall_time)
    sockets.extend(node.sockets)
    reaches.append(node.reach)
    listening = await node.serve(shutdown)
    neighbourhood.listening.extend(told_interfaces(listening))
    neighbourhood.start()
    return Serving(
        network=ledger.network.hex(),
        node=ledger.node_key.public.hex(),
        height=ledger.head.height,
        # STUN has one URL for both protocols (RFC 7064).
        urls=list(dict.fromkeys(each.url for each in listening)),
    )


def _make_neighbourhood(
    config: Config,
    datadir: Datadir,
    ledger: Ledger,
    evidence: EvidenceStore,
    joins: Sequence[JoinAddress],
    sockets: Sequence[QuicSocket],
    reactor: Any,
    wall_time: Callable[[], float],
) -> Neighbourhood:
    return Neighbourhood(
        reactor,
        partial(deferToThreadPool, reactor, reactor.getThreadPool()),
        ledger,
        datadir.address_book,
        Dialler(reactor, config.peers.dial_timeout, sockets),
        join=joins,
        settings=config.peers,
        sync=config.sync,
        random=SystemRandom(),
        secret=os.urandom,
        wall_time=wall_time,
        software=SOFTWARE,
        evidence=evidence,
        receiver=make_receiver(ledger.genesis),
        epochs_path=datadir.epochs,
    )


async def _drain(ledger: Ledger, reactor: Any) -> None:
    """Let the operations that were accepted get into a block: they wait in memory alone, but for a follower's, which
    its peers have."""
    if ledger.role == "follower":
        return

    def is_done() -> bool:
        return not ledger.pool_operations or ledger.state != "serving" or ledger.ordering_trouble is not None

    if not await wait_until(is_done, DRAIN_SECONDS, reactor) or ledger.pool_operations:
        _log.warn(
            "{count} operations that wait for a block are given up; their senders have no final answer",
            count=ledger.pool_operations,
        )


@attrs.frozen
class _Stream:
    """A TCP (or Unix) port to be opened; one that nobody asked for, over IPv6 as well."""

    what: str
    endpoint: str
    factory: LiveConnections
    transports: tuple[TransportName, ...]
    scheme: str
    secure: bool
    is_default: bool


class _Node:
    """The API and the ports on a ledger that runs.

    :ivar sockets: The QUIC sockets, open or not yet. :ivar stun: Answers STUN on all ports.
    :ivar reach: How it is reached through NATs.
    """

    def __init__(
        self,
        config: Config,
        reactor: Any,
        datadir: Datadir,
        ledger: Ledger,
        evidence: EvidenceStore,
        keeper: CertificateKeeper,
        neighbourhood: Neighbourhood,
        wall_time: Callable[[], float],
    ) -> None:
        self._config = config
        self._reactor = reactor
        self._keeper = keeper
        self._neighbourhood = neighbourhood
        self._facts = ServiceFacts(
            wall_time(), keeper, ledger.node_key, neighbourhood, lambda: wall_time() - reactor.seconds()
        )
        self._served = ServedNode(ledger, self._facts, config.limits, reactor, TABLE, evidence, wall_time)
        self._answerer = Answerer(self._served)
        neighbourhood.signing.sign = self._answerer.sign_data_hash
        counts = self._served.meters.sessions
        self._sessions = LiveSessions(ApiSessionOpener(self._served, self._answerer), lambda: sum(counts.values()))
        self._message_limits = WebSocketLimits(max_message=config.limits.message_bytes)
        self._relaying = NodeRelaying(reactor, neighbourhood)
        self._websockets: list[WebSocketFactory] = []
        self._sniffers: list[SniffingFactory] = []
        self.stun = StunService(config, reactor)
        self._mapped = MappedPorts(
            reactor, keeper, self._sessions, neighbourhood, self._message_limits, config.reaching.keepalive,
            self.stun.streams, self._relaying.make_factory,
        )  # fmt: skip
        mapped_tcp = WatchedPort(self._mapped.tcp)
        self.reach = NodeReach(
            reactor, config.reach, config.port_mapping, config.reaching, neighbourhood, ledger.network,
            ledger.node_key, datadir.stun_data,
            self._facts.certificates, self._mapped.make_quic, mapped_tcp, self.stun.credentials,
            self.stun.attach, self.stun.streams, wall_time,
        )  # fmt: skip
        self._facts.reach = ReachFacts(self.reach, lambda: wall_time() - reactor.seconds())
        self.sockets = [self._make_socket() for _ in config.ws_udp]
        self._over_ipv6 = self._make_socket() if "ws-udp" in config.by_default else None
        if self._over_ipv6 is not None:
            self.sockets.append(self._over_ipv6)
        self._punching = self._facts.punching = NodePunching(
            reactor, neighbourhood, self.reach, self.stun.credentials, self.sockets, self._mapped.make_quic, mapped_tcp,
            wall_time,
        )  # fmt: skip
        self._streams = [self._make_site(each) for each in config.http] + [self._make_ws(each) for each in config.ws]
        self._relayed = LiveConnections(self._make_sniffer(inside_tls=False))
        dial = Dialler(reactor, config.peers.dial_timeout, self.sockets)
        self._relaying.begin(dial.relay, self._relayed)

    async def serve(self, shutdown: Shutdown) -> list[Listening]:
        """Open all ports.

        :returns: What listens.
        :raises StartError: A port can't be opened.
        """
        clock = self._reactor
        # What is stopped last stands first. Until its port is open there is nothing to stop of each.
        for stream in self._streams:
            closing = partial(stream.factory.close, CONNECTION_SECONDS, clock)
            shutdown.add(f"{stream.what} connections at {stream.endpoint}", closing)
        shutdown.add("relayed connections", partial(self._relayed.close, CONNECTION_SECONDS, clock))
        shutdown.add("the relay", self._relaying.stop)
        for socket, address in zip(self.sockets, self._config.ws_udp, strict=False):
            shutdown.add(f"{WS_UDP} at {address}", socket.stop_serving)
        if self._over_ipv6 is not None:
            shutdown.add(f"{WS_UDP} over IPv6", self._over_ipv6.stop_serving)
        closing = partial(self._mapped.tcp.close, CONNECTION_SECONDS, clock)
        shutdown.add("connections to mapped ports", closing)
        shutdown.add("the sessions", lambda: self._sessions.close(SESSION_SECONDS, clock))
        self._keeper.start()
        shutdown.add("the certificates", self._keeper.stop)
        shutdown.add("the feeds", self._served.feeds.stop)
        for stream in self._streams:
            port = await listen_stream(clock, stream.endpoint, stream.factory, stream.what)
            shutdown.add(f"{stream.what} at {stream.endpoint}", port.stopListening, CONNECTION_SECONDS)
            host = port.getHost()
            self._facts.listening.append(describe(host, stream.transports, stream.scheme, secure=stream.secure))
            if stream.is_default:
                with serving_ipv6(self._facts.listening):
                    port = listen_ipv6(clock, stream.factory, self._facts.listening[-1].port or 0)
                    shutdown.add(f"{stream.what} over IPv6", port.stopListening, CONNECTION_SECONDS)
        for socket, address in zip(self.sockets, self._config.ws_udp, strict=False):
            listen_udp(socket, address, WS_UDP)
            bound = Listening(("ws-udp", "webtransport"), "ws+udp", "udp", *socket.host_address, secure=True)
            self._facts.listening.append(bound)
        if self._over_ipv6 is not None:
            with serving_ipv6(self._facts.listening), bind_ipv6(SOCK_DGRAM, socket.host_address[1]) as handle:
                self._over_ipv6.adopt(handle)
        self.stun.listen(shutdown)
        self._facts.listening.extend(self.stun.listening)
        self.reach.start(self._facts.listening, self.sockets, shutdown)
        self._punching.start()
        shutdown.add("the punches", self._punching.stop)
        return self._facts.listening

    def _make_site(self, endpoint: str) -> _Stream:
        gauges = make_gauges(
            {
                "ws": lambda: [each.counters for each in (*self._websockets, self._mapped.websockets)],
                "tcp": lambda: [each.counters for each in (*self._sniffers, self._mapped.sniffer)],
                "quic": lambda: [each.counters for each in (*self.sockets, *self._mapped.sockets)],
                "stun": lambda: [self.stun.counters],
                "mapping": lambda: [self.reach.mapping_counters()],
                "peers": lambda: [self._neighbourhood.counters()],
                "relay": lambda: [self._relaying.counters()],
                "punch": lambda: [self._punching.counters()],
            }
        )
        site = make_site(self._served, self._answerer, self._reactor, gauges)
        site.noisy = False
        secure = _is_tls(endpoint)
        scheme, is_default = "https" if secure else "http", "http" in self._config.by_default
        return _Stream(HTTP, endpoint, LiveConnections(site), ("http",), scheme, secure, is_default)

    def _make_ws(self, endpoint: str) -> _Stream:
        # An endpoint that is TLS itself has only clear text inside; any other port takes both.
        inside_tls = _is_tls(endpoint)
        factory = LiveConnections(self._make_sniffer(inside_tls))
        scheme, is_default = "wss" if inside_tls else "ws", "ws" in self._config.by_default
        return _Stream(WS, endpoint, factory, ("ws",), scheme, True, is_default)

    def _make_sniffer(self, inside_tls: bool) -> SniffingFactory:
        websockets = WebSocketFactory(
            self._sessions,
            self._reactor,
            "ws",
            self._message_limits,
            secure=True if inside_tls else None,
            http_at=_port_in(self._config.http),
        )
        sniffer = SniffingFactory(
            websockets,
            self._reactor,
            None if inside_tls else RotatingTLS(self._keeper),
            stun=self.stun.streams,
            peers=make_peer_factory(OVER_TCP, self._reactor, self._neighbourhood),
            relays=self._relaying.make_factory(OVER_TCP),
        )
        self._websockets.append(websockets)
        self._sniffers.append(sniffer)
        return sniffer

    def _make_socket(self) -> QuicSocket:
        credentials = KeptCredentials(self._keeper)
        quic = make_quic_server(
            self._reactor, credentials, self._sessions, websocket_limits=self._message_limits,
            peers=make_peer_factory(OVER_QUIC, self._reactor, self._neighbourhood),
            relays=self._relaying.make_factory(OVER_QUIC),
        )  # fmt: skip
        self.stun.attach(quic)
        return quic


def _is_tls(endpoint: str) -> bool:
    return endpoint.startswith("ssl:")


def _port_in(endpoints: Sequence[str]) -> str | None:
    """``port 38081``, of the first endpoint that says so plainly."""
    ports = (re.match(r"(?:tcp6?|ssl):(?:port=)?([1-9][0-9]*)(?::|$)", each) for each in endpoints)
    return next((f"port {found[1]}" for found in ports if found), None)

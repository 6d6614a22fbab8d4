"""To a node behind a NAT: through a node that both can reach, which then is not needed any more.

Whom the client reached is proven end to end: the coordinator tells the target's certificates, each signed by the
target's own key, which is the name that the client asked for. A coordinator that lies gets nowhere.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from twisted.internet.defer import Deferred

from cloudnode.client.address import parse_url
from cloudnode.client.carrier import Carrier
from cloudnode.client.client import OUTSTANDING, TIMEOUT, Client
from cloudnode.client.errors import ConnectionFailed
from cloudnode.client.trust import Trust
from cloudnode.client.websocket import WebSocketCarrier, connect_websocket
from cloudnode.client.websocket_udp import WebSocketUdpCarrier
from cloudnode.formats.keys import TLS, verify
from cloudnode.reach.punching.adopting import ConnectedEndpoint
from cloudnode.reach.punching.calling import Grant, Path, PunchFailed, PunchRequest, Via
from cloudnode.reach.punching.punching import Calls, Puncher
from cloudnode.reach.punching.tracing import Tracer
from cloudnode.reach.punching.values import (
    Candidate,
    CandidateKind,
    Endpoint,
    Mapping,
    Order,
    Side,
    Strategy,
    Transport,
)
from cloudnode.transports.quic.client import Attempt, WebSocketClient
from cloudnode.transports.quic.connecting import VouchedCertificates
from cloudnode.transports.quic.limits import QuicLimits
from cloudnode.transports.quic.listener import QuicSocket

CALL_SECONDS = 8.0


class _Place(Struct, frozen=True):
    address: str
    port: int


class _Candidate(Struct, frozen=True):
    address: str
    port: int
    kind: CandidateKind


class _Certificate(Struct, frozen=True):
    hash: str
    signature: str


class _Granted(Struct, frozen=True):
    """The answer to ``requestpunch``."""

    strategy: Strategy
    candidates: list[_Candidate]
    observed: _Place
    certificates: list[_Certificate]
    mapping: Mapping
    many: Side | None = None


class _StunPorts(Struct, frozen=True):
    udp: int
    tcp: int


class _Stun(Struct, frozen=True):
    server: _StunPorts


class _Interface(Struct, frozen=True):
    transport: str
    protocol: str
    port: int


class _NodeInfo(Struct, frozen=True):
    stun: _Stun
    interfaces: list[_Interface]


async def find_coordinator(client: Client) -> Via:
    """What a node that there is a connection with is as a coordinator.

    :raises ConnectionFailed: It answers no STUN, which a punch needs.
    """
    began = time.monotonic()
    info = (await client.call("getnodeinfo")).decode(_NodeInfo)
    round_trip = time.monotonic() - began
    host = socket.gethostbyname(parse_url(client.url).host)
    ports = [info.stun.server.udp] if info.stun.server.udp else []
    ports += [
        each.port for each in info.interfaces if each.protocol == "udp" and each.transport in ("stun", "ws-udp")
    ]
    udp: list[Endpoint] = [(host, port) for port in dict.fromkeys(ports)][:2]
    if not udp and not info.stun.server.tcp:
        raise ConnectionFailed(f"{client.url} answers no STUN, so it can't help to reach a node behind a NAT.")

    async def request(request: PunchRequest) -> Grant:
        params = {
            "node": request.node.hex(),
            "transport": request.transport,
            "strategy": request.strategy.value,
            "username": request.username,
            "key": request.key.hex(),
            "local": [{"address": address, "port": port} for address, port in request.local],
            "mapping": request.mapping,
        }
        return _read_grant((await client.call("requestpunch", params)).decode(_Granted), request)

    tcp = (host, info.stun.server.tcp) if info.stun.server.tcp else None
    return Via(host, tuple(udp), tcp, request, round_trip)


def _read_grant(granted: _Granted, request: PunchRequest) -> Grant:
    """Check the certificates, which are all that has to be right: the rest only says where to try."""
    try:
        certificates = frozenset(
            bytes.fromhex(each.hash)
            for each in granted.certificates
            if verify(request.node, TLS, bytes.fromhex(each.hash), bytes.fromhex(each.signature))
        )
    except ValueError:
        certificates = frozenset()
    if not certificates:
        raise PunchFailed("the coordinator knows no certificate that the node's key vouches for")
    order = Order(
        request.transport,
        granted.strategy,
        tuple(Candidate((each.address, each.port), each.kind) for each in granted.candidates),
        (granted.observed.address, granted.observed.port),
        granted.many,
    )
    return Grant(order, certificates, granted.mapping)


class _TcpCall:
    """A WebSocket inside TLS on a connection that is there (:class:`cloudnode.reach.punching.calling.Calling`)."""

    is_answered = True

    def __init__(self, reactor: Any, handle: socket.socket, endpoint: Endpoint, grant: Grant) -> None:
        address = parse_url(_url("wss", endpoint))
        trust = Trust(authorities=False, vouched=grant.certificates)
        self.done: Deferred[WebSocketCarrier] = Deferred.fromCoroutine(
            connect_websocket(
                reactor, address, trust, timeout=CALL_SECONDS, through=ConnectedEndpoint(reactor, handle), is_eager=True
            )
        )

    def cancel(self) -> None:
        """Give up."""
        self.done.cancel()


def _url(scheme: str, endpoint: Endpoint) -> str:
    host, port = endpoint
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


class PunchedClient:
    """A client that goes over a path of its own.

    :ivar client: :ivar path: How the node was reached.
    """

    def __init__(self, client: Client, path: Path) -> None:
        self.client = client
        self.path = path


async def connect_node(
    node: bytes,
    via: Via,
    reactor: Any,
    *,
    transports: Sequence[Transport] = ("udp", "tcp"),
    timeout: float = TIMEOUT,
    outstanding: int = OUTSTANDING,
    tracer: Tracer | None = None,
) -> PunchedClient:
    """Connect to a node by its key, through one that it has a link with.

    :param node: The node's key. :param via: From :func:`find_coordinator`.
    :param transports: What to punch over; the first has a head start.
    :param timeout: Seconds that a call waits. :param outstanding: Calls on their way at once.
    :param tracer: Keeps what was tried; None for one that is not kept.
    :raises ConnectionFailed: There is no path; the text says what was tried.
    """
    limits = QuicLimits(handshake_seconds=CALL_SECONDS)

    def call_udp(quic_socket: QuicSocket, endpoint: Endpoint, grant: Grant) -> Attempt:
        return Attempt(
            reactor, endpoint[0], _url("wss", endpoint), endpoint, VouchedCertificates(grant.certificates), limits,
            time.monotonic, quic_socket, is_eager=True,
        )  # fmt: skip

    def call_tcp(handle: socket.socket, endpoint: Endpoint, grant: Grant) -> _TcpCall:
        return _TcpCall(reactor, handle, endpoint, grant)

    puncher = Puncher(reactor, tracer or Tracer(time.time))
    try:
        path = await puncher.open(via, node, Calls(call_udp, call_tcp), transports=transports)
    except PunchFailed as error:
        raise ConnectionFailed(f"Cannot reach the node {node.hex()} through {via.host}: {error}.") from error
    connection = path.connection
    carrier: Carrier = WebSocketUdpCarrier(connection) if isinstance(connection, WebSocketClient) else connection
    scheme = "ws+udp" if path.transport == "udp" else "wss"
    client = Client(
        carrier, reactor, url=_url(scheme, path.candidate.endpoint), outstanding=outstanding, timeout=timeout
    )
    return PunchedClient(client, path)

"""To a node behind a NAT: through a node that both can reach, which then is not needed any more.

Whom the client reached is proven end to end: the coordinator tells the target's certificates, each signed by the
target's own key, which is the name that the client asked for. A coordinator that lies gets nowhere.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs
from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cloudnode.client.address import parse_url
from cloudnode.client.carrier import Carrier
from cloudnode.client.client import OUTSTANDING, TIMEOUT, Client
from cloudnode.client.errors import ConnectionFailed
from cloudnode.client.messages import make_decoder
from cloudnode.client.relayed import connect_relayed
from cloudnode.client.trust import Trust
from cloudnode.client.websocket import WebSocketCarrier, connect_websocket
from cloudnode.client.websocket_udp import WebSocketUdpCarrier
from cloudnode.formats.keys import TLS, verify
from cloudnode.reach.punching.adopting import ConnectedEndpoint
from cloudnode.reach.punching.allowance import Allowance
from cloudnode.reach.punching.attempt import local_host
from cloudnode.reach.punching.calling import (
    CallFrom,
    Grant,
    Path,
    PunchFailed,
    PunchRequest,
    Via,
    add_other,
    check_order,
)
from cloudnode.reach.punching.punching import Calls, Puncher
from cloudnode.reach.punching.readyport import ReadyPorts
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
from cloudnode.transports.quic.connecting import NameNotFound, VouchedCertificates, client_configuration, resolve
from cloudnode.transports.quic.limits import QuicLimits
from cloudnode.transports.quic.listener import QuicSocket

CALL_SECONDS = 8.0

_ALLOWANCE = Allowance()
"""Of all sessions of this process: who is to be left alone does not mind which one sends."""

RELAY_AFTER = 1.0
"""Seconds after which a session begins over a relay; a punch that is to succeed at its first attempt has by then."""


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


make_decoder(_Granted)  # not while a path is being opened


class _StunPorts(Struct, frozen=True):
    udp: int
    tcp: int


class _Endpoint(Struct, frozen=True):
    transport: Transport
    address: str
    port: int
    source: str


class _Told(Struct, frozen=True):
    mappings: list[_Endpoint]


class _Stun(Struct, frozen=True):
    server: _StunPorts
    data: _Told | None = None


class _Interface(Struct, frozen=True):
    transport: str
    protocol: str
    port: int
    secure: bool = False


class _NodeInfo(Struct, frozen=True):
    stun: _Stun
    interfaces: list[_Interface]


class _Record(Struct, frozen=True):
    certificates: list[_Certificate]


class _StunInfo(Struct, frozen=True):
    nodes: list[_Record]


@attrs.frozen
class Mutual:
    """A node that can bring this client and others together.

    :ivar via: As a coordinator. :ivar relay: Connects to a node through it, or is None; it is given the node's key, the
        seconds that a call waits, and how many may be on their way.
    """

    via: Via
    relay: Callable[[bytes, float, int], Awaitable[Client]] | None


async def find_coordinator(client: Client, reactor: Any) -> Mutual:
    """What a node that there is a connection with can do to reach others.

    :raises ConnectionFailed: It answers no STUN, which a punch needs.
    """
    address = parse_url(client.url)
    try:
        resolved = await resolve(reactor, address.host, address.port)
    except NameNotFound as error:
        raise ConnectionFailed(f"{client.url} has no address: {error}.") from error
    hosts = [host for host, _ in resolved]
    host = next((each for each in hosts if local_host(each) is not None), hosts[0])
    # A node's port for WebSocket answers STUN as well: whether this is one is asked meanwhile.
    ready = ReadyPorts(reactor, (host, address.port))
    if address.scheme in ("ws", "wss"):
        ready.prepare()
    began = time.monotonic()
    try:
        info = (await client.call("getnodeinfo")).decode(_NodeInfo)
    except BaseException:
        ready.close()
        raise
    round_trip = time.monotonic() - began
    ports = [info.stun.server.udp] if info.stun.server.udp else []
    ports += [
        each.port for each in info.interfaces if each.protocol == "udp" and each.transport in ("stun", "ws-udp")
    ]
    udp: list[Endpoint] = [(host, port) for port in dict.fromkeys(ports)][:2]
    tcp = (host, info.stun.server.tcp) if info.stun.server.tcp else None
    if any((each.transport, each.port, each.secure) == ("ws", address.port, False) for each in info.interfaces):
        tcp = ready.server
    if not udp and tcp is None:
        ready.close()
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
        return _read_grant((await client.call("requestpunch", params)).decode(_Granted), request, host)

    async def relay(node: bytes, timeout: float, outstanding: int) -> Client:
        known = (await client.call("getstuninfo", {"node": node.hex()})).decode(_StunInfo)
        hashes = [each for record in known.nodes for each in _read_certificates(record.certificates, node)]
        if not hashes:
            raise ConnectionFailed("The relay knows no certificate that the node's key vouches for.")
        return await connect_relayed(
            host, relays[0], node, frozenset(hashes), reactor, timeout=timeout, outstanding=outstanding
        )

    if tcp is not None and tcp != ready.server:
        ready.close()
        ready = ReadyPorts(reactor, tcp)
        ready.prepare()
    relays = [each.port for each in info.interfaces if each.transport == "ws"]
    via = Via(host, tuple(udp), tcp, request, round_trip, ready, allowance=_ALLOWANCE)
    via = add_other(via, _find_others(hosts, udp, tcp, info), local_host)
    return Mutual(via, relay if relays else None)


def _find_others(
    hosts: Sequence[str], udp: Sequence[Endpoint], tcp: Endpoint | None, info: _NodeInfo
) -> list[tuple[Transport, Endpoint]]:
    """Where a coordinator may answer STUN beside its first address: what its name says, and where others reached it."""
    found: list[tuple[Transport, Endpoint]] = []
    for host in hosts:
        found += [("udp", (host, port)) for _, port in udp]
        found += [("tcp", (host, tcp[1]))] if tcp is not None else []
    told = [] if info.stun.data is None else info.stun.data.mappings
    return found + [(each.transport, (each.address, each.port)) for each in told if each.source == "interface"]


def _read_certificates(told: Sequence[_Certificate], node: bytes) -> list[bytes]:
    """The hashes that a node's key vouches for."""
    try:
        return [
            bytes.fromhex(each.hash)
            for each in told
            if verify(node, TLS, bytes.fromhex(each.hash), bytes.fromhex(each.signature))
        ]
    except ValueError:
        return []


def _read_grant(granted: _Granted, request: PunchRequest, coordinator: str) -> Grant:
    """Check the certificates, by which the target is known; of the rest, which says where to try, what is believed.

    :param coordinator: Its address.
    """
    certificates = frozenset(_read_certificates(granted.certificates, request.node))
    if not certificates:
        raise PunchFailed("the coordinator knows no certificate that the node's key vouches for")
    told = Order(
        request.transport,
        granted.strategy,
        tuple(Candidate((each.address, each.port), each.kind) for each in granted.candidates),
        (granted.observed.address, granted.observed.port),
        granted.many,
    )
    return Grant(check_order(told, request, coordinator), certificates, granted.mapping)


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


class NodeClient:
    """A client of a node that was named by its key.

    :ivar client: Stays the same when a relayed session moves to a direct path.
    :ivar path: How the node is reached; None while a relay carries the session.
    """

    def __init__(self, client: Client, path: Path | None) -> None:
        self.client = client
        self.path = path
        self._punching: Deferred[Path] | None = None

    def go_on(self, punching: Deferred[Path]) -> None:
        """Move to the direct path once there is one."""
        self._punching = punching
        punching.addCallbacks(self._opened, lambda failure: None)
        self.client.lost.addBoth(self._lost)

    def _opened(self, path: Path) -> None:
        self._punching = None
        carrier, url = _carry(path)
        self.path = path
        self.client.move(carrier, url)

    def _lost(self, reason: Any) -> Any:
        if self._punching is not None:
            self._punching.cancel()
        return reason


def _carry(path: Path) -> tuple[Carrier, str]:
    connection, scheme = path.connection, "ws+udp" if path.transport == "udp" else "wss"
    carrier: Carrier = WebSocketUdpCarrier(connection) if isinstance(connection, WebSocketClient) else connection
    return carrier, _url(scheme, path.candidate.endpoint)


async def connect_node(
    node: bytes,
    mutual: Mutual,
    reactor: Any,
    *,
    transports: Sequence[Transport] = ("udp", "tcp"),
    relay_after: float | None = RELAY_AFTER,
    timeout: float = TIMEOUT,
    outstanding: int = OUTSTANDING,
    tracer: Tracer | None = None,
) -> NodeClient:
    """Connect to a node by its key, through one that it has a link with.

    :param node: The node's key. :param mutual: From :func:`find_coordinator`.
    :param transports: What to punch over; the first has a head start.
    :param relay_after: After so many seconds without a path the mutual node relays, and the session moves when there is
        a direct path after all; None for no relay.
    :param timeout: Seconds that a call waits. :param outstanding: Calls on their way at once.
    :param tracer: Keeps what was tried; None for one that is not kept.
    :raises ConnectionFailed: There is no way to it; the text says what was tried.
    """
    limits = QuicLimits(handshake_seconds=CALL_SECONDS)

    def call_udp(quic_socket: QuicSocket) -> CallFrom:
        ready = [quic_socket.prepare(client_configuration(None, VouchedCertificates(frozenset())))]

        def call_from(endpoint: Endpoint, grant: Grant) -> Attempt:
            attempt = Attempt(
                reactor, endpoint[0], _url("wss", endpoint), endpoint, VouchedCertificates(grant.certificates), limits,
                time.monotonic, quic_socket, prepared=ready.pop() if ready else None, is_eager=True,
            )  # fmt: skip
            attempt.done.addCallback(_stop_with, quic_socket)
            return attempt

        return call_from

    def call_tcp(handle: socket.socket, endpoint: Endpoint, grant: Grant) -> _TcpCall:
        return _TcpCall(reactor, handle, endpoint, grant)

    puncher = Puncher(reactor, tracer or Tracer(time.time))
    punching = Deferred.fromCoroutine(
        puncher.open(mutual.via, node, Calls(call_udp, call_tcp), transports=transports)
    )
    seconds = None if mutual.relay is None else relay_after
    try:
        path = await _wait(punching, seconds, reactor)
    except PunchFailed as error:
        if mutual.relay is None or relay_after is None:
            raise ConnectionFailed(f"Cannot reach the node {node.hex()} through {mutual.via.host}: {error}.") from error
        return NodeClient(await mutual.relay(node, timeout, outstanding), None)
    if path is not None:
        carrier, url = _carry(path)
        return NodeClient(Client(carrier, reactor, url=url, outstanding=outstanding, timeout=timeout), path)
    assert mutual.relay is not None
    relaying = Deferred.fromCoroutine(_await(mutual.relay(node, timeout, outstanding)))
    found = await _first_of(punching, relaying)
    if isinstance(found, Path):
        carrier, url = _carry(found)
        return NodeClient(Client(carrier, reactor, url=url, outstanding=outstanding, timeout=timeout), found)
    if isinstance(found, Client):
        relayed = NodeClient(found, None)
        relayed.go_on(punching)
        return relayed
    punch_error, refused = found
    raise ConnectionFailed(
        f"Cannot reach the node {node.hex()} through {mutual.via.host}: {punch_error}; relay: {refused}"
    ) from punch_error


async def _await(waiting: Awaitable[Client]) -> Client:
    return await waiting


async def _first_of(
    punching: Deferred[Path], relaying: Deferred[Client]
) -> Path | Client | tuple[BaseException, BaseException]:
    """What came about first, a direct path or a relayed session, or why neither did.

    A path ends the relaying, for over a long way there are many round trips until a relayed session is open. A relayed
    session leaves the punching under way, and its outcome to whoever has the session.
    """
    race: Deferred[Path | Client | tuple[BaseException, BaseException]] = Deferred()
    failed: dict[int, Any] = {}

    def came(outcome: Any, place: int) -> Any:
        if isinstance(outcome, Failure):
            failed[place] = outcome.value
        if not race.called and place not in failed:
            race.callback(outcome)
        elif not race.called and len(failed) == 2:
            race.callback((failed[0], failed[1]))
        return outcome

    punching.addBoth(came, 0)
    relaying.addBoth(came, 1)
    try:
        found = await race
    except BaseException:
        for each in (punching, relaying):
            each.addErrback(lambda _: None)
            each.cancel()
        raise
    if isinstance(found, Path):
        relaying.addCallbacks(lambda client: client.close(), lambda _: None)
        relaying.cancel()
    elif not isinstance(found, Client):
        punching.addErrback(lambda _: None)
        relaying.addErrback(lambda _: None)
    return found


async def _wait(punching: Deferred[Path], seconds: float | None, reactor: Any) -> Path | None:
    """The path, or None if it takes longer than so many seconds; punching goes on then.

    :raises PunchFailed: There is none.
    """
    if seconds is None:
        return await punching
    first: Deferred[Path | None] = Deferred(lambda _: punching.cancel())
    timer = reactor.callLater(seconds, first.callback, None)

    def came(result: Any) -> Any:
        if first.called:
            return result
        timer.cancel()
        if isinstance(result, Failure):
            first.errback(result)
        else:
            first.callback(result)
        return None

    punching.addBoth(came)
    return await first


def _stop_with(websocket: WebSocketClient, quic_socket: QuicSocket) -> WebSocketClient:
    """Close a socket with the one connection on it."""

    def stop(result: Any) -> Any:
        quic_socket.stop()
        return result

    websocket.closed.addBoth(stop)
    return websocket

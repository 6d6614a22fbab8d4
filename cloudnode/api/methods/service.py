"""Methods about the node itself: they answer even while its ledger can't."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cloudnode import __version__
from cloudnode.api.calls import Call
from cloudnode.api.facts import (
    Certificate,
    ForwardedPort,
    Interface,
    Nat,
    PeerInfo,
    Peers,
    PunchAttempt,
    PunchGranted,
    PunchParams,
    ReachedInterface,
    SeenAddress,
    Stun,
    StunMapping,
    StunRecord,
    StunServerPorts,
)
from cloudnode.api.table import Method, NoParams
from cloudnode.api.types import Hex32, Milliseconds, NodeId, Seconds
from cloudnode.ledger.reading import RepairState
from cloudnode.node.ledger import Ledger
from cloudnode.store.connection import DatabaseDamaged

API_VERSION = 1
"""Grows when an answer changes in a way that a client could stumble over."""


class LastBlock(Struct, frozen=True):
    """The newest final block, as Pocketnet's tools read it.

    :ivar height: Of the block.
    """

    height: int
    hash: Hex32
    time: Seconds
    ntx: Annotated[int, Meta(description="Operations in it; 0 as well while the tables can't be read.")]


class Ports(Struct, frozen=True):
    """Ports as Pocketnet's tools read them; 0 where there is none.

    :ivar node: WebSocket, on which nodes link too. :ivar api: HTTP. :ivar rest: HTTP. :ivar wss: WebSocket in TLS.
    :ivar http: HTTP. :ivar https: HTTP in TLS, which the node itself does not serve.
    """

    node: int
    api: int
    rest: int
    wss: int
    http: int
    https: int


class Software(Struct, frozen=True):
    """What runs here.

    :ivar name: Of the program. :ivar version: Of the program.
    :ivar api: Grows when an answer changes in a way that a client could stumble over.
    """

    name: str
    version: str
    api: int


class Sync(Struct, frozen=True):
    """How far this node is. ``state`` is ``serving`` once it answers data calls.

    :ivar state: What it does: data is answered while it is `serving`.
    :ivar height: Of the newest block that it has.
    """

    state: Literal["starting", "serving", "syncing", "corrupt", "diverged", "repairing", "stopped"]
    role: Annotated[
        Literal["validator", "follower"], Meta(description="Whether it makes blocks or follows those who do.")
    ]
    height: int
    provable_height: Annotated[int, Meta(description="The newest height that proofs can be given for, or 0.")]
    target: Annotated[int, Meta(description="The greatest height that this node knows to be final.")]
    operations_second: Annotated[float, Meta(description="Operations written a second, lately.")]
    seconds_left: Annotated[float | None, Meta(description="Until the target is reached; null if that can't be said.")]
    blocks_from: Annotated[int, Meta(description="The height of the oldest block that this node has.")]
    phase: Annotated[
        Literal["replay", "state"],
        Meta(description="Whether it takes block after block, or fetches the state as it is at a recent height."),
    ]
    rows: Annotated[int, Meta(description="Rows of the state that are here, in phase state.")]
    total: Annotated[int, Meta(description="Rows of the state in all, in phase state; 0 while it is not known.")]
    trouble: Annotated[
        str | None, Meta(description="Why no block is written now, such as a full disk; null if all is well.")
    ]


class Audit(Struct, frozen=True):
    """What the node knows of its own database; ``findings`` name what is wrong with it.

    :ivar state: never, running, ok or corrupt.
    :ivar height: At which the last audit found all sound; null if none has.
    :ivar finished: When that was, in seconds since 1970. :ivar rows: How many rows that audit checked.
    :ivar progress: Of the audit under way, from 0 to 1. :ivar findings: What is wrong, in words.
    """

    state: Literal["never", "running", "ok", "corrupt"]
    height: int | None
    finished: float | None
    rows: int
    progress: float
    findings: list[str]


class Repair(Struct, frozen=True):
    """What the node does about damage of its database.

    :ivar finished: When the last one ended, in seconds since 1970; null if there was none.
    """

    doing: Annotated[str | None, Meta(description="What it does now; null if there is nothing to do.")]
    progress: Annotated[float, Meta(description="0 to 1 of that.")]
    trouble: Annotated[str | None, Meta(description="Why it does not succeed, and what to do; null if it does.")]
    repairs: Annotated[int, Meta(description="How many succeeded since the node started.")]
    last: Annotated[str | None, Meta(description="What the last one did.")]
    finished: Seconds | None


class StunParams(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of ``getstuninfo``."""

    node: Annotated[NodeId | None, Meta(description="Tell of this node alone.")] = None


class StunInfo(Struct, frozen=True):
    """How nodes are reached from outside: this one, and all whose STUN data is known."""

    mappings: list[StunMapping]
    nat: Nat | None
    router: list[ForwardedPort]
    server: StunServerPorts
    interfaces: list[ReachedInterface]
    nodes: Annotated[list[StunRecord], Meta(description="The newest STUN data of each node, this one included.")]
    seen: Annotated[list[SeenAddress], Meta(description="Where this node's STUN server saw its peers.")]
    punches: Annotated[
        list[PunchAttempt], Meta(description="The newest 32 that this node had a part in, the newest last.")
    ]


class LimitsAnswer(Struct, frozen=True):
    """The limits that a caller may meet.

    :ivar message_bytes: Of one message. :ivar batch_length: Requests in one batch.
    :ivar page_length: Items on one page. :ivar outstanding: Requests of a connection that wait at once.
    :ivar wait_seconds: How long a request waits for a height, or for a final operation.
    :ivar subscriptions: Of one connection. :ivar connections_address: Connections of one address.
    :ivar requests_second: Of one address, in the long run. :ivar requests_burst: How many of them may come at once.
    """

    message_bytes: int
    batch_length: int
    page_length: int
    outstanding: int
    wait_seconds: float
    subscriptions: int
    connections_address: int
    requests_second: float
    requests_burst: int


class NodeInfo(Struct, frozen=True):
    """The node: first what Pocketnet's tools read, with their types, then what is our own.

    :ivar version: Of the software. :ivar proxy: Always false: kept for Pocketnet's tools.
    :ivar proxies: Always empty, likewise.
    """

    version: str
    time: Seconds
    chain: Annotated[str, Meta(description="The network's name.")]
    proxy: bool
    netstakeweight: Annotated[int, Meta(description="0: there is no stake here.")]
    lastblock: LastBlock
    proxies: list[str]
    ports: Ports
    node: NodeId
    network: Hex32
    software: Software
    started: Seconds
    sync: Sync
    peers: Peers
    audit: Audit
    repair: Repair
    interfaces: list[Interface]
    certificates: list[Certificate]
    stun: Stun
    limits: LimitsAnswer


class Time(Struct, frozen=True):
    """The node's clock. Nothing in the ledger depends on it."""

    time: Seconds
    milliseconds: Milliseconds


def _port(interfaces: list[Interface], transport: str, secure: bool | None = None) -> int:
    for interface in interfaces:
        if interface.transport == transport and secure in (None, interface.secure):
            return interface.port
    return 0


def _ports(interfaces: list[Interface]) -> Ports:
    http = _port(interfaces, "http", False)
    https = _port(interfaces, "http", True)
    return Ports(
        node=_port(interfaces, "ws"),  # links between nodes come to the same port as WebSocket
        api=http or https,
        rest=http or https,
        wss=_port(interfaces, "ws"),
        http=http,
        https=https,
    )


def _last_block(call: Call) -> LastBlock:
    head = call.served.ledger.head
    return LastBlock(head.height, head.hash.hex(), head.time // 1000, _count_operations(call.served.ledger))


def _count_operations(ledger: Ledger) -> int:
    """Operations in the newest block, from the tables where they may be read: ``getnodeinfo`` answers in any case."""
    if ledger.state != "serving":
        return 0
    try:
        block = ledger.reading().block(ledger.head.height)
    except DatabaseDamaged:
        ledger.read_failed(Failure())
        return 0
    return 0 if block is None else len(block.operation_ids)


def _sync(call: Call) -> Sync:
    ledger, facts = call.served.ledger, call.served.facts.sync()
    return Sync(
        state=ledger.state,
        role=ledger.role,
        height=ledger.head.height,
        provable_height=ledger.newest_provable,
        target=max(facts.target, ledger.head.height),
        operations_second=facts.operations_second,
        seconds_left=facts.seconds_left,
        blocks_from=ledger.lowest_block,
        phase=facts.phase,
        rows=facts.rows,
        total=facts.total,
        trouble=ledger.ordering_trouble or facts.trouble,
    )


def _repair(repair: RepairState) -> Repair:
    finished = None if repair.finished is None else int(repair.finished)
    return Repair(repair.doing, repair.progress, repair.trouble, repair.repairs, repair.last, finished)


def _getnodeinfo(call: Call, params: NoParams) -> NodeInfo:
    served = call.served
    ledger, limits, audit = served.ledger, served.limits, served.ledger.audit
    interfaces = list(served.facts.interfaces())
    return NodeInfo(
        version=__version__,
        time=int(served.wall_clock()),
        chain=ledger.genesis.name,
        proxy=False,
        netstakeweight=0,
        lastblock=_last_block(call),
        proxies=[],
        ports=_ports(interfaces),
        node=ledger.node_key.public.hex(),
        network=ledger.network.hex(),
        software=Software("cloudnode", __version__, API_VERSION),
        started=int(served.facts.started),
        sync=_sync(call),
        peers=served.facts.peer_counts(),
        audit=Audit(audit.state, audit.height, audit.finished, audit.rows, audit.progress, list(audit.findings)),
        repair=_repair(ledger.repair),
        interfaces=interfaces,
        certificates=list(served.facts.certificates()),
        stun=served.facts.stun(),
        limits=LimitsAnswer(**{name: getattr(limits, name) for name in LimitsAnswer.__struct_fields__}),
    )


def _getpeerinfo(call: Call, params: NoParams) -> list[PeerInfo]:
    return list(call.served.facts.peers())


def _getstuninfo(call: Call, params: StunParams) -> StunInfo:
    facts = call.served.facts
    own = facts.stun()

    def told(node: str) -> bool:
        return params.node in (None, node)

    return StunInfo(
        own.mappings, own.nat, own.router, own.server, own.interfaces,
        [each for each in facts.stun_records() if told(each.node)],
        [each for each in facts.seen_addresses() if told(each.node)],
        [each for each in facts.punch_attempts() if told(each.node)],
    )  # fmt: skip


def _requestpunch(call: Call, params: PunchParams) -> Deferred[PunchGranted]:
    return call.hold(call.served.facts.request_punch(params, call.scope.caller.address))


def _gettime(call: Call, params: NoParams) -> Time:
    now = call.served.wall_clock()
    return Time(int(now), int(now * 1000))


def _ping(call: Call, params: NoParams) -> str:
    return "pong"


def _discover(call: Call, params: NoParams) -> Raw:
    return Raw(call.served.openrpc())


METHODS: tuple[Method[Any], ...] = (
    Method(
        "getnodeinfo",
        "service",
        "Tell of this node: version, newest block, interfaces, limits, the state of its ledger and its audit.",
        NoParams,
        NodeInfo,
        call=_getnodeinfo,
        always=True,
    ),
    Method(
        "getpeerinfo", "service", "List the connected peers.", NoParams, list[PeerInfo], call=_getpeerinfo, always=True
    ),
    Method(
        "getstuninfo",
        "service",
        "Tell how this node, and all nodes whose STUN data it knows, are reached from outside.",
        StunParams,
        StunInfo,
        call=_getstuninfo,
        always=True,
    ),
    Method(
        "requestpunch",
        "service",
        "Bring the caller and a linked node behind a NAT together: see docs/reach.md for what both do then.",
        PunchParams,
        PunchGranted,
        call=_requestpunch,
        always=True,
        errors=(
            "punch_unlinked", "punch_unmapped", "punch_not_offered", "punch_over_budget", "punch_unobserved",
            "punch_hopeless", "punch_conflict",
        ),
    ),
    Method("gettime", "service", "Tell this node's time.", NoParams, Time, call=_gettime, always=True),
    Method("ping", "service", 'Answer "pong".', NoParams, str, call=_ping, always=True),
    Method(
        "rpc.discover",
        "service",
        "Describe all methods as an OpenRPC document.",
        NoParams,
        dict[str, Any],
        call=_discover,
        always=True,
    ),
)  # fmt: skip

"""What the API tells of the node but cannot know itself: the service that composes a node provides it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

from msgspec import Meta, Struct
from twisted.internet.defer import Deferred

from cloudnode.api.types import Hex, Hex32, Hex64, NodeId, Seconds

TransportName = Literal["http", "ws", "ws-udp", "webtransport", "stun"]


class Interface(Struct, frozen=True):
    """An interface that listens now.

    :ivar transport: What is spoken there. :ivar protocol: Over TCP or UDP. :ivar port: Where it listens.
    """

    transport: TransportName
    protocol: Literal["tcp", "udp"]
    address: Annotated[str, Meta(description="The local address that is listened on.")]
    port: int
    secure: Annotated[bool, Meta(description="Whether TLS or QUIC is spoken there (besides the clear on TCP).")]


class Certificate(Struct, frozen=True):
    """A TLS certificate that the node shows now or soon.

    :ivar hash: SHA-256 of its DER form: what a web page gives as ``serverCertificateHashes``.
    :ivar signature: The node key's, with the purpose tag of TLS certificates, over the hash.
    """

    hash: Hex32
    not_before: Seconds
    not_after: Seconds
    signature: Hex64


class StunEndpoint(Struct, frozen=True):
    """Where a node says that it is reached from outside: it serves WebSocket there and takes links.

    :ivar transport: Of the port. :ivar port: At that address.
    """

    transport: Literal["tcp", "udp"]
    address: Annotated[str, Meta(description="A public IP address.")]
    port: int
    observer: Annotated[NodeId, Meta(description="The node that saw or reached it there.")]
    source: Annotated[
        Literal["stun", "interface", "router"],
        Meta(description="A NAT's mapping, told by STUN; a port of the node's own; a port that the router forwards."),
    ]


class NatKind(Struct, frozen=True):
    """The kind of a NAT (RFC 4787, RFC 5382); none: there is no NAT.

    :ivar mapping: Which port others see, as RFC 4787 names it.
    :ivar filtering: Whom the NAT lets in, as RFC 4787 names it.
    """

    mapping: Literal["unknown", "none", "endpoint-independent", "address-dependent", "address-and-port-dependent"]
    filtering: Literal["unknown", "none", "endpoint-independent", "address-dependent", "address-and-port-dependent"]
    ports: Annotated[Literal["unknown", "no", "yes"], Meta(description="Whether port numbers are kept.")]
    hairpin: Annotated[
        Literal["unknown", "no", "yes"],
        Meta(description="Whether nodes behind it reach each other by their outer addresses."),
    ]
    syn: Annotated[
        Literal["unknown", "accepted", "dropped", "reset"],
        Meta(description="What becomes of TCP connections that nobody inside asked for."),
    ]


class Nat(NatKind, frozen=True):
    """The kind of NAT or firewall that this node is behind, as it found out together with its peers.

    :ivar mapping: Which port others see, as RFC 4787 names it. :ivar filtering: Whom the NAT lets in, likewise.
    """

    udp: Annotated[Literal["unknown", "works", "blocked"], Meta(description="Whether UDP passes.")]
    allocation: Annotated[
        Literal["unknown", "sequential", "random"],
        Meta(description="How the outer ports are chosen, where port numbers are not kept."),
    ]
    step: Annotated[int, Meta(description="From one sequential port to the next; else 0.")]
    external: Annotated[str | None, Meta(description="The IP address at which others see this node.")]
    lifetime_held: Annotated[
        float | None, Meta(description="Seconds of silence that a UDP mapping has survived, as far as that was tried.")
    ]
    lifetime_lost: Annotated[float | None, Meta(description="Seconds of silence after which one was gone.")]
    lifetime_held_tcp: Annotated[float | None, Meta(description="Seconds that a TCP mapping has survived, likewise.")]
    lifetime_lost_tcp: Annotated[float | None, Meta(description="Seconds of silence after which one was gone.")]
    meaning: Annotated[str, Meta(description="What this means for the operator, in a sentence.")]
    advice: Annotated[str, Meta(description="What could be done; empty if there is nothing.")]
    observers: Annotated[int, Meta(description="How many peers' STUN servers answered.")]
    round: Annotated[int, Meta(description="Of how many surveys since the node's start it is the newest.")]
    checked: Annotated[Seconds, Meta(description="When this was found out.")]


class ForwardedPort(Struct, frozen=True):
    """A port of this node's that the router was asked to forward (PCP, NAT-PMP, UPnP-IGD).

    :ivar transport: Of the port. :ivar port: The node's own.
    :ivar external_port: The router's; null if it forwards none.
    """

    transport: Literal["tcp", "udp"]
    port: int
    address: Annotated[str | None, Meta(description="The external address; null while it is not forwarded.")]
    external_port: int | None
    method: Annotated[Literal["pcp", "nat-pmp", "upnp"] | None, Meta(description="By what the router was asked.")]
    confirmed: Annotated[bool, Meta(description="Whether a peer reached the node there.")]
    trouble: Annotated[str | None, Meta(description="Why it is not forwarded, or was not at the last request.")]


class StunRecord(Struct, frozen=True):
    """STUN data of a node: what it says of how it is reached, signed by it."""

    node: NodeId
    sequence: Annotated[int, Meta(description="Of two records of a node the one with the greater sequence counts.")]
    issued: Seconds
    expiry: Seconds
    mappings: list[StunEndpoint]
    nat: NatKind
    certificates: Annotated[
        list[Certificate], Meta(description="Who is shown one of these at a mapping has reached the node.")
    ]
    record: Annotated[Hex, Meta(description="The signed bytes and the signature, docs/protocol.md, chapter 18.")]


class SeenAddress(Struct, frozen=True):
    """Where this node's STUN server saw a peer that proved who it is.

    :ivar transport: Of the socket. :ivar address: Where it was seen. :ivar port: Where it was seen.
    """

    node: NodeId
    transport: Literal["tcp", "udp"]
    address: str
    port: int
    first_seen: Seconds
    last_seen: Seconds


class StunMapping(Struct, frozen=True):
    """An address that a NAT keeps for one of the node's sockets, as a peer's STUN server sees it.

    :ivar transport: Of the socket. :ivar address: On the NAT's outer side. :ivar port: On the NAT's outer side.
    """

    transport: Literal["tcp", "udp"]
    local: Annotated[str, Meta(description="The socket's own address and port.")]
    address: str
    port: int
    observer: NodeId
    first_seen: Seconds
    last_seen: Seconds
    keepalive: Annotated[float, Meta(description="Seconds between keep-alives.")]
    confirmed: Annotated[
        bool | None,
        Meta(description="Whether a node that the socket never sent to has reached it; null: not known."),
    ]


class ReachedInterface(Struct, frozen=True):
    """An interface of the node's own that another node tried to reach.

    :ivar transport: Of the port. :ivar port: The node's own. :ivar reached: Whether the observer got through to it.
    """

    transport: Literal["tcp", "udp"]
    port: int
    address: Annotated[str, Meta(description="The address that was tried.")]
    reached: bool
    observer: NodeId
    time: Seconds


class StunServerPorts(Struct, frozen=True):
    """Where the node answers STUN; 0: nowhere.

    :ivar udp: The UDP port. :ivar tcp: The TCP port.
    """

    udp: int
    tcp: int


class Stun(Struct, frozen=True):
    """How the node is reached from outside; ``nat`` is null until its kind was found out."""

    mappings: list[StunMapping]
    nat: Nat | None
    router: list[ForwardedPort]
    server: StunServerPorts
    interfaces: list[ReachedInterface]
    data: Annotated[StunRecord | None, Meta(description="What the node tells others of it.")]


PunchTransport = Literal["udp", "tcp"]
PunchStrategy = Literal["direct", "opener", "spread"]
PunchMapping = Literal["independent", "dependent", "unknown"]


class PunchEndpoint(Struct, frozen=True, forbid_unknown_fields=True):
    """An IP address and a port.

    :ivar address: An IP address. :ivar port: At that address.
    """

    address: Annotated[str, Meta(min_length=2, max_length=64)]
    port: Annotated[int, Meta(ge=1, le=65_535)]


class PunchCandidate(Struct, frozen=True):
    """Where the other side of a punch may be reached.

    :ivar address: An IP address. :ivar port: At that address.
    """

    address: str
    port: int
    kind: Annotated[
        Literal["observed", "private", "predicted", "reflexive", "served"],
        Meta(description="Seen by the coordinator; in the private network of both; following the one that was seen; "
             "where a probe came from; a port of the node's own."),
    ]  # fmt: skip


class PunchParams(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of ``requestpunch``.

    :ivar transport: Of the path that is wanted.
    """

    node: Annotated[NodeId, Meta(description="The node that is to be reached.")]
    username: Annotated[
        str, Meta(pattern="^[!-~]{1,16}$(?!\\n)", description="Made up for this punch: the Binding request's USERNAME.")
    ]
    key: Annotated[Hex32, Meta(description="Made up for this punch: the key of its MESSAGE-INTEGRITY-SHA256.")]
    transport: PunchTransport = "udp"
    strategy: Annotated[
        PunchStrategy,
        Meta(description="direct: both send at once; opener: first packets that end on the way; spread: many ports."),
    ] = "direct"
    local: Annotated[
        tuple[PunchEndpoint, ...],
        Meta(max_length=4, description="Private endpoints of the socket, told behind the same NAT alone."),
    ] = ()
    mapping: Annotated[
        PunchMapping, Meta(description="Whether the caller's NAT maps by the remote endpoint, as far as it knows.")
    ] = "unknown"


class PunchGranted(Struct, frozen=True):
    """The caller's part in a punch; the other side is told its own at the same time.

    :ivar strategy: What both sides do: as of `requestpunch`, or what fits the NATs better.
    """

    strategy: PunchStrategy
    candidates: Annotated[list[PunchCandidate], Meta(description="The other side's, the likeliest first.")]
    observed: Annotated[PunchEndpoint, Meta(description="Where the caller's socket was seen.")]
    certificates: Annotated[
        list[Certificate], Meta(description="What the other side shows, each signed with its key.")
    ]
    mapping: Annotated[PunchMapping, Meta(description="Whether the other side's NAT maps by the remote endpoint.")]
    many: Annotated[
        Literal["requester", "target"] | None, Meta(description="Which side opens many sockets, with strategy spread.")
    ] = None


class PunchAttempt(Struct, frozen=True):
    """A punch that this node had a part in.

    :ivar transport: Of the sockets. :ivar strategy: As of `requestpunch`. :ivar seconds: How long it took.
    """

    role: Annotated[
        Literal["requester", "coordinator", "target"],
        Meta(description="This node's."),
    ]
    node: Annotated[Hex32, Meta(description="The target; where this node is the target, the coordinator.")]
    transport: PunchTransport
    strategy: PunchStrategy
    began: Seconds
    outcome: Annotated[
        Literal["under way", "open", "failed", "told"],
        Meta(description="told: both sides have their orders, which is all that a coordinator learns."),
    ]
    seconds: float
    packets: Annotated[int, Meta(description="Probes, or over TCP connections, that this node sent.")]
    candidates: list[PunchCandidate]
    path: Annotated[PunchCandidate | None, Meta(description="Where it came through.")]
    reason: Annotated[str, Meta(description="Why it failed; empty if it did not.")]


class PeerInterface(Struct, frozen=True):
    """An interface that a peer says it serves.

    :ivar port: Where it listens. :ivar secure: Whether TLS is spoken there.
    """

    transport: Annotated[str, Meta(description="http, ws, ws-udp or webtransport.")]
    address: Annotated[str, Meta(description="Empty: whichever address the node is reached at.")]
    port: int
    secure: bool


class PeerInfo(Struct, frozen=True):
    """A connected peer: first what Pocketnet's tools read, with their types, then what is our own.

    :ivar relaytxes: Always true: kept for Pocketnet's tools. :ivar version: Of its software, as it says.
    :ivar startingheight: Its height when the link began. :ivar whitelisted: Always false: kept for Pocketnet's tools.
    :ivar bytessent: By the link, since it began. :ivar bytesrecv: By the link, since it began.
    """

    id: NodeId
    addr: Annotated[str, Meta(description="Where it is seen, address:port.")]
    services: Annotated[str, Meta(description="The transports that it serves, separated by commas.")]
    relaytxes: bool
    lastsend: Seconds
    lastrecv: Seconds
    conntime: Seconds
    timeoffset: Annotated[int, Meta(description="Seconds that its clock was ahead of this node's at the beginning.")]
    pingtime: Annotated[int, Meta(description="Microseconds to the peer and back, as last measured; 0: not yet.")]
    protocol: Annotated[str, Meta(description="What the link goes over: ws (TCP) or ws-udp (QUIC).")]
    version: str
    inbound: Annotated[bool, Meta(description="Whether the peer dialled.")]
    startingheight: int
    whitelisted: bool
    banscore: Annotated[int, Meta(description="How often it was banned.")]
    synced_headers: Annotated[int, Meta(description="The height that it has shown a certificate for.")]
    synced_blocks: Annotated[int, Meta(description="The height that both have.")]
    blocks_from: Annotated[int, Meta(description="The height of the oldest block that it says it has.")]
    bytessent: int
    bytesrecv: int
    interfaces: list[PeerInterface]
    validator: Annotated[Hex32 | None, Meta(description="The validator key that it has proven, or null.")]
    stun: Annotated[StunRecord | None, Meta(description="Its STUN data, or null.")]
    seen: Annotated[list[SeenAddress], Meta(description="Where this node's STUN server saw it.")]
    punches: Annotated[list[PunchAttempt], Meta(description="The last punches with it, the newest last.")]


class BannedPeer(Struct, frozen=True):
    """Whom a node takes no link from for now.

    :ivar whom: A node's key, an IPv4 address or an IPv6 /64 network; of an address, nodes that are known are taken.
    :ivar fault: What for, by name. :ivar count: How often it was banned. :ivar until: Unix time, in seconds.
    """

    whom: str
    fault: str
    count: int
    until: int


class Peers(Struct, frozen=True):
    """How many peers there are, by who dialled, how many addresses of nodes are known, and who is banned.

    :ivar inbound: Links that others dialled. :ivar outbound: Links that it dialled.
    :ivar known: Addresses in its book. :ivar banned: The 20 bans that last longest.
    """

    inbound: int
    outbound: int
    known: int
    banned: list[BannedPeer]


class SyncFacts(Struct, frozen=True):
    """How far the node is compared with its peers.

    :ivar target: The height that it knows to be final. :ivar operations_second: As written in the last seconds.
    :ivar seconds_left: Until it has them all; None if that can't be said. :ivar trouble: Why it does not go on.
    :ivar phase: Whether blocks are replayed, or a state is fetched. :ivar rows: Of that state, here already, of
        ``total``, which is 0 while it is not known.
    """

    target: int
    operations_second: float
    seconds_left: float | None
    trouble: str | None
    phase: Literal["replay", "state"] = "replay"
    rows: int = 0
    total: int = 0


class ToldHash(Struct, frozen=True):
    """What another node answered when it was asked for its signed ``getdatahash`` at a height.

    :ivar newest: Of its newest block. :ivar lowest: The lowest height that it answers at.
    :ivar answer: The signed bytes; empty if it can't answer at that height. :ivar text: The result's text.
    """

    newest: int
    lowest: int
    answer: bytes
    signature: bytes
    text: bytes


class OtherNode(Protocol):
    """A node that there is a link with."""

    @property
    def id(self) -> bytes:
        """Its key."""

    @property
    def place(self) -> str:
        """Address and port, for people."""

    def ask_hash(self, height: int | None) -> Deferred[ToldHash]:
        """Ask for its signed answer at a height, or with None only for what it can answer at.

        :returns: Fails, whatever the reason, if no answer comes.
        """


class NodeFacts(Protocol):
    """Facts about the running node; every method is cheap and answers for now."""

    @property
    def started(self) -> float:
        """When the node started, unix seconds."""

    def interfaces(self) -> Sequence[Interface]:
        """What listens now; empty while nothing does."""

    def certificates(self) -> Sequence[Certificate]:
        """The certificates in use and the next one, newest first."""

    def peers(self) -> Sequence[PeerInfo]:
        """The peers that there are links with now."""

    def others(self) -> Sequence[OtherNode]:
        """The same, to be asked."""

    def peer_counts(self) -> Peers:
        """How many they are."""

    def sync(self) -> SyncFacts:
        """How far the node is."""

    def stun(self) -> Stun:
        """How the node is reached from outside."""

    def stun_records(self) -> Sequence[StunRecord]:
        """The STUN data of all nodes that is known, this one's included."""

    def request_punch(self, params: PunchParams, address: str) -> Deferred[PunchGranted]:
        """Coordinate a punch for a caller at an IP address.

        :returns: Fails with ``ApiError``, whose name begins with ``punch_``. Cancelling it gives up.
        """

    def punch_attempts(self) -> Sequence[PunchAttempt]:
        """The newest attempts that this node had a part in, with whomever."""

    def seen_addresses(self) -> Sequence[SeenAddress]:
        """Where this node's STUN server saw peers."""

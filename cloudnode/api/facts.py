"""What the API tells of the node but cannot know itself: the service that composes a node provides it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

from msgspec import Meta, Struct
from twisted.internet.defer import Deferred

from cloudnode.api.types import Hex32, Hex64, NodeId, Seconds

TransportName = Literal["http", "ws", "ws-udp", "webtransport"]


class Interface(Struct, frozen=True):
    """An interface that listens now."""

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


class PeerInterface(Struct, frozen=True):
    """An interface that a peer says it serves."""

    transport: Annotated[str, Meta(description="http, ws, ws-udp or webtransport.")]
    address: Annotated[str, Meta(description="Empty: whichever address the node is reached at.")]
    port: int
    secure: bool


class PeerInfo(Struct, frozen=True):
    """A connected peer: first what Pocketnet's tools read, with their types, then what is our own."""

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
    bytessent: int
    bytesrecv: int
    interfaces: list[PeerInterface]
    validator: Annotated[Hex32 | None, Meta(description="The validator key that it has proven, or null.")]


class Peers(Struct, frozen=True):
    """How many peers there are, by who dialled, and how many addresses of nodes are known."""

    inbound: int
    outbound: int
    known: int


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

"""Messages about how nodes are reached from outside (``docs/reach.md``)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from cloudnode.formats.stundata import CERTIFICATES_MAX, STUN_DATA_BYTES_MAX
from cloudnode.peers.messages.fields import STUN_RECORDS_MAX, Bytes32, Bytes64, Host, Message, Port, RequestId


class StunServer(Message, frozen=True, tag=32):
    """Tells of the sender's STUN server, and with what this receiver authenticates itself there.

    :ivar udp_port: :ivar tcp_port: Where it answers at the address of the link; 0 for nowhere.
    :ivar username: :ivar key: For MESSAGE-INTEGRITY, of this link alone.
    """

    udp_port: Annotated[int, Meta(ge=0, le=65_535)]
    tcp_port: Annotated[int, Meta(ge=0, le=65_535)]
    username: Annotated[str, Meta(pattern="^[!-~]{1,16}$")]
    key: Bytes32


StunRecord = Annotated[bytes, Meta(max_length=STUN_DATA_BYTES_MAX)]


class StunRecords(Message, frozen=True, tag=33):
    """Tells STUN data of nodes (:mod:`cloudnode.formats.stundata`), each record with its signature."""

    records: Annotated[tuple[StunRecord, ...], Meta(min_length=1, max_length=STUN_RECORDS_MAX)]


class DialBack(Message, frozen=True, tag=34):
    """Asks to be reached from outside, at the address at which the receiver sees this link.

    :ivar way: ``tcp`` and ``udp``: by a TLS or QUIC handshake. ``stun``: by one Binding indication over UDP, from the
        port of the receiver's STUN server. ``stun-tcp`` (from version 2 on): by one on the TCP connection with the
        receiver's STUN server that comes from this port.
    :ivar certificates: Of these hashes one must be shown. :ivar transaction: The indication's id.
    """

    request: RequestId
    way: Literal["tcp", "udp", "stun", "stun-tcp"]
    port: Port
    certificates: Annotated[tuple[Bytes32, ...], Meta(max_length=CERTIFICATES_MAX)] = ()
    transaction: Annotated[bytes, Meta(max_length=12)] = b""


class DialledBack(Message, frozen=True, tag=35):
    """What came of it.

    :ivar outcome: ``reached``, ``failed``, or ``refused`` if too much was asked for. ``stun`` and
        ``stun-tcp`` are ``reached`` once the indication is sent. :ivar host: The address that was tried.
    """

    request: RequestId
    outcome: Literal["reached", "failed", "refused"]
    host: Host


PUNCH_CANDIDATES_MAX = 16
PUNCH_LOCAL_MAX = 4


class Place(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An IP address and a port."""

    host: Host
    port: Port


PunchTransport = Literal["udp", "tcp"]
PunchStrategy = Literal["direct", "opener", "spread"]
PunchMapping = Literal["independent", "dependent", "unknown"]
PunchSide = Literal["requester", "target"]
PunchUsername = Annotated[str, Meta(pattern="^[!-~]{1,16}$")]


class PunchCandidate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where the other side of a punch may be reached, and where that is known from."""

    host: Host
    port: Port
    kind: Literal["observed", "private", "predicted", "reflexive", "served"]


class PunchLocal(Message, frozen=True, tag=40):
    """Tells the receiver, as a coordinator, the private endpoints of the sockets whose mappings it sees.

    Sent when they change. They are passed on to whoever is behind the same NAT alone.
    """

    udp: Annotated[tuple[Place, ...], Meta(max_length=PUNCH_LOCAL_MAX)]
    tcp: Annotated[tuple[Place, ...], Meta(max_length=PUNCH_LOCAL_MAX)]


class PunchOrder(Message, frozen=True, tag=41):
    """Tells a target that somebody wants to reach it, and where to send what opens its NAT.

    :ivar username: :ivar key: With which probes authenticate themselves, both ways.
    :ivar own: Where the sender sees the target's mapping. :ivar many: Which side opens many sockets.
    """

    transport: PunchTransport
    strategy: PunchStrategy
    username: PunchUsername
    key: Bytes32
    candidates: Annotated[tuple[PunchCandidate, ...], Meta(min_length=1, max_length=PUNCH_CANDIDATES_MAX)]
    own: Place
    many: PunchSide | None = None


class RequestPunch(Message, frozen=True, tag=42):
    """Asks the receiver to coordinate a punch with a node that it has a link with.

    A Binding request with these credentials comes to the receiver's STUN server at the same time.

    :ivar local: The private endpoints of the socket. :ivar mapping: What the sender knows of its NAT.
    """

    request: RequestId
    node: Bytes32
    transport: PunchTransport
    strategy: PunchStrategy
    username: PunchUsername
    key: Bytes32
    local: Annotated[tuple[Place, ...], Meta(max_length=PUNCH_LOCAL_MAX)]
    mapping: PunchMapping


class PunchCertificate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A certificate that the target shows: its SHA-256 and the target's signature over that."""

    hash: Bytes32
    signature: Bytes64


class Punched(Message, frozen=True, tag=43):
    """Both sides have their orders: this is the requester's.

    :ivar refusal: Why not, by the name of the API's error; empty if they have. Then nothing else counts.
    :ivar own: Where the sender saw the requester. :ivar mapping: What it knows of the target's NAT.
    """

    request: RequestId
    refusal: Annotated[str, Meta(max_length=32)]
    strategy: PunchStrategy = "direct"
    candidates: Annotated[tuple[PunchCandidate, ...], Meta(max_length=PUNCH_CANDIDATES_MAX)] = ()
    own: Place | None = None
    many: PunchSide | None = None
    certificates: Annotated[tuple[PunchCertificate, ...], Meta(max_length=CERTIFICATES_MAX)] = ()
    mapping: PunchMapping = "unknown"


class RelayInvitation(Message, frozen=True, tag=46):
    """Calls the receiver to the sender's ``/relay/accept/<token in hex>``, where somebody waits for it.

    :ivar caller: The IP address of who waits, as the sender sees it.
    """

    token: Annotated[bytes, Meta(min_length=16, max_length=16)]
    caller: Host


class RelayDeclined(Message, frozen=True, tag=47):
    """The sender does not come."""

    token: Annotated[bytes, Meta(min_length=16, max_length=16)]
    reason: Annotated[str, Meta(max_length=100)]


class NatProbe(Message, frozen=True, tag=36):
    """Asks to be sent something, or called, at the address at which the receiver sees this link, from a new port.

    :ivar way: ``udp``: one Binding indication. ``tcp``: a connection, closed as soon as it is open.
    :ivar transaction: The indication's id.
    """

    request: RequestId
    way: Literal["udp", "tcp"]
    port: Port
    transaction: Annotated[bytes, Meta(min_length=12, max_length=12)]


class NatProbed(Message, frozen=True, tag=37):
    """What came of it.

    :ivar outcome: ``sent`` over UDP; over TCP ``accepted``, ``reset`` or ``dropped``; ``failed`` if it could not be
        tried, ``refused`` if too much was asked for. :ivar host: The address that was tried.
    """

    request: RequestId
    outcome: Literal["sent", "accepted", "reset", "dropped", "failed", "refused"]
    host: Host

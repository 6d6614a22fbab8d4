"""The messages of links between nodes, and the frames in which they travel (``docs/peers.md``).

A message is a MessagePack array whose first element is the number of its type. A frame is one or more messages, each
behind its length. The type stands in the second byte, so that a message's length is judged before it is decoded.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from cloudnode.formats.block import HEADER_SIZE, split_values
from cloudnode.formats.evidence import EVIDENCE_BYTES_MAX
from cloudnode.formats.finality import DESCENDANTS_MAX
from cloudnode.formats.genesis import BOUNDS, VALIDATORS_MAX
from cloudnode.formats.stundata import CERTIFICATES_MAX, STUN_DATA_BYTES_MAX
from cloudnode.peers.faults import PeerFault

VERSION = 1

NO_NETWORK = bytes(32)
"""What a newcomer says that does not know its network yet: it may ask for the genesis and nothing else."""

Bytes32 = Annotated[bytes, Meta(min_length=32, max_length=32)]
Bytes64 = Annotated[bytes, Meta(min_length=64, max_length=64)]
Header = Annotated[bytes, Meta(min_length=HEADER_SIZE, max_length=HEADER_SIZE)]
FinalityBytes = Annotated[bytes, Meta(max_length=70_000 + DESCENDANTS_MAX * HEADER_SIZE)]
Unsigned = Annotated[int, Meta(ge=0, le=2**62)]
RequestId = Annotated[int, Meta(ge=0, lt=2**32)]
Host = Annotated[str, Meta(max_length=64)]
Port = Annotated[int, Meta(ge=1, le=65_535)]
Ids = Annotated[bytes, Meta(max_length=BOUNDS["max_block_operations"][1] * 32)]
"""Operation ids, 32 bytes each, one after the other."""
Validators = Annotated[bytes, Meta(max_length=VALIDATORS_MAX * 32)]
"""The keys of appointed validators, one after the other; empty unless the block ends its epoch."""

ADDRESSES_MAX = 100
BLOCKS_MAX = 500
SPANS_MAX = 256
OFFERED_MAX = 2_000
BODIES_MAX = 1_000
EPOCHS_MAX = 100
SLOTS_MAX = 64
STUN_RECORDS_MAX = 16
CHUNK_ROWS_MAX = 4_096
"""Rows under one slot that are sent at once; who asks for a slot with more is told to ask for the ones below it."""

ANSWER_BYTES = 1024 * 1024
"""An answer holds what comes first and fits into so many bytes, but one item at least."""


class Message(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """What all messages are."""


class Interface(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something that a node serves.

    :ivar transport: ``http``, ``ws``, ``ws-udp`` or ``webtransport``.
    :ivar host: Its IP address; empty for whichever address the node is seen at. :ivar secure: Whether it is encrypted.
    """

    transport: Annotated[str, Meta(max_length=16)]
    host: Host
    port: Port
    secure: bool


class Hello(Message, frozen=True, tag=1):
    """The first message of both sides.

    :ivar versions: Of this protocol, that are spoken. :ivar network: The network id, or :data:`NO_NETWORK`.
    :ivar node: The node's key. :ivar nonce: Random, of this link alone. :ivar height: Of its newest block.
    :ivar time: Its clock, in milliseconds since 1970. :ivar software: For people.
    """

    versions: Annotated[tuple[Annotated[int, Meta(ge=0, le=65_535)], ...], Meta(min_length=1, max_length=16)]
    network: Bytes32
    node: Bytes32
    nonce: Bytes32
    interfaces: Annotated[tuple[Interface, ...], Meta(max_length=16)]
    height: Unsigned
    time: Unsigned
    software: Annotated[str, Meta(max_length=64)]


class Proof(Message, frozen=True, tag=2):
    """The second message of both sides: the node's signature over :func:`cloudnode.peers.handshake.challenge`."""

    signature: Bytes64


class Goodbye(Message, frozen=True, tag=3):
    """The last message: why the link ends."""

    fault: Annotated[str, Meta(max_length=32)]
    reason: Annotated[str, Meta(max_length=300)]


class Ping(Message, frozen=True, tag=4):
    """To be answered with a :class:`Pong` of the same number."""

    number: RequestId


class Pong(Message, frozen=True, tag=5):
    """The answer to a :class:`Ping`."""

    number: RequestId


class GetGenesis(Message, frozen=True, tag=6):
    """Asks for the network's genesis."""

    request: RequestId


class GenesisText(Message, frozen=True, tag=7):
    """The exact text of the genesis."""

    request: RequestId
    text: Annotated[bytes, Meta(max_length=1 << 20)]


class GetAddresses(Message, frozen=True, tag=8):
    """Asks for addresses of other nodes."""

    request: RequestId


class NodeAddress(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a node is.

    :ivar node: Its key. :ivar host: An IP address. :ivar port: Where links are taken. :ivar seen: When somebody had a
        link with it last, unix seconds. :ivar validator: The validator key that it has proven to the teller, or empty:
        a hint where to look for that validator, and no more.
    """

    node: Bytes32
    host: Host
    port: Port
    seen: Unsigned
    interfaces: Annotated[tuple[Interface, ...], Meta(max_length=16)]
    validator: Annotated[bytes, Meta(max_length=32)] = b""


class Addresses(Message, frozen=True, tag=9):
    """Some addresses of other nodes."""

    request: RequestId
    addresses: Annotated[tuple[NodeAddress, ...], Meta(max_length=ADDRESSES_MAX)]


class GetBlocks(Message, frozen=True, tag=10):
    """Asks for final blocks from a height on."""

    request: RequestId
    first: Unsigned
    count: Annotated[int, Meta(ge=1, le=BLOCKS_MAX)]


class SentBlock(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A final block without its operations' bodies."""

    header: Header
    finality: FinalityBytes
    ids: Ids
    validators: Validators


class Blocks(Message, frozen=True, tag=11):
    """Blocks one after the other, from the height that was asked for; none if there is none of it."""

    request: RequestId
    blocks: Annotated[tuple[SentBlock, ...], Meta(max_length=BLOCKS_MAX)]


class Span(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Some operations of a block, from an index on."""

    height: Unsigned
    first: Annotated[int, Meta(ge=0, lt=1 << 20)]
    count: Annotated[int, Meta(ge=1, le=1 << 20)]


class GetOperations(Message, frozen=True, tag=12):
    """Asks for operations of final blocks."""

    request: RequestId
    spans: Annotated[tuple[Span, ...], Meta(min_length=1, max_length=SPANS_MAX)]


class SentOperation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An operation's exact body and its signature."""

    body: Annotated[bytes, Meta(max_length=BOUNDS["max_operation_bytes"][1])]
    signature: Bytes64


class Operations(Message, frozen=True, tag=13):
    """The operations that were asked for in order, as many as fit, from the first one on; none if it has them not."""

    request: RequestId
    operations: tuple[SentOperation, ...]


class NewBlock(Message, frozen=True, tag=14):
    """Tells of a final block that the sender has executed, bodies and all."""

    block: SentBlock


class Offer(Message, frozen=True, tag=15):
    """Tells ids of operations that wait for a block."""

    ids: Annotated[bytes, Meta(max_length=OFFERED_MAX * 32)]


class Want(Message, frozen=True, tag=16):
    """Asks for bodies of operations that were offered."""

    ids: Annotated[bytes, Meta(max_length=BODIES_MAX * 32)]


class Bodies(Message, frozen=True, tag=17):
    """Operations that were wanted, those which still wait for a block."""

    operations: Annotated[tuple[SentOperation, ...], Meta(max_length=BODIES_MAX)]


class Have(Message, frozen=True, tag=18):
    """Tells of a final block that the receiver is known to have that the sender has executed it as well."""

    height: Unsigned
    hash: Bytes32


SlotName = Annotated[str, Meta(pattern="^[0-4][0-9a-f]{0,128}$")]
"""The digit of a table of the state, and a slot of its trie (:mod:`cloudnode.ledger.chunks`)."""
Slots = Annotated[tuple[SlotName, ...], Meta(max_length=SLOTS_MAX)]
Node = Annotated[bytes, Meta(max_length=1024)]


class GetNodes(Message, frozen=True, tag=21):
    """Asks for inner nodes of the state at a height, and for the preimage of its root."""

    request: RequestId
    height: Unsigned
    slots: Slots


class Nodes(Message, frozen=True, tag=22):
    """The preimage of the state root, and for each slot its inner node, empty where there is none.

    An empty preimage, then without nodes, says that the sender can't tell that state (any more).
    """

    request: RequestId
    state: Annotated[bytes, Meta(max_length=512)]
    nodes: Annotated[tuple[Node, ...], Meta(max_length=SLOTS_MAX)]


class GetState(Message, frozen=True, tag=23):
    """Asks for all rows under some slots of the state at a height."""

    request: RequestId
    height: Unsigned
    slots: Annotated[Slots, Meta(min_length=1)]


class State(Message, frozen=True, tag=24):
    """The rows under the slots in order, as many slots as fit, from the first one on (:mod:`cloudnode.ledger.chunks`).

    Nil stands for a slot with more rows or bytes than an answer takes. No chunk at all says that the sender can't tell
    that state (any more).
    """

    request: RequestId
    chunks: Annotated[tuple[bytes | None, ...], Meta(max_length=SLOTS_MAX)]


class GetEpochs(Message, frozen=True, tag=28):
    """Asks how epochs ended, from one on."""

    request: RequestId
    first: Unsigned


class SentEpochEnd(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The last block of an epoch, with the validators that it appoints."""

    header: Header
    finality: FinalityBytes
    validators: Validators


class Epochs(Message, frozen=True, tag=29):
    """The ends of epochs one after the other, as many as fit; none if the sender knows of no end of the first one."""

    request: RequestId
    ends: Annotated[tuple[SentEpochEnd, ...], Meta(max_length=EPOCHS_MAX)]


class Consensus(Message, frozen=True, tag=19):
    """A message of consensus (``docs/consensus.md``), between validators."""

    message: Annotated[bytes, Meta(min_length=1, max_length=3 * 1024 * 1024)]


class Standing(Message, frozen=True, tag=20):
    """Says that the sender is a validator. Sent when a link opens and when something of it changes.

    :ivar key: The validator's. :ivar signature: Its signature over network and node key, which binds it to this node.
    :ivar votes: Whether the node takes part in consensus now, rather than catching up.
    :ivar reaches: The keys of the validators that it has links with.
    """

    key: Bytes32
    signature: Bytes64
    votes: bool
    reaches: Annotated[tuple[Bytes32, ...], Meta(max_length=VALIDATORS_MAX)]


class GetProposed(Message, frozen=True, tag=30):
    """Asks for operations of a block that is under way, with the signatures that the leader's block covers.

    :ivar hash: The block's. :ivar first: The index to begin with.
    """

    request: RequestId
    hash: Bytes32
    first: Annotated[int, Meta(ge=0, lt=1 << 20)]


class GetSigned(Message, frozen=True, tag=25):
    """Asks for the signed answer to ``getdatahash`` at a height; without one only for what the node can answer at."""

    request: RequestId
    height: Unsigned | None


class Signed(Message, frozen=True, tag=26):
    """What a node can answer at, and its signed answer: empty where it can't answer at that height.

    :ivar newest: Of its newest block. :ivar lowest: The lowest height that it answers at.
    :ivar answer: The bytes of :class:`cloudnode.formats.receipt.Answer`. :ivar text: The result's JSON.
    """

    request: RequestId
    newest: Unsigned
    lowest: Unsigned
    answer: Annotated[bytes, Meta(max_length=256)]
    signature: Annotated[bytes, Meta(max_length=64)]
    text: Annotated[bytes, Meta(max_length=1024)]


class Accusation(Message, frozen=True, tag=27):
    """Passes on evidence (:mod:`cloudnode.formats.evidence`) that the sender has verified."""

    evidence: Annotated[bytes, Meta(max_length=EVIDENCE_BYTES_MAX)]


class Holds(Message, frozen=True, tag=31):
    """Tells the height of the oldest block that the sender has; it is asked for none below."""

    blocks_from: Unsigned


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
        port of the receiver's STUN server.
    :ivar certificates: Of these hashes one must be shown. :ivar transaction: The indication's id.
    """

    request: RequestId
    way: Literal["tcp", "udp", "stun"]
    port: Port
    certificates: Annotated[tuple[Bytes32, ...], Meta(max_length=CERTIFICATES_MAX)] = ()
    transaction: Annotated[bytes, Meta(max_length=12)] = b""


class DialledBack(Message, frozen=True, tag=35):
    """What came of it.

    :ivar outcome: ``reached``, ``failed``, or ``refused`` if too much was asked for. ``stun`` is ``reached`` once the
        indication is sent. :ivar host: The address that was tried.
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


AnyMessage = (
    Hello | Proof | Goodbye | Ping | Pong | GetGenesis | GenesisText | GetAddresses | Addresses | GetBlocks | Blocks
    | GetOperations | Operations | NewBlock | Offer | Want | Bodies | Have | Consensus | Standing | GetNodes | Nodes
    | GetState | State | GetEpochs | Epochs | GetProposed | GetSigned | Signed | Accusation | Holds
    | StunServer | StunRecords | DialBack | DialledBack | NatProbe | NatProbed | RelayInvitation | RelayDeclined
    | PunchLocal | PunchOrder | RequestPunch | Punched
)  # fmt: skip

Answer = (
    GenesisText | Addresses | Blocks | Operations | Nodes | State | Epochs | Signed | DialledBack | NatProbed
    | Punched
)  # fmt: skip
Question = (
    GetGenesis | GetAddresses | GetBlocks | GetOperations | GetNodes | GetState | GetEpochs | GetProposed | GetSigned
    | DialBack | NatProbe | RequestPunch
)  # fmt: skip

ANSWERS: dict[type[Question], type[Answer]] = {
    GetGenesis: GenesisText,
    GetAddresses: Addresses,
    GetBlocks: Blocks,
    GetOperations: Operations,
    GetNodes: Nodes,
    GetState: State,
    GetEpochs: Epochs,
    GetProposed: Operations,
    GetSigned: Signed,
    DialBack: DialledBack,
    NatProbe: NatProbed,
    RequestPunch: Punched,
}

_K = 1024
_LIMITS: dict[type[Message], int] = {
    Hello: 4 * _K, Proof: 128, Goodbye: 512, Ping: 16, Pong: 16, GetGenesis: 16, GenesisText: _K * _K + 16,
    GetAddresses: 16, Addresses: 64 * _K, GetBlocks: 32, Blocks: 4 * _K * _K, GetOperations: 8 * _K,
    Operations: 4 * _K * _K, NewBlock: 3 * _K * _K, Offer: 65 * _K, Want: 33 * _K, Bodies: 4 * _K * _K, Have: 64,
    GetNodes: 9 * _K, Nodes: 66 * _K, GetState: 9 * _K, State: 4 * _K * _K,
    GetEpochs: 32, Epochs: 2 * _K * _K, Holds: 16,
    Consensus: 3 * _K * _K + 16, Standing: 40 * _K, GetProposed: 64,
    GetSigned: 32, Signed: 2 * _K, Accusation: EVIDENCE_BYTES_MAX + 16,
    StunServer: 128, StunRecords: STUN_RECORDS_MAX * (STUN_DATA_BYTES_MAX + 8), DialBack: 256, DialledBack: 128,
    NatProbe: 64, NatProbed: 128,
    RelayInvitation: 128, RelayDeclined: 512,
    PunchLocal: 768, PunchOrder: 2 * _K, RequestPunch: _K, Punched: 2 * _K,
}  # fmt: skip

LIMITS: dict[int, int] = {int(str(kind.__struct_config__.tag)): size for kind, size in _LIMITS.items()}
"""The most bytes of a message, by the number of its type."""

COSTS: dict[type[Message], int] = {
    GetAddresses: 200, GetGenesis: 200, GetBlocks: 50, GetOperations: 50, Ping: 20, GetNodes: 20, GetState: 30,
    GetEpochs: 50, NewBlock: 2, Offer: 2, Want: 2, Bodies: 2, Consensus: 4, Standing: 20, GetProposed: 50,
    GetSigned: 50, Accusation: 60, StunServer: 20, StunRecords: 200, DialBack: 200, NatProbe: 100,
    RelayInvitation: 30, RelayDeclined: 5,
    PunchLocal: 20, PunchOrder: 50, RequestPunch: 100,
}  # fmt: skip
"""What a message takes of what a peer may send unasked (see :class:`cloudnode.peers.link.Allowance`); else 1."""

FRAME_MESSAGES_MAX = 4096
BUNDLE_BYTES = 64 * 1024
"""A frame takes messages until it is as long as this; a longer message has a frame of its own."""

PACKED = 0xC1
"""The first byte of a message that is packed; no MessagePack begins with it."""

PACKED_LEAST = 256
EXPANSION_MAX = 32
"""A message is at most so many times as long as it is packed: a few bytes must not become much work."""

UNPACKED_MAX = 8 * 1024 * 1024
"""Bytes of all messages of a frame that come packed, unpacked."""

_PACKABLE = {int(str(kind.__struct_config__.tag)) for kind in (Bodies, Operations)}
"""Types whose messages are text for the most part. Accounts, the network and all names repeat themselves in it."""

assert set(_LIMITS) == set(get_args(AnyMessage))

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(AnyMessage).decode


def encode_message(message: Message) -> bytes:
    """A message behind its length; packed if that makes it shorter."""
    body = _encode(message)
    if len(body) >= PACKED_LEAST and body[1] in _PACKABLE:
        # More than the fastest level gains 3 % and takes twice the time.
        packed = zlib.compress(body, 1)
        if len(packed) < len(body) < EXPANSION_MAX * len(packed):
            body = bytes((PACKED, body[1])) + packed
    return len(body).to_bytes(4, "big") + body


def decode_frame(frame: bytes) -> list[AnyMessage]:
    """Read a frame.

    :raises PeerFault: ``malformed`` or ``oversized``.
    """
    messages: list[AnyMessage] = []
    at, end = 0, len(frame)
    room = UNPACKED_MAX
    while at < end:
        begin = at + 4
        at = begin + int.from_bytes(frame[at:begin], "big")
        if begin + 2 > end or at > end:
            raise PeerFault("malformed", "a frame ends within a message")
        is_packed = frame[begin] == PACKED and frame[begin + 1] in _PACKABLE
        limit = LIMITS.get(frame[begin + 1], 0) if is_packed or 0x90 <= frame[begin] <= 0x9F else 0
        if at - begin > limit:
            what = f"a message of type {frame[begin + 1]} has {at - begin} bytes"
            raise PeerFault("oversized" if limit else "malformed", what)
        if len(messages) == FRAME_MESSAGES_MAX:
            raise PeerFault("oversized", f"a frame has more than {FRAME_MESSAGES_MAX} messages")
        raw = frame[begin:at]
        if is_packed:
            raw = _unpack(raw, min(limit, room))
            room -= len(raw)
        try:
            messages.append(_decode(raw))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise PeerFault("malformed", f"a message can't be decoded: {str(error)[:200]}") from None
    if not messages:
        raise PeerFault("malformed", "a frame is empty")
    return messages


def _unpack(packed: bytes, most: int) -> bytes:
    """The message that was packed.

    :raises PeerFault: ``oversized``: it has more than ``most`` bytes, or is too many times as long. ``malformed``.
    """
    unpacking = zlib.decompressobj()
    try:
        # No more than this is ever made of it.
        message = unpacking.decompress(packed[2:], max(1, min(most, EXPANSION_MAX * len(packed))))
    except zlib.error as error:
        raise PeerFault("malformed", f"a message can't be unpacked: {error}") from None
    if unpacking.unconsumed_tail:
        raise PeerFault("oversized", f"a message of {len(packed)} bytes becomes too long when it is unpacked")
    if not unpacking.eof or unpacking.unused_data or message[1:2] != packed[1:2]:
        raise PeerFault("malformed", "a packed message is not what it says")
    return message


def take_bundle(queue: deque[bytes]) -> list[bytes]:
    """Take off the queue as many encoded messages as go into one frame."""
    taken: list[bytes] = []
    size = 0
    while queue and len(taken) < FRAME_MESSAGES_MAX and (not taken or size + len(queue[0]) <= BUNDLE_BYTES):
        taken.append(queue.popleft())
        size += len(taken[-1])
    return taken


def split_ids(ids: bytes) -> tuple[bytes, ...]:
    """The 32-byte ids (or keys) that stand one after the other.

    :raises PeerFault: ``malformed``: that is not what they are.
    """
    if len(ids) % 32:
        raise PeerFault("malformed", "ids and keys are 32 bytes each")
    return split_values(ids)


def take_fitting(items: Iterable[SentOperation], most: int) -> Sequence[SentOperation]:
    """The first items whose bodies fit into an answer, one at least."""
    taken: list[SentOperation] = []
    size = 0
    for item in items:
        size += len(item.body) + 72
        if taken and (size > ANSWER_BYTES or len(taken) == most):
            break
        taken.append(item)
    return taken

"""Messages about links themselves and about who is where."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from cloudnode.peers.messages.fields import ADDRESSES_MAX, Bytes32, Bytes64, Host, Message, Port, RequestId, Unsigned


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

"""What the API tells of the node but cannot know itself: the service that composes a node provides it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

from msgspec import Meta, Struct

from cloudnode.api.types import Hex32, Hex64, Seconds

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


class NodeFacts(Protocol):
    """Facts about the running node; every method is cheap and answers for now."""

    @property
    def started(self) -> float:
        """When the node started, unix seconds."""

    def interfaces(self) -> Sequence[Interface]:
        """What listens now; empty while nothing does."""

    def certificates(self) -> Sequence[Certificate]:
        """The certificates in use and the next one, newest first."""

"""Messages between validators, and those about who said what."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from cloudnode.formats.evidence import EVIDENCE_BYTES_MAX
from cloudnode.formats.genesis import VALIDATORS_MAX
from cloudnode.peers.messages.fields import Bytes32, Bytes64, Message, RequestId, Unsigned


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

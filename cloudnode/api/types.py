"""The types of parameters, and how the ledger's values are written in answers.

All bytes (keys, ids, hashes, signatures, headers) are written as lower-case hex digits, times as milliseconds since
1970 unless the name says otherwise. Patterns end in ``$(?!\\n)`` because Python's ``$`` also matches before a last
newline; to other engines the addition means nothing.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from cloudnode.formats.finality import Finality
from cloudnode.ledger.positions import INDEX_BITS
from cloudnode.ledger.reading import Cursor

HEIGHT_MAX = 2**40
"""No block is ever as high: at one each millisecond that is 34 years, and positions of this height fit 63 bits."""

INDEX_MAX = (1 << INDEX_BITS) - 1

Hex32 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$(?!\\n)", max_length=64, description="32 bytes, lower-case hex.")]
Hex64 = Annotated[str, Meta(pattern="^[0-9a-f]{128}$(?!\\n)", max_length=128, description="64 bytes, lower-case hex.")]
Hex = Annotated[str, Meta(pattern="^([0-9a-f]{2})*$(?!\\n)", description="Bytes, lower-case hex.")]
Descendants = Annotated[
    list[Hex],
    Meta(
        description="The headers from the block's child to the block that the certificate is for: empty if that is"
        " the block itself. Nodes may hold different ones."
    ),
]
AccountId = Annotated[
    str,
    Meta(
        pattern="^[0-9a-f]{64}$(?!\\n)",
        max_length=64,
        description="An account: an Ed25519 public key, 64 lower-case hex digits.",
    ),
]
NodeId = Annotated[
    str,
    Meta(pattern="^[0-9a-f]{64}$(?!\\n)", max_length=64, description="A node's Ed25519 public key, lower-case hex."),
]
ValidatorId = Annotated[
    str,
    Meta(
        pattern="^[0-9a-f]{64}$(?!\\n)", max_length=64, description="A validator's Ed25519 public key, lower-case hex."
    ),
]
Collection = Annotated[str, Meta(pattern="^[a-z0-9._-]{1,64}$(?!\\n)", description="A record's collection.")]
Key = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=256,
        pattern="^[^/\\u0000-\\u001f\\u007f-\\u009f]*$(?!\\n)",
        description="A record's key: 1 to 256 bytes of UTF-8 without '/' and control characters.",
    ),
]
Address = Annotated[
    str,
    Meta(
        max_length=386,
        pattern="^[0-9a-f]{64}/[a-z0-9._-]{1,64}/[^/\\u0000-\\u001f\\u007f-\\u009f]+$(?!\\n)",
        description="A record's address, account/collection/key.",
    ),
]
Height = Annotated[int, Meta(ge=0, le=HEIGHT_MAX, description="A height; 0 is the genesis state.")]
Stars = Annotated[int, Meta(ge=1, le=5)]
PageLimit = Annotated[int, Meta(ge=1, le=2**31 - 1, description="The most items to answer with.")]
Milliseconds = Annotated[int, Meta(description="Milliseconds since 1970.")]
Seconds = Annotated[int, Meta(description="Seconds since 1970.")]


class LogCursor(Struct, frozen=True, forbid_unknown_fields=True):
    """A place in the log, the same on every node: operation ``index`` of block ``height``.

    :ivar index: Of the operation in the block, from 0.
    """

    height: Height
    index: Annotated[int, Meta(ge=0, le=INDEX_MAX)]

    @property
    def cursor(self) -> Cursor:
        """The ledger's value."""
        return Cursor(self.height, self.index)


def finality_texts(finality: bytes) -> tuple[str, list[str]]:
    """A finality proof as it is answered: the certificate and the descendants, in hex."""
    read = Finality.decode(finality)
    return read.certificate.encode().hex(), [header.encode().hex() for header in read.descendants]

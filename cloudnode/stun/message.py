"""A STUN message as a value, and as bytes (RFC 8489, sections 5 and 14).

Messages of RFC 3489 are read as well, which old clients send: they have no magic cookie, and their transaction id is
16 bytes long, the cookie's four among them.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterable

import attrs

from cloudnode.stun.errors import StunError

COOKIE = bytes.fromhex("2112a442")
HEADER_BYTES = 20
MAX_BYTES = HEADER_BYTES + 0xFFFC
"""The longest message that the header's length can tell."""

BINDING = 0x001
TRANSACTION_BYTES = 12
OLD_TRANSACTION_BYTES = 16

MESSAGE_INTEGRITY = 0x0008
MESSAGE_INTEGRITY_SHA256 = 0x001C
FINGERPRINT = 0x8028

_HEADER = struct.Struct("!HH")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


class Kind(enum.IntEnum):
    """The class of a message."""

    REQUEST = 0
    INDICATION = 1
    SUCCESS = 2
    ERROR = 3


@attrs.frozen
class Attribute:
    """One attribute.

    :ivar value: Without padding. :ivar offset: Where it begins in the message that it was read from.
    """

    type: int
    value: bytes
    offset: int = attrs.field(default=0, eq=False, repr=False)


@attrs.frozen
class Message:
    """A message.

    :ivar method: Of 12 bits. :ivar transaction: 12 bytes, or 16 in a message of RFC 3489.
    :ivar attributes: In their order, without those that have to be ignored because they follow what protects the
        message.
    :ivar data: The bytes that it was read from; empty if it was not read.
    """

    method: int
    kind: Kind
    transaction: bytes
    attributes: tuple[Attribute, ...] = ()
    data: bytes = attrs.field(default=b"", eq=False, repr=False)

    @property
    def is_old(self) -> bool:
        """Whether it is a message of RFC 3489."""
        return len(self.transaction) == OLD_TRANSACTION_BYTES

    def get(self, type: int) -> Attribute | None:
        """The first attribute of a type; None if there is none. Further ones have no meaning (section 14)."""
        for each in self.attributes:
            if each.type == type:
                return each
        return None

    def find(self, type: int) -> bytes | None:
        """The value of the first attribute of a type; None if there is none."""
        found = self.get(type)
        return None if found is None else found.value

    def unknown_required(self, known: Iterable[int]) -> tuple[int, ...]:
        """The types of attributes that have to be understood and are not among the known ones, each once."""
        found = dict.fromkeys(each.type for each in self.attributes if each.type < 0x8000)
        return tuple(type for type in found if type not in known)


def attribute_bytes(length: int) -> int:
    """The bytes of an attribute with a value of a length: with its head, and padded to a multiple of four."""
    return 4 + length + (-length & 3)


def encode_attribute(type: int, value: bytes) -> bytes:
    """The bytes of one attribute."""
    return _HEADER.pack(type, len(value)) + value + _PADDING[len(value) & 3]


def encode(message: Message) -> bytes:
    """The bytes of a message, protected by nothing (see :mod:`cloudnode.stun.integrity`).

    :raises ValueError: It does not fit into a message.
    """
    body = b"".join(encode_attribute(each.type, each.value) for each in message.attributes)
    if len(body) > MAX_BYTES - HEADER_BYTES:
        raise ValueError(f"{len(body)} bytes of attributes")
    return encode_header(message.method, message.kind, message.transaction, len(body)) + body


def encode_header(method: int, kind: Kind, transaction: bytes, length: int) -> bytes:
    """The header of a message whose attributes are so many bytes."""
    cookie = b"" if len(transaction) == OLD_TRANSACTION_BYTES else COOKIE
    return _HEADER.pack(_join_type(method, kind), length) + cookie + transaction


def with_length(data: bytes, length: int) -> bytes:
    """A message whose header tells another length."""
    return data[:2] + length.to_bytes(2, "big") + data[4:]


def decode(data: bytes, *, old: bool = False) -> Message:
    """Read a message.

    :param old: Take messages of RFC 3489 too.
    :raises StunError: It is none. What single attributes hold is not looked at here.
    """
    if len(data) < HEADER_BYTES:
        raise StunError("cut")
    type, length = _HEADER.unpack_from(data)
    if type & 0xC000 or (data[4:8] != COOKIE and not old):
        raise StunError("not_stun")
    if length & 3 or length != len(data) - HEADER_BYTES:
        raise StunError("wrong_length")
    method, kind = _split_type(type)
    begin = 8 if data[4:8] == COOKIE else 4
    return Message(method, kind, data[begin:HEADER_BYTES], tuple(_read_attributes(data)), data)


def _read_attributes(data: bytes) -> list[Attribute]:
    found: list[Attribute] = []
    # The last type of those that protect what stands before them; 0 while there was none.
    protected = 0
    offset = HEADER_BYTES
    while offset < len(data):
        type, length = _HEADER.unpack_from(data, offset)
        begin, offset = offset, offset + attribute_bytes(length)
        if offset > len(data):
            raise StunError("attribute_cut")
        if protected == FINGERPRINT:
            raise StunError("after_fingerprint")
        if _is_ignored(type, protected):
            continue
        found.append(Attribute(type, data[begin + 4 : begin + 4 + length], begin))
        if type in (MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, FINGERPRINT):
            protected = type
    return found


def _is_ignored(type: int, protected: int) -> bool:
    """What may follow what protects the message (RFC 8489, sections 14.5 to 14.7)."""
    if protected == MESSAGE_INTEGRITY:
        return type not in (MESSAGE_INTEGRITY_SHA256, FINGERPRINT)
    return protected == MESSAGE_INTEGRITY_SHA256 and type != FINGERPRINT


def _join_type(method: int, kind: Kind) -> int:
    return method & 0x0F | (method & 0x70) << 1 | (method & 0xF80) << 2 | (kind & 1) << 4 | (kind & 2) << 7


def _split_type(type: int) -> tuple[int, Kind]:
    method = type & 0x0F | (type & 0xE0) >> 1 | (type & 0x3E00) >> 2
    return method, Kind((type & 0x10) >> 4 | (type & 0x100) >> 7)

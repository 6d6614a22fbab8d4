"""What attributes hold (RFC 8489, section 14; RFC 5780, section 7; RFC 8445, section 16.1)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

import attrs

from cloudnode.stun.errors import StunError
from cloudnode.stun.message import COOKIE, FINGERPRINT, MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, Attribute, Message

Address = tuple[str, int]
"""IP address and port."""

MAPPED_ADDRESS = 0x0001
CHANGE_REQUEST = 0x0003
SOURCE_ADDRESS = 0x0004  # of RFC 3489, as the next
CHANGED_ADDRESS = 0x0005
USERNAME = 0x0006
ERROR_CODE = 0x0009
UNKNOWN_ATTRIBUTES = 0x000A
REALM = 0x0014
NONCE = 0x0015
PASSWORD_ALGORITHM = 0x001D
USERHASH = 0x001E
XOR_MAPPED_ADDRESS = 0x0020
PRIORITY = 0x0024
USE_CANDIDATE = 0x0025
PADDING = 0x0026
RESPONSE_PORT = 0x0027
PASSWORD_ALGORITHMS = 0x8002
ALTERNATE_DOMAIN = 0x8003
SOFTWARE = 0x8022
ALTERNATE_SERVER = 0x8023
RESPONSE_ORIGIN = 0x802B
OTHER_ADDRESS = 0x802C

NAMES = {
    MAPPED_ADDRESS: "MAPPED-ADDRESS",
    CHANGE_REQUEST: "CHANGE-REQUEST",
    SOURCE_ADDRESS: "SOURCE-ADDRESS",
    CHANGED_ADDRESS: "CHANGED-ADDRESS",
    USERNAME: "USERNAME",
    MESSAGE_INTEGRITY: "MESSAGE-INTEGRITY",
    ERROR_CODE: "ERROR-CODE",
    UNKNOWN_ATTRIBUTES: "UNKNOWN-ATTRIBUTES",
    REALM: "REALM",
    NONCE: "NONCE",
    MESSAGE_INTEGRITY_SHA256: "MESSAGE-INTEGRITY-SHA256",
    PASSWORD_ALGORITHM: "PASSWORD-ALGORITHM",
    USERHASH: "USERHASH",
    XOR_MAPPED_ADDRESS: "XOR-MAPPED-ADDRESS",
    PRIORITY: "PRIORITY",
    USE_CANDIDATE: "USE-CANDIDATE",
    PADDING: "PADDING",
    RESPONSE_PORT: "RESPONSE-PORT",
    PASSWORD_ALGORITHMS: "PASSWORD-ALGORITHMS",
    ALTERNATE_DOMAIN: "ALTERNATE-DOMAIN",
    SOFTWARE: "SOFTWARE",
    ALTERNATE_SERVER: "ALTERNATE-SERVER",
    FINGERPRINT: "FINGERPRINT",
    RESPONSE_ORIGIN: "RESPONSE-ORIGIN",
    OTHER_ADDRESS: "OTHER-ADDRESS",
}

KNOWN_TYPES = frozenset(NAMES)
"""What this package reads; what of it a server takes is less (see :mod:`cloudnode.stun.answering`)."""

CHANGE_IP = 0x4
CHANGE_PORT = 0x2

_TEXT_BYTES_MAX = {USERNAME: 508, REALM: 763, NONCE: 763, SOFTWARE: 763}
_REASON_BYTES_MAX = 763
_PACKED_BYTES = {1: 4, 2: 16}
_ERROR = struct.Struct("!HBB")
_ALGORITHM = struct.Struct("!HH")


@lru_cache(maxsize=8_192)
def pack_host(host: str) -> bytes:
    """An IP address as 4 or 16 bytes: without a scope, and an IPv4 address dressed as an IPv6 one as what it is.

    :raises ValueError: It is none.
    """
    address = ip_address(host.partition("%")[0])
    return (getattr(address, "ipv4_mapped", None) or address).packed


def unpack_host(packed: bytes) -> str:
    """The text of an IP address of 4 or 16 bytes."""
    return str(IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed))


def encode_address(address: Address) -> bytes:
    """The value of MAPPED-ADDRESS and of other attributes whose address is in the clear."""
    packed = pack_host(address[0])
    return b"\0" + (b"\1" if len(packed) == 4 else b"\2") + address[1].to_bytes(2, "big") + packed


def decode_address(value: bytes) -> Address:
    """Read such a value.

    :raises StunError: It is none.
    """
    if len(value) < 4:
        raise StunError("attribute_length", "an address")
    size = _PACKED_BYTES.get(value[1])
    if size is None:
        raise StunError("attribute_value", f"address family {value[1]}")
    if len(value) != 4 + size:
        raise StunError("attribute_length", "an address")
    return unpack_host(value[4:]), int.from_bytes(value[2:4], "big")


def encode_xor_address(address: Address, transaction: bytes) -> bytes:
    """The value of XOR-MAPPED-ADDRESS, in a message with this transaction id."""
    return _exclusive_or(encode_address(address), transaction)


def decode_xor_address(value: bytes, transaction: bytes) -> Address:
    """Read such a value.

    :raises StunError: It is none.
    """
    return decode_address(_exclusive_or(value, transaction))


def mapped_address(message: Message) -> Address | None:
    """The address that an answer says the question came from; None if it says none.

    :raises StunError: It can't be read.
    """
    value = message.find(XOR_MAPPED_ADDRESS)
    if value is not None:
        return decode_xor_address(value, message.transaction)
    value = message.find(MAPPED_ADDRESS)
    return None if value is None else decode_address(value)


def encode_text(type: int, text: str) -> Attribute:
    """USERNAME, REALM, NONCE or SOFTWARE.

    :raises ValueError: It is too long.
    """
    value = text.encode()
    if len(value) > _TEXT_BYTES_MAX[type]:
        raise ValueError(f"{NAMES[type]} of {len(value)} bytes")
    return Attribute(type, value)


def decode_text(type: int, value: bytes) -> str:
    """Read one of these.

    :raises StunError: It is too long, or no text.
    """
    if len(value) > _TEXT_BYTES_MAX[type]:
        raise StunError("attribute_length", NAMES[type])
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise StunError("attribute_value", NAMES[type]) from None


def encode_error(code: int, reason: str = "") -> Attribute:
    """ERROR-CODE.

    :param code: 300 to 699.
    """
    if not 300 <= code <= 699:
        raise ValueError(f"error code {code}")
    return Attribute(ERROR_CODE, _ERROR.pack(0, code // 100, code % 100) + reason.encode())


def decode_error(value: bytes) -> tuple[int, str]:
    """Read the code, and the reason as far as it is text.

    :raises StunError: There is no code in it.
    """
    if not 4 <= len(value) <= 4 + _REASON_BYTES_MAX:
        raise StunError("attribute_length", NAMES[ERROR_CODE])
    hundreds, rest = value[2] & 7, value[3]
    if not 3 <= hundreds <= 6 or rest > 99:
        raise StunError("attribute_value", NAMES[ERROR_CODE])
    return hundreds * 100 + rest, value[4:].decode(errors="replace")


def encode_unknown(types: Iterable[int]) -> Attribute:
    """UNKNOWN-ATTRIBUTES."""
    return Attribute(UNKNOWN_ATTRIBUTES, b"".join(type.to_bytes(2, "big") for type in types))


def decode_unknown(value: bytes) -> tuple[int, ...]:
    """Read the types that a server does not know.

    :raises StunError: The value is cut.
    """
    if len(value) & 1:
        raise StunError("attribute_length", NAMES[UNKNOWN_ATTRIBUTES])
    return tuple(int.from_bytes(value[index : index + 2], "big") for index in range(0, len(value), 2))


def encode_change(flags: int) -> Attribute:
    """CHANGE-REQUEST: :data:`CHANGE_IP`, :data:`CHANGE_PORT`, or both."""
    return Attribute(CHANGE_REQUEST, flags.to_bytes(4, "big"))


def decode_change(value: bytes) -> int:
    """Read its flags.

    :raises StunError: It has another length.
    """
    if len(value) != 4:
        raise StunError("attribute_length", NAMES[CHANGE_REQUEST])
    return value[3] & (CHANGE_IP | CHANGE_PORT)


def encode_port(port: int) -> Attribute:
    """RESPONSE-PORT."""
    return Attribute(RESPONSE_PORT, port.to_bytes(2, "big") + b"\0\0")


def decode_port(value: bytes) -> int:
    """Read it; its last two bytes are padding, which some have in the length and some do not.

    :raises StunError: It has another length, or is 0.
    """
    if len(value) not in (2, 4):
        raise StunError("attribute_length", NAMES[RESPONSE_PORT])
    port = int.from_bytes(value[:2], "big")
    if not port:
        raise StunError("attribute_value", NAMES[RESPONSE_PORT])
    return port


@attrs.frozen
class PasswordAlgorithm:
    """How a password is hashed: MD5 is 1, SHA-256 is 2 (RFC 8489, section 18.5)."""

    number: int
    parameters: bytes = b""


def encode_algorithms(type: int, algorithms: Iterable[PasswordAlgorithm]) -> Attribute:
    """PASSWORD-ALGORITHMS, or with a single one PASSWORD-ALGORITHM."""
    value = b"".join(
        _ALGORITHM.pack(each.number, len(each.parameters)) + each.parameters + bytes(-len(each.parameters) & 3)
        for each in algorithms
    )
    return Attribute(type, value)


def decode_algorithms(value: bytes) -> tuple[PasswordAlgorithm, ...]:
    """Read either.

    :raises StunError: One of them is cut.
    """
    found = []
    offset = 0
    while offset < len(value):
        begin = offset + _ALGORITHM.size
        if begin > len(value):
            raise StunError("attribute_length", NAMES[PASSWORD_ALGORITHMS])
        number, length = _ALGORITHM.unpack_from(value, offset)
        # The last one's padding may be the attribute's own.
        if begin + length > len(value):
            raise StunError("attribute_length", NAMES[PASSWORD_ALGORITHMS])
        found.append(PasswordAlgorithm(number, value[begin : begin + length]))
        offset = begin + length + (-length & 3)
    return tuple(found)


def _exclusive_or(value: bytes, transaction: bytes) -> bytes:
    """Family and reserved byte as they are, the port by the cookie's upper half, the address by cookie and id."""
    mask = (b"\0\0" + COOKIE[:2] + COOKIE + transaction)[: len(value)]
    if len(mask) < len(value):
        raise StunError("attribute_length", "an address")
    return (int.from_bytes(value, "big") ^ int.from_bytes(mask, "big")).to_bytes(len(value), "big")

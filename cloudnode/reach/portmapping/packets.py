"""The bytes of PCP (RFC 6887, MAP alone) and NAT-PMP (RFC 6886), both at port 5351 of the router (pure)."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal

import attrs

from cloudnode.formats.stundata import Protocol

PORT = 5351
NONCE_BYTES = 12
RESPONSE_BYTES_MAX = 1_100
"""RFC 6887, section 7: no PCP message is longer."""

_PCP, _NAT_PMP = 2, 0
_MAP = 1
_RESPONSE = 0x80
PROTOCOL_NUMBERS: dict[Protocol, int] = {"udp": 17, "tcp": 6}
_OPCODES: dict[Protocol, int] = {"udp": 1, "tcp": 2}
_PCP_REQUEST = struct.Struct("!BBHI16s12sB3xHH16s")
_PCP_RESPONSE = struct.Struct("!BBxBII12x12sB3xHH16s")
_PCP_HEAD = struct.Struct("!BBxBII12x")
_PMP_REQUEST = struct.Struct("!BBHHHI")
_PMP_RESPONSE = struct.Struct("!BBHIHHI")
_PMP_ADDRESS = struct.Struct("!BBHI4s")
_PMP_HEAD = struct.Struct("!BBHI")

PCP_RESULTS = {
    1: "UNSUPP_VERSION", 2: "NOT_AUTHORIZED", 3: "MALFORMED_REQUEST", 4: "UNSUPP_OPCODE", 5: "UNSUPP_OPTION",
    6: "MALFORMED_OPTION", 7: "NETWORK_FAILURE", 8: "NO_RESOURCES", 9: "UNSUPP_PROTOCOL", 10: "USER_EX_QUOTA",
    11: "CANNOT_PROVIDE_EXTERNAL", 12: "ADDRESS_MISMATCH", 13: "EXCESSIVE_REMOTE_PEERS",
}  # fmt: skip
PMP_RESULTS = {
    1: "unsupported version", 2: "not authorized", 3: "network failure", 4: "out of resources", 5: "unsupported opcode",
}  # fmt: skip

Dialect = Literal["pcp", "nat-pmp"]


class PortMappingError(Exception):
    """A port is not forwarded.

    :ivar name: ``malformed``, ``refused``, ``unsupported_version``, ``no_answer``, ``no_gateway``, ``no_library``,
        ``no_router``, ``no_pinholes`` or ``firewall_off``.
    """

    def __init__(self, name: str, detail: str = "") -> None:
        super().__init__(f"{name}: {detail}" if detail else name)
        self.name = name


@attrs.frozen
class Granted:
    """What a response tells.

    :ivar internal_port: :ivar external_port: Of the mapping. :ivar lifetime: Seconds; 0 where it was deleted.
    :ivar epoch: Seconds since the router lost its mappings. :ivar address: The external one; None where NAT-PMP does
        not tell it in this response.
    """

    internal_port: int
    external_port: int
    lifetime: int
    epoch: int
    address: str | None = None


def make_pcp_map(
    client: str, nonce: bytes, protocol: Protocol, internal_port: int, external_port: int, lifetime: int
) -> bytes:
    """A MAP request.

    :param client: This machine's address towards the router. :param nonce: 12 bytes, the same at each renewal.
    :param external_port: The one that is wished for. :param lifetime: Seconds; 0 deletes the mapping.
    """
    address = _as_ipv6(client)
    wished = bytes(16) if ":" in client else bytes(10) + b"\xff\xff" + bytes(4)
    return _PCP_REQUEST.pack(
        _PCP, _MAP, 0, lifetime, address, nonce, PROTOCOL_NUMBERS[protocol], internal_port, external_port, wished
    )


def read_pcp_map(data: bytes, nonce: bytes, protocol: Protocol) -> Granted | None:
    """Read a response.

    :returns: None if it is the response to something else.
    :raises PortMappingError: ``malformed``, ``refused``, ``unsupported_version``: the router speaks NAT-PMP alone.
    """
    if len(data) >= 2 and data[0] == _NAT_PMP and data[1] & _RESPONSE:
        raise PortMappingError("unsupported_version", "the router speaks NAT-PMP")
    if len(data) < _PCP_HEAD.size or data[0] != _PCP or data[1] != _MAP | _RESPONSE:
        raise PortMappingError("malformed", "no response of PCP")
    _, _, result, lifetime, epoch = _PCP_HEAD.unpack_from(data)
    if len(data) < _PCP_RESPONSE.size:
        raise PortMappingError("refused" if result else "malformed", PCP_RESULTS.get(result, str(result)))
    *_, told_nonce, number, internal, external, address = _PCP_RESPONSE.unpack_from(data)
    if told_nonce != nonce or number != PROTOCOL_NUMBERS[protocol]:
        return None
    if result == 1:
        raise PortMappingError("unsupported_version")
    if result:
        raise PortMappingError("refused", PCP_RESULTS.get(result, str(result)))
    unmapped = IPv6Address(address)
    return Granted(internal, external, lifetime, epoch, str(unmapped.ipv4_mapped or unmapped))


def make_pmp_map(protocol: Protocol, internal_port: int, external_port: int, lifetime: int) -> bytes:
    """A request for a mapping; with a lifetime of 0 it is deleted."""
    return _PMP_REQUEST.pack(
        _NAT_PMP, _OPCODES[protocol], 0, internal_port, external_port if lifetime else 0, lifetime
    )


def read_pmp_map(data: bytes, protocol: Protocol) -> Granted | None:
    """Read a response.

    :returns: None if it is the response to something else.
    :raises PortMappingError: ``malformed``, ``refused``.
    """
    opcode, _ = _read_pmp_head(data)
    if opcode != _OPCODES[protocol]:
        return None
    if len(data) < _PMP_RESPONSE.size:
        raise PortMappingError("malformed", "a short response of NAT-PMP")
    _, _, _, epoch, internal, external, lifetime = _PMP_RESPONSE.unpack_from(data)
    return Granted(internal, external, lifetime, epoch)


def make_pmp_address() -> bytes:
    """A request for the router's external address."""
    return bytes((_NAT_PMP, 0))


def read_pmp_address(data: bytes) -> str | None:
    """Read the response; None if it is the response to something else.

    :raises PortMappingError: ``malformed``, ``refused``.
    """
    opcode, _ = _read_pmp_head(data)
    if opcode:
        return None
    if len(data) < _PMP_ADDRESS.size:
        raise PortMappingError("malformed", "a short response of NAT-PMP")
    return str(IPv4Address(_PMP_ADDRESS.unpack_from(data)[4]))


def _read_pmp_head(data: bytes) -> tuple[int, int]:
    if len(data) < _PMP_HEAD.size or data[0] != _NAT_PMP or not data[1] & _RESPONSE:
        raise PortMappingError("malformed", "no response of NAT-PMP")
    _, opcode, result, epoch = _PMP_HEAD.unpack_from(data)
    if result:
        raise PortMappingError("refused", PMP_RESULTS.get(result, str(result)))
    return opcode & ~_RESPONSE, epoch


def _as_ipv6(address: str) -> bytes:
    packed = ip_address(address.partition("%")[0]).packed
    return packed if len(packed) == 16 else bytes(10) + b"\xff\xff" + packed

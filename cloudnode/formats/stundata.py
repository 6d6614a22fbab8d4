"""STUN data: what a node says of the addresses at which it is reached from outside, signed with its own key.

It passes through any number of hands, and whoever has it can tell that it is the node's own word and which word is
the newer one. With the certificates in it a client verifies whom it reached at such an address. It says nothing of a
node's private addresses. The layout is in ``docs/protocol.md``, what it is for in ``docs/reach.md``.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from struct import Struct, error
from typing import Any, Literal

import msgspec

from cloudnode.formats.errors import LedgerError, LocalError
from cloudnode.formats.keys import SIGNATURE_SIZE, STUN_DATA, SigningKey, verify

STUN_DATA_BYTES_MAX = 4096
"""Of a record with its signature: what the most endpoints and certificates take fits."""

ENDPOINTS_MAX = 64
CERTIFICATES_MAX = 4

LIFETIME_MAX = 3600
"""Seconds between issue and expiry at most."""

AHEAD_MAX = 600
"""Seconds that a record may have been issued in the future, for clocks differ."""

Protocol = Literal["udp", "tcp"]
Source = Literal["stun", "interface", "router"]
Mapping = Literal["unknown", "none", "endpoint-independent", "address-dependent", "address-and-port-dependent"]
Filtering = Literal["unknown", "none", "endpoint-independent", "address-dependent", "address-and-port-dependent"]
Tristate = Literal["unknown", "no", "yes"]
Syn = Literal["unknown", "accepted", "dropped", "reset"]

# The place of a name is its code.
PROTOCOLS: tuple[Protocol, ...] = ("udp", "tcp")
SOURCES: tuple[Source, ...] = ("stun", "interface", "router")
MAPPINGS: tuple[Mapping, ...] = (
    "unknown", "none", "endpoint-independent", "address-dependent", "address-and-port-dependent",
)  # fmt: skip
FILTERINGS: tuple[Filtering, ...] = (
    "unknown", "none", "endpoint-independent", "address-dependent", "address-and-port-dependent",
)  # fmt: skip
TRISTATES: tuple[Tristate, ...] = ("unknown", "no", "yes")
SYNS: tuple[Syn, ...] = ("unknown", "accepted", "dropped", "reset")

_head = Struct(">32s32sQQQBBBBB")
_endpoint = Struct(">BBH32sB")
_certificate = Struct(">32sQQ64s")

_LOCAL: tuple[IPv4Network | IPv6Network, ...] = (
    *(IPv4Network(each) for each in ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
                                     "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3")),
    *(IPv6Network(each) for each in ("::/127", "fc00::/7", "fe80::/10", "ff00::/8")),
)  # fmt: skip
"""Networks whose addresses mean nothing, or another thing, elsewhere: RFC 1918, 6598, 3927, 4193, 4291; multicast."""


class Endpoint(msgspec.Struct, frozen=True):
    """Where a node serves its API and takes links, as somebody outside saw it.

    :ivar address: A public IP address. :ivar observer: The key of the node that saw it.
    :ivar source: ``stun``: a NAT's mapping, as the observer's STUN server answered; ``interface``: one of the node's
        own ports, which the observer reached; ``router``: a port that the router forwards on request.
    """

    protocol: Protocol
    address: str
    port: int
    observer: bytes
    source: Source = "stun"


class NatKind(msgspec.Struct, frozen=True):
    """What kind of NAT (or none) a node is behind: RFC 4787 and RFC 5382.

    :ivar ports: Whether it keeps the port numbers. :ivar hairpin: Whether those behind it reach each other by their
        outer addresses. :ivar syn: What becomes of a TCP connection that nobody inside asked for.
    """

    mapping: Mapping = "unknown"
    filtering: Filtering = "unknown"
    ports: Tristate = "unknown"
    hairpin: Tristate = "unknown"
    syn: Syn = "unknown"


class CertificateHash(msgspec.Struct, frozen=True):
    """A TLS certificate that the node shows.

    :ivar hash: SHA-256 of its DER form. :ivar not_before: :ivar not_after: Unix seconds.
    :ivar signature: The node key's over the hash, with the purpose tag of TLS certificates.
    """

    hash: bytes
    not_before: int
    not_after: int
    signature: bytes


class StunData(msgspec.Struct, frozen=True):
    """What one node says of how it is reached.

    :ivar sequence: Of two records of a node the one with the greater counts. :ivar issued: :ivar expiry: Unix seconds.
    """

    network: bytes
    node: bytes
    sequence: int
    issued: int
    expiry: int
    endpoints: tuple[Endpoint, ...] = ()
    nat: NatKind = NatKind()
    certificates: tuple[CertificateHash, ...] = ()

    def encode(self) -> bytes:
        """The bytes that are signed behind the tag.

        :raises LocalError: Something has no place in them.
        """
        nat, parts = self.nat, []
        try:
            parts.append(
                _head.pack(
                    self.network, self.node, self.sequence, self.issued, self.expiry, MAPPINGS.index(nat.mapping),
                    FILTERINGS.index(nat.filtering), TRISTATES.index(nat.ports), TRISTATES.index(nat.hairpin),
                    SYNS.index(nat.syn),
                )
            )  # fmt: skip
            parts.append(bytes((len(self.endpoints),)))
            for each in self.endpoints:
                address = ip_address(each.address).packed
                codes = PROTOCOLS.index(each.protocol), SOURCES.index(each.source)
                parts.append(_endpoint.pack(*codes, each.port, each.observer, len(address)) + address)
            parts.append(bytes((len(self.certificates),)))
            parts += [
                _certificate.pack(each.hash, each.not_before, each.not_after, each.signature)
                for each in self.certificates
            ]
            raw = b"".join(parts)
            _Reader(raw).read()
        except (error, ValueError, LedgerError) as problem:
            raise LocalError(f"this is no STUN data: {problem}") from None
        return raw

    @classmethod
    def decode(cls, raw: bytes) -> StunData:
        """Read what :meth:`encode` wrote.

        :raises LedgerError: ``stun_data_too_large``, ``stun_data_malformed``.
        """
        if len(raw) > STUN_DATA_BYTES_MAX - SIGNATURE_SIZE:
            raise LedgerError("stun_data_too_large")
        try:
            return _Reader(raw).read()
        except (error, ValueError, IndexError):
            raise LedgerError("stun_data_malformed") from None


class _Reader:
    """Reads a record; whatever is odd is a ValueError, an IndexError or a struct.error."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def read(self) -> StunData:
        network, node, sequence, issued, expiry, *codes = self._take(_head)
        mapping, filtering, ports, hairpin, syn = codes
        if not 0 <= expiry - issued <= LIFETIME_MAX:
            raise ValueError("the time to the expiry")
        nat = NatKind(
            MAPPINGS[mapping], FILTERINGS[filtering], TRISTATES[ports], TRISTATES[hairpin], SYNS[syn]
        )  # fmt: skip
        endpoints = tuple([self._endpoint() for _ in range(self._count(ENDPOINTS_MAX))])
        certificates = tuple([CertificateHash(*self._take(_certificate)) for _ in range(self._count(CERTIFICATES_MAX))])
        if self._at != len(self._raw):
            raise ValueError("bytes are left over")
        return StunData(network, node, sequence, issued, expiry, endpoints, nat, certificates)

    def _take(self, layout: Struct) -> tuple[Any, ...]:
        values = layout.unpack_from(self._raw, self._at)
        self._at += layout.size
        return values

    def _count(self, most: int) -> int:
        count = self._raw[self._at]
        self._at += 1
        if count > most:
            raise ValueError("too many")
        return count

    def _endpoint(self) -> Endpoint:
        protocol, source, port, observer, length = self._take(_endpoint)
        packed = self._raw[self._at : self._at + length]
        self._at += length
        if length not in (4, 16) or not port:
            raise ValueError("no address or no port")
        address = ip_address(packed)
        if is_local(address) or (isinstance(address, IPv6Address) and address.ipv4_mapped is not None):
            raise ValueError("the address is not public, or an IPv4 address in another form")
        return Endpoint(PROTOCOLS[protocol], str(address), port, observer, SOURCES[source])


class SignedStunData(msgspec.Struct, frozen=True):
    """A record as it travels.

    :ivar raw: The exact bytes of the record. :ivar signature: Its node's.
    """

    data: StunData
    raw: bytes
    signature: bytes

    def encode(self) -> bytes:
        """The record and the signature, in one."""
        return self.raw + self.signature


def sign_stun_data(key: SigningKey, data: StunData) -> SignedStunData:
    """Sign a record; the key is that of ``data.node``.

    :raises LocalError: It can't be written.
    """
    raw = data.encode()
    return SignedStunData(data, raw, key.sign(STUN_DATA, raw))


def read_stun_data(encoded: bytes, network: bytes) -> SignedStunData:
    """Read a signed record and check that it is of this network and signed by the node that it describes.

    :raises LedgerError: ``stun_data_too_large``, ``stun_data_malformed``, ``stun_data_network``,
        ``stun_data_signature``.
    """
    raw, signature = encoded[:-SIGNATURE_SIZE], encoded[-SIGNATURE_SIZE:]
    data = StunData.decode(raw)
    if data.network != network:
        raise LedgerError("stun_data_network")
    if not verify(data.node, STUN_DATA, raw, signature):
        raise LedgerError("stun_data_signature")
    return SignedStunData(data, raw, signature)


def check_time(data: StunData, now: float) -> None:
    """See whether a record counts now.

    :param now: Unix seconds.
    :raises LedgerError: ``stun_data_expired``, ``stun_data_future``.
    """
    if now > data.expiry:
        raise LedgerError("stun_data_expired")
    if data.issued > now + AHEAD_MAX:
        raise LedgerError("stun_data_future")


def is_local(address: IPv4Address | IPv6Address | str) -> bool:
    """Whether an IP address has a meaning only on one machine or in one network, and no place in public STUN data.

    Networks for documentation count as public: laboratories use them as such.
    """
    if isinstance(address, str):
        address = ip_address(address.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in _LOCAL)

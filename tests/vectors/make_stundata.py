"""Signed STUN data, and some that does not count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from cloudnode.formats.keys import ANSWER, STUN_DATA, TLS
from cloudnode.formats.stundata import CertificateHash, Endpoint, NatKind, StunData, sign_stun_data
from tests.vectors.make_blocks import NODE, genesis, key

ISSUED = 1_790_000_000
OBSERVER = key(12).public


def full() -> StunData:
    """A record with one of everything."""
    shown = bytes(range(32))
    return StunData(
        network=genesis().network,
        node=NODE.public,
        sequence=ISSUED * 1000 + 7,
        issued=ISSUED,
        expiry=ISSUED + 3600,
        endpoints=(
            Endpoint("udp", "203.0.113.7", 40_001, OBSERVER),
            Endpoint("tcp", "203.0.113.7", 40_002, OBSERVER),
            Endpoint("tcp", "2001:db8::7", 38_082, OBSERVER, "interface"),
            Endpoint("udp", "203.0.113.7", 38_083, NODE.public, "router"),
        ),
        nat=NatKind("endpoint-independent", "address-and-port-dependent", "no", "yes", "reset"),
        certificates=(CertificateHash(shown, ISSUED - 3600, ISSUED + 860_400, NODE.sign(TLS, shown)),),
    )


def _bad() -> Iterator[tuple[str, bytes, str]]:
    good = sign_stun_data(NODE, full())
    raw, signature = good.raw, good.signature

    def signed(changed: bytes) -> bytes:
        return changed + NODE.sign(STUN_DATA, changed)

    def at(place: int, instead: bytes) -> bytes:
        return signed(raw[:place] + instead + raw[place + len(instead) :])

    yield "empty", b"", "stun_data_malformed"
    yield "cut off", good.encode()[:-1], "stun_data_malformed"
    yield "a byte too many", signed(raw + b"\0"), "stun_data_malformed"
    yield "too long", signed(raw + bytes(4096)), "stun_data_too_large"
    yield "valid for more than an hour", at(80, (ISSUED + 3601).to_bytes(8, "big")), "stun_data_malformed"
    yield "expired before it was issued", at(80, (ISSUED - 1).to_bytes(8, "big")), "stun_data_malformed"
    yield "an unknown kind of NAT", at(88, b"\x05"), "stun_data_malformed"
    yield "an unknown protocol", at(94, b"\x02"), "stun_data_malformed"
    yield "an unknown source", at(95, b"\x03"), "stun_data_malformed"
    yield "port 0", at(96, bytes(2)), "stun_data_malformed"
    yield "an address of 5 bytes", at(130, b"\x05"), "stun_data_malformed"
    own = "this machine's"
    for name, address in (("a private", (10, 0, 0, 7)), ("a shared", (100, 64, 0, 1)), (own, (127, 0, 0, 1))):
        yield f"{name} address", at(131, bytes(address)), "stun_data_malformed"
    mapped = msgspec.structs.replace(full(), endpoints=(Endpoint("udp", "2001:db8::7", 1, OBSERVER),)).encode()
    other_form = bytes(10) + b"\xff\xff" + bytes((203, 0, 113, 7))
    yield "an IPv4 address as IPv6", signed(mapped[:131] + other_form + mapped[147:]), "stun_data_malformed"
    yield "of another network", at(0, bytes(32)), "stun_data_network"
    yield "changed", raw[:70] + b"\xff" + raw[71:] + signature, "stun_data_signature"
    yield "signed for another purpose", raw + NODE.sign(ANSWER, raw), "stun_data_signature"
    yield "signed by another", raw + key(12).sign(STUN_DATA, raw), "stun_data_signature"


def stun_data() -> dict[str, Any]:
    """Records with all that is in them, and bytes that are refused."""
    bare = StunData(genesis().network, NODE.public, 1, ISSUED, ISSUED)
    accepted = []
    for name, data in (("full", full()), ("bare", bare)):
        record = sign_stun_data(NODE, data)
        accepted.append(
            {
                "name": name,
                "bytes": record.encode().hex(),
                "network": data.network.hex(),
                "node": data.node.hex(),
                "sequence": str(data.sequence),
                "issued": data.issued,
                "expiry": data.expiry,
                "nat": msgspec.to_builtins(data.nat),
                "endpoints": [
                    {**msgspec.to_builtins(each), "observer": each.observer.hex()} for each in data.endpoints
                ],
                "certificates": [
                    {**msgspec.to_builtins(each), "hash": each.hash.hex(), "signature": each.signature.hex()}
                    for each in data.certificates
                ],
            }
        )
    return {
        "network": genesis().network.hex(),
        "accepted": accepted,
        "refused": [{"name": name, "bytes": raw.hex(), "code": code} for name, raw, code in _bad()],
    }

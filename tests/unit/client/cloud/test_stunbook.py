"""What a session takes from nodes' signed STUN data, and where it calls by it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client.cloud.stunbook import NODES_MAX, TOLD_MAX, TRIES, Sighting, StunBook
from cloudnode.formats.keys import TLS, SigningKey
from cloudnode.formats.stundata import CertificateHash, Endpoint, NatKind, StunData, sign_stun_data
from tests.unit.api.network import make_key

NETWORK = bytes(range(32))
NODE = make_key(70)
NOW = 1_790_000_000
OBSERVER = b"\x0b" * 32
FULL_CONE = NatKind("endpoint-independent", "endpoint-independent", syn="accepted")


def certificate(key: SigningKey = NODE, hashed: bytes = b"\xce" * 32) -> CertificateHash:
    return CertificateHash(hashed, NOW - 10, NOW + 10, key.sign(TLS, hashed))


def endpoint(protocol: Any = "udp", source: Any = "stun", port: int = 40_001) -> Endpoint:
    return Endpoint(protocol, "203.0.113.7", port, OBSERVER, source)


def record(key: SigningKey = NODE, **changes: Any) -> str:
    members: dict[str, Any] = {
        "network": NETWORK, "node": key.public, "sequence": 5, "issued": NOW - 60, "expiry": NOW + 600,
        "endpoints": (endpoint(), endpoint("tcp")), "nat": FULL_CONE, "certificates": (certificate(key),),
    }  # fmt: skip
    return sign_stun_data(key, StunData(**members | changes)).encode().hex()


class BookTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.book = StunBook()

    def tell(self, *records: str) -> list[Sighting]:
        return self.book.told({"nodes": [{"record": each} for each in records], "mappings": []}, NETWORK, NOW)

    def urls(self, **changes: Any) -> list[str]:
        [sighting] = StunBook().told({"nodes": [{"record": record(**changes)}]}, NETWORK, NOW)
        return list(map(str, sighting.open_to_strangers()))

    def test_told(self) -> None:
        """A node's own word is taken from anybody, once."""
        [sighting] = self.tell(record())
        self.assertEqual((sighting.data.node, sighting.certificates), (NODE.public, frozenset({b"\xce" * 32})))
        self.assertEqual(self.book.find(NODE.public, NOW), sighting)
        self.assertEqual(self.tell(record()), [])
        self.assertIsNone(self.book.find(NODE.public, NOW + 601))

    def test_firewall(self) -> None:
        """What is kept open over IPv6 is behind a firewall, whatever IPv4's NAT is: the node is not dialled there."""
        over_ipv6 = Endpoint("udp", "2001:db8::7", 40_001, OBSERVER, "stun")
        self.assertEqual(self.urls(endpoints=(over_ipv6,)), [])
        [sighting] = self.tell(record(endpoints=(over_ipv6,)))
        self.assertTrue(sighting.is_behind)
        reached = Endpoint("udp", "2001:db8::7", 38_083, OBSERVER, "interface")
        self.assertEqual(self.urls(endpoints=(reached,)), ["ws+udp://[2001:db8::7]:38083"])

    def test_newer(self) -> None:
        """The newer record counts, whenever it comes."""
        self.tell(record(sequence=7))
        self.assertEqual(self.tell(record(sequence=6)), [])
        self.assertEqual(len(self.tell(record(sequence=8))), 1)

    def test_not_taken(self) -> None:
        """What is damaged, of another network, expired or of the future is passed over, and the rest is taken."""
        raw = record()
        forged = raw[:-2] + ("00" if raw[-2:] != "00" else "11")
        wrong = (
            "zz", "", "00", "00" * 10_000, forged, record(network=bytes(32)),
            record(issued=NOW - 700, expiry=NOW - 100), record(issued=NOW + 700, expiry=NOW + 800),
        )  # fmt: skip
        self.assertEqual([each.data.node for each in self.tell(*wrong, record(make_key(71)))], [make_key(71).public])

    def test_bounds(self) -> None:
        """Neither an answer nor all of them fill the memory."""
        self.assertEqual(len(self.tell(*(record(make_key(number)) for number in range(TOLD_MAX + 3)))), TOLD_MAX)
        for first in range(0, NODES_MAX + 60, 60):
            self.tell(*(record(make_key(1_000 + first + number)) for number in range(60)))
        self.assertEqual(len(self.book), NODES_MAX)

    @settings(max_examples=100, deadline=None)
    @given(st.recursive(st.none() | st.integers(), lambda of: st.lists(of) | st.dictionaries(st.text(), of)))
    def test_anything(self, told: Any) -> None:
        """Whatever a node answers, nothing comes of it but records."""
        self.assertEqual(StunBook().told(told, NETWORK, NOW), [])

    def test_full_cone(self) -> None:
        """Where the NAT lets strangers in, they call: over UDP first."""
        self.assertEqual(self.urls(), ["ws+udp://203.0.113.7:40001", "wss://203.0.113.7:40001"])

    def test_filtered(self) -> None:
        """Where it lets nobody in who was not sent to, or maps by the other end, nobody calls."""
        for nat in (
            NatKind("endpoint-independent", "address-dependent", syn="accepted"),
            NatKind("endpoint-independent", "unknown"),
            NatKind("address-dependent", "endpoint-independent"),
            NatKind(),
        ):
            self.assertEqual(self.urls(nat=nat), [])
        udp_alone = NatKind("endpoint-independent", "endpoint-independent", syn="dropped")
        self.assertEqual(self.urls(nat=udp_alone), ["ws+udp://203.0.113.7:40001"])

    def test_forwarded(self) -> None:
        """Ports that the router forwards, and that others reached, are open whatever the NAT is; and come first."""
        endpoints = (endpoint(), endpoint("tcp", "router", 40_003), endpoint("udp", "interface", 40_002))
        self.assertEqual(
            self.urls(nat=FULL_CONE, endpoints=endpoints),
            ["ws+udp://203.0.113.7:40002", "wss://203.0.113.7:40003", "ws+udp://203.0.113.7:40001"],
        )
        self.assertEqual(self.urls(nat=NatKind(), endpoints=endpoints)[0], "ws+udp://203.0.113.7:40002")

    def test_tries(self) -> None:
        """Nobody is sent to any number of addresses."""
        endpoints = tuple(endpoint(port=40_001 + number) for number in range(60))
        self.assertEqual(len(self.urls(endpoints=endpoints)), TRIES)

    def test_certificates(self) -> None:
        """Without a certificate that its key vouches for, a node can't be told from another, and is not called."""
        self.assertEqual(self.urls(certificates=()), [])
        self.assertEqual(self.urls(certificates=(certificate(make_key(71)),)), [])

    def test_is_behind(self) -> None:
        """Of whom only own ports are told, there is nothing to find out."""
        [public] = self.tell(record(endpoints=(endpoint(source="interface"),)))
        [behind] = self.tell(record(make_key(71)))
        self.assertEqual((public.is_behind, behind.is_behind), (False, True))

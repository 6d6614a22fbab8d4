"""What observations of a NAT mean."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.stundata import FILTERINGS, MAPPINGS, NatKind
from cloudnode.reach.nat.deciding import (
    NatReport,
    PortAllocation,
    Seen,
    decide_allocation,
    decide_filtering,
    decide_mapping,
    decide_ports,
    decide_udp,
)
from cloudnode.reach.nat.words import describe_nat

A, B, A_OTHER = ("198.51.100.1", 3478), ("198.51.100.2", 3478), ("198.51.100.1", 38083)
OUTSIDE = "203.0.113.1"


def seen(*answers: tuple[tuple[str, int], int], local: int = 50_000) -> list[Seen]:
    """Answers to one socket: the server, and the external port."""
    return [Seen(server, local, (OUTSIDE, port)) for server, port in answers]


class MappingTest(SynchronousTestCase):
    def test_kinds(self) -> None:
        for expected, answers in {
            "unknown": seen(),
            "endpoint-independent": seen((A, 1), (B, 1)),
            "address-dependent": seen((A, 1), (B, 2), (A_OTHER, 1)),
            "address-and-port-dependent": seen((A, 1), (B, 2), (A_OTHER, 3)),
        }.items():
            self.assertEqual(decide_mapping(answers, is_own=False), expected)

    def test_one_address_alone_tells_a_dependence_on_ports_only(self) -> None:
        self.assertEqual(decide_mapping(seen((A, 1)), is_own=False), "unknown")
        self.assertEqual(decide_mapping(seen((A, 1), (A_OTHER, 1)), is_own=False), "unknown")
        self.assertEqual(decide_mapping(seen((A, 1), (A_OTHER, 2)), is_own=False), "address-and-port-dependent")

    def test_the_worse_is_taken_where_it_is_open(self) -> None:
        self.assertEqual(decide_mapping(seen((A, 1), (B, 2)), is_own=False), "address-and-port-dependent")

    def test_no_nat(self) -> None:
        self.assertEqual(decide_mapping(seen((A, 50_000)), is_own=True), "none")
        # A NAT on this very machine may have its address, and other ports.
        self.assertEqual(decide_mapping(seen((A, 1), (B, 1)), is_own=True), "endpoint-independent")


class FilteringTest(SynchronousTestCase):
    def test_kinds(self) -> None:
        cone = "endpoint-independent"
        for expected, (mapping, stranger, other_port) in {
            "endpoint-independent": (cone, True, None),
            "none": ("none", True, True),
            "address-dependent": (cone, False, True),
            "address-and-port-dependent": (cone, False, False),
        }.items():
            self.assertEqual(decide_filtering(mapping, stranger, other_port), expected)  # type: ignore[arg-type]

    def test_never_open_unless_a_stranger_came_in(self) -> None:
        for mapping in MAPPINGS:
            for stranger in (None, False):
                for other_port in (None, False, True):
                    self.assertNotIn(
                        decide_filtering(mapping, stranger, other_port), ("none", "endpoint-independent")
                    )

    def test_without_a_stranger(self) -> None:
        self.assertEqual(decide_filtering("endpoint-independent", None, False), "address-and-port-dependent")
        self.assertEqual(decide_filtering("endpoint-independent", None, True), "unknown")
        self.assertEqual(decide_filtering("endpoint-independent", False, None), "unknown")


class PortsTest(SynchronousTestCase):
    def test_kept(self) -> None:
        self.assertEqual(decide_ports([]), "unknown")
        self.assertEqual(decide_ports(seen((A, 50_000), (B, 50_000))), "yes")
        self.assertEqual(decide_ports(seen((A, 50_000), (B, 7))), "no")

    def test_sequential(self) -> None:
        self.assertEqual(decide_allocation(seen((A, 10), (B, 12), (A, 14), (B, 16))), PortAllocation("sequential", 2))
        # A sequence that begins anew, and ports that are used again.
        wrapped = seen((A, 10), (A, 10), (B, 11), (A, 12), (B, 1), (B, 2))
        self.assertEqual(decide_allocation(wrapped), PortAllocation("sequential", 1))

    def test_random(self) -> None:
        self.assertEqual(decide_allocation(seen((A, 9_000), (B, 40_000), (A, 200), (B, 33_000))).order, "random")
        self.assertEqual(decide_allocation(seen((A, 1_040), (B, 1_030), (A, 1_020), (B, 1_010))).order, "random")

    def test_too_little_to_tell(self) -> None:
        self.assertEqual(decide_allocation(seen((A, 1), (B, 2), (A, 3))), PortAllocation())
        self.assertEqual(decide_allocation(seen(*[(A, 50_000)] * 9)), PortAllocation())


class UdpTest(SynchronousTestCase):
    def test_blocked_only_if_two_servers_answer_by_tcp_alone(self) -> None:
        self.assertEqual(decide_udp(1, 0), "works")
        self.assertEqual(decide_udp(0, 2), "blocked")
        self.assertEqual(decide_udp(0, 1), "unknown")
        self.assertEqual(decide_udp(0, 0), "unknown")


class WordsTest(SynchronousTestCase):
    def test_every_kind_has_a_sentence(self) -> None:
        for mapping in MAPPINGS:
            for filtering in FILTERINGS:
                meaning, advice = describe_nat(NatReport(NatKind(mapping=mapping, filtering=filtering)))
                self.assertTrue(meaning.endswith("."))
                self.assertTrue(advice == "" or advice.endswith("."))

    def test_who_can_do_something_is_told_what(self) -> None:
        kind = NatKind(mapping="endpoint-independent", filtering="address-and-port-dependent", syn="reset")
        meaning, advice = describe_nat(NatReport(kind))
        self.assertIn("Port-restricted", meaning)
        self.assertIn("reset", meaning)
        self.assertIn("UPnP", advice)
        self.assertIn("UDP", describe_nat(NatReport(kind, udp="blocked"))[1])
        self.assertEqual(
            describe_nat(NatReport(kind), is_forwarded=True),
            ("Port-restricted NAT, but the router forwards the node's ports: anybody reaches it there.", ""),
        )
        inner, advice = describe_nat(NatReport(NatKind("none", "none"), external="10.0.0.2"))
        self.assertTrue(inner.startswith("None but nodes of its own private network have answered."))
        self.assertEqual(advice, "")
        symmetric = NatReport(NatKind(mapping="address-dependent"), allocation=PortAllocation("sequential", 1))
        self.assertIn("foretold", describe_nat(symmetric)[0])

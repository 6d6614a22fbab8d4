"""A coordinator that is known at an address of each family: which one is asked, and what that tells."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.reach.punching import punching
from cloudnode.reach.punching.calling import Path, PunchFailed, PunchUnmapped, Via, add_other
from cloudnode.reach.punching.punching import Calls, Puncher
from cloudnode.reach.punching.strategies import Step
from cloudnode.reach.punching.tracing import Tracer
from cloudnode.reach.punching.values import Candidate, Endpoint, Strategy, Transport, find_family

OVER_IPV6, OVER_IPV4 = "2001:db8::1", "198.51.100.1"
TOLD: list[tuple[Transport, Endpoint]] = [
    ("udp", ("192.168.1.9", 53)),
    ("udp", ("no address", 53)),
    ("udp", (OVER_IPV6, 38083)),
    ("udp", (OVER_IPV4, 38083)),
    ("tcp", (OVER_IPV4, 38082)),
    ("tcp", ("198.51.100.2", 22)),
]


async def refuse(request: Any) -> Any:
    """No attempt of these tests asks."""
    raise AssertionError


VIA = Via(OVER_IPV6, ((OVER_IPV6, 3478),), (OVER_IPV6, 3478), refuse)


class AddressTests(SynchronousTestCase):
    def test_family(self) -> None:
        """An IPv4 address is one however a socket writes it; what is no address is in no family."""
        hosts = ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "fe80::1%eth0", "example.org", "")
        self.assertEqual([find_family(each) for each in hosts], [4, 4, 6, 6, 0, 0])

    def test_other(self) -> None:
        """The first public address of the other family that there is a route to, with the ports of that one alone."""
        via = add_other(VIA, TOLD, lambda host: True)
        assert via.other is not None
        self.assertEqual((via.other.host, via.other.udp), (OVER_IPV4, ((OVER_IPV4, 38083),)))
        self.assertEqual((via.other.tcp, via.other.other), ((OVER_IPV4, 38082), None))

    def test_no_other(self) -> None:
        """None without a route, and none where no address is told."""
        self.assertIs(add_other(VIA, TOLD, lambda host: False), VIA)
        self.assertIs(add_other(VIA, TOLD[:3], lambda host: True), VIA)


class FakeAttempt:
    """An attempt that ends as the test says, by its coordinator's address."""

    mapping, grant = "unknown", None
    outcomes: dict[str, Exception | Path]
    made: list[tuple[str, Strategy]]

    def __init__(self, reactor: Any, via: Via, node: bytes, step: Step, *_: Any) -> None:
        FakeAttempt.made.append((via.host, step.strategy))
        self.done: Deferred[Path] = Deferred()
        outcome = FakeAttempt.outcomes[via.host]
        if isinstance(outcome, Path):
            self.done.callback(outcome)
        else:
            self.done.errback(outcome)


class PuncherTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(punching, "UdpAttempt", FakeAttempt)
        FakeAttempt.made = []

    def open(self, via: Via = VIA) -> Deferred[Path]:
        """Open a path over UDP."""
        nothing: Any = object()
        puncher = Puncher(Clock(), Tracer(lambda: 0.0))
        return Deferred.fromCoroutine(puncher.open(via, b"n" * 32, Calls(nothing, None)))

    def test_unmapped(self) -> None:
        """Where the target is not known in one family nothing more is tried there, and the other one is at once."""
        path = Path(None, "udp", Candidate(("203.0.113.1", 9), "observed"), Strategy.DIRECT, 1, 0.1)
        FakeAttempt.outcomes = {OVER_IPV6: PunchUnmapped("no mapping"), OVER_IPV4: path}
        self.assertIs(self.successResultOf(self.open(add_other(VIA, TOLD, lambda host: True))), path)
        self.assertEqual(FakeAttempt.made, [(OVER_IPV6, Strategy.DIRECT), (OVER_IPV4, Strategy.DIRECT)])

    def test_failed(self) -> None:
        """All that can be tried is, in both families, and the reasons of both are told."""
        FakeAttempt.outcomes = {OVER_IPV6: PunchFailed("nothing came"), OVER_IPV4: ValueError("refused")}
        error = self.failureResultOf(self.open(add_other(VIA, TOLD, lambda host: True)), PunchFailed).value
        self.assertIn(f"nothing came (through {OVER_IPV6}), refused (through {OVER_IPV4})", str(error))
        hosts = [host for host, _ in FakeAttempt.made]
        self.assertEqual(hosts, [OVER_IPV6] * (len(hosts) - 1) + [OVER_IPV4])
        self.assertGreater(len(hosts), 2)

    def test_one_family(self) -> None:
        """With one address a refusal is told as it is."""
        FakeAttempt.outcomes = {OVER_IPV6: PunchUnmapped("no mapping")}
        error = self.failureResultOf(self.open(), PunchFailed).value
        self.assertEqual(str(error), "udp: no mapping")
        self.assertEqual(len(FakeAttempt.made), 1)

"""A survey against NATs in memory: every dependence of mapping and of filtering."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.stundata import Filtering, Mapping
from cloudnode.peers.messages import NatProbe, NatProbed
from cloudnode.reach.nat.deciding import NatReport
from cloudnode.reach.nat.survey import AskedPeer, Survey
from cloudnode.stun.answering import BindingServer, StunCounters
from cloudnode.stun.attributes import Address
from cloudnode.stun.credentials import CredentialTable
from cloudnode.stun.limiting import RateLimiter, RateLimits
from cloudnode.stun.message import BINDING, Kind, Message, encode

OUTSIDE = "203.0.113.1"
HOSTS = ("198.51.100.1", "198.51.100.2", "198.51.100.3")
KINDS = ("endpoint-independent", "address-dependent", "address-and-port-dependent")


def dependent(kind: str, remote: Address) -> tuple[object, ...]:
    """What of a remote endpoint counts."""
    return {"address-dependent": (remote[0],), "address-and-port-dependent": remote}.get(kind, ())


class Nat:
    """A NAT, what is behind it (the reactor of a survey), and what is before it (STUN servers, peers that send)."""

    def __init__(self, mapping: Mapping, filtering: Filtering, *, hairpin: bool = False, lost: int = 0) -> None:
        """:param lost: Every so many-th packet from outside is; 0 for none."""
        self.clock = Clock()
        self.callLater, self.seconds = self.clock.callLater, self.clock.seconds
        self.asked: list[tuple[str, str]] = []
        self._mapping, self._filtering, self._hairpin, self._lost = mapping, filtering, hairpin, lost
        self._count = itertools.count(1)
        self._local = itertools.count(50_000)
        self._outside = itertools.count(20_000, 7)
        self._sockets: dict[int, Any] = {}
        self._ports: dict[tuple[object, ...], int] = {}
        self._permitted: set[tuple[object, ...]] = set()
        self._server = BindingServer(CredentialTable(), RateLimiter(RateLimits()), StunCounters())

    def listenUDP(self, port: int, protocol: Any, interface: str = "") -> Any:
        local = next(self._local)
        self._sockets[local] = protocol
        transport = SimpleNamespace(
            write=lambda data, to: self._out(local, data, to), getHost=lambda: SimpleNamespace(port=local),
            stopListening=lambda: self._sockets.pop(local, None),
        )  # fmt: skip
        protocol.transport = transport
        return transport

    def _out(self, local: int, data: bytes, to: Address) -> None:
        key = (local, *dependent(self._mapping, to))
        outside = local if self._mapping == "none" else self._ports.setdefault(key, next(self._outside))
        self._permitted.add((local, *dependent(self._filtering, to)))
        if to[0] == OUTSIDE:
            if self._hairpin:
                self.come((OUTSIDE, outside), to[1], data)
            return
        reply = self._server.answer(data, (OUTSIDE, outside), self.clock.seconds())
        if reply is not None:
            self.come(to, outside, reply.data)

    def come(self, source: Address, port: int, data: bytes) -> None:
        """A packet from outside, for one of the NAT's ports."""
        if self._lost and next(self._count) % self._lost == 0:
            return
        for local, protocol in self._sockets.items():
            mapped = local if self._mapping == "none" else self._ports.get((local, *dependent(self._mapping, source)))
            permission = (local, *dependent(self._filtering, source))
            if mapped == port and (permission in self._permitted or self._filtering == "none"):
                self.clock.callLater(0.01, protocol.datagramReceived, data, source)
                return

    def peer(self, host: str) -> Any:
        """A peer that sends when it is asked to."""

        def ask(question: type[NatProbe], way: str, port: int, transaction: bytes) -> Deferred[NatProbed]:
            self.asked.append((host, way))
            self.come((host, 60_000 + len(self.asked)), port, encode(Message(BINDING, Kind.INDICATION, transaction)))
            return succeed(NatProbed(1, "sent", OUTSIDE))

        return SimpleNamespace(ask=ask)

    def survey(self, hosts: tuple[str, ...] = HOSTS, *, is_own: bool = False) -> NatReport:
        """Run one, whose peers serve STUN over UDP at two ports."""
        numbers = itertools.count(1)
        peers = [AskedPeer(self.peer(host), host, 3_478, 0, 38_083) for host in hosts]
        survey = Survey(self, peers, lambda _: is_own, lambda size: next(numbers).to_bytes(size, "big"), lambda: 7.0,
                        self.clock.seconds)  # fmt: skip
        running = Deferred.fromCoroutine(survey.run())
        self.clock.pump([0.05] * 400)
        report: NatReport = SynchronousTestCase().successResultOf(running)
        assert not self._sockets, "a socket is left"
        assert not self.clock.getDelayedCalls(), "a timer is left"
        return report


def silent(asked: list[str], host: str) -> Any:
    """A peer that never answers. :param asked: Takes the host of each that is asked."""

    def ask(*_: object) -> Deferred[NatProbed]:
        asked.append(host)
        return Deferred()

    return SimpleNamespace(ask=ask)


class SurveyTest(SynchronousTestCase):
    def test_every_kind(self) -> None:
        for mapping, filtering in itertools.product(KINDS, KINDS):
            if mapping != "endpoint-independent" and KINDS.index(filtering) < KINDS.index(mapping):
                continue  # a stranger's packet has no mapping that it could come by
            report = Nat(mapping, filtering).survey()  # type: ignore[arg-type]
            self.assertEqual((report.kind.mapping, report.kind.filtering), (mapping, filtering))
            self.assertEqual((report.udp, report.external, report.observers, report.at), ("works", OUTSIDE, 3, 7.0))
            self.assertEqual(report.kind.ports, "no")

    def test_no_nat(self) -> None:
        for filtering in ("none", *KINDS[1:]):
            report = Nat("none", filtering).survey(is_own=True)  # type: ignore[arg-type]
            self.assertEqual((report.kind.mapping, report.kind.filtering), ("none", filtering))
            self.assertEqual((report.kind.ports, report.kind.hairpin), ("yes", "unknown"))

    def test_hairpin(self) -> None:
        for filtering in KINDS:
            for hairpin in (False, True):
                report = Nat("endpoint-independent", filtering, hairpin=hairpin).survey()  # type: ignore[arg-type]
                self.assertEqual(report.kind.hairpin, "yes" if hairpin else "no")

    def test_lost_packets(self) -> None:
        """A cone does not seem to be restricted because a packet was lost."""
        for lost in (3, 4, 5):
            report = Nat("endpoint-independent", "endpoint-independent", lost=lost).survey()
            self.assertEqual(report.kind.filtering, "endpoint-independent")

    def test_two_peers_tell_mapping_and_filtering(self) -> None:
        for filtering in KINDS:
            report = Nat("endpoint-independent", filtering).survey(HOSTS[:2])  # type: ignore[arg-type]
            self.assertEqual((report.kind.mapping, report.kind.filtering), ("endpoint-independent", filtering))

    def test_one_peer_never_tells_that_it_is_open(self) -> None:
        for filtering in KINDS:
            report = Nat("endpoint-independent", filtering).survey(HOSTS[:1])  # type: ignore[arg-type]
            self.assertIn(report.kind.filtering, ("unknown", "address-and-port-dependent"))
            self.assertFalse(report.is_complete)

    def test_who_was_asked_is_no_stranger(self) -> None:
        nat = Nat("endpoint-independent", "address-dependent")
        nat.survey()
        tried = [host for host, _ in nat.asked]
        # Three times two strangers in turn, then the one whose server the socket had asked.
        self.assertEqual(tried, [HOSTS[1], HOSTS[2], HOSTS[1], HOSTS[0]])

    def test_cancelled(self) -> None:
        """A round that is given up asks nobody any more, and leaves nothing behind."""
        for seconds in (0.0, 0.005, 0.1):
            nat = Nat("endpoint-independent", "endpoint-independent")
            asked: list[str] = []
            peers = [AskedPeer(silent(asked, host), host, 3_478, 0) for host in HOSTS]
            survey = Survey(nat, peers, lambda _: False, lambda size: bytes(size), lambda: 7.0, nat.clock.seconds)
            running = Deferred.fromCoroutine(survey.run())
            nat.clock.pump([seconds / 5] * 5)
            before = list(asked)
            running.cancel()
            self.failureResultOf(running, CancelledError)
            nat.clock.advance(1)  # what is on its way arrives
            self.assertEqual((asked, nat.clock.getDelayedCalls(), nat._sockets), (before, [], {}))
        self.assertEqual(before, [HOSTS[1]])

    def test_nobody_answers(self) -> None:
        nat = Nat("endpoint-independent", "endpoint-independent", lost=1)
        report = nat.survey()
        self.assertEqual((report.kind.mapping, report.udp, report.observers), ("unknown", "unknown", 0))

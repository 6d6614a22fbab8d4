"""Coordinating over links, with peers and a STUN server in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.stundata import CertificateHash, NatKind
from cloudnode.peers.messages import (
    Interface,
    Message,
    Place,
    PunchCandidate,
    PunchCertificate,
    Punched,
    PunchLocal,
    PunchOrder,
    RequestPunch,
)
from cloudnode.reach.punching.coordinator import Ask, PunchRefused
from cloudnode.reach.punching.tracing import Tracer
from cloudnode.reach.punching.values import Endpoint, Order, Strategy, Transport
from cloudnode.reach.punchlinks import KNOWN_SECONDS, LOOK_SECONDS, TRACED_AFTER, Granted, PunchLinks, judge_nat
from cloudnode.stun.credentials import CredentialTable, Observation

KEY = bytes(range(32))
HOME, OFFICE = ("203.0.113.1", 40_001), ("203.0.113.2", 40_002)
CERTIFICATE = CertificateHash(b"h" * 32, 0, 1, b"s" * 64)


class MemoryPeer:
    """A peer that keeps what is sent to it."""

    def __init__(self, number: int, address: str) -> None:
        self.id = bytes([number]) * 32
        self.address = address
        self.sent: list[Message] = []
        self.hello = self
        self.interfaces = (Interface("ws-udp", "", 38083, True),)

    def send(self, message: Message) -> None:
        """Keep it."""
        self.sent.append(message)


class Known:
    """What is known of nodes; none has more than one endpoint."""

    mapping = "endpoint-independent"

    def __init__(self) -> None:
        self.seen: dict[bytes, list[Endpoint]] = {}
        self.by_tcp: set[str] = set()

    def endpoints(self, node: bytes, transport: Transport) -> Sequence[Endpoint]:
        return self.seen.get(node, [])

    def proven(self, node: bytes) -> frozenset[str]:
        return frozenset(self.by_tcp)

    def nat(self, node: bytes) -> NatKind:
        return NatKind(mapping=self.mapping)  # type: ignore[arg-type]

    def certificates(self, node: bytes) -> Sequence[CertificateHash]:
        return [CERTIFICATE]


class MemoryTarget:
    """Keeps the orders."""

    def __init__(self) -> None:
        self.orders: list[tuple[bytes, Order, str, bytes]] = []

    def carry_out(self, coordinator: bytes, order: Order, username: str, key: bytes) -> str | None:
        self.orders.append((coordinator, order, username, key))
        return None

    def stop(self) -> None:
        """Nothing runs."""


class PunchLinksTests(SynchronousTestCase):
    def setUp(self) -> None:
        """A coordinator with two peers, of which one has a mapping."""
        self.clock = Clock()
        self.credentials = CredentialTable()
        self.known = Known()
        self.target = MemoryTarget()
        self.locals: list[Endpoint] = []
        self.links = self.make(self.credentials)
        self.peer, self.asker = MemoryPeer(1, OFFICE[0]), MemoryPeer(2, HOME[0])
        self.known.seen[self.peer.id] = [OFFICE]
        for each in (self.peer, self.asker):
            self.links.opened(each)  # type: ignore[arg-type]

    def make(self, credentials: CredentialTable | None) -> PunchLinks:
        """A node's part in punches."""
        target: Any = self.target
        links = PunchLinks(
            self.clock, credentials, self.known, target, Tracer(self.clock.seconds),
            lambda node, transport: self.locals if transport == "udp" else [],
        )  # fmt: skip
        self.addCleanup(links.stop)
        return links

    def ask(self, username: str = "username1", node: bytes | None = None) -> Ask:
        """A request of a client's."""
        node = self.peer.id if node is None else node
        return Ask("198.51.100.9", node, "udp", Strategy.DIRECT, username, KEY)

    def observe(self, username: str = "username1", endpoint: Endpoint = HOME) -> None:
        """The STUN server answered a Binding request."""
        credential = self.credentials.find(username)
        assert credential is not None
        credential.observed(Observation(username, "udp", endpoint, None))

    def test_both_are_told(self) -> None:
        """With the Binding request both sides have their orders, in one turn."""
        done = self.links.coordinate(self.ask())
        self.assertNoResult(done)
        self.assertEqual(self.peer.sent, [])
        self.observe()
        granted: Granted = self.successResultOf(done)
        self.assertEqual([each.endpoint for each in granted.order.candidates], [OFFICE])
        self.assertEqual((granted.certificates, granted.mapping), ((CERTIFICATE,), "independent"))
        order = PunchOrder(
            "udp", "direct", "username1", KEY, (PunchCandidate(*HOME, "observed"),), Place(*OFFICE)
        )  # fmt: skip
        self.assertEqual(self.peer.sent, [order])
        [trace] = self.links.tracer
        self.assertEqual(trace.outcome, "under way", "the log does not hold up what is told")
        self.clock.advance(TRACED_AFTER)
        self.assertEqual((trace.role, trace.outcome, trace.node), ("coordinator", "told", self.peer.id))

    def test_other_family(self) -> None:
        """A requester over IPv6 is refused at once where the target is known over IPv4 alone; nobody sends a probe."""
        done = self.links.coordinate(self.ask())
        self.observe(endpoint=("2001:db8::9", 9))
        self.assertEqual(self.failureResultOf(done, PunchRefused).value.name, "punch_unmapped")
        self.assertEqual(self.peer.sent, [])
        self.assertEqual(self.links.tracer.counters.refused, 1)
        self.clock.advance(KNOWN_SECONDS)
        self.assertEqual(len(self.credentials), 0)

    def test_both_families(self) -> None:
        """Of a target's mappings the one is told that the requester's packets get to; over IPv6 nothing is mapped."""
        over_ipv6 = ("2001:db8::7", 7)
        self.known.seen[self.peer.id] = [OFFICE, over_ipv6]
        done = self.links.coordinate(self.ask())
        self.observe(endpoint=("2001:db8::9", 9))
        self.assertEqual([each.endpoint for each in self.successResultOf(done).order.candidates], [over_ipv6])
        symmetric = NatKind(mapping="address-and-port-dependent")
        self.assertEqual(judge_nat(symmetric, OFFICE[0]), "dependent")
        self.assertEqual(judge_nat(symmetric, over_ipv6[0]), "independent")

    def test_credentials_end(self) -> None:
        """They are good for a second Binding request, which tells the requester of its NAT, and then no more."""
        self.links.coordinate(self.ask()).addErrback(lambda _: None)
        self.observe()
        self.observe()
        self.assertEqual(len(self.peer.sent), 1)
        self.clock.advance(KNOWN_SECONDS)
        self.assertIsNone(self.credentials.find("username1"))

    def test_no_observation(self) -> None:
        """Without a Binding request it fails in time, and leaves nothing."""
        done = self.links.coordinate(self.ask())
        self.clock.advance(3.0)
        self.assertEqual(self.failureResultOf(done, PunchRefused).value.name, "punch_unobserved")
        self.assertEqual(len(self.credentials), 0)
        self.assertEqual(self.links.tracer.counters.unobserved, 1)

    def test_given_up(self) -> None:
        """A requester that is gone is waited for no longer."""
        done = self.links.coordinate(self.ask())
        done.addErrback(lambda _: None)
        done.cancel()
        self.assertEqual(len(self.credentials), 0)
        self.clock.advance(10.0)
        self.assertEqual(self.peer.sent, [])

    def test_refusals(self) -> None:
        """What can't be is refused by name."""
        unlinked = self.links.coordinate(self.ask(node=b"x" * 32))
        self.assertEqual(self.failureResultOf(unlinked, PunchRefused).value.name, "punch_unlinked")
        first = self.links.coordinate(self.ask())
        second = self.links.coordinate(self.ask())
        self.assertEqual(self.failureResultOf(second, PunchRefused).value.name, "punch_conflict")
        self.assertNoResult(first)
        first.addErrback(lambda _: None)
        without = self.make(None)
        without.opened(self.peer)  # type: ignore[arg-type]
        refused = without.coordinate(self.ask("username2"))
        self.assertEqual(self.failureResultOf(refused, PunchRefused).value.name, "punch_not_offered")

    def test_target_leaves(self) -> None:
        """The target's link ends before the Binding request comes."""
        done = self.links.coordinate(self.ask())
        self.links.closed(self.peer)  # type: ignore[arg-type]
        self.observe()
        self.assertEqual(self.failureResultOf(done, PunchRefused).value.name, "punch_unlinked")

    def test_no_mapping(self) -> None:
        """A target without a mapping is named at the port that it serves, at the address of its link."""
        self.known.seen.clear()
        done = self.links.coordinate(self.ask())
        self.observe()
        [candidate] = self.successResultOf(done).order.candidates
        self.assertEqual((candidate.endpoint, candidate.kind), ((OFFICE[0], 38083), "served"))

    def test_private_endpoints(self) -> None:
        """What the target told of its private endpoints goes to a requester behind the same NAT."""
        self.links.said(self.peer, PunchLocal((Place("192.168.1.8", 6_000),), ()))  # type: ignore[arg-type]
        done = self.links.coordinate(self.ask())
        self.observe(endpoint=(OFFICE[0], 40_009))
        candidates = self.successResultOf(done).order.candidates
        self.assertEqual([each.kind for each in candidates], ["private", "observed"])

    def test_request_of_a_node(self) -> None:
        """A node asks over its link."""
        message = RequestPunch(7, self.peer.id, "udp", "direct", "username1", KEY, (), "unknown")
        self.links.said(self.asker, message)  # type: ignore[arg-type]
        self.observe()
        answer = Punched(
            7, "", "direct", (PunchCandidate(*OFFICE, "observed"),), Place(*HOME), None,
            (PunchCertificate(b"h" * 32, b"s" * 64),), "independent",
        )  # fmt: skip
        self.assertEqual(self.asker.sent, [answer])
        self.links.said(self.asker, RequestPunch(8, b"x" * 32, *message_rest(message)))  # type: ignore[arg-type]
        self.assertEqual(self.asker.sent[1:], [Punched(8, "punch_unlinked")])

    def test_order(self) -> None:
        """A coordinator's order reaches this node's sockets."""
        order = PunchOrder("tcp", "direct", "username1", KEY, (PunchCandidate(*HOME, "observed"),), Place(*OFFICE))
        self.links.said(self.asker, order)  # type: ignore[arg-type]
        [(coordinator, taken, username, key)] = self.target.orders
        self.assertEqual((coordinator, taken.own, username, key), (self.asker.id, OFFICE, "username1", KEY))
        self.assertEqual([each.endpoint for each in taken.candidates], [HOME])

    def test_order_to_places_of_this_node(self) -> None:
        """A coordinator's order has nothing sent to this machine or into the network that it is in."""
        told = tuple(
            PunchCandidate(host, 5_000, kind)  # type: ignore[arg-type]
            for host in ("127.0.0.1", "192.168.0.1", "::ffff:10.0.0.1", "224.0.0.1", HOME[0])
            for kind in ("observed", "private", "served", "predicted")
        )
        self.links.said(
            self.asker, PunchOrder("tcp", "direct", "username1", KEY, told[:16], Place(*OFFICE))  # type: ignore[arg-type]
        )
        order = PunchOrder("tcp", "direct", "username1", KEY, told[-4:], Place(*OFFICE))
        self.links.said(self.asker, order)  # type: ignore[arg-type]
        hosts = [{each.endpoint[0] for each in order.candidates} for _, order, _, _ in self.target.orders]
        self.assertEqual(hosts, [set(), {HOME[0]}])

    def test_forged_mapping(self) -> None:
        """Where a node is seen by datagrams alone, few are sent; many where its link or TCP showed that it is there."""
        self.known.mapping = "address-dependent"
        self.known.seen[self.peer.id] = [("192.0.2.66", 9)]
        strategies = []
        for number, by_tcp in enumerate(((), ("192.0.2.66",), ())):
            if number == 2:
                self.known.seen[self.peer.id] = [OFFICE]
            self.known.by_tcp = set(by_tcp)
            name = f"username{number}"
            asked = Ask(
                HOME[0], self.peer.id, "udp", Strategy.SPREAD, name, KEY, (), "independent", frozenset((HOME[0],))
            )
            done = self.links.coordinate(asked)
            self.observe(name)
            strategies.append(self.successResultOf(done).order.strategy)
        self.assertEqual(strategies, [Strategy.DIRECT, Strategy.SPREAD, Strategy.SPREAD])

    def test_telling_private_endpoints(self) -> None:
        """Coordinators are told this node's private endpoints once, and again when they change."""
        self.links.start()
        self.assertEqual(self.peer.sent, [])
        self.locals.append(("10.0.0.2", 5_000))
        self.clock.advance(LOOK_SECONDS)
        self.clock.advance(LOOK_SECONDS)
        told = PunchLocal((Place("10.0.0.2", 5_000),), ())
        self.assertEqual(self.peer.sent, [told])
        self.locals.clear()
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(self.peer.sent, [told, PunchLocal((), ())])


def message_rest(message: RequestPunch) -> tuple[Any, ...]:
    """All but the number and the node of a request."""
    return ("udp", "direct", "username2", message.key, message.local, message.mapping)

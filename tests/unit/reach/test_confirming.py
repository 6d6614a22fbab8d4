"""Who is asked whether this node is reached, and what is made of the answers."""

from __future__ import annotations

from typing import Any, cast

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import DialBack, DialledBack
from cloudnode.peers.peer import Peer
from cloudnode.reach.confirming import REFUSED_SECONDS, Confirming
from cloudnode.reach.keeper import MappingKeeper
from cloudnode.reach.mapping import External
from cloudnode.reach.outside import find_realm

HASH = b"\x33" * 32
EXTERNAL = External("203.0.113.7", 40_001)


@attrs.define(eq=False, slots=False)
class FakePeer:
    """Answers as the test says."""

    id: bytes
    address: str
    transport: str = "ws"
    inbound: bool = False
    outcome: str = "reached"
    host: str = EXTERNAL.address
    asked: list[tuple[Any, ...]] = attrs.field(factory=list)

    def ask(self, question: type[DialBack], *arguments: Any) -> Deferred[DialledBack]:
        self.asked.append(arguments)
        done: Deferred[DialledBack] = Deferred()
        if self.outcome == "gone":
            done.errback(PeerFault("going_away", "it is gone"))
        else:
            done.callback(DialledBack(1, self.outcome, self.host))  # type: ignore[arg-type]
        return done


@attrs.define(eq=False)
class FakeMapping:
    """As much of a mapping as is looked at."""

    external: External | None = EXTERNAL


@attrs.define(eq=False)
class FakeSocket:
    """The same of a socket."""

    protocol: str = "udp"


@attrs.define(eq=False)
class FakeKept:
    """The same of both together."""

    peer: FakePeer
    confirmed: bool | None = None
    mapping: FakeMapping = attrs.field(factory=FakeMapping)
    socket: FakeSocket = attrs.field(factory=FakeSocket)

    @property
    def observer(self) -> bytes:
        return self.peer.id


class ConfirmingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.server = FakePeer(b"\1" * 32, "192.0.2.1")
        self.neighbour = FakePeer(b"\2" * 32, "192.0.2.1")
        self.others = [FakePeer(bytes((number,)) * 32, f"192.0.2.{number}") for number in (3, 4)]
        self.peers = [self.server, self.neighbour, *self.others]
        self.kept: list[FakeKept] = []
        self.changes = 0
        self.external: set[str] = set()
        self.confirming = self.make()

    def make(self, include_local: bool = False) -> Confirming:
        made = Confirming(
            self.clock, lambda: iter(cast(list[Peer], self.peers)), cast(MappingKeeper, self.kept),
            lambda: [HASH], self.count, 600.0, lambda: self.external, include_local=include_local,
        )  # fmt: skip
        made.start()
        self.addCleanup(made.stop)
        return made

    def count(self) -> None:
        self.changes += 1

    def keep(self) -> FakeKept:
        kept = FakeKept(self.server)
        self.kept.append(kept)
        return kept

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self.clock.advance(0.5)

    def test_mapping(self) -> None:
        """A mapping is tried by a peer at another address than the server's once it is known, and is confirmed then."""
        kept = self.keep()
        kept.mapping.external = None
        self.pass_time(2)
        self.assertEqual([each.asked for each in self.peers], [[], [], [], []])
        kept.mapping.external = EXTERNAL
        self.pass_time(1)
        self.assertEqual((kept.confirmed, self.changes), (True, 1))
        self.assertEqual(sum(len(each.asked) for each in self.others), 1)
        [asked] = [arguments for each in self.others for arguments in each.asked]
        self.assertEqual(asked, ("udp", EXTERNAL.port, (HASH,)))
        self.pass_time(60)
        self.assertEqual(sum(len(each.asked) for each in self.peers), 1)

    def test_mapping_of_one_family(self) -> None:
        """It is tried by peers that see this node over the family of its server: others see another address."""
        kept = self.keep()
        for each in self.others:
            each.address = f"2001:db8::{each.address[-1]}"
        self.pass_time(3)
        self.assertEqual((kept.confirmed, [each.asked for each in self.others]), (None, [[], []]))

    def test_nobody_to_ask(self) -> None:
        """Whom the socket sent to can't say whether strangers get through: then nothing is known."""
        kept = self.keep()
        self.peers[:] = [self.server, self.neighbour]
        self.pass_time(10)
        self.assertEqual((kept.confirmed, self.server.asked, self.neighbour.asked), (None, [], []))

    def test_not_reached(self) -> None:
        """One failure may be the other's fault; after two a mapping counts as not reached."""
        kept = self.keep()
        for each in self.others:
            each.outcome = "failed"
        self.pass_time(1)
        self.assertIsNone(kept.confirmed)
        self.pass_time(1)
        self.assertEqual((kept.confirmed, [len(each.asked) for each in self.others]), (False, [1, 1]))

    def test_another_address(self) -> None:
        """Who sees this node at another address than the server does says nothing of the mapping."""
        kept = self.keep()
        for each in self.others:
            each.host = "203.0.113.8"
        self.pass_time(30)
        self.assertIsNone(kept.confirmed)
        self.assertEqual(sum(len(each.asked) for each in self.others), 1)

    def test_refused(self) -> None:
        """Who has done enough is left alone for a while, and who is gone says nothing."""
        self.keep()
        self.peers[:] = [self.server, *self.others]
        self.others[0].outcome, self.others[1].outcome = "refused", "gone"
        self.pass_time(3)
        self.assertEqual(len(self.others[0].asked), 1)
        self.pass_time(REFUSED_SECONDS)
        self.assertEqual(len(self.others[0].asked), 2)

    def test_own_ports(self) -> None:
        """The node's own ports are tried by peers, over UDP only by those to which the socket never sent first."""
        for each in self.peers:
            each.transport = "ws-udp"
        self.others[1].inbound = True
        self.confirming.ports += [("tcp", 38082), ("udp", 38083)]
        self.pass_time(3)
        udp = [each for each in self.peers if any(arguments[0] == "udp" for arguments in each.asked)]
        self.assertEqual(udp, [self.others[1]])
        told = {(each.protocol, each.port, each.source) for each in self.confirming.endpoints()}
        self.assertEqual(told, {("tcp", 38082, "interface"), ("udp", 38083, "interface")})
        before = sum(len(each.asked) for each in self.peers)
        self.pass_time(500)
        self.assertEqual(sum(len(each.asked) for each in self.peers), before)
        for each in self.peers:
            each.outcome = "failed"
        self.pass_time(200)
        self.assertEqual(self.confirming.endpoints(), [])
        self.assertEqual({tried.reached for tried in self.confirming.tried.values()}, {False})

    def test_this_machine(self) -> None:
        """Peers on this machine are not asked, unless the operator wants mappings in any case."""
        for each in self.peers:
            each.address = "127.0.0.1"
        self.confirming.ports.append(("tcp", 38082))
        self.pass_time(5)
        self.assertEqual(self.confirming.tried, {})
        always = self.make(include_local=True)
        always.ports.append(("tcp", 38082))
        self.pass_time(2)
        self.assertTrue(always.tried["tcp", 38082, find_realm("127.0.0.1")].reached)

    def test_neighbours(self) -> None:
        """A neighbour's success at the private address is nothing that anybody else could repeat: it is not asked."""
        self.keep()
        for each, address in zip(self.others, ("10.0.0.3", EXTERNAL.address), strict=True):
            each.address = each.host = address
        self.external = {EXTERNAL.address}
        for each in (self.server, self.neighbour):
            each.outcome = "failed"
        self.confirming.ports.append(("tcp", 38082))
        self.pass_time(30)
        self.assertEqual([each.asked for each in self.others], [[], []])
        [tried] = self.confirming.tried.values()
        self.assertEqual((tried.reached, tried.address), (False, EXTERNAL.address))

    def test_neighbours_alone(self) -> None:
        """Where all peers are in one private network they are asked; those outside then count apart from them."""
        for number, each in enumerate(self.peers):
            each.address, each.host = f"10.0.0.{number + 10}", "10.0.0.2"
        self.confirming.ports.append(("tcp", 38082))
        self.pass_time(5)
        [inner] = self.confirming.tried.values()
        self.assertEqual((inner.reached, inner.address), (True, "10.0.0.2"))
        self.peers.append(FakePeer(b"\5" * 32, "192.0.2.5", outcome="failed"))
        self.pass_time(600)
        self.assertEqual({(each.address, each.reached) for each in self.confirming.tried.values()},
                         {("10.0.0.2", True), (EXTERNAL.address, False)})  # fmt: skip
        self.pass_time(4 * 600)
        self.assertEqual([each.address for each in self.confirming.tried.values()], [EXTERNAL.address])

    def test_families(self) -> None:
        """A port is tried over IPv4 and over IPv6, and one outcome does not replace the other."""
        self.others[0].address, self.others[0].host = "2001:db8::5", "2001:db8::2"
        self.others[0].outcome = "failed"
        self.confirming.ports.append(("tcp", 38082))
        self.pass_time(5)
        self.assertEqual({(each.address, each.reached) for each in self.confirming.tried.values()},
                         {(EXTERNAL.address, True), ("2001:db8::2", False)})  # fmt: skip
        self.assertEqual([self.confirming.is_walled(find_realm(each)) for each in ("192.0.2.1", "2001:db8::1")],
                         [False, True])  # fmt: skip
        self.assertFalse(self.confirming.is_walled(find_realm("10.0.0.1")), "nobody tried there")

    def test_mapping_gone(self) -> None:
        """What is learned of a mapping that is another one by now does not count."""
        kept = self.keep()
        waiting: Deferred[DialledBack] = Deferred()
        for each in self.others:
            each.ask = lambda *question: waiting  # type: ignore[method-assign]
        self.pass_time(1)
        kept.mapping.external = External(EXTERNAL.address, 40_002)
        waiting.callback(DialledBack(1, "reached", EXTERNAL.address))
        self.assertIsNone(kept.confirmed)

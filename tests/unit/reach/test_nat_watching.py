"""When a survey of the NAT is due."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.stundata import NatKind
from cloudnode.peers.messages import Interface, StunServer
from cloudnode.reach.nat.deciding import NatReport
from cloudnode.reach.nat.survey import AskedPeer
from cloudnode.reach.nat.watching import GATHER_SECONDS, LOOK_SECONDS, PAUSE_SECONDS, NatWatch, choose_peers
from cloudnode.reach.outside import ALONE_SECONDS

SERVER = StunServer(3478, 38082, "name", bytes(32))
COMPLETE = NatKind("endpoint-independent", "address-dependent", syn="dropped")


class Linked(SimpleNamespace):
    """A peer, as far as it is looked at."""

    __hash__ = object.__hash__


def linked(host: str, *, dialled: bool = True, told: str = "") -> Any:
    """A peer at an address. :param told: The address that it tells of its interfaces."""
    hello = SimpleNamespace(interfaces=(Interface("ws", told, 38082, True), Interface("ws-udp", told, 38083, True)))
    return Linked(address=host, dialled=(host, 38082) if dialled else None, hello=hello)


class WatchTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.rounds: list[tuple[Sequence[AskedPeer], Deferred[NatReport]]] = []
        self.reports: list[NatReport] = []
        self.external: set[str] = set()
        self.watch = NatWatch(self.clock, self.make, lambda: self.external, self.reports.append, 600.0)
        self.watch.start()

    def make(self, peers: Sequence[AskedPeer]) -> Deferred[NatReport]:
        self.rounds.append((peers, Deferred()))
        return self.rounds[-1][1]

    def tell(self, *hosts: str) -> None:
        for host in hosts:
            self.watch.server_told(linked(host), SERVER)

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([LOOK_SECONDS] * round(seconds / LOOK_SECONDS))

    def finish(self, kind: NatKind = COMPLETE, external: str = "203.0.113.1", observers: int = 3) -> None:
        self.rounds[-1][1].callback(NatReport(kind, external=external, observers=observers))

    def test_enough_peers_are_asked_at_once(self) -> None:
        self.tell("198.51.100.1", "198.51.100.2", "198.51.100.3")
        self.pass_time(LOOK_SECONDS)
        self.assertEqual([each.host for each in self.rounds[0][0]], ["198.51.100.1", "198.51.100.2", "198.51.100.3"])
        self.assertEqual([each.other_port for each in self.rounds[0][0]], [38083] * 3)
        self.finish()
        self.assertEqual(self.reports[0].kind, COMPLETE)

    def test_few_are_waited_for_and_asked_again_when_there_are_more(self) -> None:
        self.tell("198.51.100.1")
        self.pass_time(GATHER_SECONDS - LOOK_SECONDS)
        self.assertEqual(self.rounds, [])
        self.pass_time(LOOK_SECONDS)
        self.finish(NatKind("endpoint-independent"), observers=1)
        self.pass_time(60)
        self.assertEqual(len(self.rounds), 1)
        self.tell("198.51.100.2")
        self.pass_time(LOOK_SECONDS)
        self.assertEqual(len(self.rounds), 2)

    def test_complete_reports_last_until_the_address_changes(self) -> None:
        self.tell("198.51.100.1", "198.51.100.2", "198.51.100.3")
        self.pass_time(LOOK_SECONDS)
        self.finish()
        self.external = {"203.0.113.1"}
        self.tell("198.51.100.4")
        self.pass_time(500)
        self.assertEqual(len(self.rounds), 1)
        self.external = {"203.0.113.9"}
        self.pass_time(LOOK_SECONDS)
        self.assertEqual(len(self.rounds), 2)
        self.finish(external="203.0.113.9")
        self.pass_time(599)
        self.assertEqual(len(self.rounds), 2)
        self.pass_time(2)
        self.assertEqual(len(self.rounds), 3)

    def test_first_over_ipv4(self) -> None:
        """A report over IPv6 gives way to one over IPv4 as soon as there is a peer for it."""
        self.tell("2001:db8::1", "2001:db8::2", "2001:db8::3")
        self.pass_time(LOOK_SECONDS)
        self.finish(external="2001:db8::9")
        self.external = {"2001:db8::9"}
        self.pass_time(10 * PAUSE_SECONDS)
        self.assertEqual(len(self.rounds), 1)
        self.tell("198.51.100.1")
        self.pass_time(PAUSE_SECONDS)
        self.assertEqual([each.host for each in self.rounds[1][0]], ["198.51.100.1"])
        self.finish(external="203.0.113.1")
        self.external.add("203.0.113.1")
        self.pass_time(10 * PAUSE_SECONDS)
        self.assertEqual(len(self.rounds), 2)

    def test_links_made_anew_are_asked_again(self) -> None:
        """After a move the first survey may have asked over links that were dead already."""
        self.tell("198.51.100.1", "198.51.100.2")
        dead = list(self.watch._servers)
        self.pass_time(GATHER_SECONDS + LOOK_SECONDS)
        self.finish(NatKind())
        self.pass_time(10 * PAUSE_SECONDS)
        self.assertEqual(len(self.rounds), 1)
        for peer in dead:
            self.watch.closed(peer)
        self.tell("198.51.100.1", "198.51.100.2")
        self.pass_time(PAUSE_SECONDS)
        self.assertEqual(len(self.rounds), 2)
        self.finish()
        self.pass_time(10 * PAUSE_SECONDS)
        self.assertEqual(len(self.rounds), 2)

    def test_no_answer_says_nothing_and_is_tried_again(self) -> None:
        self.tell("198.51.100.1", "198.51.100.2", "198.51.100.3")
        self.pass_time(LOOK_SECONDS)
        self.finish(NatKind(), observers=0)
        self.assertEqual((self.reports, self.watch.report), ([], None))
        self.pass_time(PAUSE_SECONDS)
        self.assertEqual(len(self.rounds), 2)

    def test_a_failure_is_logged_and_tried_again(self) -> None:
        self.tell("198.51.100.1", "198.51.100.2", "198.51.100.3")
        self.pass_time(LOOK_SECONDS)
        self.rounds[0][1].errback(OSError("no socket"))
        self.pass_time(PAUSE_SECONDS)
        self.assertEqual(len(self.rounds), 2)

    def test_this_machine(self) -> None:
        """Peers on this machine are not asked, unless the operator wants mappings in any case."""
        always = NatWatch(self.clock, self.make, lambda: self.external, self.reports.append, 600.0, include_local=True)
        self.tell("127.0.0.1")
        self.pass_time(GATHER_SECONDS + LOOK_SECONDS)
        self.assertEqual(self.rounds, [])
        always.server_told(linked("127.0.0.1"), SERVER)
        always.start()
        self.pass_time(GATHER_SECONDS + LOOK_SECONDS)
        self.assertEqual([each.host for each in self.rounds[0][0]], ["127.0.0.1"])
        always.stop()

    def test_neighbours_are_not_asked(self) -> None:
        """In a home with two nodes the other one sees this one's private address: that says nothing of the NAT."""
        self.tell("10.0.0.3", "198.51.100.1", "198.51.100.2", "203.0.113.1")
        self.external = {"203.0.113.1"}
        self.pass_time(GATHER_SECONDS + LOOK_SECONDS)
        self.assertEqual([each.host for each in self.rounds[0][0]], ["198.51.100.1", "198.51.100.2"])
        self.finish(NatKind("endpoint-independent"))
        for peer in list(self.watch._servers):
            if peer.address.startswith("198"):
                self.watch.closed(peer)
        self.pass_time(ALONE_SECONDS - 1)
        self.assertEqual(len(self.rounds), 1)
        self.pass_time(2)
        self.assertEqual([each.host for each in self.rounds[1][0]], ["10.0.0.3", "203.0.113.1"])

    def test_neighbours_alone(self) -> None:
        """Where there is nobody else they are asked; what they say ends when somebody outside comes."""
        self.tell("10.0.0.3", "10.0.0.4")
        self.pass_time(GATHER_SECONDS + LOOK_SECONDS)
        self.finish(NatKind("none", "none", syn="accepted"), external="10.0.0.2")
        self.external = {"10.0.0.2"}
        self.pass_time(10 * PAUSE_SECONDS)
        self.assertEqual(len(self.rounds), 1)
        self.tell("198.51.100.1")
        self.pass_time(LOOK_SECONDS)
        self.assertEqual(len(self.rounds), 1)
        self.tell("198.51.100.2")
        self.pass_time(GATHER_SECONDS)
        self.assertEqual([each.host for each in self.rounds[1][0]], ["198.51.100.1", "198.51.100.2"])

    def test_stop_gives_a_round_up(self) -> None:
        self.tell("198.51.100.1", "198.51.100.2", "198.51.100.3")
        self.pass_time(LOOK_SECONDS)
        self.watch.stop()
        self.assertTrue(self.rounds[0][1].called)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ChooseTest(SynchronousTestCase):
    def test_each_address_once_reachable_ones_first(self) -> None:
        called, same = linked("198.51.100.1", dialled=False), linked("198.51.100.2", dialled=False)
        dialled = linked("198.51.100.2")
        servers = dict.fromkeys((called, same, dialled), SERVER)
        self.assertEqual([each.peer for each in choose_peers(servers)], [dialled, called])

    def test_another_port_of_the_same_server(self) -> None:
        quic = StunServer(38083, 38082, "name", bytes(32))
        peers = {
            linked("198.51.100.1"): quic,
            linked("198.51.100.2"): SERVER,
            linked("198.51.100.3", told="198.51.100.3"): SERVER,
            linked("198.51.100.4", told="198.51.100.9"): SERVER,
        }
        self.assertEqual([(each.udp_port, each.other_port) for each in choose_peers(peers)],
                         [(38083, 3478), (3478, 38083), (3478, 38083), (3478, 0)])  # fmt: skip

    def test_one_ip_version(self) -> None:
        """IPv4, where anybody can be asked over it, for nothing is mapped over IPv6."""
        servers = dict.fromkeys((linked("2001:db8::1"), linked("2001:db8::2"), linked("198.51.100.1")), SERVER)
        self.assertEqual([each.host for each in choose_peers(servers)], ["198.51.100.1"])
        servers = dict.fromkeys((linked("2001:db8::1"), linked("2001:db8::2")), SERVER)
        self.assertEqual([each.host for each in choose_peers(servers)], ["2001:db8::1", "2001:db8::2"])

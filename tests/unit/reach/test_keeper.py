"""Which peers get STUN-Client sockets, and what becomes of these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.stundata import Protocol
from cloudnode.peers.messages import StunServer
from cloudnode.peers.peer import Peer
from cloudnode.reach import keeper
from cloudnode.reach.asking import ServerAccess
from cloudnode.reach.clientsockets import ClientSocket
from cloudnode.reach.keeper import LINGER_LOOK_SECONDS, LOOK_AGAIN_SECONDS, NO_NAT_SECONDS, MappingKeeper
from cloudnode.reach.mapping import FAILURES_MAX, External
from cloudnode.reach.outside import ALONE_SECONDS, find_realm
from cloudnode.reach.settings import KEEPALIVE_MOST, ReachMode, ReachSettings
from cloudnode.service.punching import SEEN_SECONDS
from cloudnode.stun.errors import StunError

SERVER = StunServer(3478, 3478, "name", b"\1" * 32)
PUBLIC, OTHER, OWN = "203.0.113.7", "203.0.113.8", "198.51.100.1"


@attrs.define(eq=False)
class FakePeer:
    """As much of a peer as is looked at."""

    id: bytes
    address: str = "192.0.2.1"
    dialled: tuple[str, int] | None = ("192.0.2.1", 38082)


class FakeSocket:
    """A socket behind a router that the test plays (:class:`ClientSocket`)."""

    def __init__(self, scene: Scene, protocol: Protocol, server: str) -> None:
        self.protocol = protocol
        self.server = server
        self.local = ("10.0.0.2", next(scene.ports))
        self.asked: list[tuple[float, ServerAccess]] = []
        self.is_used = False
        self.connected_from = ""
        self.disconnections = 0
        self.state = "open"
        self._scene = scene

    def ask(self, server: ServerAccess) -> Deferred[External]:
        self.asked.append((self._scene.clock.seconds(), server))
        done: Deferred[External] = Deferred()
        seen = self._scene.see(self)
        if seen is None:
            self._scene.clock.callLater(5.5, done.errback, StunError("timed_out"))
        else:
            self._scene.clock.callLater(0.03, done.callback, seen)
        return done

    def disconnect(self) -> None:
        self.disconnections += 1

    def admit_no_more(self) -> None:
        self.state = "admits no more"

    def stop_serving(self) -> None:
        self.state = "serves no more"

    def stop(self) -> Deferred[None]:
        self.state = "stopped"
        return succeed(None)


class Scene:
    """A keeper, a router and peers."""

    def __init__(self, mode: ReachMode = "auto", settings: ReachSettings | None = None) -> None:
        self.clock = Clock()
        self.ports = iter(range(40_000, 60_000))
        self.address = PUBLIC
        self.seen_by: dict[str, str] = {}
        self.shift = 0
        self.shifted = {"udp", "tcp"}
        self.lifetime = float("inf")
        self._seen: dict[FakeSocket, tuple[float, int]] = {}
        self.is_down = False
        self.made: list[FakeSocket] = []
        self.probes: list[tuple[FakePeer, Deferred[None]]] = []
        self.told = self.network_changes = 0
        self.keeper = MappingKeeper(
            self.clock, mode, settings or ReachSettings(), self.make, self.probe, lambda address: address == OWN,
            self.count_told, self.count_network,
        )  # fmt: skip
        self._numbers = iter(range(1, 1000))

    def see(self, socket: FakeSocket) -> External | None:
        """Where the router maps a socket."""
        shift = self.shift if socket.protocol in self.shifted else 0
        now = self.clock.seconds()
        last, forgotten = self._seen.get(socket, (now, 0))
        forgotten += now - last >= self.lifetime
        self._seen[socket] = now, forgotten
        address = self.seen_by.get(socket.server, self.address)
        return None if self.is_down else External(address, socket.local[1] + shift + 1_000 * forgotten)

    def make(self, server: StunServer, host: str) -> list[ClientSocket]:
        made = [FakeSocket(self, "udp", host), FakeSocket(self, "tcp", host)]
        self.made += made
        return cast(list[ClientSocket], made)

    def probe(self, peer: Peer) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self.probes.append((cast(FakePeer, peer), done))
        return done

    def count_told(self) -> None:
        self.told += 1

    def count_network(self) -> None:
        self.network_changes += 1

    def peer(self, **how: Any) -> Peer:
        """A peer that tells of its STUN server."""
        made = cast(Peer, FakePeer(bytes((next(self._numbers),)) * 32, **how))
        self.keeper.server_told(made, SERVER)
        return made

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 20)):
            self.clock.advance(0.05)

    @property
    def states(self) -> list[str]:
        return [each.state for each in self.made]

    @property
    def endpoints(self) -> set[tuple[str, int]]:
        return {(each.address, each.port) for each in self.keeper.endpoints()}


class QualifyingTests(SynchronousTestCase):
    def test_dialled(self) -> None:
        """A peer that was dialled gets a socket over UDP and one over TCP, which are told once they are mapped."""
        scene = Scene()
        peer = scene.peer()
        self.assertEqual([each.protocol for each in scene.made], ["udp", "tcp"])
        scene.pass_time(0.1)
        told = scene.keeper.endpoints()
        self.assertEqual([(each.protocol, each.address, each.observer) for each in told],
                         [("udp", PUBLIC, peer.id), ("tcp", PUBLIC, peer.id)])  # fmt: skip
        [(_, access)] = scene.made[0].asked
        self.assertEqual((access.address, access.username), (("192.0.2.1", 3478), "name"))

    def test_dialled_by_it(self) -> None:
        """A peer that dialled this node gets some when it was reached by a probe; a failed one is tried again later."""
        scene = Scene()
        peer = scene.peer(dialled=None)
        self.assertEqual((scene.made, len(scene.probes)), ([], 1))
        scene.probes[0][1].errback(OSError("refused"))
        scene.keeper.record_came(peer)
        self.assertEqual((scene.made, len(scene.probes)), ([], 1))
        scene.pass_time(301)
        scene.keeper.record_came(peer)
        scene.probes[1][1].callback(None)
        self.assertEqual(len(scene.made), 2)

    def test_lost_address(self) -> None:
        """When the address that a mapping is kept from is gone, another connection is made, and asked on at once."""
        scene = Scene()
        scene.peer()
        scene.pass_time(1)
        [tcp] = [kept for kept in scene.keeper if kept.socket.protocol == "tcp"]
        socket = scene.made[1]
        socket.connected_from = "10.0.0.2"
        self.assertEqual(tcp.local_address, "10.0.0.2")
        scene.address = OTHER
        tcp.leave()
        scene.pass_time(0.1)
        # Once more because of the change that the answer tells of.
        self.assertEqual((socket.disconnections, len(socket.asked)), (1, 3))
        self.assertIn((OTHER, socket.local[1]), scene.endpoints)

    def test_gone_while_probed(self) -> None:
        """A peer that goes while it is probed gets none."""
        scene = Scene()
        peer = scene.peer(dialled=None)
        scene.keeper.closed(peer)
        self.assertEqual(scene.made, [])
        self.assertEqual(scene.clock.getDelayedCalls(), [])

    def test_modes(self) -> None:
        """Peers on this machine get none by themselves, and nobody if the operator wants none."""
        for mode, address, count in (
            ("auto", "127.0.0.1", 0), ("auto", "::1", 0), ("always", "127.0.0.1", 2), ("never", "192.0.2.1", 0),
        ):  # fmt: skip
            scene = Scene(cast(ReachMode, mode))
            scene.peer(address=address)
            self.assertEqual(len(scene.made), count, (mode, address))
        scene = Scene()
        scene.keeper.serves_others = False
        scene.peer()
        self.assertEqual(scene.made, [])

    def test_local(self) -> None:
        """A socket on all addresses is told by the one on the way to its server."""
        self.patch(keeper, "local_host", {"198.51.100.9": "10.0.0.7", "2001:db8::9": None}.get)
        for bound, server, expected in (
            ("0.0.0.0", "198.51.100.9", "10.0.0.7"), ("", "198.51.100.9", "10.0.0.7"), ("::", "2001:db8::9", "::"),
            ("", "2001:db8::9", "::"), ("192.168.1.2", "198.51.100.9", "192.168.1.2"),
        ):  # fmt: skip
            scene = Scene()
            scene.peer(address=server)
            kept = next(iter(scene.keeper))
            scene.made[0].local = (bound, 40_000)
            self.assertEqual(kept.local, (expected, 40_000), bound)

    def test_settings(self) -> None:
        """Keep-alives are never so rare that others think that the mapping is gone."""
        for name in ("keepalive", "keepalive_longest"):
            self.assertRaises(ValueError, ReachSettings, **{name: KEEPALIVE_MOST + 1})
            self.assertRaises(ValueError, ReachSettings, **{name: 0})
        self.assertGreater(SEEN_SECONDS, KEEPALIVE_MOST + 30)

    def test_bound(self) -> None:
        """There are no more sockets than allowed; when a peer goes, another one gets its place."""
        scene = Scene(settings=ReachSettings(sockets=5))
        first, second, third = scene.peer(), scene.peer(), scene.peer()
        self.assertEqual(len(scene.made), 4)
        scene.keeper.closed(first)
        self.assertEqual(len(scene.made), 6)
        self.assertEqual({each.peer for each in scene.keeper}, {second, third})

    def test_no_nat(self) -> None:
        """Where the external address is this machine's own, the sockets are closed, and for a while none opened."""
        scene = Scene()
        scene.address = OWN
        scene.peer()
        scene.pass_time(0.1)
        self.assertEqual(set(scene.states), {"stopped"})
        self.assertEqual((set(scene.keeper.no_nat.values()), scene.endpoints), ({OWN}, set()))
        scene.peer()
        self.assertEqual(len(scene.made), 2)
        always = Scene("always")
        always.address = OWN
        always.peer()
        always.pass_time(1)
        self.assertEqual(set(always.states), {"open"})

    def test_firewall(self) -> None:
        """Without a NAT the sockets are of use where nobody gets at the node's own ports, and are kept then."""
        scene = Scene()
        scene.address = OWN
        scene.peer()
        scene.pass_time(0.1)
        self.assertEqual(scene.endpoints, set())
        scene.keeper.is_walled = lambda realm: realm == find_realm("192.0.2.1")
        scene.keeper.walls_changed()
        scene.peer()
        scene.pass_time(60)
        self.assertEqual({address for address, _ in scene.endpoints}, {OWN})
        self.assertEqual((len(scene.endpoints), set(scene.states[2:])), (4, {"open"}))
        self.assertTrue(all(len(each.asked) > 2 for each in scene.made[2:]))
        scene.peer(address="2001:db8::1")
        scene.pass_time(1)
        self.assertEqual(scene.states[6:], ["stopped"] * 2, "nobody said so of IPv6")
        scene.keeper.is_walled = lambda realm: False
        scene.keeper.walls_changed()
        self.assertEqual((scene.endpoints, set(scene.states)), (set(), {"stopped"}))
        scene.peer()
        self.assertEqual(len(scene.made), 8)

    def test_no_nat_is_looked_at_again(self) -> None:
        """After a while one peer is asked by itself, and the next one if that says nothing; a NAT has all asked."""
        scene = Scene()
        scene.address = OWN
        for _ in range(3):
            scene.peer()
        scene.pass_time(NO_NAT_SECONDS - 1)
        self.assertEqual(len(scene.made), 6)
        scene.keeper.closed(next(iter(scene.keeper._servers)))
        scene.pass_time(2)
        self.assertEqual(len(scene.made), 8)
        scene.is_down = True
        scene.pass_time(NO_NAT_SECONDS)
        self.assertEqual(len(scene.made), 10)
        scene.pass_time(LOOK_AGAIN_SECONDS)
        self.assertEqual(len(scene.made), 12)
        scene.is_down, scene.address = False, PUBLIC
        scene.peer()
        scene.pass_time(30)
        self.assertEqual((scene.keeper.no_nat, len(scene.keeper.endpoints())), ({}, 6))
        scene.keeper.stop_serving()
        self.assertEqual(scene.clock.getDelayedCalls(), [])

    def test_no_nat_over_one_family(self) -> None:
        """That there is no NAT over IPv6 says nothing of IPv4."""
        scene = Scene()
        scene.seen_by["2001:db8::1"] = OWN
        scene.peer(address="2001:db8::1")
        scene.pass_time(0.1)
        self.assertEqual(set(scene.keeper.no_nat.values()), {OWN})
        scene.peer()
        scene.pass_time(0.1)
        self.assertEqual({address for address, _ in scene.endpoints}, {PUBLIC})

    def test_neighbours(self) -> None:
        """A neighbour in a private network gets no sockets beside peers outside, nor says that there is no NAT."""
        scene = Scene()
        scene.seen_by["10.0.0.3"] = OWN
        outside = scene.peer()
        neighbour = scene.peer(address="10.0.0.3")
        scene.pass_time(1)
        self.assertEqual((len(scene.made), scene.keeper.no_nat), (2, {}))
        scene.keeper.closed(outside)
        scene.keeper.record_came(neighbour)
        self.assertEqual(len(scene.made), 2)
        scene.pass_time(ALONE_SECONDS)
        scene.keeper.record_came(neighbour)
        scene.pass_time(1)
        self.assertEqual((len(scene.made), set(scene.keeper.no_nat.values())), (4, {OWN}))
        scene.peer()
        scene.pass_time(1)
        self.assertEqual({address for address, _ in scene.endpoints}, {PUBLIC})

    def test_neighbours_alone(self) -> None:
        """Behind a router within a private network they are all there is, until somebody outside comes."""
        scene = Scene()
        scene.seen_by["10.0.0.3"] = "10.0.0.1"
        scene.peer(address="10.0.0.3")
        scene.pass_time(1)
        self.assertEqual({address for address, _ in scene.endpoints}, {"10.0.0.1"})
        scene.peer()
        scene.pass_time(1)
        self.assertEqual({address for address, _ in scene.endpoints}, {PUBLIC})
        self.assertEqual(scene.states[:2], ["stopped", "stopped"])


class KeepingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.scene = Scene()
        self.peers = [self.scene.peer() for _ in range(3)]
        self.scene.pass_time(1)

    def times(self, number: int) -> list[int]:
        return [int(at) for at, _ in self.scene.made[number].asked]

    def test_interval(self) -> None:
        """Mappings are asked for at the interval that was learned for their protocol, and at the first one before."""
        udp, tcp = self.scene.keeper.lifetimes["udp"], self.scene.keeper.lifetimes["tcp"]
        udp.survived(60)
        self.scene.keeper.learned()
        self.scene.pass_time(75)
        self.assertEqual(self.times(2), [0, 15, 69])
        self.assertEqual(self.times(3), [0, 15, 30, 45, 60, 75])
        tcp.survived(30)
        self.scene.keeper.learned()
        self.scene.peer()
        self.scene.pass_time(60)
        self.assertEqual(self.times(3)[6:], [90, 117])
        self.assertEqual([self.times(7), self.times(6)], [[76, 103, 130], [76, 130]])

    def test_watch(self) -> None:
        """However long mappings live, those of one peer are asked for as in the beginning, so that what happens to the
        router is noticed soon; when that peer goes, another one's are."""
        for search in self.scene.keeper.lifetimes.values():
            search.survived(130)
        self.scene.keeper.learned()
        self.scene.pass_time(45)
        self.assertEqual([self.times(number) for number in range(3)], [[0, 15, 30, 45], [0, 15, 30, 45], [0, 15]])
        self.scene.keeper.closed(self.peers[0])
        self.scene.pass_time(31)
        times = [self.times(number)[2:] for number in range(6)]
        self.assertEqual(times, [[30, 45], [30, 45], [46, 61, 76], [46, 61, 76], [46], [46]])
        self.scene.shift = 100
        self.scene.pass_time(15)
        self.assertEqual(self.scene.network_changes, 1)
        self.assertEqual([self.times(number)[-1] for number in (2, 4)], [91, 91])

    def test_nobody_to_watch_for(self) -> None:
        """Where one peer is left, its mappings are asked for as seldom as those of others would be."""
        for search in self.scene.keeper.lifetimes.values():
            search.survived(130)
        self.scene.keeper.closed(self.peers[0])
        self.scene.keeper.closed(self.peers[1])
        self.scene.pass_time(130)
        self.assertEqual([self.times(number)[1:] for number in (4, 5)], [[1, 118], [1, 118]])

    def test_changed(self) -> None:
        """A mapping that changed has all others asked for at once, is told, and the links are looked after."""
        before, told = self.scene.endpoints, self.scene.told
        self.scene.shift = 100
        self.scene.pass_time(14.5)
        self.assertEqual(len(self.scene.endpoints & before), 0)
        self.assertEqual(len(self.scene.endpoints), 6)
        self.assertGreater(self.scene.told, told)
        self.assertEqual((self.scene.network_changes, self.scene.keeper.changes), (1, 6))
        # It was one restart, however many mappings it concerned.
        self.assertEqual([each.interval for each in self.scene.keeper.lifetimes.values()], [7.5, 15])

    def test_contradicted(self) -> None:
        """Where TCP mappings alone change, what was learned of them is forgotten, and what was of UDP's is kept."""
        udp, tcp = self.scene.keeper.lifetimes["udp"], self.scene.keeper.lifetimes["tcp"]
        for search in (udp, tcp):
            search.survived(30)
        self.scene.keeper.learned()
        self.scene.pass_time(20)
        self.scene.shifted = {"tcp"}
        self.scene.shift = 100
        self.scene.pass_time(25)
        self.assertEqual((udp.interval, tcp.interval, tcp.held), (27, 15, None))

    def test_short(self) -> None:
        """Where mappings are forgotten in less than the first interval, they are asked for oftener until that does."""
        for lifetime, interval in ((10, 7.5), (5, 3.75)):
            scene = Scene()
            scene.peer(), scene.peer()
            scene.lifetime = lifetime
            scene.pass_time(120)
            self.assertEqual({each.mapping.interval for each in scene.keeper}, {interval}, lifetime)
            changes = scene.keeper.changes
            scene.pass_time(60)
            self.assertEqual(scene.keeper.changes, changes)

    def test_new_network(self) -> None:
        """With another address the lifetimes are learned anew, from the first interval on."""
        for search in self.scene.keeper.lifetimes.values():
            search.survived(60)
        self.scene.keeper.learned()
        self.scene.address = OTHER
        self.scene.pass_time(15)
        self.assertEqual({address for address, _ in self.scene.endpoints}, {OTHER})
        self.assertEqual([each.interval for each in self.scene.keeper.lifetimes.values()], [15, 15])
        self.assertEqual(self.scene.network_changes, 1)

    def test_lost(self) -> None:
        """What is not answered is told no more, and again as soon as it is."""
        self.scene.is_down = True
        self.scene.pass_time(15 + FAILURES_MAX * 7)
        self.assertEqual(self.scene.endpoints, set())
        self.scene.is_down = False
        self.scene.pass_time(22)
        self.assertEqual(len(self.scene.endpoints), 6)

    def test_new_credential(self) -> None:
        """A peer can give another credential; its mappings are asked for with that at once."""
        self.scene.keeper.server_told(self.peers[0], StunServer(3478, 3479, "other", b"\2" * 32))
        self.scene.pass_time(0.1)
        for number, port in ((0, 3478), (1, 3479)):
            _, access = self.scene.made[number].asked[-1]
            self.assertEqual((access.username, access.address[1]), ("other", port))

    def test_peer_goes(self) -> None:
        """A peer's sockets take nothing new, are told no more, and are closed when nobody uses them."""
        used = self.scene.made[0]
        used.is_used = True
        self.scene.keeper.closed(self.peers[0])
        self.assertEqual(self.scene.states[:2], ["admits no more", "stopped"])
        self.assertEqual(len(self.scene.endpoints), 4)
        self.assertEqual(len(self.scene.keeper.sockets()), 5)
        self.scene.pass_time(60)
        self.assertEqual(used.state, "admits no more")
        used.is_used = False
        self.scene.pass_time(LINGER_LOOK_SECONDS + 1)
        self.assertEqual(used.state, "stopped")

    def test_lingering_ends(self) -> None:
        """A socket that is used for ever is closed at some time."""
        scene = Scene(settings=ReachSettings(linger=30))
        peer = scene.peer()
        scene.made[0].is_used = True
        scene.keeper.closed(peer)
        scene.pass_time(36)
        self.assertEqual(scene.states, ["stopped", "stopped"])

    def test_stop(self) -> None:
        """After a stop nothing waits any more, whatever was under way."""
        steps: tuple[Callable[[], object], ...] = (
            lambda: None,
            lambda: self.scene.keeper.disturb(),
            lambda: setattr(self.scene.made[0], "is_used", True) or self.scene.keeper.closed(self.peers[0]),
        )
        for step in steps:
            step()
        self.scene.peer(dialled=None)
        self.scene.keeper.stop_serving()
        self.successResultOf(Deferred.fromCoroutine(self.scene.keeper.stop()))
        self.scene.pass_time(10)
        self.assertEqual(set(self.scene.states), {"stopped"})
        self.assertEqual(self.scene.clock.getDelayedCalls(), [])

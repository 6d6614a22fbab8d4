"""What a node is told of others: where they may be, and never who is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.peers.book import AddressBook
from cloudnode.peers.bookfile import dump_book, load_book
from cloudnode.peers.messages import Addresses, GetAddresses, Interface, NodeAddress
from cloudnode.peers.peer import Channel, Peer
from cloudnode.peers.places import LinkTransport
from tests.unit.peers.network import PORT, MemoryNetwork, MemoryNode
from tests.unit.store.network import make_key

NOW = 1_790_000_000.0
NETWORK = b"\x11" * 32
PLACE = ("203.0.113.1", PORT)
HONEST, LIAR = make_key(1).public, make_key(2).public
SERVED = (Interface("ws", "", PORT, True),)

Told = Callable[[MemoryNode, int], NodeAddress]


class PoisonTests(SynchronousTestCase):
    """A node that nobody can dial joins a liar, who tells where the honest nodes are, and that others are there."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(self)
        validator = self.network.add()
        self.honest = [validator, *(self.network.add(validator.host) for _ in range(3))]
        self.liar = self.network.add(validator.host)
        self.network.advance(4)

    def join(self, told: Told) -> MemoryNode:
        """A node that joined the liar, which tells this of each honest node, and those nothing of the newcomer."""
        hosts = {node.host for node in self.honest}
        asked = Counter[bytes]()

        def answer(peer: Peer, question: GetAddresses) -> Addresses:
            asked[peer.id] += 1
            lies: Sequence[NodeAddress] = [told(node, asked[peer.id]) for node in self.honest]
            return Addresses(question.request, () if peer.address in hosts else tuple(lies))

        self.patch(self.liar.neighbourhood._addressing, "answer", answer)
        victim = self.network.add(self.liar.host, start=False)
        victim.neighbourhood.listening.clear()
        victim.start()
        self.network.advance(12)
        return victim

    def check(self, told: Told) -> None:
        victim = self.join(told)
        self.assertEqual(victim.peers, {self.liar.host, *(node.host for node in self.honest)})
        proven = {entry.host: entry.node for entry in victim.neighbourhood.book}
        self.assertEqual({node.host: proven[node.host] for node in self.honest},
                         {node.host: node.key.public for node in self.honest})  # fmt: skip
        self.assertEqual([node.neighbourhood.counters().banned for node in (*self.honest, victim)], [0] * 5)

    def test_true(self) -> None:
        """What is told truly leads there, for comparison."""
        self.check(lambda node, _: NodeAddress(node.key.public, node.host, PORT, 0, SERVED))

    def test_made_up_key(self) -> None:
        """Made-up keys keep it from none of them."""
        self.check(lambda node, _: NodeAddress(make_key(7_000).public, node.host, PORT, 0, SERVED))

    def test_many_keys(self) -> None:
        """Nor does another key for each time that it asks."""
        self.check(lambda node, times: NodeAddress(make_key(7_000 + times).public, node.host, PORT, 0, SERVED))

    def test_linked_key(self) -> None:
        """Nor the key of a node that it has a link with, which it would not dial again."""
        self.check(lambda node, _: NodeAddress(self.liar.key.public, node.host, PORT, 0, SERVED))

    def test_other_transport(self) -> None:
        """Nor that the port takes QUIC alone."""
        served = (Interface("ws-udp", "", PORT, True),)
        self.check(lambda node, _: NodeAddress(node.key.public, node.host, PORT, 0, served))

    def test_shown_to_others(self) -> None:
        """It tells others the keys that were proven to it, and nothing of what it was only told."""
        dead = "10.99.0.1"
        victim = self.join(lambda node, times: NodeAddress(
            make_key(7_000 + times).public, node.host if node is self.honest[0] else dead, PORT, 0, SERVED
        ))  # fmt: skip
        told = victim.neighbourhood.book.tell(100, self.network.clock.seconds(), 0.0)
        first = self.honest[0]
        self.assertIn((first.host, first.key.public), [(each.host, each.node) for each in told])
        self.assertNotIn(dead, [each.host for each in told])

    def test_another_place_of_a_peer(self) -> None:
        """A peer that was told to be elsewhere as well is found out there before any proof, and its link goes on."""
        node = self.network.add(self.liar.host)
        self.network.advance(10)
        links, [first, *_] = {id(peer) for peer in node.neighbourhood}, self.honest
        self.network.nodes["10.77.0.1"] = first  # the same node at a second address
        node.neighbourhood.book.learn(NodeAddress(make_key(5).public, "10.77.0.1", PORT, 0, SERVED), "10.9.0.1")
        dials = node.neighbourhood.counters().dials
        self.network.advance(20)
        self.assertEqual({id(peer) for peer in node.neighbourhood}, links)
        self.assertLessEqual(node.neighbourhood.counters().dials, dials + 1, "while that link goes on it is not tried")

    def test_banned(self) -> None:
        """Where a banned node is found it is not dialled again while it is banned, whoever was said to be there."""
        node, first = self.network.add(start=False), self.honest[0]
        near, now = node.neighbourhood, self.network.clock.seconds()
        near.book.bans.ban(first.key.public.hex(), "wrong_vote", now)
        near.book.learn(NodeAddress(LIAR, first.host, PORT, 0, SERVED), "10.9.0.1")
        dial, dialled = near._dialling._dial, Counter[str]()

        def count(transport: LinkTransport, host: str, port: int, make_end: Callable[[Channel], Peer]) -> object:
            dialled[host] += 1
            return dial(transport, host, port, make_end)

        self.patch(near._dialling, "_dial", count)
        node.start()
        self.network.advance(30)
        self.assertEqual(dialled[first.host], 1)
        self.assertNotIn(first.host, node.peers)

    def test_another_node_there(self) -> None:
        """Where another node lives now than the one that was known, that one is taken, but not for a named key."""
        first, follower, other = self.honest[1], self.network.add(start=False), self.network.add(start=False)
        follower.neighbourhood.book.succeeded((first.host, PORT), LIAR, self.network.clock.seconds())
        other.neighbourhood.book.join(first.host, PORT, LIAR)
        for node in (follower, other):
            node.start()
        self.network.advance(6)
        self.assertIn(first.host, follower.peers)
        self.assertEqual(other.peers, set())


class BookTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.book = AddressBook(Random(1))

    def only(self) -> bytes:
        """The key that the only place is bound to."""
        [entry] = self.book
        return entry.node

    def learn(self, node: bytes, port: int = PORT, *, is_its_own: bool = False, udp: int = 9) -> None:
        served = (Interface("ws", "", port, True), Interface("ws-udp", "", udp, True))
        self.book.learn(NodeAddress(node, PLACE[0], port, 0, served), PLACE[0], is_its_own=is_its_own)

    def test_what_binds(self) -> None:
        """What is told binds nobody, nor what a node says of itself; a proof does, and an operator's word."""
        self.learn(LIAR)
        self.learn(HONEST, is_its_own=True)
        self.assertEqual(self.only(), b"")
        self.book.succeeded(PLACE, HONEST, NOW)
        self.learn(LIAR)
        self.learn(LIAR, is_its_own=True)
        self.assertEqual(self.only(), HONEST)
        self.book.is_other(PLACE, NOW)
        self.assertEqual(self.only(), b"")
        self.book.join(*PLACE, HONEST)
        self.book.is_other(PLACE, NOW)
        self.assertEqual(self.only(), HONEST)

    def test_interfaces(self) -> None:
        """What a node says that it serves is not overruled by others, until it does not lead there any more."""
        self.learn(HONEST, is_its_own=True, udp=7)
        self.learn(HONEST, udp=8)
        [entry] = self.book
        self.assertIn(("ws-udp", 7), entry.ways)
        self.book.failed(PLACE, NOW)
        self.learn(HONEST, udp=8)
        self.assertIn(("ws-udp", 8), entry.ways)

    def test_banned(self) -> None:
        """Where a banned node says that it is it is not dialled."""
        self.learn(LIAR, is_its_own=True)
        self.book.bans.ban(LIAR.hex(), "wrong_vote", NOW)
        self.assertIsNone(self.book.choose(NOW, (), (), Counter()))
        self.assertIsNotNone(self.book.choose(NOW + 61, (), (), Counter()))

    def test_validators(self) -> None:
        """A proven validator's mark goes to where it is, and to no place that others say is its own."""
        validator = make_key(70).public
        self.learn(HONEST, is_its_own=True)
        self.book.learn(NodeAddress(HONEST, "192.0.2.9", PORT, 0, (), validator), "192.0.2.9")
        self.book.is_validator(HONEST, validator)
        self.assertEqual(self.book.validators_hosts(), {PLACE[0]})
        self.assertEqual([entry.host for entry in self.book if entry.validator], [PLACE[0]])

    def test_file_of_before(self) -> None:
        """A key that an earlier version wrote for a place where nobody was seen binds nobody either."""
        self.learn(HONEST)
        [entry] = self.book
        entry.node = LIAR
        again = AddressBook(Random(1))
        load_book(again, dump_book(self.book, NETWORK, 0.0), NETWORK, NOW, 0.0)
        self.assertEqual([each.node for each in again], [b""])

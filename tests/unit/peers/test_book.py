"""The address book and what an operator may write."""

from __future__ import annotations

from collections import Counter
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.peers.bans import DAY
from cloudnode.peers.book import (
    ADDRESSES_MAX,
    OF_ONE_GROUP_MAX,
    OF_ONE_TELLER_MAX,
    OF_ONE_VALIDATOR_MAX,
    AddressBook,
)
from cloudnode.peers.bookfile import dump_book, load_book
from cloudnode.peers.messages import Interface, NodeAddress
from cloudnode.peers.places import JoinInvalid, may_be_told, parse_join, place_group
from tests.unit.store.network import make_key

NOW = 1_790_000_000.0
NETWORK = b"\x11" * 32


def address(host: str, port: int = 38082, node: int = 1) -> NodeAddress:
    return NodeAddress(make_key(node).public, host, port, 0, ())


class BookTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.book = AddressBook(Random(1))

    def choose(self, groups: Counter[str] | None = None, now: float = NOW) -> str | None:
        entry = self.book.choose(now, set(), set(), groups or Counter())
        return None if entry is None else entry.host

    def test_backoff(self) -> None:
        """A place that can't be reached is tried later, each time later, and at last forgotten."""
        self.book.learn(address("203.0.113.1"), "198.51.100.1")
        waits = []
        now = NOW
        for _ in range(11):
            self.book.failed(("203.0.113.1", 38082), now)
            [entry] = self.book
            waits.append(entry.next_try - now)
            now = entry.next_try
        self.assertTrue(1.0 <= waits[0] <= 3.0 and waits[-1] >= 300.0, waits)
        self.assertIsNone(self.choose(now=now - 1))
        self.book.failed(("203.0.113.1", 38082), now)
        self.assertEqual(len(self.book), 0)

    def test_operators_nodes_stay(self) -> None:
        """A node that the operator named is never forgotten, and tried again within a minute."""
        self.book.join("203.0.113.1", 38082, None)
        for _ in range(50):
            self.book.failed(("203.0.113.1", 38082), NOW)
        [entry] = self.book
        self.assertLessEqual(entry.next_try, NOW + 60)

    def test_spread_over_networks(self) -> None:
        """Of the places to dial, those in networks with the fewest links come first."""
        self.book.learn(address("203.0.113.1", node=1), "198.51.100.1")
        self.book.learn(address("192.0.2.1", node=2), "198.51.100.1")
        self.assertEqual(self.choose(Counter({place_group("203.0.113.9"): 1})), "192.0.2.1")
        self.assertEqual(self.choose(Counter({place_group("192.0.2.9"): 1})), "203.0.113.1")

    def test_seen_before_told(self) -> None:
        """A place where a link was had comes before one that was only told."""
        for number in range(20):
            self.book.learn(address(f"203.{number}.113.1", node=number + 1), "198.51.100.1")
        self.book.succeeded(("203.7.113.1", 38082), make_key(8).public, NOW)
        self.assertEqual(self.choose(), "203.7.113.1")

    def test_one_network_fills_nothing(self) -> None:
        """One network gets so many places, and one teller's network so many to tell, and the book has an end."""
        for number in range(200):
            self.book.learn(address(f"203.0.{number}.1", node=number + 1), f"198.{number}.100.1")
        self.assertEqual(len(self.book), OF_ONE_GROUP_MAX)
        for number in range(OF_ONE_TELLER_MAX + 50):
            self.book.learn(address(f"{number % 200 + 1}.{number // 200}.9.1", node=number + 1), "100.64.0.1")
        self.assertEqual(len(self.book), OF_ONE_GROUP_MAX + OF_ONE_TELLER_MAX)
        for number in range(ADDRESSES_MAX):
            self.book.learn(address(f"9.{number % 250}.{number // 250}.1", node=number + 1), f"8.{number % 250}.0.1")
        self.assertLessEqual(len(self.book), ADDRESSES_MAX)

    def test_bans_grow(self) -> None:
        """Each ban is longer than the last; a banned node is neither dialled nor told of."""
        node = make_key(1).public
        self.book.succeeded(("203.0.113.1", 38082), node, NOW)
        self.assertEqual(len(self.book.tell(10, NOW, 0.0)), 1)
        lengths = [self.book.bans.ban(node.hex(), "wrong_body", NOW) for _ in range(4)]
        self.assertEqual(lengths, [60.0, 240.0, 960.0, 3840.0])
        self.assertIsNone(self.choose())
        self.assertEqual(self.book.tell(10, NOW, 0.0), [])
        self.assertFalse(self.book.bans.includes(node, "", NOW + 3841))

    def test_linked_is_told(self) -> None:
        """Where a node that has a link with this one says that it can be reached is told, for its own address alone."""
        node = b"\x07" * 32
        for host in ("203.0.113.7", "198.51.100.9"):
            told = NodeAddress(node, host, 38082, 0, ())
            self.book.learn(told, "203.0.113.7", is_its_own=host == "203.0.113.7")
        self.assertEqual(self.book.tell(10, NOW, 0.0), [])
        [told] = self.book.tell(10, NOW, 0.0, {node: "203.0.113.7"})
        self.assertEqual((told.host, told.seen), ("203.0.113.7", int(NOW)))

    def test_ways(self) -> None:
        """A place is dialled over TCP, then over QUIC; what led there last comes first, and what led nowhere last."""
        served = (Interface("http", "", 38081, True), Interface("ws", "", 38082, True),
                  Interface("ws-udp", "", 38083, True), Interface("ws", "", 22, True))  # fmt: skip
        self.book.learn(NodeAddress(make_key(1).public, "203.0.113.1", 38082, 0, served), "198.51.100.1")
        [entry] = self.book
        tcp, quic = ("ws", 38082), ("ws-udp", 38083)
        self.assertEqual(entry.ways, [tcp, quic])
        self.book.succeeded(entry.place, make_key(1).public, NOW, quic)
        self.assertEqual(entry.ways, [quic, tcp])
        self.book.failed(entry.place, NOW, quic)
        self.assertEqual(entry.ways, [tcp, quic])

    def test_ways_of_others(self) -> None:
        """A node that only serves QUIC is dialled over that alone, and nobody has the ports of another host tried."""
        over_udp = (Interface("ws-udp", "", 38083, True),)
        elsewhere = (Interface("ws", "203.0.113.9", 38082, True), Interface("ws-udp", "203.0.113.9", 22, True))
        self.book.learn(NodeAddress(make_key(1).public, "203.0.113.1", 38083, 0, over_udp), "198.51.100.1")
        self.book.learn(NodeAddress(make_key(2).public, "192.0.2.1", 38082, 0, elsewhere), "198.51.100.1")
        self.book.join("node.example", 38083, None, "ws-udp")
        self.assertEqual([entry.ways for entry in self.book],
                         [[("ws-udp", 38083)], [("ws", 38082)], [("ws-udp", 38083)]])  # fmt: skip

    def test_feelers(self) -> None:
        """To see who is there, a place that was only told is looked at, else the one that was not seen for longest."""
        for number in range(4):
            self.book.learn(address(f"203.{number}.113.1", node=number + 1), "198.51.100.1")
        for number in (2, 0, 3):
            self.book.succeeded((f"203.{number}.113.1", 38082), make_key(number + 1).public, NOW - number)
        entry = self.book.choose(NOW, set(), set(), Counter(), feels=True)
        assert entry is not None
        self.assertEqual(entry.host, "203.1.113.1")
        self.book.succeeded(entry.place, make_key(2).public, NOW)
        entry = self.book.choose(NOW, set(), set(), Counter(), feels=True)
        assert entry is not None
        self.assertEqual(entry.host, "203.3.113.1")

    def test_anchors(self) -> None:
        """What was linked with when the node stopped is dialled before all others, what the operator named too."""
        self.book.join("192.0.2.1", 38082, None)
        for number in range(20):
            self.book.succeeded((f"203.{number}.113.1", 38082), make_key(number + 1).public, NOW)
        self.book.keep_anchors({("203.7.113.1", 38082)})
        self.assertEqual(self.choose(), "203.7.113.1")
        self.book.failed(("203.7.113.1", 38082), NOW)
        self.assertEqual(self.choose(), "192.0.2.1")
        self.book.keep_anchors({("203.9.113.1", 38082)})
        self.assertEqual([entry.host for entry in self.book if entry.is_anchor], ["203.9.113.1"])

    def test_told_is_not_lost_to_a_crowd(self) -> None:
        """When the book is full, networks that fill it give way, and not those of which there is little."""
        for number in range(50):
            self.book.learn(address(f"{number + 20}.9.9.9", node=number + 1), "198.51.100.1")
        for number in range(ADDRESSES_MAX + 500):
            host = f"9.{number % 250}.{number // 250}.1"
            self.book.learn(address(host, node=number + 100), f"8.{number % 250}.0.1")
        self.assertEqual(len(self.book), ADDRESSES_MAX)
        self.assertEqual(sum(entry.host.endswith(".9.9.9") for entry in self.book), 50)

    def test_validators(self) -> None:
        """Where a wanted validator has proven itself is dialled first, then where it is said to be, in few places."""
        validator, node = make_key(70).public, make_key(40).public
        for number in range(10):
            told = NodeAddress(make_key(number + 1).public, f"203.{number}.113.1", 38082, 0, (), validator)
            self.book.learn(told, "198.51.100.1")
        self.assertEqual(sum(entry.validator == validator for entry in self.book), OF_ONE_VALIDATOR_MAX)
        self.book.succeeded(("192.0.2.1", 38082), node, NOW)
        self.book.is_validator(node, validator)
        entry = self.book.choose_validator(NOW, {validator}, set(), set())
        assert entry is not None
        self.assertTrue(entry.is_proven_validator)
        self.assertIsNone(self.book.choose_validator(NOW, {make_key(71).public}, set(), set()))
        self.assertEqual([each.validator for each in self.book.tell(10, NOW, 0.0)], [validator])
        self.assertEqual(self.book.validators_hosts(), {"192.0.2.1"})
        self.book.is_validator(node, b"")
        self.assertEqual(self.book.validators_hosts(), set())

    def test_validator_moves(self) -> None:
        """A validator's key is one node's: when another proves that it has it, the first has it no longer."""
        validator = make_key(70).public
        for number in (1, 2):
            self.book.succeeded((f"192.0.2.{number}", 38082), make_key(number).public, NOW)
            self.book.is_validator(make_key(number).public, validator)
        self.assertEqual([entry.host for entry in self.book if entry.is_proven_validator], ["192.0.2.2"])


class BookFileTests(SynchronousTestCase):
    """What is written is read again, whatever became of the machine's clock meanwhile."""

    def setUp(self) -> None:
        self.book = AddressBook(Random(1))
        self.book.succeeded(("203.0.113.1", 38082), make_key(1).public, NOW, ("ws-udp", 38083))
        self.book.is_validator(make_key(1).public, make_key(70).public)
        self.book.keep_anchors({("203.0.113.1", 38082)})
        self.book.bans.ban(make_key(2).public.hex(), "wrong_body", NOW)
        self.content = dump_book(self.book, NETWORK, 0.0)

    def load(self, now: float, wall_offset: float) -> AddressBook:
        """Read what was written, with a book's clock and a machine's clock."""
        book = AddressBook(Random(1))
        load_book(book, self.content, NETWORK, now, wall_offset)
        return book

    def test_kept(self) -> None:
        """Addresses, what is known of them, and bans; the file of another network, or none at all, is refused."""
        again = self.load(100.0, NOW - 100.0)
        [entry] = again
        self.assertEqual((entry.place, entry.seen, entry.last_way), (("203.0.113.1", 38082), 100.0, ("ws-udp", 38083)))
        self.assertTrue(entry.is_anchor and entry.is_proven_validator)
        self.assertEqual(entry.validator, make_key(70).public)
        self.assertTrue(again.bans.includes(make_key(2).public, "", 100.0))
        self.assertFalse(again.bans.includes(make_key(2).public, "", 161.0))
        for broken, network in ((self.content, b"\x12" * 32), (self.content[:-9], NETWORK), (b"{}", NETWORK)):
            with self.assertRaises(ValueError):
                load_book(AddressBook(Random(1)), broken, network, 0.0, 0.0)

    def test_bans_go_on_growing(self) -> None:
        """Who was banned before a restart is banned for longer after it."""
        again = self.load(5_000.0, NOW)
        self.assertEqual(again.bans.ban(make_key(2).public.hex(), "wrong_body", 5_000.0), 240.0)

    def test_clock_set_back(self) -> None:
        """A clock that went back by days makes no ban longer than it was, and nothing seen in the future."""
        again = self.load(100.0, NOW - 30 * DAY)
        [entry] = again
        self.assertEqual(entry.seen, 100.0)
        self.assertTrue(again.bans.includes(make_key(2).public, "", 159.0))
        self.assertFalse(again.bans.includes(make_key(2).public, "", 161.0))

    def test_clock_set_forward(self) -> None:
        """One whose clock went ahead by years forgets no address that answers it."""
        again = self.load(100.0, NOW + 4_000 * DAY)
        entry = again.choose(100.0, set(), set(), Counter())
        assert entry is not None
        self.assertEqual(entry.host, "203.0.113.1")
        again.succeeded(entry.place, entry.node, 101.0)
        self.assertEqual(len(again.tell(10, 102.0, NOW)), 1)


class PlaceTests(SynchronousTestCase):
    def test_join(self) -> None:
        """All documented ways to name a node are read, with the default ports."""
        key = make_key(1).public
        for text, host, port, node, network in (
            ("ws://node.example", "node.example", 38082, None, None),
            ("wss://192.0.2.1:99", "192.0.2.1", 99, None, None),
            ("ws+udp://192.0.2.1", "192.0.2.1", 38083, None, None),
            ("http://[2001:db8::1]", "2001:db8::1", 38081, None, None),
            (f"cloudnode:{key.hex()}@192.0.2.1:5?network={'11' * 32}", "192.0.2.1", 5, key, NETWORK),
            (f"cloudnode:{key.hex()}@192.0.2.1", "192.0.2.1", 38082, key, None),
        ):
            join = parse_join(text)
            self.assertEqual((join.host, join.port, join.node, join.network), (host, port, node, network))

    def test_no_join(self) -> None:
        """Anything else is refused with a sentence that says what is wanted."""
        wrong = ["", "node", "ftp://x", "ws://", "ws://a:99999", "ws://a/b", "ws://u@a", "cloudnode:x@h:1"]
        wrong += ["ws://a?network=1", f"cloudnode:{'11' * 32}@h?network=1", "cloudnode:h:1", "ws://[::1"]
        for text in wrong:
            with self.assertRaises(JoinInvalid) as caught:
                parse_join(text)
            self.assertIn("names no node", str(caught.exception))

    def test_what_may_be_told(self) -> None:
        """An address is told only to who can use it."""
        self.assertFalse(may_be_told("127.0.0.1", "203.0.113.1"))
        self.assertFalse(may_be_told("10.0.0.1", "8.8.8.8"))
        self.assertTrue(may_be_told("8.8.8.8", "127.0.0.1"))
        self.assertTrue(may_be_told("10.0.0.1", "10.0.0.2"))
        self.assertFalse(may_be_told("node.example", "10.0.0.2"))
        self.assertFalse(may_be_told("0.0.0.0", "127.0.0.1"))

"""The address book and what an operator may write."""

from __future__ import annotations

from collections import Counter
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.peers.book import ADDRESSES_MAX, OF_ONE_GROUP_MAX, OF_ONE_TELLER_MAX, AddressBook
from cloudnode.peers.messages import NodeAddress
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
        self.assertEqual(len(self.book.tell(10, NOW)), 1)
        lengths = [self.book.ban(node.hex(), "wrong_body", NOW) for _ in range(4)]
        self.assertEqual(lengths, [60.0, 240.0, 960.0, 3840.0])
        self.assertIsNone(self.choose())
        self.assertEqual(self.book.tell(10, NOW), [])
        self.assertFalse(self.book.is_banned(node, "", NOW + 3841))

    def test_kept(self) -> None:
        """What is written is read again, bans too; the file of another network, or none at all, is refused."""
        self.book.succeeded(("203.0.113.1", 38082), make_key(1).public, NOW)
        self.book.ban(make_key(2).public.hex(), "wrong_body", NOW)
        content = self.book.dump(NETWORK)
        again = AddressBook(Random(1))
        again.load(content, NETWORK)
        self.assertEqual([entry.place for entry in again], [("203.0.113.1", 38082)])
        self.assertTrue(again.is_banned(make_key(2).public, "", NOW))
        for broken, network in ((content, b"\x12" * 32), (content[:-9], NETWORK), (b"{}", NETWORK)):
            with self.assertRaises(ValueError):
                AddressBook(Random(1)).load(broken, network)


class PlaceTests(SynchronousTestCase):
    def test_join(self) -> None:
        """All documented ways to name a node are read, with the default ports."""
        key = make_key(1).public
        for text, host, port, node, network in (
            ("ws://node.example", "node.example", 38082, None, None),
            ("wss://192.0.2.1:99", "192.0.2.1", 99, None, None),
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

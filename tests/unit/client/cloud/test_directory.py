"""What is known of places: ranking, learning, forgetting."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client.address import AddressInvalid
from cloudnode.client.cloud.directory import FIRST_PENALTY, LAG, LONGEST_PENALTY, PLACES_MAX, TOLD_MAX, Directory, Place


def make(*urls: str) -> Directory:
    return Directory(urls, lambda: 0.0)


class DirectoryTests(SynchronousTestCase):
    def place(self, directory: Directory, url: str) -> Place:
        found = directory.find(url)
        assert found is not None
        return found

    def ranked(self, directory: Directory, now: float = 0.0, **options: Any) -> list[str]:
        return [place.url for place in directory.rank(now, **options)]

    def test_seeds(self) -> None:
        """Seeds are URLs, with their ports filled in."""
        self.assertEqual([place.url for place in make("ws://a", "http://b:1")], ["ws://a:38082", "http://b:1"])
        self.assertRaises(AddressInvalid, make, "ftp://a")

    def test_by_key(self) -> None:
        """A node can be named by its key; what it tells of its interfaces is of no use from outside its NAT."""
        url = "node:" + "ab" * 32
        directory = make(url)
        place = self.place(directory, url)
        self.assertTrue(place.is_by_key and place.keeps_connection)
        interfaces = [{"transport": "ws", "address": "0.0.0.0", "port": 2}]
        directory.told_info(place, {"node": "ab" * 32, "interfaces": interfaces})
        self.assertEqual((place.node, len(directory)), ("ab" * 32, 1))
        for wrong in ("node:", "node:ab", "node:" + "AB" * 32, "node:" + "xy" * 32):
            self.assertRaises(AddressInvalid, make, wrong)

    def test_told_node(self) -> None:
        """A node behind a NAT is taken up by its key, unless it was reached; one that takes a helper comes last."""
        directory = make("ws://a:1", "ws://b:1")
        directory.told_info(self.place(directory, "ws://a:1"), {"node": "aa" * 32})
        directory.answered(self.place(directory, "ws://a:1"), 0.5)
        for node, needs_help in (("aa", True), ("bb", True), ("cc", False)):
            directory.told_node(node * 32, needs_help=needs_help)
        closed, opened = "node:" + "bb" * 32, "node:" + "cc" * 32
        self.assertEqual(self.ranked(directory), ["ws://b:1", opened, "ws://a:1", closed])
        self.assertEqual(directory.ready(0.0, (), 3)[-1].url, "ws://a:1")
        directory.answered(self.place(directory, closed), 0.01)
        self.assertEqual(self.ranked(directory)[0], closed)

    def test_latency(self) -> None:
        """The faster comes first; a place that was not measured is taken to be slow."""
        directory = make("ws://a:1", "ws://b:1", "ws://c:1")
        directory.answered(self.place(directory, "ws://b:1"), 0.02)
        directory.answered(self.place(directory, "ws://c:1"), 0.2)
        self.assertEqual(self.ranked(directory), ["ws://b:1", "ws://a:1", "ws://c:1"])

    def test_latency_is_averaged(self) -> None:
        """One slow answer does not decide; an answer that had to wait tells nothing of latency."""
        directory = make("ws://a:1")
        place = self.place(directory, "ws://a:1")
        for seconds in (0.1, 0.2, None):
            directory.answered(place, seconds)
        self.assertAlmostEqual(place.latency or 0, 0.12)

    def test_failures(self) -> None:
        """A place that fails comes last for a while that doubles, and not once it answered."""
        directory = make("ws://a:1", "ws://b:1")
        place = self.place(directory, "ws://a:1")
        directory.answered(place, 0.001)
        directory.failed(place, 10.0, "it broke")
        self.assertEqual(self.ranked(directory, 10.0), ["ws://b:1", "ws://a:1"])
        self.assertEqual(self.ranked(directory, 10.0 + FIRST_PENALTY), ["ws://a:1", "ws://b:1"])
        for _ in range(40):
            directory.failed(place, 10.0, "it broke")
        self.assertEqual(place.retry_at, 10.0 + LONGEST_PENALTY)
        directory.answered(place)
        self.assertEqual((place.failures, self.ranked(directory, 10.0)[0]), (0, "ws://a:1"))

    def test_withheld(self) -> None:
        """What a place does not answer is held against it, whatever else it answers, until it does; asked several
        times at once it fails once.
        """
        directory = make("ws://a:1", "ws://b:1")
        place = self.place(directory, "ws://a:1")
        directory.answered(place, 0.001)
        for now in (10.0, 10.0, 10.0 + FIRST_PENALTY):
            directory.failed(place, now, "nothing came", method="getblock")
        directory.answered(place, 0.001)
        directory.answered(place, method="getrecord")
        self.assertEqual(place.rests_until, 10.0 + 3 * FIRST_PENALTY)
        self.assertEqual(self.ranked(directory, 11.0), ["ws://b:1", "ws://a:1"])
        directory.answered(place, method="getblock")
        self.assertEqual(self.ranked(directory, 11.0), ["ws://a:1", "ws://b:1"])

    def test_stale(self) -> None:
        """A node that lags comes after those that do not, and still before one that fails."""
        directory = make("ws://a:1", "ws://b:1", "ws://c:1")
        a, b = self.place(directory, "ws://a:1"), self.place(directory, "ws://b:1")
        directory.answered(a, 0.001)
        directory.told_height(a, 100 - LAG, 100)
        self.assertFalse(a.is_stale)
        directory.told_height(a, 99 - LAG, 100)
        directory.failed(b, 0.0, "it broke")
        self.assertEqual(self.ranked(directory), ["ws://c:1", "ws://a:1", "ws://b:1"])

    def test_liar(self) -> None:
        """A liar is not asked again, and not forgotten."""
        directory = make("ws://a:1", "ws://b:1")
        directory.lied(self.place(directory, "ws://a:1"), "proof_root")
        self.assertEqual(self.ranked(directory), ["ws://b:1"])
        self.assertEqual(len(directory), 2)

    def test_choice(self) -> None:
        """Without some; only those that keep a connection, which are preferred anyway."""
        directory = make("http://a:1", "ws://b:1")
        self.assertEqual(self.ranked(directory), ["ws://b:1", "http://a:1"])
        self.assertEqual(self.ranked(directory, keeping=True), ["ws://b:1"])
        self.assertEqual(self.ranked(directory, without=[self.place(directory, "ws://b:1")]), ["http://a:1"])

    def test_taste(self) -> None:
        """Of nodes equally near, clients prefer different ones."""
        tastes = iter((0.9, 0.1, 0.1, 0.9))
        first, second = (Directory(("ws://a:1", "ws://b:1"), lambda: next(tastes)) for _ in range(2))
        self.assertEqual((self.ranked(first)[0], self.ranked(second)[0]), ("ws://b:1", "ws://a:1"))

    def test_ready(self) -> None:
        """Connections stay while latencies are much the same, and are given up for one clearly better; a second place
        of one node comes after other nodes.
        """
        directory = make("ws://a:1", "ws://b:1", "ws://c:1", "http://c:2")
        a, b, c, other = (self.place(directory, url) for url in ("ws://a:1", "ws://b:1", "ws://c:1", "http://c:2"))
        for place, seconds in ((a, 0.1), (b, 0.2), (c, 0.12), (other, 0.05)):
            place.latency = seconds
        self.assertEqual(directory.ready(0.0, [a, b], 2), [a, b])
        c.latency = 0.05
        self.assertEqual(directory.ready(0.0, [a, b], 2), [a, c])
        c.node = other.node = "ab" * 32
        self.assertEqual(directory.ready(0.0, [], 4), [c, a, b, other])
        directory.failed(a, 0.0, "it broke")
        self.assertEqual(directory.ready(0.0, [a, b], 2), [c, b])

    def test_learns(self) -> None:
        """A node's other interfaces are at the host where it is reached; its peers where it sees them, or where they
        say.
        """
        directory = make("http://a:1")
        place = self.place(directory, "http://a:1")
        interfaces = [
            {"transport": "ws", "address": "0.0.0.0", "port": 2},
            {"transport": "ws-udp", "address": "", "port": 3},
        ]
        directory.told_info(place, {"node": "ab" * 32, "interfaces": interfaces})
        learned = self.place(directory, "ws://a:2")
        self.assertEqual((learned.node, learned.is_seed), ("ab" * 32, False))
        peer = {"addr": "[2001:db8::1]:9", "interfaces": [{"transport": "ws", "address": "", "port": 4}]}
        named = {"addr": "192.0.2.1:9", "interfaces": [{"transport": "http", "address": "x.example", "port": 5}]}
        directory.told_peers(place, [peer, named])
        self.assertEqual(
            {each.url for each in directory}, {"http://a:1", "ws://a:2", "ws://[2001:db8::1]:4", "http://x.example:5"}
        )

    def test_nonsense(self) -> None:
        """Whatever a node tells is taken or left, never an error."""
        directory = make("ws://a:1")
        place = self.place(directory, "ws://a:1")
        for told in (None, 1, [], {"interfaces": 1}, {"interfaces": [1, {}, {"transport": "ws", "port": 70_000}]}):
            directory.told_info(place, told)
            directory.told_peers(place, [told, {"addr": 1}, {"addr": "x:1", "interfaces": told}])
        for address in ("a b/?", "h" * 254, "\x01", "a%20", "\u00e4"):
            strange = {"transport": "ws", "address": address, "port": 1}
            directory.told_peers(place, [{"addr": "x:1", "interfaces": [strange]}])
        directory.told_info(place, {"node": "\x01" * 64})
        self.assertEqual(place.node, "")
        self.assertEqual(len(directory), 1)

    def test_bounded(self) -> None:
        """Few of each teller, and no more than there is room for; one that fails makes room for another."""
        directory = make("ws://a:1")
        place = self.place(directory, "ws://a:1")
        ws = [{"transport": "ws", "address": "", "port": 1}]
        directory.told_peers(place, [{"addr": f"10.0.0.{n}:1", "interfaces": ws} for n in range(255)])
        self.assertEqual(len(directory), 1 + TOLD_MAX)
        many = [{"transport": "ws", "address": "", "port": port} for port in range(2, 20)]
        directory.told_peers(place, [{"addr": f"10.0.0.{n}:1", "interfaces": many} for n in range(255)])
        self.assertEqual(len(directory), 1 + 2 * TOLD_MAX)
        for n in range(2 * PLACES_MAX):
            directory.learn(f"ws://x{n}:1")
        self.assertEqual(len(directory), PLACES_MAX)
        directory.failed(self.place(directory, "ws://x1:1"), 0.0, "it broke")
        self.assertIsNotNone(directory.learn("ws://new:1"))
        self.assertIsNone(directory.find("ws://x1:1"))
        self.assertEqual(len(directory), PLACES_MAX)

    def test_full_of_liars(self) -> None:
        """Learned places that lied make room, the oldest first; seeds are remembered, and little of what one said."""
        directory = make("ws://a:1")
        directory.lied(self.place(directory, "ws://a:1"), "x")
        for n in range(2 * PLACES_MAX):
            place = directory.learn(f"ws://x{n}:1")
            assert place is not None
            directory.lied(place, "y" * 100_000)
        self.assertEqual(len(directory), PLACES_MAX)
        self.assertLess(max(len(each.lie or "") for each in directory), 1_000)
        self.assertIsNotNone(directory.find("ws://a:1"))
        self.assertIsNone(directory.find(f"ws://x{PLACES_MAX}:1"))
        self.assertIsNotNone(directory.learn("ws://new:1"))

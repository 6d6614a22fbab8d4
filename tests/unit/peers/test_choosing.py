"""Whom a node dials when somebody means to surround it: one operator with 10,000 addresses against 50 honest nodes."""

from __future__ import annotations

from collections import Counter
from math import comb
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.peers.book import ADDRESSES_MAX, AddressBook
from cloudnode.peers.messages import NodeAddress
from cloudnode.peers.places import place_group

HONEST, ATTACKER, LINKS, SEEDS = 50, 10_000, 8, 60


def surrounded(groups: int) -> float:
    """The probability that all links are the attacker's, who has addresses in so many networks: ``docs/peers.md``."""
    return comb(groups, LINKS) / comb(groups + HONEST, LINKS)


class SurroundingTests(SynchronousTestCase):
    def fill(self, groups: int) -> AddressBook:
        """A book into which the attacker wrote all that it takes, before and while it was told of the honest nodes."""
        book, random = AddressBook(Random(0)), Random(1)

        def attack(number: int) -> None:
            group = number % groups
            host = f"{60 + group // 250}.{group % 250}.{number // groups % 250}.{number // groups // 250 + 1}"
            teller = f"{60 + random.randrange(groups) // 250}.{random.randrange(groups) % 250}.9.9"
            book.learn(NodeAddress(b"\x01" * 28 + number.to_bytes(4, "big"), host, 38082, 0, ()), teller)

        for number in range(ATTACKER):
            attack(number)
            if number % (ATTACKER // HONEST) == 0:
                honest = number // (ATTACKER // HONEST)
                told = NodeAddress(b"\x02" * 28 + number.to_bytes(4, "big"), f"20.{honest}.0.1", 38082, 0, ())
                book.learn(told, f"21.{honest % 5}.0.1")
        return book

    def links(self, book: AddressBook, seed: int) -> list[str]:
        """The hosts of the links that a node with that book has, if every place that is dialled is there."""
        book._random = Random(seed)
        groups: Counter[str] = Counter()
        linked: set[tuple[str, int]] = set()
        hosts = []
        for _ in range(LINKS):
            entry = book.choose(0.0, (), linked, groups)
            assert entry is not None
            linked.add(entry.place)
            groups[entry.group] += 1
            hosts.append(entry.host)
        return hosts

    def check(self, groups: int, bound: float) -> None:
        """The links of many seeds are as often the attacker's as the formula says, which is below the bound."""
        book = self.fill(groups)
        self.assertEqual(sum(entry.host.startswith("20.") for entry in book), HONEST)
        taken = []
        for seed in range(SEEDS):
            hosts = self.links(book, seed)
            self.assertEqual(len({place_group(host) for host in hosts}), LINKS)
            taken.append(sum(not host.startswith("20.") for host in hosts))
        self.assertLess(surrounded(groups), bound)
        self.assertLess(max(taken), LINKS)
        # The mean of a hypergeometric distribution; three standard errors of it are below 0.5.
        self.assertApproximates(sum(taken) / SEEDS, LINKS * groups / (groups + HONEST), 0.5)

    def test_few_networks(self) -> None:
        """Addresses in 16 networks: all links are the attacker's once in 400,000 times."""
        self.check(16, 1 / 400_000)

    def test_some_networks(self) -> None:
        """In 30 networks: once in 4,000 times."""
        self.check(30, 1 / 4_000)

    def test_a_full_book(self) -> None:
        """When the attacker fills the book, what gives way is his, and no honest node's address."""
        book = self.fill(40)
        self.assertEqual(len(book), ADDRESSES_MAX)
        self.assertEqual(sum(entry.host.startswith("20.") for entry in book), HONEST)

    def test_one_seen(self) -> None:
        """Places that a link was had with come first: who had honest links before goes back to them."""
        book = self.fill(16)
        for number in range(3):
            host = f"20.{number}.0.1"
            [entry] = [each for each in book if each.host == host]
            book.succeeded(entry.place, b"\x02" * 32, 1.0)
        for seed in range(20):
            self.assertEqual(sum(host.startswith("20.") for host in self.links(book, seed)[:3]), 3)

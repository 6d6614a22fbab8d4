"""Sums of ratings taken in passing are those that the table has, kept in memory or not."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.store.connection import connect
from cloudnode.store.derived import Sums, record_sums, seek_sums
from cloudnode.store.sums import RatingSums
from tests.unit.store.network import SmallNetwork, random_operation

ALL = (b"", b"\xff" * 33)


def given(sums: Sums) -> Sums:
    """Those with ratings."""
    return {key: each for key, each in sums.items() if each[1]}


class SumsTests(SynchronousTestCase):
    def setUp(self) -> None:
        network = SmallNetwork(self.mktemp(), accounts=8)
        random = Random(8)
        for _ in range(20):
            operations = [random_operation(network, random) for _ in range(25)]
            network.block(*{operation.id: operation for operation in operations}.values())
        network.store.close()
        self.connection = connect(network.path)
        self.addCleanup(self.connection.close)
        self.rows = self.connection.execute("SELECT key, value FROM ratings ORDER BY key").fetchall()
        self.assertGreater(len(self.rows), 20)

    def check(self, sums: RatingSums) -> None:
        self.assertEqual(given(sums.records_between(self.connection, *ALL)), record_sums(self.connection, *ALL))
        self.assertEqual(given(sums.accounts_between(self.connection, *ALL)), seek_sums(self.connection, *ALL))

    def take(self, sums: RatingSums) -> RatingSums:
        """In parts that end within a record."""
        for start in range(0, len(self.rows), 7):
            sums.add(b"".join(key + value for key, value in self.rows[start : start + 7]))
        return sums

    def test_kept(self) -> None:
        """In memory."""
        self.check(self.take(RatingSums()))

    def test_too_many(self) -> None:
        """Where there are more than may be kept, the table is read."""
        sums = self.take(RatingSums(most=3))
        self.connection.execute("DELETE FROM ratings WHERE key = (SELECT min(key) FROM ratings)")
        sums.replaced([self.rows[0][0]], dict(self.rows), {})
        self.check(sums)

    def test_replaced(self) -> None:
        """Rows that go, come and change are followed."""
        sums = self.take(RatingSums())
        gone, other = self.rows[0], self.rows[1]
        stars = bytes([other[1][0] % 5 + 1])
        new = (gone[0][:32] + bytes(32), b"\x04" + bytes(12))
        before = dict([gone, other])
        after = dict([(other[0], stars + other[1][1:]), new])
        sums.replaced([*before, new[0]], before, after)
        self.connection.execute("DELETE FROM ratings WHERE key = ?", (gone[0],))
        self.connection.executemany("INSERT OR REPLACE INTO ratings VALUES (?, ?)", after.items())
        self.check(sums)

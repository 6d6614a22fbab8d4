"""How the lifetime of mappings is found out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.reach.lifetime import CLOSE, MARGIN, SHORTEST, LifetimeSearch


def search(lifetime: float, longest: float = 120.0) -> tuple[LifetimeSearch, int]:
    """Search to the end with a NAT that keeps mappings so long; and how many silences were tried."""
    found, tried = LifetimeSearch(15.0, longest), 0
    while (silence := found.candidate) is not None:
        tried += 1
        (found.survived if silence < lifetime else found.died)(silence)
        assert tried < 40
    return found, tried


class LifetimeTests(SynchronousTestCase):
    def test_long(self) -> None:
        """Where mappings live long, the interval grows to the longest that is wanted in some doublings."""
        found, tried = search(3600.0)
        self.assertEqual((found.interval, tried), (120.0, 4))

    def test_two_minutes(self) -> None:
        """With the lifetime that RFC 4787 asks for at least, the interval is not far below it."""
        found, _ = search(120.0)
        self.assertTrue(80 < found.interval < 120, found.interval)

    @given(st.floats(15.5, 1000.0), st.floats(15.0, 400.0))
    def test_any(self, lifetime: float, longest: float) -> None:
        """The interval is always shorter than the lifetime, and never far below what it could be."""
        found, tried = search(lifetime, longest)
        self.assertLess(found.interval, lifetime)
        self.assertGreaterEqual(found.interval * 1.001, min(longest, max(15.0, lifetime / CLOSE * MARGIN)))
        self.assertLess(tried, 30)

    def test_a_packet_lost(self) -> None:
        """One failure at a length says nothing; the second in a row does."""
        found = LifetimeSearch(15.0, 120.0)
        found.died(30.0)
        self.assertEqual(found.candidate, 30.0)
        found.survived(30.0)
        self.assertEqual((found.candidate, found.interval), (60.0, 27.0))
        found.died(60.0)
        self.assertEqual(found.candidate, 60.0)
        found.died(60.0)
        self.assertEqual((found.candidate, found.interval), (45.0, 27.0))

    def test_contradicted(self) -> None:
        """When a kept mapping changes, what was learned is forgotten; then the interval is halved, to a bound."""
        found, _ = search(3600.0)
        found.contradicted()
        self.assertEqual((found.interval, found.candidate), (15.0, 30.0))
        found.contradicted()
        self.assertEqual((found.interval, found.candidate), (7.5, 15.0))
        for _ in range(5):
            found.contradicted()
        self.assertEqual(found.interval, 15.0 * SHORTEST)

    def test_new_network(self) -> None:
        """In a new network the search begins anew."""
        found, _ = search(20.0)
        found.begin_anew()
        self.assertEqual((found.interval, found.candidate, found.lost), (15.0, 30.0, None))

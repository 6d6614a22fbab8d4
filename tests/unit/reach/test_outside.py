"""Who is outside."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.reach.outside import ALONE_SECONDS, OutsideChoice, Realm, find_realm, is_loopback, is_outside

INSIDE = (
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.0.1", "127.0.0.1", "fd00::1", "fe80::1%eth0", "::1",
    "::ffff:10.0.0.1",
)  # fmt: skip
OUTSIDE = ("198.51.100.1", "100.63.255.255", "172.32.0.1", "2001:db8::1", "2a00::1")


class OutsideTests(SynchronousTestCase):
    def test_addresses(self) -> None:
        """What has another meaning elsewhere is not outside."""
        self.assertEqual([each for each in INSIDE + OUTSIDE if is_outside(each)], list(OUTSIDE))

    def test_own(self) -> None:
        """Who shares this node's address is behind the same NAT, or on the same machine."""
        self.assertFalse(is_outside("198.51.100.1", {"198.51.100.1"}))
        self.assertTrue(is_outside("198.51.100.2", {"198.51.100.1"}))

    def test_choice(self) -> None:
        """Those outside are chosen; where there are none, all others are."""
        def choose(found: Iterable[str], own: Collection[str] = ()) -> list[str]:
            return OutsideChoice(Clock()).choose(found, str, own)

        self.assertEqual(choose(("10.0.0.1", "198.51.100.1", "2001:db8::1")), ["198.51.100.1", "2001:db8::1"])
        self.assertEqual(choose(INSIDE), list(INSIDE))
        self.assertEqual(choose(("10.0.0.1", "198.51.100.1"), {"198.51.100.1"}), ["10.0.0.1", "198.51.100.1"])
        self.assertEqual(choose(()), [])

    def test_outage(self) -> None:
        """That nobody outside is linked for a while does not make neighbours know the way in."""
        clock = Clock()
        choice = OutsideChoice(clock)
        choice.choose(("10.0.0.1", "198.51.100.1"), str)
        self.assertEqual(choice.choose(("10.0.0.1",), str), [])
        clock.advance(ALONE_SECONDS)
        self.assertEqual(choice.choose(("10.0.0.1",), str), ["10.0.0.1"])

    def test_realms(self) -> None:
        """An IP version, and inside or outside."""
        self.assertEqual(find_realm("fe80::1%eth0"), Realm(6, False))
        self.assertEqual(find_realm("198.51.100.1"), Realm(4, True))
        self.assertEqual([is_loopback(each) for each in ("127.0.0.1", "::1", "10.0.0.1")], [True, True, False])

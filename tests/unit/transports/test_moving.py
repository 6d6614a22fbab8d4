"""The watch over the addresses that connections go from."""

from __future__ import annotations

import errno
from collections.abc import Callable

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.transports import reuse
from cloudnode.transports.moving import LOOK_SECONDS, AddressWatch


@attrs.define(eq=False)
class FakeBound:
    """A connection. :ivar left: How often it had to leave its address."""

    local_address: str
    left: int = 0
    fails: bool = False

    def leave(self) -> None:
        self.left += 1
        self.local_address = ""
        if self.fails:
            raise RuntimeError("as it happens")


class AddressWatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.own = {"10.0.0.2", "2001:db8::2"}
        self.asked: list[str] = []
        self.bound: list[FakeBound] = []
        self.watch = AddressWatch(self.clock, lambda: self.bound, self.is_lost)
        self.watch.start()

    def is_lost(self, address: str) -> bool:
        self.asked.append(address)
        return address not in self.own

    def test_lost_address(self) -> None:
        """What goes from an address that is gone has to leave, once and within two seconds; others stay."""
        self.bound += [FakeBound(each) for each in ("10.0.0.2", "10.0.0.2", "2001:db8::2", "")]
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual([each.left for each in self.bound], [0, 0, 0, 0])
        self.own.remove("10.0.0.2")
        self.clock.pump([LOOK_SECONDS] * 3)
        self.assertEqual([each.left for each in self.bound], [1, 1, 0, 0])

    def test_foreign_address(self) -> None:
        """What came to an address that never was this machine's, by a transparent proxy, stays."""
        self.bound += [FakeBound("203.0.113.1"), FakeBound("10.0.0.2")]
        self.clock.pump([LOOK_SECONDS] * 3)
        self.own.clear()
        self.clock.pump([LOOK_SECONDS] * 3)
        self.assertEqual([each.left for each in self.bound], [0, 1])

    def test_cost(self) -> None:
        """The system is asked once for each address, however many connections there are; for none, nothing."""
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(self.asked, [])
        self.bound += [FakeBound("10.0.0.2") for _ in range(100)]
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(self.asked, ["10.0.0.2"])

    def test_failure(self) -> None:
        """One that fails is told of in the log, and the watch goes on."""
        self.bound += [FakeBound("10.0.0.2", fails=True), FakeBound("2001:db8::2")]
        self.clock.advance(LOOK_SECONDS)
        self.own.clear()
        self.clock.pump([LOOK_SECONDS] * 2)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual([each.left for each in self.bound], [1, 1])

    def test_stop(self) -> None:
        """Once stopped it looks no more."""
        self.watch.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_file_left(self) -> None:
        """An address is lost if the system says so, and not when it can't say anything."""

        def refuse(number: int) -> Callable[..., None]:
            def make(*arguments: object) -> None:
                raise OSError(number, "as it happens")

            return make

        for number, is_lost in ((errno.EMFILE, False), (errno.ENOBUFS, False), (errno.EADDRNOTAVAIL, True)):
            self.patch(reuse.socket, "socket", refuse(number))
            self.assertEqual(reuse.is_lost_address("10.0.0.2"), is_lost)

    def tearDown(self) -> None:
        self.watch.stop()

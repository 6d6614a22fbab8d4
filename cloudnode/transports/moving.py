"""Leaving an address that this machine has lost, without waiting for anybody's silence.

A TCP connection belongs to the address that it began with. When the machine has come into another network that address
is gone, nothing can come on the connection any more, and nobody says so: what waits for an answer waits for its whole
time. That a machine has lost an address can be seen at once. (QUIC's connections move along by themselves.)

Where packets for other addresses are handed to this machine (Linux' TPROXY), a connection goes from an address that was
never its own: nothing is lost then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

LOOK_SECONDS = 2.0


class Bound(Protocol):
    """A connection, or what has one, for as long as it is there."""

    @property
    def local_address(self) -> str:
        """The IP address that it goes from; empty if it is bound to none."""

    def leave(self) -> None:
        """That address is gone: end the connection, and begin anew where that is wanted."""


class AddressWatch:
    """Looks every two seconds whether the addresses that connections go from are this machine's still.

    Those that it saw to be this machine's, that is.
    """

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, bound: Callable[[], Iterable[Bound]], is_lost: Callable[[str], bool]
    ) -> None:
        """:param bound: The connections now. :param is_lost: Whether an IP address is surely not this machine's."""
        self._clock = clock
        self._bound = bound
        self._is_lost = is_lost
        self._call: IDelayedCall | None = None
        self._own: set[str] = set()

    def start(self) -> None:
        """Begin."""
        self._call = self._clock.callLater(LOOK_SECONDS, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _look(self) -> None:
        self._call = self._clock.callLater(LOOK_SECONDS, self._look)
        try:
            self._leave_lost()
        except Exception:
            self._log.failure("Looking for lost addresses failed")

    def _leave_lost(self) -> None:
        by_address: dict[str, list[Bound]] = {}
        for each in self._bound():
            if each.local_address:
                by_address.setdefault(each.local_address, []).append(each)
        lost = set(filter(self._is_lost, by_address))
        had, self._own = self._own, (self._own | by_address.keys() - lost) & by_address.keys()
        for address in had & lost:
            connections = by_address[address]
            self._log.info("This machine no longer has the address {address}: {count} connections begin anew",
                           address=address, count=len(connections))  # fmt: skip
            for each in connections:
                each.leave()

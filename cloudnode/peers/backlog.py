"""What waits to be sent to all peers together, which has a bound of its own: many small queues are a large one."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from cloudnode.peers.faults import PeerFault
from cloudnode.peers.peer import Peer

BACKLOG_BYTES = 128 * 1024 * 1024


class Backlog:
    """Ends the links for which the most waits once it is too much in all.

    :ivar bytes: What waits for all of them, here and behind full buffers of their channels.
    """

    def __init__(self, clock: IReactorTime, is_spared: Callable[[Peer], bool], most: int = BACKLOG_BYTES) -> None:
        """:param is_spared: Whose links end last. :param most: Bytes."""
        self.bytes = 0
        self._clock = clock
        self._is_spared = is_spared
        self._most = most
        self._waiting: dict[Peer, int] = {}
        self._call: IDelayedCall | None = None
        self._is_stopped = False

    def note(self, peer: Peer, size: int) -> None:
        """So many bytes wait for a peer now."""
        self.bytes += size - self._waiting.pop(peer, 0)
        if size:
            self._waiting[peer] = size
        # At the end of the turn: whoever sends something may be going through the peers.
        if self.bytes > self._most and self._call is None and not self._is_stopped:
            self._call = self._clock.callLater(0, self._end_some)

    def stop(self) -> None:
        """End nothing more."""
        self._is_stopped = True
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _end_some(self) -> None:
        self._call = None
        while self.bytes > self._most:
            worst = max(self._waiting, key=lambda peer: (not self._is_spared(peer), self._waiting[peer]))
            waiting = self._waiting[worst]
            self.note(worst, 0)
            worst.end(PeerFault("slow", f"{waiting} bytes wait for it, and more than {self._most} for all peers"))

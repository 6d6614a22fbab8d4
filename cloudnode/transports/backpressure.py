"""What holds a writer back when the reader at the other end does not keep up.

Theory of operation. The gate is registered as the producer of a connection's transport, which closes it when
its send buffer is past the transport's high-water mark (64 KiB for TCP) and opens it when the buffer is
empty. While the gate is closed the connection reads nothing, so a caller that asks without taking the answers
gets no further answer; its session is told to hold back what can wait. What is written all the same is
counted, and bounded. A gate that stays closed for too long means a reader that has stalled: its connection is
aborted. Memory for one connection is thus bounded by the transport's mark, one message, and the gate's bound.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from cloudnode.transports.timers import TimerWheel, WheelCall


class Gated(Protocol):
    """A connection whose sending goes through a :class:`SendGate`."""

    def sending_paused(self) -> None:
        """The gate closed: stop reading, and send nothing that can wait."""

    def sending_resumed(self) -> None:
        """The gate opened again."""

    def sending_stalled(self, reason: str) -> None:
        """The reader has stalled, or far too much waits for it: abort the connection."""


@implementer(IPushProducer)
class SendGate:
    """Whether a connection may send.

    :ivar is_closed: The transport's buffer is full: hold back.
    """

    __slots__ = ("_bound", "_connection", "_deadline", "_excess", "_stall_seconds", "_wheel", "is_closed")

    def __init__(self, connection: Gated, wheel: TimerWheel, stall_seconds: float, bound: int) -> None:
        """
        :param stall_seconds: How long the gate may stay closed.
        :param bound: How many bytes may be written while it is closed.
        """
        self.is_closed = False
        self._connection = connection
        self._wheel = wheel
        self._stall_seconds = stall_seconds
        self._bound = bound
        self._excess = 0
        self._deadline: WheelCall | None = None

    def count(self, size: int) -> None:
        """Note that ``size`` bytes were written although the gate is closed."""
        self._excess += size
        if self._excess > self._bound:
            self._connection.sending_stalled(f"more than {self._bound} bytes wait behind a full send buffer")

    def release(self) -> None:
        """Forget the deadline: the connection is gone, or being closed."""
        self.is_closed = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        if self.is_closed:
            return
        self.is_closed = True
        self._excess = 0
        self._deadline = self._wheel.call_later(self._stall_seconds, self._stall)
        self._connection.sending_paused()

    def resumeProducing(self) -> None:
        """The transport's buffer is empty."""
        if self.is_closed:
            self.release()
            self._connection.sending_resumed()

    def stopProducing(self) -> None:
        """The transport is gone; its connectionLost says the rest."""
        self.release()

    def _stall(self) -> None:
        self._deadline = None
        self._connection.sending_stalled(f"the reader took nothing for {self._stall_seconds:g} s")

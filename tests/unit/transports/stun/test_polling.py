"""The epoll inside the reactor's that STUN's TCP connections are read by."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.transports.stun.polling import ConnectionPoll


class PollTests(SynchronousTestCase):
    def test_stale_event(self) -> None:
        """The reactor may hand it an event of a socket whose number it took over: that ends no connection."""
        poll = ConnectionPoll(Clock())
        for event in (poll.doRead, poll.doWrite):
            self.assertIsNone(event())

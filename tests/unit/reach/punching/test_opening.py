"""When connections of a simultaneous open are made, and what their errors mean."""

from __future__ import annotations

import errno
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.reach.punching.opening import CONNECTS_MAX, REPEAT_SECONDS, RETRY_LEAST, RETRY_MOST, SimultaneousOpen
from cloudnode.reach.punching.values import Candidate

PLACE = ("203.0.113.2", 40_000)


def make(seed: int = 1) -> SimultaneousOpen:
    """An open with one candidate, which is connected to."""
    opening = SimultaneousOpen([Candidate(PLACE, "observed")], Random(seed), 0.0)
    assert opening.take_due(0.0) == [PLACE]
    return opening


class OpeningTests(SynchronousTestCase):
    def test_refused(self) -> None:
        """After a reset another try follows, at a random time: two sides in step get out of it."""
        times = set()
        for seed in range(50):
            opening = make(seed)
            opening.failed(PLACE, errno.ECONNREFUSED, 1.0)
            due = opening.deadline()
            assert due is not None
            self.assertTrue(RETRY_LEAST <= due - 1.0 <= RETRY_MOST)
            self.assertEqual(opening.take_due(due), [PLACE])
            times.add(round(due, 3))
        self.assertGreater(len(times), 30)

    def test_taken(self) -> None:
        """EADDRNOTAVAIL: the other side's SYN was accepted, and the listener has, or will have, the connection."""
        for number in (errno.EADDRNOTAVAIL, errno.EADDRINUSE):
            opening = make()
            opening.failed(PLACE, number, 0.01)
            self.assertEqual(opening.deadline(), 0.01 + RETRY_MOST)

    def test_connected(self) -> None:
        """Nothing more is done for a candidate that there is a connection with."""
        opening = make()
        opening.connected(PLACE)
        self.assertIsNone(opening.deadline())
        self.assertEqual(opening.take_due(100.0), [])

    def test_silence(self) -> None:
        """Without an answer the connection is given up and made anew."""
        opening = make()
        self.assertEqual(opening.take_stale(REPEAT_SECONDS - 0.01), [])
        self.assertEqual(opening.take_stale(REPEAT_SECONDS), [PLACE])
        due = opening.deadline()
        assert due is not None
        self.assertEqual(opening.take_due(due), [PLACE])

    def test_bound(self) -> None:
        """A router that resets everything gets so many SYNs and no more."""
        opening = SimultaneousOpen([Candidate(PLACE, "observed")], Random(1), 0.0)
        now = 0.0
        while (due := opening.deadline()) is not None:
            now = due
            for place in opening.take_due(now):
                opening.failed(place, errno.ECONNREFUSED, now)
        self.assertEqual(opening.connects, CONNECTS_MAX)

    def test_unknown_place(self) -> None:
        """A connection from where nobody was told of is peer-reflexive."""
        self.assertEqual(make().kind(("203.0.113.9", 1)).kind, "reflexive")

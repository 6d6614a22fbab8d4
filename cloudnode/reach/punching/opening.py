"""One side of a simultaneous open over TCP (Ford, Srisuresh, Kegel, section 4): when to connect, and what errors mean.

Both sides bind a listener and connecting sockets to one local port (SO_REUSEPORT) and connect to each other's mapped
endpoint at the same time. Depending on which SYN comes first, a system gives the connection to the connecting socket or
to the listener, and may refuse the other:

* the connecting socket is connected: the open worked;
* the listener took a connection from the other side's endpoint: it worked as well;
* EADDRNOTAVAIL or EADDRINUSE: the other side's SYN was accepted already, and the very same connection exists: the
  listener has it;
* ECONNREFUSED: a router or host answered the SYN, which came before the other side's, with a reset: both try again. At
  a fixed interval both sides would go on meeting resets in step; a random one (60 to 340 ms) gets them out of it;
* a time-out, or no route: the candidate is of no use now, and tried again as long as there is time.

SYNs have no low TTL: routers answer them with errors that end the connection.

No I/O and no clock: every method is given the time, in seconds of a clock that never goes back.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from random import Random

import attrs

from cloudnode.reach.punching.values import Candidate, Endpoint

RETRY_LEAST = 0.06
RETRY_MOST = 0.34
CONNECTS_MAX = 24
"""Connections tried in one attempt, to all candidates together."""

REPEAT_SECONDS = 0.9
"""A SYN without an answer is given up after this and sent anew: the kernel itself repeats it after 1 s only."""

_TAKEN = frozenset((errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.EISCONN, errno.EALREADY))


@attrs.define
class _Way:
    candidate: Candidate
    due: float | None
    connecting_since: float | None = None


class SimultaneousOpen:
    """When to connect to which candidate.

    :ivar connects: How often a connection was tried.
    """

    def __init__(self, candidates: Sequence[Candidate], random: Random, now: float) -> None:
        self._random = random
        self._ways = {each.endpoint: _Way(each, now) for each in candidates}
        self.connects = 0

    def take_due(self, now: float) -> list[Endpoint]:
        """The endpoints to connect to now; each is followed by :meth:`failed`, unless it succeeds or is given up."""
        found = []
        for endpoint, way in self._ways.items():
            if way.due is not None and way.due <= now and self.connects < CONNECTS_MAX:
                way.due = None
                way.connecting_since = now
                self.connects += 1
                found.append(endpoint)
        return found

    def take_stale(self, now: float) -> list[Endpoint]:
        """The endpoints whose connections are to be given up and tried anew: no answer came."""
        found = []
        for endpoint, way in self._ways.items():
            if way.connecting_since is not None and now - way.connecting_since >= REPEAT_SECONDS:
                way.connecting_since = None
                way.due = now + self._random.uniform(0.0, RETRY_LEAST)
                found.append(endpoint)
        return found

    def deadline(self) -> float | None:
        """When there is something to do next; None if nothing will be."""
        times = [way.due for way in self._ways.values() if way.due is not None and self.connects < CONNECTS_MAX]
        times += [
            way.connecting_since + REPEAT_SECONDS for way in self._ways.values() if way.connecting_since is not None
        ]
        return min(times, default=None)

    def failed(self, endpoint: Endpoint, number: int, now: float) -> None:
        """A connection failed.

        :param number: ``errno``'s.
        """
        way = self._ways[endpoint]
        way.connecting_since = None
        # If it is taken, the listener has it, or will in a moment, and tells; if it does not, another one is tried.
        least = RETRY_MOST if number in _TAKEN else RETRY_LEAST
        way.due = now + self._random.uniform(least, RETRY_MOST)

    def connected(self, endpoint: Endpoint) -> None:
        """There is a connection: no other one is possible between these two ends."""
        way = self._ways.get(endpoint)
        if way is not None:
            way.connecting_since = way.due = None

    def kind(self, endpoint: Endpoint) -> Candidate:
        """The candidate of an endpoint; one that was not told is peer-reflexive."""
        way = self._ways.get(endpoint)
        return Candidate(endpoint, "reflexive") if way is None else way.candidate

"""Many ports at once, against a NAT that gives another random port for each remote endpoint.

The side behind such a NAT opens 256 sockets and sends from each to the other side's one endpoint. The other side
probes random ports of that NAT: after n probes of 64,512 ports none of 256 mappings is hit with the probability
(1 - 256/64512) ** n, which is 1.7 % for 1,024 probes (the birthday paradox; Ford, Srisuresh, Kegel). Where ports are
given in order, the first probes hit, for they go to the ports after the one that was observed.

The rate is bounded: home routers keep a few thousand mappings and inspect each new one.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

SOCKETS = 256
"""Sockets that one side opens."""

PROBES_MAX = 1_400
"""Probes to as many ports that the other side sends: 1,024 reach 98.3 %, these 99.6 %, if packets are lost."""

PROBES_SECOND = 400.0
SOCKETS_SECOND = 1_000.0

IN_ORDER = 64
"""So many ports after the observed one are probed first."""

_FIRST, _LAST = 1_024, 65_535


def order_ports(observed: int, random: Random) -> Iterator[int]:
    """The ports to probe, each once, the likeliest first.

    :param observed: The port of a mapping that the NAT made shortly before.
    """
    near = [port for port in range(observed + 1, observed + 1 + IN_ORDER) if port <= _LAST]
    yield from near
    seen = set(near)
    while len(seen) < PROBES_MAX:
        port = random.randint(_FIRST, _LAST)
        if port not in seen:
            seen.add(port)
            yield port


class Pace:
    """So many a second; a timer that is late causes a burst of no more than a tenth of a second's."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._next = now

    def take(self, now: float) -> int:
        """How many may be sent now."""
        self._next = max(self._next, now - 0.1)
        count = int((now - self._next) * self._rate) + 1 if now >= self._next else 0
        self._next += count / self._rate
        return count

    @property
    def next(self) -> float:
        """When the next one may be."""
        return self._next

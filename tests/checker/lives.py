"""What happens to which node when: faults of all, and the lives of the liar. By seed, pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

import attrs

from tests.chaos.faults import BEGIN, KINDS, Fault, plan_faults

_UP = (3.0, 8.0)
_LIFE = (8.0, 16.0)
_DEATH = (0.5, 1.5)


@attrs.frozen
class Cast:
    """Who the nodes are, by number from 0.

    :ivar validators: The first nodes. :ivar hidden: How many of those after them are behind NATs. The last node lies.
    """

    validators: int = 4
    hidden: int = 2

    @property
    def liar(self) -> int:
        """The node that lies."""
        return self.validators + self.hidden

    @property
    def count(self) -> int:
        """How many nodes there are."""
        return self.liar + 1


def plan_lives(random: Random, cast: Cast, seconds: float, calm: float = 1.0) -> tuple[Fault, ...]:
    """Faults of the honest nodes as in :mod:`tests.chaos.faults`: at any time one validator may be down, hang, or be
    stale (cut off from the others while it answers its callers), and one node behind a NAT; and the liar is killed
    again and again, to tell another lie in each life.

    :param calm: How many times as long as usual nodes are well between two faults.
    """
    up, life = [(least * calm, most * calm) for least, most in (_UP, _LIFE)]
    planned = list(plan_faults(random, KINDS, seconds, cast.validators, cast.hidden, up))
    at = BEGIN + random.uniform(*_LIFE)
    while at + _DEATH[1] < seconds:
        planned.append(Fault(at, at + random.uniform(*_DEATH), "kill", cast.liar))
        at = planned[-1].end + random.uniform(*life)
    return tuple(sorted(planned, key=lambda fault: fault.at))


def draw_lies(random: Random, lies: Sequence[str]) -> Iterator[str]:
    """One lie for each life: all of them in some order, then in another."""
    while True:
        yield from random.sample(lies, len(lies))

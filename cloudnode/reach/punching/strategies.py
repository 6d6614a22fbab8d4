"""What is tried first, and what after that failed."""

from __future__ import annotations

import attrs

from cloudnode.reach.punching.values import Mapping, Strategy, Transport

TCP_SECONDS = (1.0, 1.0, 2.0)
"""For the attempts over TCP. A router that an early SYN turned against its sender stays so for the port that it came
from, so a new port is tried soon. That is as quick as a SYN which the system sends again, after a second, when one was
lost; the last attempt has the time for that, too."""


@attrs.frozen
class Step:
    """One attempt.

    :ivar seconds: How long it may take from the order on.
    :ivar assumed: What the requester says of its NAT where it does not know.
    """

    strategy: Strategy
    seconds: float
    assumed: Mapping = "unknown"


def next_step(
    tried: int, transport: Transport, requester: Mapping, target: Mapping, round_trip: float = 0.0
) -> Step | None:
    """The step after so many that failed, or None: a relay is all that is left.

    :param round_trip: Seconds to the coordinator and back, as measured; the other side may be as far again.
    """
    slow = 3 * round_trip
    if transport == "tcp":
        return Step(Strategy.DIRECT, TCP_SECONDS[tried] + slow) if tried < len(TCP_SECONDS) else None
    if tried == 0:
        return Step(Strategy.DIRECT, 0.6 + slow)
    dependent = (requester == "dependent") + (target == "dependent")
    if dependent == 2:
        return None
    if dependent == 1:
        return Step(Strategy.SPREAD, 4.2 + slow) if tried <= 2 else None
    order: tuple[Strategy, ...] = (Strategy.OPENER, Strategy.DIRECT)
    if "unknown" in (requester, target):
        # Whichever side's NAT is not known opens many sockets; if it is neither's, the requester's first. Two tries, as
        # where it is known, for one fails in two of a hundred cases.
        order = (Strategy.OPENER, Strategy.SPREAD, Strategy.SPREAD)
    if tried > len(order):
        return None
    strategy = order[tried - 1]
    if strategy is not Strategy.SPREAD:
        return Step(strategy, 1.2 + slow)
    assumed: Mapping = "unknown" if requester != "unknown" else "dependent" if tried == 2 else "independent"
    return Step(strategy, 4.2 + slow, assumed)

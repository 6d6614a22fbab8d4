"""What is done to which node when: a plan by seed, so that it can be had again. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from random import Random
from typing import Literal

import attrs

Kind = Literal["kill", "stop", "cut"]
KINDS: tuple[Kind, ...] = ("kill", "stop", "cut")

BEGIN = 3.0
"""Seconds without faults at the beginning."""

_DOWN = (2.0, 8.0)
_UP = (3.0, 8.0)


@attrs.frozen
class Fault:
    """One fault.

    :ivar at: When it begins, in seconds. :ivar end: When it is over. :ivar node: Which node, from 0.
    :ivar is_silent: Of a cut: whether packets are lost between nodes only, as in a partition; else the cable is pulled.
    """

    at: float
    end: float
    kind: Kind
    node: int
    is_silent: bool = False

    def __str__(self) -> str:
        how = {"kill": "is killed", "stop": "is stopped"}.get(self.kind) or (
            "is cut off from the other nodes" if self.is_silent else "has its cable pulled"
        )
        return f"node {self.node + 1} {how}"


def plan_faults(
    random: Random,
    kinds: Sequence[Kind],
    seconds: float,
    validators: int,
    followers: int,
    up: tuple[float, float] = _UP,
) -> tuple[Fault, ...]:
    """Faults for so many seconds; all are over at the end.

    As many validators at once as the network tolerates (f = (n - 1) / 3), so that it has to go on, and all followers
    but one. The first nodes are the validators. The kinds take turns, so that none is left out.

    :param up: The least and most seconds between two faults in a lane.
    """
    faults: list[Fault] = []
    lanes = [range(validators)] * ((validators - 1) // 3)
    lanes += [range(validators, validators + followers)] * (followers - 1)
    order = random.sample(list(kinds), len(kinds))
    for number, nodes in enumerate(lanes):
        turns = order[number % len(order) :] + order[: number % len(order)]
        faults += _plan_lane(random, cycle(turns), seconds, nodes, up, faults)
    return tuple(sorted(faults, key=lambda fault: fault.at))


def _plan_lane(
    random: Random,
    turns: Iterator[Kind],
    seconds: float,
    nodes: range,
    up: tuple[float, float],
    others: Sequence[Fault],
) -> list[Fault]:
    """One fault after the other among some nodes, none on a node that has another one then or just before."""
    planned: list[Fault] = []
    at = BEGIN + random.uniform(0, up[1])
    while True:
        down = random.uniform(*_DOWN)
        if at + down > seconds:
            return planned
        busy = {other.node for other in others if other.at - _UP[0] < at + down and at < other.end + _UP[0]}
        free = [node for node in nodes if node not in busy]
        if free:
            kind = next(turns)
            is_silent = kind == "cut" and random.random() < 0.5
            planned.append(Fault(at, at + down, kind, random.choice(free), is_silent))
        at += down + random.uniform(*up)

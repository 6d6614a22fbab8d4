"""What a calm network achieves: how soon blocks are final, how often they come, and what a dead validator costs."""

from __future__ import annotations

from statistics import fmean

import attrs

from cloudnode.consensus.effects import Effect, Finalized, Send
from cloudnode.consensus.messages import Proposal
from cloudnode.simulator.host import Host
from cloudnode.simulator.scenario import calm
from cloudnode.simulator.simulation import Simulation

WARM_UP = 5.0
"""Seconds that are not measured."""


@attrs.frozen
class Measured:
    """Of one calm run.

    :ivar mean: One-way delays from a proposal until its block is final at a node, over blocks and nodes.
    :ivar most: The largest of them. :ivar interval: One-way delays from block to block.
    :ivar rate: Final blocks a second.
    """

    nodes: int
    dead: int
    blocks: int
    mean: float
    most: float
    interval: float
    rate: float


def measure(seed: int, nodes: int, dead: int, *, delay: float = 0.05, pace: float = 0.001) -> Measured:
    """Run for a minute of simulated time.

    :param delay: One-way, in seconds. :param pace: The network's, in seconds.
    """
    seconds = 60.0
    simulation = Simulation(calm(seed, nodes, dead, seconds, delay, pace))
    proposed: dict[bytes, float] = {}
    latencies: list[float] = []
    heights: set[int] = set()

    def observe(host: Host, effect: Effect) -> None:
        now = simulation.clock.now
        if isinstance(effect, Send) and isinstance(effect.message, Proposal):
            proposed.setdefault(effect.message.block.hash, now)
        elif isinstance(effect, Finalized):
            for block in effect.blocks:
                if now >= WARM_UP:
                    heights.add(block.header.height)
                    latencies.append((now - proposed[block.hash]) / delay)

    simulation.on_effect = observe
    outcome = simulation.run()
    if outcome.violation is not None and len(heights) < 2:
        raise RuntimeError(f"a calm network made no blocks: {outcome.violation}")
    span = simulation.clock.now - WARM_UP
    return Measured(
        nodes, dead, len(heights), fmean(latencies), max(latencies), span / len(heights) / delay, len(heights) / span
    )

"""What befalls a run, from its seed alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

import attrs

from cloudnode.consensus.seams import Settings
from cloudnode.simulator.faults import KINDS
from cloudnode.simulator.links import Graph, sparse, whole

CHAOS = 15.0
"""Seconds until everything is healed."""

WEIGHTS = (1, 1, 3, 5, 1, 1, 5)
"""How often each kind of fault is chosen: mostly those that could break safety."""

BOUND = 20.0
"""Seconds after healing in which every honest node finalizes new blocks (``docs/consensus.md`` derives it)."""


@attrs.frozen
class Change:
    """A change of the validators: when it is submitted, and the nodes in the order of their new indexes."""

    at: float
    order: tuple[int, ...]


@attrs.frozen
class Scenario:
    """Times in seconds.

    :ivar faulty: Node to one of :data:`~cloudnode.simulator.faults.KINDS`.
    :ivar delay: Mean of one message's. :ivar sync_crash: Probability of a crash at each sync.
    :ivar crashes: When, which node, for how long. :ivar partitions: When, and each node's side (None: whole again).
    :ivar links: The neighbours of each node. :ivar changes: The first is for epoch 0, and so on.
    :ivar restores: When, whose store is put back, by how many blocks.
    :ivar is_rough: Whether times vary and messages are lost or doubled (until healing).
    :ivar is_on_wire: Whether messages and journals go through their bytes. :ivar is_signed: With real Ed25519.
    """

    seed: int
    nodes: int
    settings: Settings
    faulty: dict[int, str]
    links: Graph
    delay: float
    loss: float
    duplication: float
    sync_time: float
    sync_crash: float
    heals_at: float
    bound: float
    start_spread: float
    operations: tuple[tuple[float, bytes], ...]
    crashes: tuple[tuple[float, int, float], ...] = ()
    partitions: tuple[tuple[float, dict[int, int] | None], ...] = ()
    changes: tuple[Change, ...] = ()
    restores: tuple[tuple[float, int, int], ...] = ()
    is_rough: bool = True
    is_on_wire: bool = False
    is_signed: bool = False


def safety(seed: int, nodes: int, faults: int, loss: float) -> Scenario:
    """A bad time for everyone, then peace."""
    random = Random(f"scenario {seed}")
    delay = random.choice((0.01, 0.03, 0.08))
    faulty = {node: random.choices(KINDS, WEIGHTS)[0] for node in random.sample(range(nodes), faults)}
    interval = random.choice((0.05, 0.2, 1.5))
    crashes = [
        (random.uniform(0, CHAOS), node, random.choice((0.02, 0.2, 3.0)))
        for node in range(nodes)
        if node not in faulty
        for _ in range(random.randrange(3))
    ]
    crashes += [(random.uniform(0, CHAOS), node, float("inf")) for node in faulty if faulty[node] == "dying"]
    honest = [node for node in range(nodes) if node not in faulty]
    return Scenario(
        seed=seed,
        nodes=nodes,
        settings=Settings(
            pace=0.1,
            heartbeat=1.0,
            delta_first=0.1,
            delta_most=0.5,
            timeout_most=1.5,
            standstill=0.5,
        ),
        faulty=faulty,
        links=sparse(Random(f"links {seed}"), honest, list(faulty)) if seed % 3 == 0 else whole(nodes),
        delay=delay,
        loss=loss,
        duplication=0.05,
        sync_time=random.choice((0.001, 0.01, 0.05)),
        sync_crash=random.choice((0.0, 0.02, 0.08)),
        heals_at=CHAOS,
        bound=BOUND,
        start_spread=0.5,
        operations=operations(seed, interval, CHAOS + BOUND),
        crashes=tuple(crashes),
        partitions=tuple(_partitions(random, nodes)),
        changes=tuple(_changes(Random(f"changes {seed}"), nodes, list(faulty))),
        restores=tuple(_restores(Random(f"restores {seed}"), honest)),
        is_on_wire=seed % 8 == 0,
        is_signed=seed % 50 == 0,
    )


def calm(seed: int, nodes: int, dead: int, seconds: float, delay: float, pace: float) -> Scenario:
    """Nothing happens but blocks, each message taking equally long; for measuring.

    :param dead: So many validators never start.
    """
    return Scenario(
        seed=seed,
        nodes=nodes,
        settings=Settings(pace=pace, heartbeat=10.0),
        faulty=dict.fromkeys(range(nodes - dead, nodes), "silent"),
        links=whole(nodes),
        delay=delay,
        loss=0.0,
        duplication=0.0,
        sync_time=0.0002,
        sync_crash=0.0,
        heals_at=seconds,
        bound=0.0,
        start_spread=0.0,
        operations=operations(seed, 0.01, seconds),
        is_rough=False,
    )


def operations(seed: int, interval: float, seconds: float) -> tuple[tuple[float, bytes], ...]:
    """Operations and when they are submitted."""
    random = Random(f"operations {seed}")
    count = int(seconds / interval)
    return tuple((at * interval + random.uniform(0, interval), random.randbytes(32)) for at in range(count))


def _partitions(random: Random, nodes: int) -> list[tuple[float, dict[int, int] | None]]:
    partitions: list[tuple[float, dict[int, int] | None]] = []
    at = random.uniform(0, 5)
    while at < CHAOS:
        partitions.append((at, {node: random.randrange(2) for node in range(nodes)}))
        at += random.uniform(0.3, 2.5)
        partitions.append((at, None))
        at += random.uniform(0.5, 5.0)
    return partitions


def _changes(random: Random, nodes: int, faulty: Sequence[int]) -> Iterator[Change]:
    for _ in range(random.choice((0, 0, 0, 1, 2))):
        order = random.sample(range(nodes), nodes)
        if faulty and nodes > 4 - len(faulty) and random.random() < 0.3:
            order.remove(faulty[0])
        yield Change(random.uniform(0.5, CHAOS), tuple(order))


def _restores(random: Random, honest: Sequence[int]) -> Iterator[tuple[float, int, int]]:
    """One node alone, and only if there are others: who forgets what it voted for is as good as absent meanwhile."""
    node = random.choice(honest)
    for _ in range(random.choice((0, 1, 2)) if len(honest) > 1 else 0):
        yield random.uniform(1, CHAOS), node, random.randint(1, 20)

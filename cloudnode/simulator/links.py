"""Who is linked with whom, and what linked nodes tell each other of it, as real ones do (``peers/validators.py``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from cloudnode.simulator.clock import Clock
from cloudnode.simulator.host import Host

Graph = Mapping[int, tuple[int, ...]]
"""Each node's neighbours."""


def whole(nodes: int) -> Graph:
    """Everybody is linked with everybody."""
    return {node: tuple(other for other in range(nodes) if other != node) for node in range(nodes)}


def sparse(random: Random, honest: Sequence[int], faulty: Sequence[int]) -> Graph:
    """The honest nodes in a long tree: they need no faulty one to hear each other. Faulty ones have a link or two."""
    near: dict[int, set[int]] = {node: set() for node in sorted((*honest, *faulty))}

    def link(node: int, other: int) -> None:
        near[node].add(other)
        near[other].add(node)

    order = random.sample(honest, len(honest))
    for at, node in enumerate(order[1:], 1):
        link(node, random.choice(order[max(at - 2, 0) : at]))
    for node in faulty:
        for other in random.sample(honest, min(random.randint(1, 2), len(honest))):
            link(node, other)
    return {node: tuple(sorted(others)) for node, others in near.items()}


class Links:
    """A link is there while both of its nodes are up; each tells its peers, on the link and so in order, which
    validators it reaches, whenever these are others."""

    def __init__(
        self, graph: Graph, keys: Sequence[bytes], hosts: Mapping[int, Sequence[Host]], clock: Clock,
        delay: Callable[[], float],
    ) -> None:  # fmt: skip
        """:param hosts: By node, with its twin. :param delay: How long what is told now takes."""
        self._graph = graph
        self._keys = keys
        self._hosts = hosts
        self._clock = clock
        self._delay = delay
        self._arrivals: dict[tuple[int, int], float] = {}

    def opened(self, host: Host) -> None:
        """A host is up."""
        node = host.identity.node
        peers = self._peers(node)
        for peer in peers:
            host.link(peer, self._keys[peer], self._reached(peer))
            self._told(node, peer, self._reached(node))
        for each in (node, *peers):
            self._tell(each)

    def closed(self, host: Host) -> None:
        """A host is down."""
        node = host.identity.node
        if self._is_up(node):  # by its twin
            return
        for peer in self._peers(node):
            for other in self._hosts[peer]:
                other.unlink(node)
            self._tell(peer)

    def _tell(self, node: int) -> None:
        reached = self._reached(node)
        for peer in self._peers(node):
            at = max(self._clock.now + self._delay(), self._arrivals.get((node, peer), 0.0))
            self._arrivals[node, peer] = at
            self._clock.at(at, self._told, node, peer, reached)

    def _told(self, node: int, peer: int, reached: tuple[bytes, ...]) -> None:
        if self._is_up(node):
            for other in self._hosts[peer]:
                other.link(node, self._keys[node], reached)

    def _reached(self, node: int) -> tuple[bytes, ...]:
        return tuple(self._keys[peer] for peer in self._peers(node))

    def _peers(self, node: int) -> tuple[int, ...]:
        return tuple(peer for peer in self._graph[node] if self._is_up(peer))

    def _is_up(self, node: int) -> bool:
        return any(host.core is not None for host in self._hosts[node])

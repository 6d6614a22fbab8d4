"""Where this node's STUN server saw peers: external addresses of those who proved who they are.

Bounded by node and in all, and forgotten after an hour. What anybody else asked is answered, and not kept at all:
its source can be forged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cloudnode.formats.stundata import Protocol

OF_ONE_NODE_MAX = 16
NODES_MAX = 1_000
KEPT_SECONDS = 3_600.0


class Place(NamedTuple):
    """An external address and port."""

    protocol: Protocol
    address: str
    port: int


class Sighting(NamedTuple):
    """Where a node was seen, and when: unix seconds."""

    node: bytes
    place: Place
    first: float
    last: float


class Sightings:
    """Where peers were seen.

    :ivar changed: Whether there is something to save.
    """

    def __init__(self) -> None:
        self.changed = False
        self._of_node: dict[bytes, dict[Place, tuple[float, float]]] = {}

    def __len__(self) -> int:
        return sum(len(places) for places in self._of_node.values())

    def __iter__(self) -> Iterator[Sighting]:
        for node in list(self._of_node):
            yield from self.of(node)

    def of(self, node: bytes) -> list[Sighting]:
        """Where a node was seen, the newest last."""
        places = self._of_node.get(node, {})
        return [Sighting(node, place, first, last) for place, (first, last) in places.items()]

    def saw(self, node: bytes, place: Place, now: float, first: float | None = None) -> None:
        """A node was seen.

        :param first: When it was seen there first, if that is known.
        """
        # What was seen last stands last, in both: so the oldest is at the front.
        places = self._of_node.pop(node, {})
        self._of_node[node] = places
        begin, _ = places.pop(place, (now if first is None else first, now))
        places[place] = (begin, now)
        if len(places) > OF_ONE_NODE_MAX:
            del places[next(iter(places))]
        if len(self._of_node) > NODES_MAX:
            del self._of_node[next(iter(self._of_node))]
        self.changed = True

    def expire(self, now: float) -> None:
        """Forget what is old."""
        for node, places in list(self._of_node.items()):
            for place, (_, last) in list(places.items()):
                if now - last > KEPT_SECONDS:
                    del places[place]
                    self.changed = True
            if not places:
                del self._of_node[node]

"""Links that a node has again after a restart, before all others.

Whoever waits for a restart to surround a node finds that it goes back to those that it was linked with before. They are
few, of different networks, and those that have held the longest.
"""

from __future__ import annotations

from collections.abc import Iterable

from cloudnode.peers.peer import Peer
from cloudnode.peers.places import place_group

ANCHORS_MAX = 4
HELD_SECONDS = 60.0


def choose_anchors(peers: Iterable[Peer], now: float, held: float = HELD_SECONDS) -> frozenset[tuple[str, int]]:
    """Where the anchors are: of the links that this node dialled the oldest, one of each network.

    :param held: So many seconds a link has to have been there.
    """
    chosen: dict[str, tuple[str, int]] = {}
    for peer in sorted(peers, key=lambda each: each.began):
        if peer.is_open and peer.dialled is not None and now - peer.began >= held and len(chosen) < ANCHORS_MAX:
            chosen.setdefault(place_group(peer.address), (peer.address, peer.dialled[1]))
    return frozenset(chosen.values())

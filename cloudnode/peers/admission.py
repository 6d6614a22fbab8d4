"""Whose links a node takes: so many in all, and so many of one network, which gives way to networks with fewer.

A validator keeps room for other validators beyond that, where they have proven themselves before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from cloudnode.peers.faults import PeerFault
from cloudnode.peers.limits import PeerSettings
from cloudnode.peers.peer import Peer
from cloudnode.peers.places import place_group, reach


def check_room(inbound: Collection[Peer], address: str, settings: PeerSettings, *, is_wanted: bool = False) -> None:
    """See whether one more link of an address is taken.

    :param inbound: The links that others dialled. :param is_wanted: A validator is there that this node wants.
    :raises PeerFault: ``refused``.
    """
    if is_wanted and len(inbound) < settings.inbound + settings.validators:
        return
    groups = Counter(place_group(peer.address) for peer in inbound)
    of_group, most = groups[place_group(address)], max(groups.values(), default=0)
    is_full = groups.total() >= settings.inbound and most <= of_group + 1
    if is_full or (reach(address) == 2 and of_group >= settings.inbound_group):
        raise PeerFault("refused", "this node has as many links as it takes")


def choose_to_give_way(inbound: Collection[Peer], settings: PeerSettings, stay: Collection[str]) -> Peer | None:
    """Whose link ends so that a new one has room: the newest of the network that has the most, or nobody's.

    :param stay: Addresses from which nobody has to give way.
    """
    inbound = [peer for peer in inbound if peer.address not in stay]
    if len(inbound) < settings.inbound:
        return None
    groups = Counter(place_group(peer.address) for peer in inbound)
    return max(inbound, key=lambda peer: (groups[place_group(peer.address)], peer.began))

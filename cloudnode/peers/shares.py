"""What nodes may ask over all links that they dial one after the other: ending a link and dialling again gains nothing.

A link begins with a full allowance (:class:`cloudnode.peers.link.Allowance`). Its node pays for that, and for a node
that is not known the address too, and they get back what is left at the end. Who can't pay is refused until it can,
and never banned: behind one address may be many honest nodes, of which one has neighbours who take all.
"""

from __future__ import annotations

from cloudnode.peers.link import LinkLimits
from cloudnode.peers.peer import Peer
from cloudnode.peers.places import reach
from cloudnode.transports.addresses import address_group
from cloudnode.transports.budgets import Budgets

OF_A_NODE = 3
"""So many links that took all they may can follow each other at once; then it goes by the refill of one."""

OF_AN_ADDRESS = 8
"""The same for nodes of one address that are not known ..."""

ADDRESS_REFILL = 4
"""... and by the refill of so many."""


class LinkShares:
    """Allowances by node and by address, in tables of bounded size."""

    def __init__(self, limits: LinkLimits) -> None:
        self._cost = limits.allowance
        self._nodes = Budgets(limits.allowance * OF_A_NODE, limits.refill)
        self._addresses = Budgets(limits.allowance * OF_AN_ADDRESS, limits.refill * ADDRESS_REFILL)
        self._paid: dict[Peer, list[tuple[Budgets, str]]] = {}

    def open(self, peer: Peer, now: float, *, is_known: bool) -> bool:
        """Pay for a link that somebody dialled; False if there is not so much left, and nothing is paid."""
        paying = [(self._nodes, peer.id.hex())]
        if not is_known and reach(peer.address):
            paying.append((self._addresses, address_group(peer.address)))
        if not all(budgets.has(name, self._cost, now) for budgets, name in paying):
            return False
        for budgets, name in paying:
            budgets.take(name, self._cost, now)
        self._paid[peer] = paying
        return True

    def closed(self, peer: Peer, now: float) -> None:
        """A link is over, which need not have been paid for."""
        for budgets, name in self._paid.pop(peer, ()):
            budgets.give(name, min(peer.allowance_left, self._cost), now)

"""How much this machine sends on somebody's word to places of which nobody has answered.

A coordinator names the place, and could name one that never asked for anything. So attempts are counted by who named
it and by the network that it is in, whoever named it, and those with many probes apart. An answer from there with the
attempt's key gives back what was taken: only who received a probe can send that. Where paths come about, nobody is kept
from trying again; where none ever does, little is sent.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import attrs

from cloudnode.reach.punching.values import Candidate, Order, Strategy, public_name
from cloudnode.transports.budgets import Budgets

SPREADS_TO_MOST = 6.0
"""Attempts with many probes towards one network that nobody answers, at once; a path takes one or two."""

SPREADS_TO_SECONDS = 600.0
"""Seconds to one more of these."""


def find_network(host: str) -> str:
    """What most likely has one owner, or one line: an IPv4 /24 network or an IPv6 /48 network."""
    address = ip_address(public_name(host))
    return str(ip_network((address, 24 if address.version == 4 else 48), strict=False))


@attrs.frozen
class Taken:
    """What was taken for one attempt.

    :ivar teller: Who named the place. :ivar network: Where it is; empty if it is in this side's own network.
    """

    teller: str
    network: str
    is_spread: bool


class Allowance:
    """What may be tried."""

    def __init__(self) -> None:
        self._told = Budgets(60.0, 2.0)
        self._to = Budgets(80.0, 1.0)
        self._spreads_told = Budgets(10.0, 0.1)
        self._spreads_to = Budgets(SPREADS_TO_MOST, 1 / SPREADS_TO_SECONDS)

    def take(self, teller: str, order: Order, now: float) -> Taken | None:
        """Take what an order takes, or nothing, if that is more than there is.

        :param teller: Who gave it. :param now: Seconds of a clock that never goes back.
        """
        taken = Taken(teller, _find_place(order.candidates), order.strategy is Strategy.SPREAD)
        budgets = self._budgets(taken)
        if not all(budget.has(name, 1.0, now) for budget, name in budgets):
            return None
        for budget, name in budgets:
            budget.take(name, 1.0, now)
        return taken

    def answered(self, taken: Taken, host: str, now: float) -> None:
        """Give it back, and to the network all: an answer came from there, by which somebody there takes part.

        :param host: Where the answer came from.
        """
        if find_network(host) != taken.network:
            return
        for budget, name in self._budgets(taken):
            budget.give(name, float("inf") if name == taken.network else 1.0, now)

    def _budgets(self, taken: Taken) -> list[tuple[Budgets, str]]:
        found = [(self._told, taken.teller)]
        if taken.network:
            found.append((self._to, taken.network))
        if taken.is_spread:
            found.append((self._spreads_told, taken.teller))
            found.append((self._spreads_to, taken.network))
        return found


def _find_place(candidates: tuple[Candidate, ...]) -> str:
    """The network outside to which an order leads: it is one (:mod:`cloudnode.reach.punching.choosing`)."""
    return next((find_network(each.endpoint[0]) for each in candidates if each.kind != "private"), "")

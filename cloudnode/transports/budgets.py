"""How much one may ask for: an allowance for each name that fills up again, in a table of bounded size."""

from __future__ import annotations

from collections import OrderedDict

NAMES_MAX = 4_096


class Budgets:
    """Allowances by name.

    A name that is forgotten because too many others came begins anew with a full allowance: what all together may take
    has to be bounded besides.
    """

    def __init__(self, most: float, refill: float, names: int = NAMES_MAX) -> None:
        """:param most: What may be taken at once. :param refill: More of it, a second."""
        self._most = most
        self._refill = refill
        self._names = names
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def has(self, name: str, cost: float, now: float) -> bool:
        """Whether a name has so much left."""
        return self._holds(name, now) >= cost

    def take(self, name: str, cost: float, now: float) -> bool:
        """Take so much, or nothing and return False."""
        left = self._holds(name, now)
        if left < cost:
            return False
        self._left[name] = (left - cost, now)
        self._left.move_to_end(name)
        if len(self._left) > self._names:
            self._left.popitem(last=False)
        return True

    def give(self, name: str, amount: float, now: float) -> None:
        """Give back what was taken and not used."""
        if name in self._left:
            self._left[name] = (min(self._most, self._holds(name, now) + amount), now)

    def _holds(self, name: str, now: float) -> float:
        left, at = self._left.get(name, (self._most, now))
        return min(self._most, left + max(0.0, now - at) * self._refill)

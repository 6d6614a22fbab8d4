"""Whom to dial next: so that somebody who has many addresses in few networks does not get all links of a node.

The choice is by networks first and by addresses within one only afterwards: whoever fills a network with addresses is
chosen no oftener for it. If *a* of the networks in the book are the attacker's and *h* are not, and nothing is known of
any of them, then all of *n* links are his with the probability ``C(a, n) / C(a + h, n)``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from random import Random

from cloudnode.peers.entries import Entry


def choose_for_link(entries: Iterable[Entry], groups: Counter[str], random: Random) -> Entry | None:
    """The place to have a link with.

    First what there was a link with when the node was last stopped (the anchors), then what the operator named; then a
    place in a network with which there are the fewest links, one that was seen rather than one that was only told.

    :param groups: How many links there are with each network (:func:`cloudnode.peers.places.place_group`).
    """
    return _choose(
        entries,
        lambda entry: (not entry.is_anchor, not entry.joined, groups[entry.group], entry.seen is None),
        random,
    )


def choose_for_feeler(entries: Iterable[Entry], groups: Counter[str], random: Random) -> Entry | None:
    """The place to look at: one that was only told, and failing that the one that was not seen for longest."""
    return _choose(entries, lambda entry: (entry.seen or float("-inf"), groups[entry.group]), random)


def choose_to_forget(entries: Iterable[Entry], random: Random) -> Entry | None:
    """What gives way in a full book: of what was never seen, one of the network that has the most of it; else the one
    that was not seen for longest. None if all are to stay."""
    loose = [entry for entry in entries if not (entry.joined or entry.is_anchor or entry.is_proven_validator)]
    sizes = Counter(entry.group for entry in loose if entry.seen is None)
    if not sizes:
        return min(loose, key=lambda entry: entry.seen or 0.0, default=None)
    crowded = max(sizes, key=lambda group: (sizes[group], random.random()))
    unseen = (entry for entry in loose if entry.seen is None and entry.group == crowded)
    return max(unseen, key=lambda entry: (entry.failures, random.random()))


def _choose(entries: Iterable[Entry], rank: Callable[[Entry], object], random: Random) -> Entry | None:
    best: dict[str, list[Entry]] = {}
    lowest: object = None
    for entry in entries:
        at = rank(entry)
        if lowest is None or at < lowest:  # type: ignore[operator]
            lowest, best = at, {}
        if at == lowest:
            best.setdefault(entry.group, []).append(entry)
    if not best:
        return None
    return random.choice(best[random.choice(sorted(best))])

"""Which of the endpoints that a coordinator tells are tried: what every side does before it sends anything there.

A coordinator may lie. What it tells is where packets and connections go that come from this machine, and that may get
where the coordinator's own do not: to this machine itself, into the network that it is in, or to somebody who asked for
nothing. So:

* nothing goes to this machine, to groups, or to addresses that are none;
* into a private network goes what is told as ``private``, which both sides behind one NAT are alone, and that at ports
  from 1024 on alone: those that a system chooses, which is what there is to be told, and no well-known service's;
* all else goes to one public address, with few ports;
* a coordinator that is itself this machine's, or in a private network, may tell of its own kind: in a network without
  NATs there is nothing else, and it gets there itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address

from cloudnode.formats.stundata import is_local
from cloudnode.reach.punching.values import LOCAL_MAX, Candidate, CandidateKind, Endpoint, is_private, public_name

HERE, INSIDE, EVERYWHERE = range(3)
"""How far an address has a meaning: on this machine, in a private network, or on the Internet."""

PUBLIC_MAX: dict[CandidateKind, int] = {"observed": 1, "served": 1, "predicted": 8}
"""How many of each kind are tried; where a probe came from is not told by others."""

PRIVATE_PORT_LEAST = 1_024


@lru_cache(maxsize=1_024)  # asked several times of each endpoint, while a path is being opened
def reach(host: str) -> int | None:
    """How far an address has a meaning, or None if nothing is to be sent there, wherever this machine is.

    Networks for documentation count as public: laboratories use them as such.
    """
    try:
        address = ip_address(public_name(host))
    except ValueError:
        return None
    if address.is_loopback:
        return HERE
    if is_private(str(address)):
        return INSIDE
    return None if is_local(address) else EVERYWHERE


def choose_candidates(
    told: Iterable[Candidate], own: Endpoint | None, coordinator: str
) -> tuple[Candidate, ...]:
    """The endpoints of the other side that may be tried, in the order in which they were told.

    :param own: Where the coordinator says that it observed this side. :param coordinator: Its address.
    """
    nearest = reach(coordinator)
    least = EVERYWHERE if nearest is None else nearest
    candidates = [
        Candidate((public_name(each.endpoint[0]), each.endpoint[1]), each.kind)
        for each in told
        if reach(each.endpoint[0]) is not None and 0 < each.endpoint[1] <= 65_535
    ]
    public = [each for each in candidates if each.kind != "private" and _reach(each) >= least]
    host = public[0].endpoint[0] if public else None
    is_same_nat = own is not None and reach(own[0]) is not None and public_name(own[0]) == host
    left: dict[CandidateKind, int] = {**PUBLIC_MAX, "private": LOCAL_MAX if is_same_nat else 0}
    chosen: dict[Endpoint, Candidate] = {}
    for each in candidates:
        is_right = _is_private(each) if each.kind == "private" else each in public and each.endpoint[0] == host
        if is_right and each.endpoint not in chosen and left.get(each.kind, 0):
            left[each.kind] -= 1
            chosen[each.endpoint] = each
    return tuple(chosen.values())


def _reach(candidate: Candidate) -> int:
    found = reach(candidate.endpoint[0])
    assert found is not None
    return found


def _is_private(candidate: Candidate) -> bool:
    return _reach(candidate) == INSIDE and candidate.endpoint[1] >= PRIVATE_PORT_LEAST
